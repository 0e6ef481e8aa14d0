"""The same tables with ADBC and without it, type for type; and without it where it does not work."""

from __future__ import annotations

import io
import itertools
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

import convo
from convo.analysis.columns import TABLES
from convo.steps import tables as table_steps
from convo.store import background, erasure, quick, quick_postgresql, quick_sqlite, rows, spans
from convo.store.tables import NOWHERE
from tests.analysis.test_tables import CALLED, talk
from tests.support.sealing import KeyService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database


@pytest.fixture
def store(database: Database, clock: Any, fake: Any) -> Iterator[convo.Store]:
    """A store with conversations of all kinds, forks and months."""
    with (
        convo.Store(database.url, clock=clock, **{**database.options, "owner": f"adbc-{uuid4()}"}) as opened,
        fake.client() as client,
    ):
        for number in range(3):
            chat = talk(opened, client, title=f"Talk {number} \N{GRINNING FACE}", metadata={"n": number}, key=f"key-{number}")
            clock.advance(timedelta(days=20, microseconds=1))
        chat.fork(3).add("Elsewhere.")
        chat.edit(4, "Again?")
        chat.redact(2)
        opened.create()
        opened.create(messages=CALLED * 3)
        yield opened


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether ADBC gave the rows, each time that it was asked."""
    found: list[bool] = []
    real = quick.fetched

    def noted(*arguments: Any) -> Any:
        table = real(*arguments)
        found.append(table is not None)
        return table

    monkeypatch.setattr(quick, "fetched", noted)
    return found


@pytest.mark.parametrize("size", [2, 7, 4_096])
def test_adbc_gives_the_same_type_for_type(
    store: convo.Store, clock: Any, monkeypatch: pytest.MonkeyPatch, asked: list[bool], size: int
) -> None:
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(table_steps, name, size)
    ranges: list[dict[str, Any]] = [{}, {"until": clock() - timedelta(days=30)}, {"since": clock() - timedelta(days=30)}]
    ranges += [{"metadata": {"n": convo.OneOf(0, 2)}}]
    plain = [[getattr(store.tables(**more), one.name).to_arrow() for one in TABLES] for more in ranges]
    assert not any(asked)
    monkeypatch.setattr(quick, "LEAST", 1)
    asked.clear()
    fast = [[getattr(store.tables(**more), one.name).to_arrow() for one in TABLES] for more in ranges]
    assert all(asked)
    assert asked
    for one, other in zip(plain, fast, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert theirs.schema.equals(mine.schema, check_metadata=True)
            assert theirs.to_pylist() == mine.to_pylist()


def test_what_is_sealed_or_looks_so_is_not_read_past_the_keys(
    database: Database, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    owner = f"adbc-{uuid4()}"
    options = {**database.options, "owner": owner}
    with convo.Store(database.url, cipher=KeyService().cipher(), **options) as sealed:
        sealed.create(messages=CALLED, title="Secret")
        assert sealed.tables().messages.to_arrow().column("text").to_pylist()[0] == "What is the weather?"
    with convo.Store(database.url, **options) as plain:
        for name in ("messages", "conversations"):
            with pytest.raises(convo.KeyUnavailable):
                getattr(plain.tables(), name).to_arrow()
    with convo.Store(database.url, **{**options, "owner": f"{owner}-2"}) as plain:
        plain.create(title="convo-sealed:1:looks so")
        assert plain.tables().conversations.to_arrow().column("title").to_pylist() == ["convo-sealed:1:looks so"]
        plain.owned_by(owner).erase(owner)  # of a server that others read whole
    assert not any(asked)


def test_where_adbc_fails_the_rows_come_all_the_same(
    store: convo.Store, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    plain = store.tables().messages.to_arrow()
    monkeypatch.setattr(quick, "LEAST", 1)
    for module in (quick_sqlite, quick_postgresql):
        monkeypatch.setattr(module, "read", lambda *_: 1 / 0)
    assert store.tables().messages.to_arrow().equals(plain)
    monkeypatch.setattr(quick, "find_spec", lambda _: None)
    assert store.tables().messages.to_arrow().equals(plain)
    assert not any(asked)


def test_a_failure_of_adbc_is_told_in_the_log(
    store: convo.Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    for module in (quick_sqlite, quick_postgresql):
        monkeypatch.setattr(module, "read", lambda *_: 1 / 0)
    with caplog.at_level(logging.DEBUG, "convo.store"):
        store.tables().messages.to_arrow()
    told = next(record for record in caplog.records if record.message == "rows are read without ADBC")
    assert (told.levelname, vars(told)["convo_error"]) == ("DEBUG", "ZeroDivisionError")


def test_a_process_that_was_killed_is_started_again(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    if database.kind != "sqlite":
        return
    monkeypatch.setattr(quick, "LEAST", 1)
    plain = store.tables().messages.to_arrow()
    child = next(one for path, one in quick_sqlite._children.items() if path in database.url).process
    child.kill()
    child.wait()
    assert store.tables().messages.to_arrow().equals(plain)
    assert asked == [True, True]


def few_rows_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(table_steps, name, 2)


def test_a_process_that_is_killed_while_rows_come_loses_none(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    plain = store.tables().messages.to_arrow().to_pylist()
    few_rows_a_page(monkeypatch)
    found = []
    for batch in store.tables().messages:
        found += batch.to_pylist()
        child = next(one for path, one in quick_sqlite._children.items() if path in database.url).process
        child.kill()
    assert found == plain


def test_a_reader_that_is_given_up_leaves_no_process(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    few_rows_a_page(monkeypatch)
    assert next(iter(store.tables().messages)).num_rows
    store.close()
    path = Path(database.url.removeprefix("sqlite:///"))
    assert str(path) not in quick_sqlite._children
    assert not path.with_name("chat.db-wal").exists()


SLOW = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT max(x) AS found FROM n"


def test_a_process_answers_several_questions_in_their_order(database: Database, store: convo.Store) -> None:
    if database.kind != "sqlite":
        return
    path = str(Path(database.url.removeprefix("sqlite:///")))
    both = [quick_sqlite.ahead(path, SLOW, []), quick_sqlite.ahead(path, "SELECT 7 AS found", [])]
    assert quick_sqlite.ahead(path, "SELECT 8", []) is None  # it has enough to do
    later = quick_sqlite.read(path, "SELECT 9 AS found", [])
    assert [coming.rows().to_pylist() for coming in both if coming] == [[{"found": 300_000}], [{"found": 7}]]
    assert later.to_pylist() == [{"found": 9}]
    assert store.tables().messages.to_arrow().num_rows


def test_who_is_interrupted_while_rows_are_read_leaves_nobody_waiting(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    plain = store.tables().messages.to_arrow()
    monkeypatch.setattr(quick, "LEAST", 1)
    path = str(Path(database.url.removeprefix("sqlite:///")))
    before = quick_sqlite.ahead(path, "SELECT 7 AS found", [])
    real = quick_sqlite._Child.answer

    def interrupted(child: Any, question: int) -> Any:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return real(child, question)

    with monkeypatch.context() as patched:
        patched.setattr(quick_sqlite._Child, "answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.tables().messages.to_arrow()
    assert before is not None
    assert before.rows() is None or before.rows().to_pylist() == [{"found": 7}]
    assert store.tables().messages.to_arrow().equals(plain)
    store.close()
    assert path not in quick_sqlite._children


def test_an_interrupt_right_when_the_turn_is_taken_leaves_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    path = str(Path(database.url.removeprefix("sqlite:///")))

    class Interrupted(threading.Condition):
        def __enter__(self) -> bool:
            super().__enter__()
            raise KeyboardInterrupt

    child = quick_sqlite._child(path, anew=False)
    before, turn, give_up = quick_sqlite.ahead(path, SLOW, []), child._turn, child.give_up
    monkeypatch.setattr(child, "_turn", Interrupted(turn._lock))  # type: ignore[attr-defined]

    def given_up() -> None:
        monkeypatch.setattr(child, "_turn", turn)  # it comes once
        give_up()

    monkeypatch.setattr(child, "give_up", given_up)
    with pytest.raises(KeyboardInterrupt):
        quick_sqlite.read(path, "SELECT 8 AS found", [])
    assert before is not None
    assert before._found.result(timeout=60) is None
    assert quick_sqlite.read(path, "SELECT 9 AS found", []).to_pylist() == [{"found": 9}]
    quick_sqlite.ended(path)


def test_an_answer_that_ends_before_its_end_is_none(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.kind != "sqlite":
        return
    child = quick_sqlite._Child(str(Path(database.url.removeprefix("sqlite:///"))))
    child.ask("SELECT 7 AS found UNION ALL SELECT 8", [])
    child.process.stdin.close()  # type: ignore[union-attr]
    answer = child.process.stdout.read()  # type: ignore[union-attr]
    child.kill()
    whole = list[int]()
    for size in range(len(answer) + 1):
        monkeypatch.setattr(child, "_answered", 0)
        monkeypatch.setattr(child.process, "stdout", io.BytesIO(answer[:size]))
        if (found := child.answer(1)) is not None:
            assert found.to_pylist() == [{"found": 7}, {"found": 8}]
            assert found.schema.metadata is None
            whole.append(size)
    assert whole[-1] == len(answer)


def test_a_process_ends_by_itself_although_an_answer_took_longer_than_it_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    monkeypatch.setattr(quick_sqlite, "IDLE", 0)
    child = quick_sqlite._Child(str(Path(database.url.removeprefix("sqlite:///"))))
    question = child.ask(SLOW, [])
    assert question is not None
    assert child.answer(question).to_pylist() == [{"found": 300_000}]
    child.process.wait(timeout=60)
    child.kill()


def test_modules_of_the_folder_that_a_program_runs_in_are_not_imported(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    path = str(Path(database.url.removeprefix("sqlite:///")))
    (tmp_path / "queue.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    found = quick_sqlite.read(path, "SELECT 7 AS found", [])
    quick_sqlite.ended(path)
    assert found.to_pylist() == [{"found": 7}]


def test_a_text_that_is_none_is_refused_whichever_way_it_is_read(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"))) as damaged:
        damaged.execute("UPDATE convo_conversation SET title = CAST(X'C3' AS TEXT)")
        damaged.commit()
    for least in (quick.LEAST, 1):
        monkeypatch.setattr(quick, "LEAST", least)
        with pytest.raises(convo.CorruptStore):
            store.tables().conversations.to_arrow()


def test_rows_ahead_failing_are_read_anew(store: convo.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = store.tables().messages.to_arrow().to_pylist()
    few_rows_a_page(monkeypatch)
    monkeypatch.setattr(background.Coming, "rows", lambda _: None)
    assert store.tables().messages.to_arrow().to_pylist() == plain


def test_turns_go_on_from_page_to_page_whichever_way_each_is_read(store: convo.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create(messages=[{"role": role, "content": role} for role in ("user", "assistant") * 5])
    plain = store.tables().messages.to_arrow().to_pylist()
    few_rows_a_page(monkeypatch)
    real, count = quick.fetched, itertools.count()
    monkeypatch.setattr(quick, "fetched", lambda *arguments: real(*arguments) if next(count) % 3 else None)
    assert store.tables().messages.to_arrow().to_pylist() == plain


@pytest.mark.parametrize("least", [1, quick.LEAST])
@pytest.mark.parametrize(
    "written",
    [lambda store, chat: chat.add("More."), lambda store, chat: chat.edit(3, "Else."), lambda store, chat: store.delete(chat.id)],
    ids=["add", "edit", "delete"],
)
def test_what_is_written_while_younger_rows_are_read_is_there_with_its_turn_or_is_not_there(
    store: convo.Store, clock: Any, monkeypatch: pytest.MonkeyPatch, least: int, written: Callable[[Any, Any], object]
) -> None:
    since = clock() - timedelta(days=1)
    chat = store.create(messages=[{"role": role, "content": role} for role in ("user", "assistant") * 5])
    before = store.tables(since=since).messages.to_arrow().to_pylist()
    left = [written]

    def then(real: Callable[..., Any]) -> Callable[..., Any]:
        def read(*arguments: Any) -> Any:
            found = real(*arguments)
            if left:
                left.pop()(store, chat)
            return found

        return read

    monkeypatch.setattr(quick, "LEAST", least)
    for name in ("fetched", "fetched_many"):
        monkeypatch.setattr(rows, name, then(getattr(rows, name)))
    found = store.tables(since=since).messages.to_arrow().to_pylist()
    assert not left
    known = [*before, *store.tables(since=since).messages.to_arrow().to_pylist()]
    assert [row for row in found if row not in known] == []


def test_conversations_that_are_being_erased_are_passed_over_and_end_nothing(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "PLANNED", 2)
    owner = repr(store).split("owner='")[1].rstrip("'>")
    names = [row["conversation"] for row in store.tables().conversations.to_arrow().to_pylist()]
    assert len(names) > 5
    runner: Any = store._driver.runner

    def hide(connection: Any, id_: str) -> None:
        erasure._hide.one(connection, key_owner=owner, key_id=UUID(id_), nowhere=NOWHERE)

    for id_ in names[2:5]:  # a whole page of them
        runner.run(hide, id_, mode="write")
    left = [row["conversation"] for row in store.tables().conversations.to_arrow().to_pylist()]
    assert left == names[:2] + names[5:]
    assert set(store.tables().messages.to_arrow().column("conversation").to_pylist()) <= set(left)


def test_rows_that_come_in_any_order_are_put_in_theirs() -> None:
    places = [(1, 1), (1, 2), (2, 1), (2, 3), (10, 2)]
    for shuffled in (places, places[::-1], [places[at] for at in (1, 0, 2, 4, 3)]):
        numbers, positions = zip(*shuffled, strict=True)
        rows = pa.table({"position": positions, "of": numbers, "number": numbers})
        found = quick._in_order(rows)
        assert found.column_names == ["position", "of"]
        assert [(row["of"], row["position"]) for row in found.to_pylist()] == places
    assert quick._in_order(rows.slice(0, 0)).column_names == ["position", "of"]


def test_nothing_is_left_running_when_the_program_ends(database: Database, store: convo.Store) -> None:
    if database.kind != "sqlite":
        return
    program = (
        "import convo, sys; from convo.store import quick, quick_sqlite; quick.LEAST = 1\n"
        "with convo.Store(sys.argv[1], owner=sys.argv[2]) as store:\n"
        "    rows = store.tables().messages.to_arrow().num_rows\n"
        "    print(rows, [child.process.pid for child in quick_sqlite._children.values()][0])\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, database.url, repr(store).split("owner='")[1].rstrip("'>")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, process = done.stdout.split()
    assert int(rows) == store.tables().messages.to_arrow().num_rows
    assert done.stderr == ""
    assert subprocess.run(["kill", "-0", process], capture_output=True, check=False).returncode != 0


def test_what_was_written_since_is_seen(store: convo.Store, monkeypatch: pytest.MonkeyPatch, asked: list[bool]) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    before = store.tables().messages.to_arrow().num_rows
    store.create(messages=CALLED)
    assert store.tables().messages.to_arrow().num_rows == before + len(CALLED)
    assert all(asked)


def test_a_store_that_is_closed_leaves_one_file(database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.kind != "sqlite":
        return
    monkeypatch.setattr(quick, "LEAST", 1)
    assert store.tables().messages.to_arrow().num_rows
    path = Path(database.url.removeprefix("sqlite:///"))
    assert str(path) in quick_sqlite._children
    store.close()
    assert str(path) not in quick_sqlite._children
    assert not path.with_name("chat.db-wal").exists()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_a_connection_is_kept_for_the_next_page_made_anew_when_lost_and_closed_with_the_store(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    name = f"convo-kept-{uuid4()}"
    url = f"{database.url}{'&' if '?' in database.url else '?'}application_name={name}"
    owner = repr(store).split("owner='")[1].rstrip("'>")

    def readers() -> set[int]:
        """Give the processes of the server that serve ADBC: those of the store itself ask this."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND pid <> ALL(%s)"
        with psycopg.connect(database.url) as connection:
            return {pid for (pid,) in connection.execute(query, (name, own)).fetchall()}

    plain = store.tables().messages.to_arrow()
    with convo.Store(url, **{**database.options, "owner": owner}) as reading:
        runner: Any = reading._driver.runner
        own = [runner.run(lambda connection: connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())]
        assert reading.tables().messages.to_arrow().equals(plain)
        first = readers()
        assert len(first) == 1
        assert reading.tables().messages.to_arrow().equals(plain)
        assert readers() == first
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 10000)", tuple(first))
        assert reading.tables().messages.to_arrow().equals(plain)
        second = readers()
        assert len(second) == 1
        assert second != first
    while readers():  # the server sees the end of a connection a moment later
        pass
    assert all(asked)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_a_page_that_comes_when_its_store_is_closed_leaves_no_connection(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(database.url).update_query_dict({"application_name": f"convo-closed-{uuid4()}"})
    conninfo, real = quick_postgresql.conninfo_of(url), quick_postgresql._keep

    def closed(*arguments: Any) -> None:
        quick_postgresql.ended(url)
        real(*arguments)

    monkeypatch.setattr(quick_postgresql, "_keep", closed)
    assert quick_postgresql.read(conninfo, "SELECT 7 AS found").to_pylist() == [{"found": 7}]
    assert not quick_postgresql._idle.get(conninfo)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_on_postgresql_a_store_is_closed_whose_url_only_its_own_driver_takes(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "LEAST", 1)
    plain = store.tables().messages.to_arrow()
    assert quick_postgresql._idle
    url = database.url.replace("postgresql://", "postgresql+asyncpg://") + "?ssl=disable"
    async with convo.AsyncStore(url, **{**database.options, "owner": repr(store).split("owner='")[1].rstrip("'>")}) as other:
        assert (await other.tables().messages.to_arrow()).equals(plain)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_two_pages_come_at_once_in_their_order(store: convo.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = store.tables().messages.to_arrow().to_pylist()
    few_rows_a_page(monkeypatch)
    real, both, together = quick_postgresql.read, threading.Barrier(2, timeout=10), list[bool]()

    def noted(conninfo: str, sql: str) -> Any:
        if len(together) < 4 and threading.current_thread() is not threading.main_thread():
            both.wait()  # the one is read while the other is
            together.append(True)
        return real(conninfo, sql)

    monkeypatch.setattr(quick_postgresql, "read", noted)
    assert store.tables().messages.to_arrow().to_pylist() == plain
    assert len(together) == 4


FORKED = """
import os, sys, convo
from convo.steps import tables
from convo.store import quick
quick.LEAST = 1
tables.FIRST = tables.LEAST = tables.MOST = 2
with convo.Store(sys.argv[1], owner=sys.argv[2], schema=sys.argv[3] or None) as store:
    def rows(batches):
        return [row for batch in batches for row in batch.to_pylist()]
    whole, batches = rows(store.tables().messages), iter(store.tables().messages)
    first = next(batches).to_pylist()
    child = os.fork()
    if child == 0:
        os._exit(7 if first + rows(batches) == whole else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert first + rows(batches) == whole
"""


@pytest.mark.skipif(os.name != "posix", reason="no fork here")
def test_a_process_that_is_forked_while_pages_come_reads_the_rest_by_itself(database: Database, store: convo.Store) -> None:
    owner = repr(store).split("owner='")[1].rstrip("'>")
    command = [sys.executable, "-W", "ignore", "-c", FORKED, database.url, owner, str(database.options.get("schema", ""))]
    subprocess.run(command, timeout=60, check=True)


FORKED_WHILE_STARTING = """
import os, sys, threading, convo
from convo.store import quick, quick_sqlite
quick.LEAST = 1
with convo.Store(sys.argv[1]).everyone() as store:
    whole = store.tables().messages.to_arrow()
    held, end = threading.Event(), threading.Event()

    def starts():
        with quick_sqlite._starting:
            held.set()
            end.wait()

    thread = threading.Thread(target=starts)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(7 if store.tables().messages.to_arrow().equals(whole) else 8)
    status = os.waitpid(child, 0)[1]
    end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 7
    assert store.tables().messages.to_arrow().equals(whole)
"""


@pytest.mark.skipif(os.name != "posix", reason="no fork here")
def test_a_process_that_is_forked_while_another_is_started_reads_by_itself(database: Database, store: convo.Store) -> None:
    if database.kind != "sqlite":
        return
    command = [sys.executable, "-W", "ignore", "-c", FORKED_WHILE_STARTING, database.url]
    subprocess.run(command, timeout=60, check=True)


async def test_an_asynchronous_store_reads_the_same_and_the_loop_goes_on(
    database: Database, store: convo.Store, monkeypatch: pytest.MonkeyPatch, asked: list[bool]
) -> None:
    plain = store.tables().messages.to_arrow()
    asked.clear()
    monkeypatch.setattr(quick, "LEAST", 1)
    owner = repr(store).split("owner='")[1].rstrip("'>")
    url, threads = database.url.replace("postgresql://", "postgresql+asyncpg://"), set[bool]()
    real = quick_postgresql.read

    def noted(*arguments: Any) -> Any:
        threads.add(threading.current_thread() is threading.main_thread())
        return real(*arguments)

    monkeypatch.setattr(quick_postgresql, "read", noted)
    async with convo.AsyncStore(url, **{**database.options, "owner": owner}) as other:
        assert (await other.tables().messages.to_arrow()).equals(plain)
    assert asked
    assert all(asked)
    assert threads == (set() if database.kind == "sqlite" else {False})


@pytest.mark.parametrize("name", ["Wanda's", "\\'; DROP TABLE convo_message; --", "$1", "\N{GRINNING FACE}", "%s"])
def test_owners_are_no_sql(database: Database, monkeypatch: pytest.MonkeyPatch, asked: list[bool], name: str) -> None:
    owner = f"{uuid4()}{name}"
    with convo.Store(database.url, **{**database.options, "owner": owner}) as store:
        store.create(messages=CALLED, metadata={"name": name})
        monkeypatch.setattr(quick, "LEAST", 1)
        assert set(store.tables(metadata={"name": name}).messages.to_arrow().column("owner").to_pylist()) == {owner}
    assert asked == [True]
