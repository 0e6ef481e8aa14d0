"""Units of work under asyncio: each in a task of its own that a cancelled caller does not cancel.

On PostgreSQL the async driver runs the same functions through `AsyncConnection.run_sync`. On SQLite a sync engine
runs them in one worker thread, which costs a quarter of what an async driver for SQLite does.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
from sqlalchemy.engine import URL, Engine

from convo.checks import check_choice, check_type
from convo.errors import StoreClosed, TransactionOver, WrongEventLoop
from convo.sealing.keyring import PLAIN
from convo.store import schema as schemas
from convo.store.direct import OURS
from convo.store.engine import (
    ATTEMPTS,
    PATIENCE,
    READING,
    Engines,
    Within,
    after_begin,
    before_begin,
    check_dialect,
    end_quick,
    options_of,
    parse_url,
    place_of,
    runner_for,
)
from convo.store.faults import may_retry, note_again, typed_errors
from convo.store.postgres import ALONE, WHOLE, driver_needed, mind_the_server, paramstyle, ping_without_asking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from convo.errors import Committed
    from convo.sealing.keyring import Plain
    from convo.store.engine import Durability, Mode, Runner

T = TypeVar("T")


class Shield:
    """Runs coroutines as tasks that outlive a cancelled caller, on one event loop."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pid = os.getpid()

    def check_loop(self) -> None:
        """Bind to the running loop. Raises `WrongEventLoop` in any other one of the same process."""
        loop = asyncio.get_running_loop()
        self._forked()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise WrongEventLoop

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work. When the caller is cancelled it goes on to its end, and the caller learns of it then.

        So what a caller does because it was cancelled cannot overtake what it had begun before.
        """
        self._forked()
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():  # cancelled again it waits on, or the end of an exchange could overtake its begin
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
            raise

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def _forked(self) -> None:
        """In a forked process the loop, and what runs on it, are the parent's."""
        if self._pid != os.getpid():
            self._begin()

    async def settle(self) -> None:
        """Wait for work whose callers were cancelled."""
        self._forked()
        while self._tasks:
            await asyncio.wait(self._tasks)


class AsyncRunner:
    """Runs units of work on an async engine of PostgreSQL; see `convo.store.engine.Runner`."""

    def __init__(self, engines: Engines[AsyncEngine] | AsyncCallersEngine, *, place: str, owned: bool = True) -> None:
        self.place = place
        self.creates = False
        self._owned = owned
        self.engines = engines
        self._pid = os.getpid()
        self._closed = False
        self._shield = Shield()
        self._looking = asyncio.Lock()
        mine = owned and isinstance(engines, Engines)
        self._unseen = next((engine for engine in engines.both() if mine and engine.dialect.driver == "asyncpg"), None)

    async def _look(self) -> None:
        """See once whether a pooler stands before the server: asyncpg's prepared statements are none of its."""
        direct = self._unseen
        if direct is None:
            return
        async with self._looking:
            if self._unseen is direct and await _is_pooled(direct):
                self.engines = _engines_for_pooler(direct)
            self._unseen = None

    async def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; raises errors of convo only. A cancelled caller does not interrupt it."""
        if self._closed:
            raise StoreClosed
        self._shield.check_loop()
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.engines.leave()
        return await self._shield.run(self._tried(mode, work, arguments, named))

    run_beside = run

    async def _tried(self, mode: Mode, work: Callable[..., T], arguments: tuple[Any, ...], named: dict[str, Any]) -> T:
        started = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            committed: Committed = "no"
            try:
                await self._look()
                async with self.engines.open(mode) as connection:
                    committed = "no" if mode in READING else "unknown"
                    result: T = await connection.run_sync(work, *arguments, **named)
                    return result
            except Exception as error:
                if attempt == ATTEMPTS or not may_retry(error, committed) or time.monotonic() - started > PATIENCE:
                    with typed_errors(self.place, committed):
                        raise
                note_again(error, attempt)
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def upgrade(self, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date; give the revision that was found."""
        return await self.run(schemas.upgrade, self.place, partitions, mode="write")

    def must_exist(self) -> None:
        """A server's tables are never made by themselves."""

    check_there = must_exist

    async def close(self) -> None:
        """Wait for work under way, then close the connections of an engine that we made."""
        self._closed = True
        await self._shield.settle()
        if self._owned:
            for engine in self.engines.both():
                end_quick(engine.url)
                await engine.dispose()


class ThreadRunner:
    """Runs units of work on a sync engine, in one worker thread."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._closed = False
        self._shield = Shield()
        self._start()

    def _start(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="convo-sqlite")
        self._pid = os.getpid()

    @property
    def place(self) -> str:
        """The path of the database."""
        return self._runner.place

    @property
    def creates(self) -> bool:
        """Whether the tables may be made when they are missing."""
        return self._runner.creates

    async def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; raises errors of convo only. A cancelled caller does not interrupt it."""
        if self._closed:
            raise StoreClosed
        self._shield.check_loop()
        return await self._shield.run(self._in_thread(lambda: self._runner.run(work, *arguments, mode=mode, **named)))

    async def run_beside(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work that takes long in a thread of its own, which a database in memory may not have."""
        if self._closed or self._runner.in_memory:
            return await self.run(work, *arguments, mode=mode, **named)
        self._shield.check_loop()
        return await self._shield.run(asyncio.to_thread(lambda: self._runner.run(work, *arguments, mode=mode, **named)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._pid != os.getpid():
            self._start()  # a fork: the thread is the parent's
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def upgrade(self, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date; give the revision that was found."""
        if self._closed:
            raise StoreClosed
        return await self._shield.run(self._in_thread(lambda: self._runner.upgrade(partitions)))

    def must_exist(self) -> None:
        """Create nothing from now on. Raises `StoreNotFound` for a file that is not there."""
        self._runner.must_exist()

    def check_there(self) -> None:
        """Raise `StoreNotFound` for a file that is not there."""
        self._runner.check_there()

    async def close(self) -> None:
        """Wait for work under way, end the thread, close the connections of an engine that we made."""
        if self._closed:
            return
        self._closed = True
        await self._shield.settle()
        await self._in_thread(self._runner.close)
        self._thread.shutdown(wait=False)


class AsyncWithin:
    """Runs units of work inside the caller's transaction, each behind a savepoint."""

    def __init__(self, connection: AsyncConnection, *, schema: str | None = None, keyring: Plain = PLAIN) -> None:
        from sqlalchemy.ext.asyncio import AsyncConnection

        check_type(connection, AsyncConnection, "within()", "an async connection of SQLAlchemy")
        self.place = place_of(connection.engine.url)
        self.creates = False
        self._connection = connection
        self._schema = schema
        self._keyring = keyring
        self._closed = False

    async def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; the caller commits."""
        if self._closed:
            raise StoreClosed
        if self._connection.closed:
            raise TransactionOver
        with typed_errors(self.place):
            return await self._connection.run_sync(
                lambda connection: Within(connection, schema=self._schema, keyring=self._keyring).run(
                    work, *arguments, mode=mode, **named
                )
            )

    run_beside = run

    async def upgrade(self, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date; give the revision that was found."""
        return await self.run(schemas.upgrade, self.place, partitions, mode="write")

    def must_exist(self) -> None:
        """The caller's connection is there."""

    check_there = must_exist

    async def close(self) -> None:
        """Refuse further work; the connection is the caller's."""
        self._closed = True


def async_runner_for(
    source: str | URL | Engine | AsyncEngine, *, schema: str | None, durability: Durability, keyring: Plain = PLAIN
) -> AsyncRunner | ThreadRunner:
    """Give the runner of a URL, whose engine we make, or of a caller's engine, whose settings stay as they are."""
    check_choice(durability, ("full", "relaxed"), "durability")
    options = options_of(schema, keyring)
    if isinstance(source, Engine):
        return ThreadRunner(runner_for(source, schema=schema, durability=durability, keyring=keyring))
    if not isinstance(source, str | URL):
        check_dialect(source.url, options)
        return AsyncRunner(AsyncCallersEngine(source.execution_options(**options)), place=place_of(source.url), owned=False)
    url = parse_url(source)
    check_dialect(url, options)
    if url.get_backend_name() == "sqlite":
        return ThreadRunner(runner_for(url, schema=schema, durability=durability, keyring=keyring))
    return AsyncRunner(_own_engines(url, {**options, **OURS}), place=place_of(url))


def _own_engines(url: URL, options: Mapping[str, Any]) -> Engines[AsyncEngine]:
    from sqlalchemy.ext.asyncio import create_async_engine

    with driver_needed(url):
        engine = create_async_engine(url, execution_options=options, **ALONE, **paramstyle(url))
    ping_without_asking(engine.sync_engine)
    mind_the_server(engine.sync_engine)
    return Engines(engine, engine.execution_options(isolation_level=WHOLE), alone=True)


_OF_SQLALCHEMY = ("prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn", "async_fallback")


async def _is_pooled(engine: AsyncEngine) -> bool:
    """Say whether the server's process is another one than the one that we were told of when we connected."""
    import asyncpg

    _, arguments = engine.dialect.create_connect_args(engine.url)
    kept = {name: value for name, value in arguments.items() if name not in _OF_SQLALCHEMY}
    connection = await asyncpg.connect(**{**kept, "statement_cache_size": 0})
    try:
        async with connection.transaction():
            found = await connection.fetchval("SELECT pg_backend_pid()")
        return bool(found != connection.get_server_pid())
    finally:
        await connection.close()


def _engines_for_pooler(direct: AsyncEngine) -> Engines[AsyncEngine]:
    """Give an engine that has every statement in a transaction: between preparing and running one a pooler may change servers."""
    from sqlalchemy.ext.asyncio import create_async_engine

    unnamed = {"statement_cache_size": 0, "prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    engine = create_async_engine(
        direct.url, execution_options=direct.get_execution_options(), hide_parameters=True, isolation_level=WHOLE,
        pool_pre_ping=True, connect_args=unnamed,
    )  # fmt: skip
    ping_without_asking(engine.sync_engine)
    mind_the_server(engine.sync_engine)
    return Engines(engine, engine, alone=False)


@attrs.frozen
class AsyncCallersEngine:
    """See `convo.store.engine.CallersEngine`."""

    engine: AsyncEngine

    @asynccontextmanager
    async def open(self, mode: Mode) -> AsyncIterator[AsyncConnection]:
        """Give the context in which a unit of work has its connection, and which commits at its end."""
        async with self.engine.connect() as connection:
            await connection.run_sync(before_begin, mode)
            async with connection.begin():
                await connection.run_sync(after_begin, mode)
                yield connection

    def both(self) -> set[AsyncEngine]:
        """Give the engine."""
        return {self.engine}

    def leave(self) -> None:
        """See `Engines.leave`."""
        self.engine.sync_engine.dispose(close=False)
