"""Cancellation storms: turns are cancelled at any await, and what became of each is asked by its key.

A cancelled turn is whole or not there, and the next call with its key settles which. Afterwards nothing is left: no connection,
no thread, no task, no writer that waits.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.testing import FakeAPI
from tests.faults.checker import Acknowledged, check, entries
from tests.faults.echo import MODEL, AsyncEcho
from tests.faults.edge import driver_url
from tests.support.postgres import server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DRIVERS = ("asyncpg", "psycopg async", "sqlite")
TURNS = 50
"""Turns of one conversation, so that reading it stays cheap."""
WRITERS = 8
STALL = 5.0
"""Seconds after which a call stands for a frozen writer; SQLite's busy timeout is 10."""
NAME = "convo-cancels"


class BoomError(Exception):
    """A sibling in a task group fails."""


async def _cancelled(work: Awaitable[Any], after: float) -> Any:
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    await _wait(after)
    task.cancel()
    return await task


async def _cancelled_twice(work: Awaitable[Any], after: float) -> Any:
    task: asyncio.Future[Any] = asyncio.ensure_future(work)
    await _wait(after)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    return await task


async def _timed_out(work: Awaitable[Any], after: float) -> Any:
    async with asyncio.timeout(after):
        return await work


async def _in_a_failing_group(work: Awaitable[Any], after: float) -> Any:
    async def sibling() -> None:
        await _wait(after)
        raise BoomError

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)  # type: ignore[arg-type, var-annotated]  # a coroutine
        group.create_task(sibling())
    return task.result()


WAYS: tuple[Callable[[Awaitable[Any], float], Awaitable[Any]], ...] = (
    _cancelled, _cancelled_twice, _timed_out, _in_a_failing_group,
)  # fmt: skip


async def _wait(seconds: float) -> None:
    """Wait for turns of the loop where the time is short: an await is one of them."""
    if seconds < 0.002:  # noqa: PLR2004 - below what the loop's clock can tell
        for _ in range(int(seconds * 20_000)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(seconds)


@attrs.define
class Storm:
    """What was cancelled, and what it left."""

    counts: Counter[str] = attrs.field(factory=Counter)
    problems: list[str] = attrs.field(factory=list)
    slowest: float = 0.0


@attrs.define
class Streaming:
    """An API that streams, and its client. Every answer begins with a word of its own: what was cut off is told apart, too."""

    fake: FakeAPI
    client: Any
    asked: int = 0

    def next(self) -> Any:
        """Give the client, for which an answer is ready."""
        self.asked += 1
        self.fake.will_reply(f"({self.asked}) is an answer of some words.")
        return self.client


async def storm(url: str, times: int, seed: int = 0, **options: Any) -> Storm:
    """Cancel `times` turns of several writers of one store at random awaits."""
    found = Storm()
    chance = random.Random(seed)  # noqa: S311 - no secret
    tasks, threads = set(asyncio.all_tasks()), set(threading.enumerate())
    fake = FakeAPI()
    client = fake.async_client()
    api = Streaming(fake, client)
    async with convo.AsyncStore(url, **options) as store:
        share = -(-times // WRITERS)
        await asyncio.gather(*(_writer(store, api, share, random.Random(chance.random()), found) for _ in range(WRITERS)))  # noqa: S311
        await _nothing_held(store, found)
    await client.close()
    left = {task for task in asyncio.all_tasks() - tasks if not task.done()}
    found.problems += [f"a task is left: {task!r}" for task in left]
    for thread in set(threading.enumerate()) - threads:
        if thread.name.startswith("convo"):
            thread.join(STALL)
            found.problems += [f"a thread is left: {thread.name}"] * thread.is_alive()
    return found


async def _writer(store: Any, streaming: Streaming, times: int, chance: random.Random, found: Storm) -> None:
    echo = AsyncEcho()
    for start in range(0, times, TURNS):
        chat = await store.create()
        told: list[Acknowledged] = []
        number = min(TURNS, times - start)
        for turn in range(number):
            text, key = f"question {turn}", f"key-{turn}"
            with_stream = chance.random() < 0.1  # noqa: PLR2004 - a tenth
            await _cancel_one(chat, streaming.next() if with_stream else echo, text, key, chance, found, stream=with_stream)
            reply = await _settled(chat, echo, text, key, found)
            if reply is not None:
                told.append(Acknowledged(key, text, reply.text, reply.message.position))
        log = entries(await chat.history())
        found.problems += check(log, told).problems
        found.counts["turns"] += len(told)


async def _cancel_one(
    chat: Any, client: Any, text: str, key: str, chance: random.Random, found: Storm, *, stream: bool
) -> None:  # fmt: skip
    way, after = chance.choice(WAYS), chance.random() ** 3 * 0.05
    work = _streamed(chat, client, text, key) if stream else chat.send(client, text, model=MODEL, key=key)
    try:
        await way(work, after)
    except (asyncio.CancelledError, TimeoutError, BaseExceptionGroup) as error:
        if isinstance(error, convo.ConvoError):
            found.problems.append(f"cancelled, and {error!r}")
        found.counts["cancels"] += 1
        found.counts["streams"] += stream
    except convo.ConvoError as error:
        found.problems.append(f"not cancelled, but {error!r}")
    else:
        found.counts["too late"] += 1


async def _streamed(chat: Any, client: Any, text: str, key: str) -> None:
    async with chat.stream(client, text, model=MODEL, key=key) as stream:
        async for _ in stream:
            await asyncio.sleep(0)


async def _settled(chat: Any, client: Any, text: str, key: str, found: Storm) -> Any:
    """Ask what became of a turn by its key."""
    started = time.monotonic()
    try:
        return await chat.send(client, text, model=MODEL, key=key)
    except convo.ConvoError as error:
        found.counts["unknown"] += 1
        found.problems.append(f"{key} is not settled: {error!r}")
    finally:
        seconds = time.monotonic() - started
        found.slowest = max(found.slowest, seconds)
        if seconds > STALL:
            found.problems.append(f"a writer stood for {seconds:.1f} s")
    return None


async def _nothing_held(store: Any, found: Storm) -> None:
    runner = store._driver.runner
    if hasattr(runner, "_runner"):
        runner = runner._runner
    for engine in runner.engines.both():
        pool = engine.pool
        if held := pool.checkedout():
            found.problems.append(f"{held} connections are held")
    if any(engine.dialect.name == "postgresql" for engine in runner.engines.both()):
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"
        alive = await runner.run(lambda connection: connection.exec_driver_sql(query.replace("%s", f"'{NAME}'")).scalar_one())
        size = next(iter(runner.engines.both())).pool.checkedin()
        if alive > size:
            found.problems.append(f"the server has {alive} connections, the pool {size}")


def storm_of(url: str, driver: str, times: int, seed: int = 0, **options: Any) -> Storm:
    """Make a storm over a driver; for "sqlite" the URL is of a file."""
    if driver != "sqlite":
        named = {"application_name": NAME} if driver != "asyncpg" else {}
        import sqlalchemy as sa

        url = sa.engine.make_url(driver_url(url, driver)).update_query_dict(named).render_as_string(hide_password=False)
    return asyncio.run(storm(url, times, seed, **options))


def run(times: int) -> str:
    """Cancel `times` turns over each async driver."""
    with ProcessPoolExecutor(len(DRIVERS), get_context("spawn")) as pool:
        return "\n".join(pool.map(_line, DRIVERS, [times] * len(DRIVERS)))


def _line(driver: str, times: int) -> str:
    found = _stormed(driver, times)
    if found.problems:
        raise AssertionError(f"{driver}: {len(found.problems)} problems: {found.problems[:10]}")
    counts = found.counts
    return (
        f"{driver}: {counts['cancels']:,} of {counts['turns']:,} turns cancelled at random awaits ({counts['streams']:,} "
        f"streams), 0 unknown outcomes, 0 lost or double, 0 connections, threads or tasks left; the slowest call with the "
        f"key afterwards took {found.slowest * 1000:,.0f} ms"
    )


def _stormed(driver: str, times: int) -> Storm:
    if driver == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            return storm_of(f"sqlite:///{Path(folder) / 'chat.db'}", driver, times)
    with server(("max_connections=50", "fsync=off", "log_min_messages=fatal")) as url:
        with convo.Store(url) as store:
            store.upgrade()
        return storm_of(url, driver, times)
