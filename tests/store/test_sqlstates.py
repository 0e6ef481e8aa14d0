"""What PostgreSQL refuses, by its SQLSTATE, over each driver: a typed error, and the same store goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

import convo
from convo.store import async_engine, engine
from tests.faults.edge import DRIVERS, driver_url, opened

TABLE = [
    ("40001", convo.StoreBusy, True, "no"),
    ("40P01", convo.StoreBusy, True, "no"),
    ("55P03", convo.StoreBusy, True, "no"),
    ("57014", convo.StoreBusy, True, "no"),
    ("25P03", convo.StoreUnavailable, True, "unknown"),
    ("57P01", convo.StoreUnavailable, True, "unknown"),
    ("57P02", convo.StoreUnavailable, True, "unknown"),
    ("57P03", convo.StoreUnavailable, True, "no"),
    ("57P04", convo.StoreUnavailable, True, "unknown"),
    ("57P05", convo.StoreUnavailable, True, "unknown"),
    ("08000", convo.StoreUnavailable, True, "unknown"),
    ("08003", convo.StoreUnavailable, True, "unknown"),
    ("08006", convo.StoreUnavailable, True, "unknown"),
    ("08P01", convo.StoreUnavailable, True, "unknown"),
    ("53300", convo.StoreUnavailable, True, "no"),
    ("53100", convo.StorageFull, True, "no"),
    ("53200", convo.StoreBusy, True, "no"),
    ("53400", convo.StoreBusy, True, "no"),
    ("25006", convo.ReadOnlyStore, False, "no"),
    ("26000", convo.StoreFailed, False, "no"),
    ("42P05", convo.StoreFailed, False, "no"),
    ("42501", convo.NotPermitted, False, "no"),
    ("XX000", convo.StoreFailed, False, "no"),
    ("XX001", convo.CorruptStore, False, "no"),
    ("XX002", convo.CorruptStore, False, "no"),
    ("22P02", convo.StoreFailed, False, "no"),
]


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is told after two tries."""
    for module in (engine, async_engine):
        monkeypatch.setattr(module, "ATTEMPTS", 2)


def raising(state: str) -> Any:
    """Give a unit of work in which the server raises an error with a SQLSTATE, and a message that is nobody's business."""

    def work(connection: Any) -> None:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{state}', DETAIL = 'secret'; END $$")

    return work


def run(store: Any, work: Any, mode: str = "write") -> Any:
    """Run a unit of work on the runner of a store of either edge."""
    runner = store._driver.runner
    if hasattr(store, "_loop"):
        return store._loop.run_until_complete(runner.run(work, mode=mode))
    return runner.run(work, mode=mode)


@pytest.mark.parametrize("driver", DRIVERS)
def test_each_sqlstate_is_a_typed_error_and_the_store_goes_on(postgres_url: str, postgres_schema: str, driver: str) -> None:
    with opened(driver_url(postgres_url, driver), driver, schema=postgres_schema, owner=f"states {driver}") as (store, _):
        chat = store.create()
        for state, kind, retryable, committed in TABLE:
            with pytest.raises(convo.StoreError) as caught:
                run(store, raising(state))
            found = (type(caught.value), caught.value.retryable, caught.value.committed)
            assert found == (kind, retryable, committed), state
            assert "secret" not in str(caught.value)
            assert caught.value.__cause__ is not None
            chat.add(state)
        assert [message.text for message in chat.history()] == [state for state, *_ in TABLE]


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_is_unknown_of_what_only_reads(postgres_url: str, postgres_schema: str, driver: str) -> None:
    with opened(driver_url(postgres_url, driver), driver, schema=postgres_schema) as (store, _):
        for state in ("57P01", "08006"):
            with pytest.raises(convo.StoreUnavailable) as caught:
                run(store, raising(state), mode="read")
            assert caught.value.committed == "no"


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_role_that_may_not_write_is_told_which_right_it_lacks(postgres_url: str, postgres_schema: str, driver: str) -> None:
    with convo.Store(postgres_url) as owner:
        statements = (
            "DROP ROLE IF EXISTS convo_reader",
            "CREATE ROLE convo_reader LOGIN",
            f"GRANT USAGE ON SCHEMA {postgres_schema} TO convo_reader",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {postgres_schema} TO convo_reader",
        )  # fmt: skip
        try:
            for statement in statements:
                owner._driver.runner.run(lambda connection, sql=statement: connection.exec_driver_sql(sql) and None, mode="write")
            url = (
                sa.engine.make_url(driver_url(postgres_url, driver))
                .set(username="convo_reader")
                .render_as_string(hide_password=False)
            )
            with opened(url, driver, schema=postgres_schema, owner="reader") as (store, _):
                with pytest.raises(convo.NotPermitted, match="doctor"):
                    store.create()
                assert store.conversations() == []
                assert "privileges" in {finding.kind for finding in store.doctor()}
        finally:
            for statement in ("DROP OWNED BY convo_reader", "DROP ROLE convo_reader"):
                owner._driver.runner.run(lambda connection, sql=statement: connection.exec_driver_sql(sql) and None, mode="write")


def test_a_pool_that_has_no_connection_left_names_the_setting(postgres_url: str, postgres_schema: str) -> None:
    pooled = sa.create_engine(postgres_url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01)
    store = convo.Store(pooled, schema=postgres_schema, owner="exhausted")
    chat = store.create()
    with pooled.connect(), pytest.raises(convo.PoolExhausted, match="pool_size") as caught:
        chat.add("Hello")
    assert (caught.value.retryable, caught.value.committed) == (True, "no")
    chat.add("Hello")
    assert len(chat.history()) == 1
    pooled.dispose()


def test_an_async_pool_that_has_no_connection_left_names_the_setting(postgres_url: str, postgres_schema: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    async def scenario() -> None:
        url = driver_url(postgres_url, "asyncpg")
        pooled = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.01)
        store = convo.AsyncStore(pooled, schema=postgres_schema, owner="exhausted")
        chat = await store.create()
        async with pooled.connect():
            with pytest.raises(convo.PoolExhausted, match="pool_size"):
                await chat.add("Hello")
        await chat.add("Hello")
        await pooled.dispose()

    asyncio.run(scenario())
