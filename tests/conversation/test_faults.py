"""Faults: the n-th statement fails, for every n; many writers; cancelled callers; killed connections; forks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import pytest
import sqlalchemy as sa
from sqlalchemy import event

import convo
from convo.store import exchanges
from tests.faults.echo import Echo
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


class _Fault:
    """Fails the n-th statement on the engines of a store; later ones work. What is read again after a lost connection heals."""

    def __init__(self, store: convo.Store, number: int, *, lost: bool = True) -> None:
        self.cause: Exception = OSError("the disk is on fire") if lost else ArithmeticError("a statement that never works")
        self.engines = store._driver.runner.engines.both()  # type: ignore[union-attr]
        self.left = number

    def __enter__(self) -> Self:
        for engine in self.engines:
            event.listen(engine, "before_cursor_execute", self._count)
        return self

    def __exit__(self, *details: object) -> None:
        for engine in self.engines:
            event.remove(engine, "before_cursor_execute", self._count)

    def _count(self, *details: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise sa.exc.OperationalError("statement", {}, self.cause)


@pytest.fixture
def store(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        yield opened


def test_a_fault_at_any_statement_loses_and_doubles_nothing(store: convo.Store, fake: FakeAPI) -> None:
    client = fake.client()
    kept = store.create(instructions="Be brief.")
    kept.send(client, recording(), **VOICE)
    before = kept.history()
    for number in range(1, 100):
        chat = store.create(messages=[{"role": "user", "content": "Hello"}])
        with _Fault(store, number) as fault, contextlib.suppress(convo.StoreError):
            chat.send(client, recording(), **VOICE, key="turn")
        positions = [message.position for message in chat.history()]
        assert positions == list(range(1, len(positions) + 1))
        _after_its_lease(store, chat)
        reply = chat.send(client, recording(), **VOICE, key="turn")
        assert [message.role for message in chat.history()] == ["user", "user", "assistant"]
        assert chat.load(chat.history()[-1].audio).data == reply.audio.data  # type: ignore[arg-type, union-attr]
        assert chat.usage().calls == 1
        if fault.left > 0:
            break
    assert number > 5, "every statement of a turn was hit"
    assert kept.history() == before


@pytest.mark.parametrize(("error", "left"), [(convo.StoreBusy(), 1), (convo.StoreFailed("XX000"), 0)])
def test_an_end_that_could_not_be_stored_is_stored_by_the_next_turn_or_given_up(
    store: convo.Store, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch, error: convo.StoreError, left: int
) -> None:
    def fails(*details: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(exchanges, "fail", fails)
        with pytest.raises(ZeroDivisionError):
            store.create().send(_Broken(), "Hello", model="gpt-5.5")
        assert len(store._driver.tools.unended) == 1
        with contextlib.suppress(convo.StoreBusy):
            store.create().send(fake.client(), "Hello", model="gpt-5.5")
        assert len(store._driver.tools.unended) == left
    assert store.create().send(fake.client(), "Hello", model="gpt-5.5").text
    assert not store._driver.tools.unended


class _Broken(Echo):
    """A client that fails before anything is asked."""

    def create(self, **request: Any) -> Any:
        raise ZeroDivisionError


def _after_its_lease(store: convo.Store, chat: convo.Conversation) -> None:
    for waiting in chat.pending():
        clock: Any = store._driver.tools.clock
        clock.set(max(clock(), waiting.alive_until))


def test_many_writers_on_one_conversation_have_one_order(store: convo.Store) -> None:
    chat = store.create()

    def write(writer: int) -> None:
        own = store.get(chat.id)
        for number in range(10):
            own.add(f"{writer}-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    history = chat.history()
    assert [message.position for message in history] == list(range(1, 81))
    for writer in range(8):
        own = [message.text for message in history if message.text.startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}" for number in range(10)]


def test_one_key_pressed_many_times_at_once_is_one_turn(store: convo.Store, fake: FakeAPI) -> None:
    client = fake.client()
    chat = store.create()
    together = threading.Barrier(8)

    def press(_: int) -> object:
        own = store.get(chat.id)
        together.wait()
        try:
            return own.send(client, "Hello", model="gpt-4.1", key="press").text
        except convo.TurnInProgress as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(press, range(8)))
    assert len(fake.received) == 1
    assert len({result for result in results if isinstance(result, str)}) == 1
    assert [message.role for message in chat.history()] == ["user", "assistant"]


def test_a_cancelled_send_leaves_nothing_pending_and_the_question_in_place(
    database: Database, fake: FakeAPI, clock: FixedClock
) -> None:
    async def scenario() -> list[str]:
        async with convo.AsyncStore(database.url, clock=clock, **database.options) as store:
            chat = await store.create()
            asked, client = asyncio.Event(), fake.async_client()

            async def hang(**request: Any) -> Any:
                del request
                asked.set()
                await asyncio.Event().wait()

            client.chat.completions.with_raw_response.create = hang
            task = asyncio.create_task(chat.send(client, "Hello", model="gpt-4.1", key="k"))
            await asked.wait()
            assert len(await chat.pending()) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await chat.pending() == []
            await client.close()
            working = fake.async_client()
            reply = await chat.send(working, "Hello", model="gpt-4.1", key="k")
            await working.close()
            return [message.text for message in await chat.history()] + [reply.text]

    question, answer, reply = asyncio.run(scenario())
    assert (question, answer) == ("Hello", reply)


def test_work_on_the_database_outlives_a_cancelled_caller(database: Database) -> None:
    async def scenario() -> list[int]:
        async with convo.AsyncStore(database.url, **database.options) as store:
            chat = await store.create()
            for number in range(20):
                task = asyncio.create_task(chat.add(f"{number}"))
                for _ in range(number):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await chat.add("last")
            return [message.position for message in await chat.history()]

    positions = asyncio.run(scenario())
    assert positions == list(range(1, len(positions) + 1))


def test_a_connection_that_the_server_killed_while_idle_is_not_noticed(postgres_url: str, postgres_schema: str) -> None:
    with convo.Store(postgres_url, schema=postgres_schema, owner=f"killed-{os.getpid()}") as store:
        chat = store.create()
        pid = store._driver.runner.run(lambda connection: connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        with convo.Store(postgres_url, schema=postgres_schema) as other:
            other._driver.runner.run(
                lambda connection: connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})").scalar_one()
            )
            _until_gone(other, pid)
        chat.add("Hello")
        assert [message.text for message in chat.history()] == ["Hello"]


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_async_store_asks_a_pooled_connection_whether_it_lives_only_when_the_server_has_said_something(
    postgres_url: str, postgres_schema: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.engine.make_url(postgres_url).set(drivername=f"postgresql+{driver}")
    asked: list[object] = []
    dialect: Any = url.get_dialect().get_async_dialect_cls(url)
    ask = dialect.do_ping

    def do_ping(self: object, connection: object) -> bool:
        asked.append(connection)
        return bool(ask(self, connection))

    monkeypatch.setattr(dialect, "do_ping", do_ping)

    async def scenario() -> list[str]:
        async with convo.AsyncStore(url, schema=postgres_schema, owner=f"killed-{driver}-{os.getpid()}") as store:
            chat = await store.create()
            for _ in range(3):
                await chat.history()
            assert not asked
            runner = store._driver.runner
            pid = await runner.run(lambda connection: connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
            with convo.Store(postgres_url, schema=postgres_schema) as other:
                other._driver.runner.run(
                    lambda connection: connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid})").scalar_one()
                )
                _until_gone(other, pid)
            await chat.add("Hello")
            assert asked
            return [message.text for message in await chat.history()]

    assert asyncio.run(scenario()) == ["Hello"]


def _until_gone(store: convo.Store, pid: int) -> None:
    query = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
    while store._driver.runner.run(lambda connection: connection.exec_driver_sql(query).scalar_one()):
        pass


def test_a_store_is_usable_on_both_sides_of_a_fork(database: Database) -> None:
    import multiprocessing

    with convo.Store(database.url, **database.options) as store:
        chat = store.create()
        chat.add("before")
        child = multiprocessing.get_context("fork").Process(target=_add, args=(store, chat.id, "child"))
        child.start()
        child.join()
        assert child.exitcode == 0
        store.get(chat.id).add("parent")
        assert [message.text for message in chat.history()] == ["before", "child", "parent"]


def _add(store: convo.Store, identifier: Any, text: str) -> None:
    store.get(identifier).add(text)


def test_sqlite_is_durable_by_default_and_relaxed_only_when_asked(tmp_path: Any) -> None:
    def settings(store: convo.Store) -> tuple[Any, ...]:
        def ask(connection: Any) -> tuple[Any, ...]:
            return tuple(
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            )

        return store._driver.runner.run(ask)

    with convo.Store(f"sqlite:///{tmp_path}/a.db") as store:
        store.create()
        assert settings(store) == ("wal", 2, 1)
    with convo.Store(f"sqlite:///{tmp_path}/a.db", durability="relaxed") as store:
        assert settings(store) == ("wal", 1, 1)


def test_a_store_in_memory_serves_many_threads() -> None:
    with convo.Store("sqlite://") as store:
        chat = store.create()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: chat.add(f"{number}"), range(20)))
        assert len(chat.history()) == 20


def test_the_heartbeat_renews_while_a_lease_is_held_and_ends_with_it() -> None:
    from uuid import uuid4

    from convo.heartbeat import Heartbeat
    from convo.steps.effects import Lease

    renewed = threading.Semaphore(0)
    heartbeat: Heartbeat[Lease] = Heartbeat(lambda lease: renewed.release(), every=0.001)
    with heartbeat.keeping(Lease("", uuid4(), uuid4(), 1)):
        for _ in range(3):
            assert renewed.acquire(timeout=10)
        thread = heartbeat._thread
        assert thread is not None
    thread.join(timeout=10)
    assert not thread.is_alive()
