"""An upgrade beside others at work: it blocks no reader for long, and workers with older code go on."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.steps import upgrading
from convo.store import schema as schemas
from tests.store.test_migrations import ROOT, Place, postgres_place, second  # noqa: F401 - a fixture
from tests.support import golden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.golden import Golden

TABLE = "convo_exchange"
"""A table that the upgrade from the fourth revision alters."""


@pytest.fixture
def old(postgres_url: str) -> Iterator[Golden]:
    """A store of the fourth revision on a server."""
    with golden.in_postgresql("convo_0004", postgres_url) as found:
        yield found


@contextmanager
def reader(old: Golden, table: str = TABLE) -> Iterator[sa.Connection]:
    """A slow query: a transaction that has read a table, and goes on."""
    with old.connection() as connection:
        connection.exec_driver_sql(f"SELECT count(*) FROM {table}")
        yield connection


@contextmanager
def before(statement: str, act: Callable[[int], object]) -> Iterator[None]:
    """Do something before each statement that begins like this; it is told how many there were."""
    seen: list[str] = []

    def note(connection: object, cursor: object, text: str, *rest: object) -> None:
        if text.startswith(statement):
            seen.append(text)
            act(len(seen))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


LAST = f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE"


def test_an_upgrade_comes_again_until_a_slow_reader_is_done(old: Golden, caplog: pytest.LogCaptureFixture) -> None:
    with old.store() as store, reader(old) as slow, before(LAST, lambda tries: slow.rollback() if tries == 3 else None):
        assert store.upgrade() == "convo_0004"
        assert store.conversations()
    assert sum("is tried again" in one.message for one in caplog.records) == 2
    assert {one.levelno for one in caplog.records} == {logging.WARNING}


def test_an_upgrade_gives_up_with_nothing_changed_and_works_later(old: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrading, "PATIENCE", 0.0)
    with old.store() as store, reader(old) as slow:
        with pytest.raises(convo.StoreBusy, match="end long queries and transactions") as caught:
            store.upgrade()
        assert (caught.value.retryable, caught.value.committed) == (True, "no")
        assert slow.exec_driver_sql("SELECT version_num FROM convo_version").scalar() == "convo_0004"
        slow.rollback()
        assert store.upgrade() == "convo_0004"
        assert store.upgrade() == schemas.REVISIONS[-1]


async def test_an_async_store_gives_up_alike(old: Golden, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrading, "PATIENCE", 0.0)
    url = postgres_url.replace("postgresql://", "postgresql+asyncpg://")
    async with convo.AsyncStore(url, schema=old.schema) as store:
        with reader(old), pytest.raises(convo.StoreBusy, match="end long queries and transactions"):
            await store.upgrade()
        assert await store.upgrade() == "convo_0004"


def test_no_reader_waits_a_second_for_an_upgrade_that_waits_for_another(old: Golden) -> None:
    """The database itself would say so: each of these readers has a statement timeout of a second."""
    done = threading.Event()
    errors: list[sa.exc.DBAPIError] = []
    reads: list[int] = []
    engine = sa.create_engine(old.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def read() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET statement_timeout = '1s'")
            while not done.is_set():
                try:
                    reads.append(connection.exec_driver_sql(f"SELECT count(*) FROM {old.schema}.{TABLE}").scalar_one())
                except sa.exc.DBAPIError as error:
                    errors.append(error)
                    return

    readers = [threading.Thread(target=read) for _ in range(3)]
    with old.store() as store, reader(old) as slow:
        for one in readers:
            one.start()
        with before(LAST, lambda tries: slow.rollback() if tries == 6 else None):
            store.upgrade()
        done.set()
        for one in readers:
            one.join()
    assert errors == []
    assert len(reads) > len(readers)
    assert len(set(reads)) == 1


def test_the_time_that_readers_wait_is_one_budget_for_all_tables(old: Golden) -> None:
    seen: list[str] = []
    with old.connection() as connection:
        connection.execution_options(convo_schema=old.schema)
        sa.event.listen(connection, "before_cursor_execute", lambda *all_: seen.append(all_[2]))
        schemas.upgrade(connection)
    locks = [text for text in seen if text.startswith("LOCK TABLE")]
    assert locks.index(LAST + " MODE") == len(locks) - 1
    first_change = next(number for number, text in enumerate(seen) if text.startswith("ALTER TABLE"))
    assert first_change > max(number for number, text in enumerate(seen) if text in locks)


# --- workers with older code -----------------------------------------------------------------------

WORKER = """
import asyncio, sys, convo
url, schema, how = sys.argv[1:]
number = 0

def told(chat):
    global number
    number += 1
    print(number, flush=True)

def work():
    with convo.Store(url, schema=schema or None) as store:
        chat = store.create(key="worker")
        while True:
            turn(chat)
            fork = chat.fork()
            fork.add("forked")
            assert [len(store.conversations(limit=5)) > 0, len(store.get(fork.id).history()) == chat.head + 1]
            store.delete(fork.id)
            store.usage()
            told(chat)

def turn(chat):
    chat.add(f"question {number}", key=f"k-{number}")

async def awork():
    async with convo.AsyncStore(url, schema=schema or None) as store:
        chat = await store.create(key="worker")
        while True:
            await chat.add(f"question {number}", key=f"k-{number}")
            assert len(await chat.history()) == number + 1
            await store.usage()
            told(chat)

asyncio.run(awork()) if how == "async" else work()
"""


@contextmanager
def worker(place: Place, how: str) -> Iterator[subprocess.Popen[str]]:
    """A process with the code of today, at work until it is killed."""
    url = place.url.replace("postgresql://", "postgresql+asyncpg://").partition("?")[0] if how == "async" else place.url
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url, place.schema or "", how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def turns(process: subprocess.Popen[str], number: int) -> int:
    """Wait until a worker has done so many turns more; what it says when it dies instead is the failure."""
    assert process.stdout is not None
    assert process.stderr is not None
    last = ""
    for _ in range(number):
        last = process.stdout.readline() or pytest.fail(process.stderr.read())
    return int(last)


@pytest.mark.parametrize(("kind", "how"), [("sqlite", "sync"), ("sqlite", "async"), ("pg", "sync"), ("pg", "async")])
def test_a_worker_with_older_code_goes_on_while_the_tables_are_upgraded(
    request: pytest.FixtureRequest, tmp_path: Any, second: Callable[[], None], kind: str, how: str  # noqa: F811 - a fixture
) -> None:  # fmt: skip
    with _place(request, tmp_path, kind) as at:
        with at.store() as store:
            store.upgrade()
        with worker(at, how) as process:
            turns(process, 3)
            second()
            with at.store() as store:
                assert store.upgrade() == "convo_0007"
            done = turns(process, 5)
        assert at.revisions() == ["convo_0008"]
        with at.store() as store:
            texts = [message.text for message in store.get(key="worker").history()]
        assert texts == [f"question {number}" for number in range(len(texts))]
        assert len(texts) >= done


@contextmanager
def _place(request: pytest.FixtureRequest, folder: Any, kind: str) -> Iterator[Place]:
    if kind == "sqlite":
        yield Place(f"sqlite:///{folder / 'chat.db'}")
        return
    with postgres_place(request.getfixturevalue("postgres_url")) as found:
        yield found
