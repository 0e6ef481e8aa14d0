"""openai-agents: `SQLiteSession`, which sets WAL itself, and `SQLAlchemySession` on an engine that is given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from agents import SQLiteSession
from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers import COMMITTED, FULL, Chat, Opened, careful
from benchmarks.stub import QUESTION, SAID, messages

if TYPE_CHECKING:
    import asyncio

TURN = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": SAID}]


def sqlite_session(place: str, runner: asyncio.Runner) -> Opened:
    """Open `SQLiteSession`."""
    return Opened(FULL, lambda count: _chat(SQLiteSession(uuid4().hex, place), count, runner))


def sqlalchemy_on_sqlite(place: str, runner: asyncio.Runner) -> Opened:
    """Open `SQLAlchemySession` over aiosqlite."""
    return _over(careful(create_async_engine(f"sqlite+aiosqlite:///{place}")), FULL, runner)


def sqlalchemy_on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open `SQLAlchemySession` over asyncpg, as its documentation does."""
    return _over(create_async_engine(place.replace("postgresql:", "postgresql+asyncpg:")), COMMITTED, runner)


def _over(engine: Any, durability: str, runner: asyncio.Runner) -> Opened:
    def chat(count: int) -> Chat:
        return _chat(SQLAlchemySession(uuid4().hex, engine=engine, create_tables=True), count, runner)

    return Opened(durability, chat, lambda: runner.run(engine.dispose()))


def _chat(session: Any, count: int, runner: asyncio.Runner) -> Chat:
    if count:
        runner.run(session.add_items(messages(count)))

    async def append() -> None:
        await session.add_items(TURN)

    async def load() -> object:
        return await session.get_items()

    return Chat(append, load)
