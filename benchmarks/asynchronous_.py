"""What do the async ways cost, against the raw async drivers, and on SQLite against our sync ways?

A turn is two messages in a transaction; a request is assembled from 1,000 messages of text.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiosqlite
import asyncpg
import psycopg

import convo
from benchmarks import by_hand
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import Stub, messages
from benchmarks.turns import appending, appending_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from benchmarks.side_by_side import Found

ROUNDS = 30
SYNC, ASYNC = "convo, sync", "convo, async"


def run(effort: Effort) -> Found:
    """Compare on SQLite, and on PostgreSQL by both drivers."""
    with asyncio.Runner() as runner:
        yield from _on_sqlite(runner, effort)
        with postgres_url() as url:
            with convo.Store(url) as store, by_hand.postgres(url):
                store.upgrade()
            yield from _on_postgres(runner, effort, url, "psycopg")
            yield from _on_postgres(runner, effort, url, "asyncpg")


def _on_sqlite(runner: asyncio.Runner, effort: Effort) -> Found:
    count = effort.of(1_000, 1_000, 20)
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        plain = path.with_name("by_hand.db")
        by_hand.sqlite(plain).close()
        raw, chat = runner.run(_aiosqlite(plain)), store.create()
        others = runner.run(_opened(f"sqlite:///{path}"))
        hand = "raw: aiosqlite"
        ways: dict[str, Callable[[], object]] = {
            SYNC: appending(chat),
            hand: by_hand.aiosqlite_turn(raw),
            ASYNC: appending_async(runner.run(others.create())),
        }
        what = "append a turn, SQLite, synchronous=FULL, async"
        yield Ways(what, ways, {ASYNC: 2}, (SYNC, hand), ROUNDS, 10, runner=runner)
        said = messages(count)
        loads: dict[str, Callable[[], object]] = {
            SYNC: _request(store.create(messages=said)),
            ASYNC: _request_async(runner.run(others.create(messages=said))),
        }
        yield Ways(f"a request of {count:,} messages, SQLite, async", loads, {ASYNC: 2}, rounds=ROUNDS, batch=4, runner=runner)
        runner.run(raw.close())
        runner.run(others.close())


async def _aiosqlite(path: Path) -> aiosqlite.Connection:
    raw = await aiosqlite.connect(path, isolation_level=None)
    await raw.execute("PRAGMA synchronous=FULL")
    return raw


async def _opened(url: str) -> convo.AsyncStore:
    store = convo.AsyncStore(url)
    await store.create()  # looks at the tables
    return store


def _on_postgres(runner: asyncio.Runner, effort: Effort, url: str, driver: str) -> Found:
    count = effort.of(1_000, 1_000, 20)
    by_psycopg = driver == "psycopg"
    hand = f"raw: {driver}"
    raw = runner.run(_psycopg(url) if by_psycopg else asyncpg.connect(url))
    others = runner.run(_opened(url.replace("postgresql:", f"postgresql+{driver}:")))
    turn = by_hand.psycopg_async_turn if by_psycopg else by_hand.asyncpg_turn
    ways = {hand: turn(raw), ASYNC: appending_async(runner.run(others.create()))}
    yield Ways(f"append a turn, PostgreSQL, {driver}, async", ways, {ASYNC: 1.4}, rounds=ROUNDS, batch=10, runner=runner)
    chat = runner.run(others.create(messages=messages(count)))
    loads = {f"{hand}, and json.loads": _bodies(raw, chat, by_psycopg=by_psycopg), ASYNC: _request_async(chat)}
    what = f"a request of {count:,} messages, PostgreSQL, {driver}, async"
    yield Ways(what, loads, {ASYNC: 1.4}, rounds=ROUNDS, batch=4, runner=runner)
    runner.run(raw.close())
    runner.run(others.close())


async def _psycopg(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


def _bodies(raw: Any, chat: convo.AsyncConversation, *, by_psycopg: bool) -> Callable[[], Awaitable[object]]:
    query = "SELECT body FROM convo_message WHERE owner = '' AND branch = {} ORDER BY position"
    branch = chat._place.found.branch

    async def load() -> object:
        if by_psycopg:
            rows = await (await raw.execute(query.format("%s"), (branch,))).fetchall()
        else:
            rows = await raw.fetch(query.format("$1"), branch)
        return [json.loads(row[0]) for row in rows]

    return load


def _request(chat: convo.Conversation) -> Callable[[], object]:
    return lambda: chat.request("gpt-5.5", client=Stub())


def _request_async(chat: convo.AsyncConversation) -> Callable[[], Awaitable[object]]:
    async def request() -> object:
        return await chat.request("gpt-5.5", client=Stub())

    return request
