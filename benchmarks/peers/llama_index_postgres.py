"""LlamaIndex: `PostgresChatStore`, which keeps a conversation in one row and appends a message at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from llama_index.storage.chat_store.postgres import PostgresChatStore

from benchmarks.peers import COMMITTED, Chat, Opened
from benchmarks.peers.llama_index import turn, values

if TYPE_CHECKING:
    import asyncio


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over psycopg."""
    del runner
    urls = (place.replace("postgresql:", f"postgresql+{driver}:") for driver in ("psycopg", "asyncpg"))
    store = PostgresChatStore.from_params(**dict(zip(("connection_string", "async_connection_string"), urls, strict=True)))

    def chat(count: int) -> Chat:
        key = uuid4().hex
        if count:
            store.set_messages(key, values(count))

        def append() -> None:
            for message in turn():
                store.add_message(key, message)

        return Chat(append, lambda: store.get_messages(key))

    return Opened(COMMITTED, chat)
