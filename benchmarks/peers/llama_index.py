"""LlamaIndex: `SQLAlchemyChatStore` on an engine that is given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers import COMMITTED, FULL, Chat, Opened, careful
from benchmarks.stub import QUESTION, SAID, messages

if TYPE_CHECKING:
    import asyncio

_AT_ONCE = 1_000
"""Messages of one INSERT: it has parameters for each, and SQLite takes only so many."""


def on_sqlite(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over aiosqlite."""
    return _over(careful(create_async_engine(f"sqlite+aiosqlite:///{place}")), FULL, runner)


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over asyncpg."""
    return _over(create_async_engine(place.replace("postgresql:", "postgresql+asyncpg:")), COMMITTED, runner)


def values(count: int) -> list[Any]:
    """Give so many messages as LlamaIndex has them."""
    return [ChatMessage(role=message["role"], content=message["content"]) for message in messages(count)]


def turn() -> list[Any]:
    """Give the two messages of a turn."""
    return [ChatMessage(role="user", content=QUESTION), ChatMessage(role="assistant", content=SAID)]


def _over(engine: Any, durability: str, runner: asyncio.Runner) -> Opened:
    store = SQLAlchemyChatStore(table_name="chats", async_engine=engine)

    def chat(count: int) -> Chat:
        key, said = uuid4().hex, values(count)
        for start in range(0, count, _AT_ONCE):
            runner.run(store.add_messages(key, said[start : start + _AT_ONCE]))

        async def append() -> None:
            await store.add_messages(key, turn())

        async def load() -> object:
            return await store.get_messages(key)

        return Chat(append, load)

    return Opened(durability, chat, lambda: runner.run(engine.dispose()))
