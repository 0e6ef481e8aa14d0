"""A backup is whole or not there, holds what was acknowledged before it, and is a store like any other."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import backup as copies
from convo.testing import FakeAPI
from tests.conversation.test_together import sick
from tests.store.golden.make import HEARS, TOOLS, described
from tests.store.test_upgrading import WORKER, turns
from tests.support import golden
from tests.support.builders import recording
from tests.support.postgres import binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FixedClock
    from tests.conftest import World

NEWEST = golden.REVISIONS[-1]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[convo.Store]:
    """A store in a file with something of everything in it."""
    with golden.in_sqlite(NEWEST, tmp_path).store() as store:
        store.upgrade()
        yield store


def restored(path: str | Path) -> convo.Store:
    return convo.Store.existing(f"sqlite:///{path}")


# --- what it holds ---------------------------------------------------------------------------------


def test_a_backup_is_a_store_with_all_that_was_there(full: convo.Store, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    before = described(full)
    done = full.backup(tmp_path / "copy.db", progress=lambda *one: told.append(one))
    assert (done.path, done.elsewhere, done.findings) == (str(tmp_path / "copy.db"), (), ())
    data = Path(done.path).read_bytes()
    assert (done.bytes, done.digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert told[-1][0] == told[-1][1] > 0
    with restored(done.path) as store:
        assert described(store) == before == described(full) == golden.told(NEWEST)["owners"]
        assert sick(store.everyone()) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", "."))) == ["copy.db"]
    assert stat.S_IMODE(Path(done.path).stat().st_mode) == 0o600


def test_a_restored_store_goes_on(full: convo.Store, tmp_path: Path) -> None:
    full.backup(tmp_path / "copy.db")
    clock: Any = full._driver.tools.clock  # noqa: SLF001 - the same time for both
    with convo.Store(f"sqlite:///{tmp_path / 'copy.db'}", clock=clock) as store, FakeAPI(clock=clock).client() as client:
        chat = store.get(key="call-1")
        assert chat.send(client, "Are you there?", **HEARS, tools=TOOLS, key="new").text
        assert chat.head == full.get(key="call-1").head + 2
        assert sick(store) == []


def test_both_edges_copy_files_and_servers_name_their_commands(world: World, tmp_path: Path) -> None:
    store = world.open()
    store.create(key="a").add("Hello?")
    if store.place.startswith("postgresql"):
        with pytest.raises(convo.BackupUnsupported, match="pg_dump --format=custom"):
            store.backup(tmp_path / "copy.db")
    else:
        done = store.backup(str(tmp_path / "copy.db"))
        with restored(done.path) as copy:
            assert copy.get(key="a").history()[0].text == "Hello?"
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ([] if store.place[0] == "p" else ["copy.db"])


def test_what_others_write_meanwhile_is_not_in_it_and_they_do_not_wait(full: convo.Store, tmp_path: Path) -> None:
    full.create(key="before")
    others: list[int] = []

    def write(done: int, total: int) -> None:
        others.append(full.get(key="before").add(f"meanwhile, {done} of {total}").position)

    copies_pages, copies.PAGES = copies.PAGES, 5
    try:
        done = full.backup(tmp_path / "copy.db", progress=write)
    finally:
        copies.PAGES = copies_pages
    assert len(others) > 5
    assert full.get(key="before").head == len(others)
    with restored(done.path) as store:
        assert store.get(key="before").head == 0


@pytest.mark.parametrize("isolation", [{}, {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}])
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_callers_engine_is_copied(tmp_path: Path, journal: str, isolation: dict[str, Any]) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'theirs.db'}", **isolation)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode={journal}")
        connection.exec_driver_sql("CREATE TABLE customer (name TEXT)")
    with convo.Store(engine) as store:
        store.upgrade()
        store.create(key="a").add("Hello?")
        done = store.backup(tmp_path / "copy.db")
        with closing(engine.raw_connection()) as raw:
            assert not raw.driver_connection.in_transaction  # type: ignore[union-attr]
        store.get(key="a").add("goes on")
    engine.dispose()
    with restored(done.path) as copy:
        assert [message.text for message in copy.get(key="a").history()] == ["Hello?"]


async def test_a_store_in_memory_is_copied(tmp_path: Path) -> None:
    with convo.Store("sqlite://") as store:
        store.create(key="a").add("Hello?")
        store.backup(tmp_path / "one.db")
    async with convo.AsyncStore("sqlite://") as other:
        await (await other.create(key="a")).add("Hello?")
        await other.backup(tmp_path / "two.db")
    for name in ("one", "two"):
        with restored(tmp_path / f"{name}.db") as copy:
            assert copy.get(key="a").head == 1


async def test_the_work_of_an_async_store_does_not_wait_for_its_backup(tmp_path: Path) -> None:
    async with convo.AsyncStore(f"sqlite:///{tmp_path / 'chat.db'}") as store:
        chat = await store.create()
        copying, added = threading.Event(), threading.Event()

        def hold(done: int, total: int) -> None:
            copying.set()
            assert added.wait(30)

        task = asyncio.create_task(store.backup(tmp_path / "copy.db", progress=hold))
        await asyncio.to_thread(copying.wait, 30)
        await chat.add("Hello?")
        added.set()
        await task


def test_of_bytes_that_are_elsewhere_it_says_where(tmp_path: Path, folder: convo.FolderBlobs) -> None:
    with convo.Store(f"sqlite:///{tmp_path / 'chat.db'}", blobs=folder) as store:
        chat = store.create(key="a")
        message = chat.add(recording())
        assert message.audio is not None
        done = store.everyone().backup(tmp_path / "copy.db")
        [elsewhere] = done.elsewhere
        assert (elsewhere.place, elsewhere.blobs, elsewhere.bytes) == ("folder", 1, len(chat.load(message.audio).data))
    assert done.findings == ()
    with convo.Store(f"sqlite:///{done.path}", blobs=folder) as copy:
        [message] = copy.get(key="a").history()
        assert message.audio is not None
        assert copy.get(key="a").load(message.audio).data


def test_a_row_that_is_damaged_is_copied_and_told_of(full: convo.Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(full.place)) as connection:
        connection.execute("UPDATE convo_message SET body = replace(body, 'And more?', 'And less?')")
        connection.commit()
    done = full.backup(tmp_path / "copy.db")
    assert [(one.kind, one.severity, one.position) for one in done.findings] == [("body_changed", "error", 4)]
    assert full.backup(tmp_path / "quick.db", verify=False).findings == ()


# --- what fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(full: convo.Store, tmp_path: Path, there: str) -> None:
    path = tmp_path / "copy.db"
    if there == "file":
        path.write_text("mine")
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(convo.BackupFailed, match="it is there already") as caught:
        full.backup(path)
    assert (caught.value.reason, sorted(tmp_path.iterdir())) == ("EEXIST", before)
    assert there != "file" or path.read_text() == "mine"


def test_a_file_that_comes_meanwhile_is_not_overwritten(full: convo.Store, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    with pytest.raises(convo.BackupFailed, match="it is there already"):
        full.backup(path, progress=lambda *_: path.write_text("theirs") and None)
    assert path.read_text() == "theirs"
    assert not list(tmp_path.glob(".copy*"))


@pytest.mark.parametrize(
    ("path", "error"),
    [("", convo.InputError), ("a\0b", convo.InputError), (7, convo.InputError), ("nowhere/copy.db", convo.BackupFailed)],
    ids=["empty", "nul", "number", "folder"],
)
def test_a_path_that_cannot_be_is_refused(full: convo.Store, tmp_path: Path, path: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        full.backup(tmp_path / path if path == "nowhere/copy.db" else path)
    with pytest.raises(convo.InputError):
        full.backup(tmp_path / "copy.db", progress=7)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("*copy*"))


@pytest.mark.parametrize("step", ["copy", "check_whole", "_renamed"])
def test_where_a_step_fails_nothing_is_left(
    full: convo.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, step, fail)
    before = sorted(path for path in tmp_path.iterdir() if "-" not in path.name)
    with pytest.raises(convo.StoreError):
        full.backup(tmp_path / "copy.db")
    assert sorted(path for path in tmp_path.iterdir() if "-" not in path.name) == before


def test_a_progress_that_raises_ends_it_with_nothing_left(full: convo.Store, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        full.backup(tmp_path / "copy.db", progress=stop)
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]
    full.backup(tmp_path / "copy.db")


def test_a_damaged_file_gives_no_backup(full: convo.Store, tmp_path: Path) -> None:
    full.close()
    file = Path(full.place)
    with closing(sqlite3.connect(file)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_convo_conversation_owner_created_at_id'"
        )
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(file.read_bytes())
    data[(root[0] - 1) * size + size - 200 : root[0] * size] = bytes(200)
    file.write_bytes(data)
    with restored(file) as store, pytest.raises(convo.CorruptStore):
        store.backup(tmp_path / "copy.db")
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


def test_a_transaction_of_the_callers_is_not_held_for_it(full: convo.Store, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{full.place}")
    with engine.begin() as connection, pytest.raises(convo.HeldTransaction, match="while the file is copied"):
        full.within(connection).backup(tmp_path / "copy.db")
    engine.dispose()


async def test_a_backup_whose_caller_is_cancelled_leaves_nothing_half(tmp_path: Path) -> None:
    async with convo.AsyncStore(f"sqlite:///{tmp_path / 'chat.db'}") as store:
        await store.create()
        copying = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(store.backup(tmp_path / "copy.db", progress=lambda *_: loop.call_soon_threadsafe(copying.set)))
        await copying.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not [name for name in os.listdir(tmp_path) if "copy" in name]  # noqa: PTH208 - no method of a path in a coroutine
        await store.backup(tmp_path / "copy.db")


# --- an older backup -------------------------------------------------------------------------------


def test_after_an_older_backup_a_head_that_was_seen_later_is_stale(tmp_path: Path, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(f"sqlite:///{tmp_path / 'chat.db'}", clock=clock) as store, fake.client() as client:
        chat = store.create(key="a")
        chat.add("One?")
        store.backup(tmp_path / "copy.db")
        voice: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
        lost = chat.send(client, **voice, key="turn")
        later = chat.head
    with convo.Store(f"sqlite:///{tmp_path / 'copy.db'}", clock=clock) as store, fake.client() as client:
        chat = store.get(key="a")
        assert (chat.head, later) == (1, 2)
        for call in (
            lambda: chat.add("Two?", expected_head=later),
            lambda: chat.send(client, "Two?", **voice, expected_head=later),
        ):
            with pytest.raises(convo.StaleHead):
                call()
        assert chat.head == 1
        again = chat.send(client, **voice, key="turn")
        assert not again.replayed
        assert str(lost.message.audio_id) not in str(fake.last.body)
        assert sick(store) == []


# --- PostgreSQL ------------------------------------------------------------------------------------


@pytest.fixture
def new_database(postgres_url: str) -> Iterator[str]:
    """An empty database on the same server."""
    name = f"restored_{os.getpid()}"
    server = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


def run_command(command: str, replace: Callable[[str], str] = str) -> None:
    tool, *arguments = map(replace, shlex.split(command))
    found = binaries() / "bin" / tool
    done = subprocess.run([str(found), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_that_postgresql_is_given_make_a_backup_under_load(
    postgres_url: str, new_database: str, tmp_path: Path
) -> None:
    with golden.in_postgresql(NEWEST, postgres_url) as old, old.store() as store:
        store.upgrade()
        with pytest.raises(convo.BackupUnsupported) as caught:
            store.backup(tmp_path / "copy.dump")
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, old.url, str(old.schema), "sync"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        try:
            known = turns(process, 3)
            run_command(caught.value.command)
            turns(process, 1)
        finally:
            process.kill()
            process.communicate()
        assert "copy.dump" in caught.value.command
        run_command(caught.value.restore, lambda one: one.replace(f"--dbname={postgres_url}", f"--dbname={new_database}"))
        with convo.Store(new_database, schema=old.schema) as copy:
            texts = [message.text for message in copy.get(key="worker").history()]
            assert texts == [f"question {number}" for number in range(len(texts))]
            assert len(texts) >= known
            assert sick(copy.everyone()) == []
            found = described(copy)
            assert all(one in found[owner] for owner, chats in old.told["owners"].items() for one in chats)


def test_the_commands_hold_no_password_and_any_name(tmp_path: Path) -> None:
    with convo.Store("postgresql+psycopg://ada:secret@host:5433/my%20db", schema='Chat "Data') as store:
        runner: Any = store._driver.runner  # noqa: SLF001 - no server is there to ask
        engine = runner.engines.reading

        class Connection:
            dialect = engine.dialect

            def __init__(self) -> None:
                self.engine = engine

            def get_execution_options(self) -> dict[str, str]:
                return {"convo_schema": 'Chat "Data'}

        with pytest.raises(convo.BackupUnsupported) as caught:
            copies.check_possible(Connection(), str(tmp_path / "a b.dump"))  # type: ignore[arg-type]
    command = shlex.split(caught.value.command)
    assert command[1:3] == ["--format=custom", '--schema="Chat ""Data"']
    assert command[3] == f"--file={tmp_path / 'a b.dump'}"
    assert command[4] == "postgresql://ada@host:5433/my%20db"
    assert "secret" not in str(caught.value)
