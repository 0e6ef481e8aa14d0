"""Statements that go straight to the driver do what they do by SQLAlchemy, and whoever follows SQLAlchemy hears of them still."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

import convo
from convo.store import blobs, conversations, direct, tables
from convo.store import statements as statements_module
from convo.store.sealed import keyring_of
from convo.store.statements import Statement
from tests.store.test_statements import statements
from tests.support.builders import recording, wav
from tests.support.sealing import shared_cipher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.store.engine import Runner
    from tests.conftest import Database

_titled = Statement(
    "give a conversation a title",
    lambda: (
        sa.update(tables.conversation)
        .where(tables.conversation.c.owner == sa.bindparam("key_owner"), tables.conversation.c.id == sa.bindparam("key_id"))
        .values(title=sa.bindparam("title"))
    ),
)
_put = Statement("store a conversation", lambda: sa.insert(tables.conversation))


@pytest.fixture
def store(database: Database) -> Iterator[convo.Store]:
    with convo.Store(database.url, **database.options) as opened:
        opened.upgrade()
        yield opened


@pytest.fixture
def runner(store: convo.Store) -> Runner:
    found: Any = store._driver.runner
    return found  # type: ignore[no-any-return]


@pytest.fixture
def straight(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the statements that go straight to the driver."""
    found: list[str] = []
    run = direct._cursor

    def cursor(connection: Any, sql: str, parameters: Any) -> Any:
        found.append(sql)
        return run(connection, sql, parameters)

    monkeypatch.setattr(direct, "_cursor", cursor)
    return found


def test_what_is_said_goes_straight_to_the_driver(store: convo.Store, straight: list[str]) -> None:
    chat = store.create()
    straight.clear()
    chat.add("Hello")
    assert straight


def test_who_listens_to_sqlalchemy_hears_all_of_it_and_as_long_as_it_listens(store: convo.Store, straight: list[str]) -> None:
    chat = store.create()
    straight.clear()
    with statements(store) as heard:
        chat.add("Hello")
    assert any("convo_message" in statement for statement in heard)
    assert not straight
    chat.add("Hello again")
    assert straight


def test_the_log_of_sqlalchemy_tells_the_statements(
    store: convo.Store, straight: list[str], caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    chat = store.create()
    straight.clear()
    with caplog.at_level(logging.INFO, "sqlalchemy.engine.Engine"):
        chat.add("Hello")
    assert not straight
    assert any("convo_message" in record.getMessage() for record in caplog.records)


def test_the_statements_of_a_callers_engine_go_by_sqlalchemy(database: Database, straight: list[str]) -> None:
    engine = sa.create_engine(database.url)
    with convo.Store(engine, **database.options) as store:
        store.upgrade()
        store.create().add("Hello")
    engine.dispose()
    assert not straight


def test_a_unit_of_work_that_fails_leaves_nothing(store: convo.Store, runner: Runner) -> None:
    chat = store.create(title="before")

    def fails(connection: Any) -> None:
        _titled(connection, key_owner=chat.owner, key_id=chat.id, title="within")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner.run(fails, mode="write")
    assert store.get(chat.id).title == "before"


def test_what_goes_straight_and_what_goes_by_sqlalchemy_is_one_transaction(store: convo.Store, runner: Runner) -> None:
    first, second = store.create(title="before"), store.create(title="before")
    change = sa.update(tables.conversation).where(
        tables.conversation.c.owner == first.owner, tables.conversation.c.id == second.id
    )

    def both(connection: Any, *, fail: bool) -> None:
        options = {"schema_translate_map": {None: connection.get_execution_options().get("convo_schema")}}
        _titled(connection, key_owner=first.owner, key_id=first.id, title="within")
        connection.execute(change.values(title="within"), execution_options=options)
        assert conversations.get(connection, first.owner, id_=first.id).title == "within"
        if fail:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner.run(both, mode="write", fail=True)
    assert [store.get(chat.id).title for chat in (first, second)] == ["before", "before"]
    runner.run(both, mode="write", fail=False)
    assert [store.get(chat.id).title for chat in (first, second)] == ["within", "within"]


def test_what_the_database_refuses_is_an_error_of_the_store(runner: Runner, straight: list[str]) -> None:
    def refused(connection: Any) -> None:
        row = dict.fromkeys(column.name for column in tables.conversation.c)
        _put(connection, **{**row, "owner": "", "id": UUID(int=1), "branch": UUID(int=1), "created_at": None})

    straight.clear()
    with pytest.raises(convo.StoreFailed) as found:
        runner.run(refused, mode="write")
    assert found.value.committed == "no"
    assert straight
    assert runner.run(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()) == 1


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("at", ["statement", "end"])
def test_a_connection_that_was_closed_is_an_error_of_the_store_and_is_replaced(
    store: convo.Store, runner: Runner, mode: Any, at: str
) -> None:  # fmt: skip
    chat = store.create(title="before")

    def closed(connection: Any) -> None:
        conversations.get(connection, chat.owner, id_=chat.id)
        connection.connection.driver_connection.close()
        if at == "statement":
            conversations.get(connection, chat.owner, id_=chat.id)

    with contextlib.suppress(convo.StoreError):
        runner.run(closed, mode=mode)
    assert store.get(chat.id).title == "before"
    chat.add("Hello")


# --- rows as they come ------------------------------------------------------------------------------


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the statements whose rows come one by one."""
    found: list[str] = []
    run = direct.streamed

    def noted(connection: Any, sql: str, parameters: Any) -> Any:
        found.append(sql)
        return run(connection, sql, parameters)

    monkeypatch.setattr(statements_module, "streamed", noted)
    return found


def put(runner: Runner, owner: str, *several: bytes) -> list[str]:
    """Store bytes, and give their digests."""
    digests = [hashlib.sha256(data).hexdigest() for data in several]
    for digest, data in zip(digests, several, strict=True):
        runner.run(blobs.put, owner, digest, data, 1, mode="write")
    return digests


LARGE = bytes(range(256)) * 10_000  # of three rows
SEVERAL = (LARGE, b"", b"small", LARGE[::-1])


def test_several_bytes_come_by_one_statement_where_rows_stream(store: convo.Store, runner: Runner, streamed: list[str]) -> None:
    digests = put(runner, "ada", *SEVERAL)
    found = runner.run(blobs.look, "ada", [*digests[::-1], digests[0]])
    assert found.data == dict(zip(digests, SEVERAL, strict=True))
    assert found.away == []
    ours = runner.run(lambda connection: direct.streams(connection) and not keyring_of(connection).seals)
    assert len(streamed) == ours
    with statements(store) as heard:
        assert runner.run(blobs.look, "ada", digests).data == found.data
    assert len(heard) >= len(digests)
    assert len(streamed) == ours


def test_the_first_bytes_that_are_nowhere_are_named(runner: Runner) -> None:
    here, other = put(runner, "ada", b"here", b"other")
    for digests, missing in (([here, "0" * 64, other, "f" * 64], "0" * 64), ([other, "f" * 64, "0" * 64, here], "f" * 64)):
        with pytest.raises(convo.BlobNotFound, match=missing):
            runner.run(blobs.look, "ada", digests)
    with pytest.raises(convo.BlobNotFound, match=here):
        runner.run(blobs.look, "eve", [here, other])


def test_sealed_bytes_among_several_are_refused_where_no_cipher_opens_them(database: Database) -> None:
    options = {name: value for name, value in database.options.items() if name not in ("cipher", "owner")}
    owner = f"sealed-{uuid4()}"
    with convo.Store(database.url, **options, owner=owner, cipher=shared_cipher()) as store:
        store.upgrade()
        chat = store.create()
        for seconds in (1, 2):
            chat.add(recording(data=wav(seconds)))
        digests = [piece.digest for message in chat.history() for piece in message.media]
    assert len(set(digests)) == 2
    with convo.Store(database.url, **options, owner=owner) as store:
        runner: Any = store._driver.runner
        with pytest.raises(convo.KeyUnavailable):
            runner.run(blobs.look, owner, digests)


def whole(pieces: list[bytes]) -> list[bytes]:
    """Put the pieces of bytes together that are all alike."""
    return [b"".join(several) for _, several in groupby(pieces, key=lambda piece: piece[:1])]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_rows_that_stream_are_read_again_where_the_connection_is_lost_among_them(runner: Runner, database: Database) -> None:
    several = [bytes([number]) * 3_000_000 for number in range(12)]  # more than what waits on the way
    digests, processes = put(runner, "ada", *several), list[int]()

    def lost(connection: Any) -> list[bytes]:
        processes.append(connection.connection.driver_connection.info.backend_pid)
        found = []
        for row in blobs._bytes_of_all.stream(connection, owner="ada", digests=digests):
            found.append(bytes(row[-1] or b""))
            if len(processes) == len(found) == 1:
                with psycopg.connect(database.url, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s, 10000)", (processes[0],))
        return found

    assert {digest.hexdigest() for digest in map(hashlib.sha256, whole(runner.run(lost)))} == set(digests)
    assert len(set(processes)) == 2


def test_who_stops_amid_rows_that_stream_leaves_the_connection_as_it_was(runner: Runner) -> None:
    digests = put(runner, "ada", *SEVERAL)

    def stopped(connection: Any) -> Any:
        if direct.streams(connection):
            rows = blobs._bytes_of_all.stream(connection, owner="ada", digests=digests)
            next(iter(rows))
            rows.close()  # type: ignore[attr-defined]  # a generator
        return blobs.look(connection, "ada", digests).data

    assert runner.run(stopped) == dict(zip(digests, SEVERAL, strict=True))
