"""PgBouncer in transaction mode; the long form is `python -m benchmarks faults pooler`."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import convo
from convo.store import async_engine
from tests.faults.echo import MODEL, AsyncEcho, answer_to
from tests.faults.edge import DRIVERS, driver_url, opened
from tests.faults.pooler import MISSING
from tests.support.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture(scope="module")
def pooled(postgres_url: str) -> Iterator[str]:
    """A server's database through a pooler with two connections."""
    with convo.Store(postgres_url) as store:
        store.upgrade()
    with pgbouncer(postgres_url, size=2) as url:
        yield url


def many_turns(pooled: str, driver: str) -> list[str]:
    """Send turns from several stores at once; give what failed."""
    failed: list[str] = []

    def write(number: int) -> None:
        try:
            with opened(driver_url(pooled, driver), driver) as (store, client):
                chat = store.create()
                for turn in range(10):
                    text = f"question {number} {turn}"
                    assert chat.send(client, text, model=MODEL, key=str(turn)).text == answer_to(text)
                assert len(chat.history()) == 20
        except Exception as error:  # noqa: BLE001 - counted
            failed.append(repr(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_turn_goes_through_a_pooler_that_changes_the_connection(pooled: str, driver: str) -> None:
    assert many_turns(pooled, driver) == []


def test_prepared_statements_as_the_driver_has_them_are_caught(pooled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def direct(engine: Any) -> bool:
        del engine
        return False

    monkeypatch.setattr(async_engine, "_is_pooled", direct)
    assert any(many_turns(pooled, "asyncpg") for _ in range(20)), "over whose connection a turn goes is chance"


def test_without_a_pooler_statements_are_prepared(postgres_url: str) -> None:
    with convo.Store(postgres_url) as store:
        raw = store._driver.runner.run(lambda connection: connection.connection.driver_connection)
        assert isinstance(raw, psycopg.Connection)
        assert raw.prepare_threshold is not None

    async def asynchronous() -> bool:
        async with convo.AsyncStore(driver_url(postgres_url, "asyncpg")) as store:
            chat = await store.create()
            await chat.send(AsyncEcho(), "Hello", model=MODEL)
            runner: Any = store._driver.runner
            return bool(runner.engines.alone)

    assert asyncio.run(asynchronous())


def test_tables_that_are_split_work_through_a_pooler(postgres_url: str, pooled: str) -> None:
    schema = "convo_pooled_split"
    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade(partitions=4)
    failed: list[str] = []

    def write(number: int) -> None:
        try:
            with convo.Store(pooled, schema=schema, owner=f"owner-{number}") as store:
                chat = store.create()
                for turn in range(8):
                    chat.add(f"question {turn}")
                assert len(store.get(chat.id).history()) == 8
                assert len(store.search("question")) == 1
        except Exception as error:  # noqa: BLE001 - counted
            failed.append(repr(error))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
