"""Other libraries that keep conversations, each behind a small adapter: a module here, imported only when it is asked for.

A peer's module needs its package: `uv run --group peers`. Each is used as its own documentation does, with the durability that
it lets one choose; what that is, it says.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    Turn = Callable[[], object] | Callable[[], Awaitable[object]]

FULL = "WAL, synchronous=FULL"
COMMITTED = "synchronous_commit=on"


@attrs.frozen
class Chat:
    """A conversation at a peer: what appends a turn of two messages, and what loads all of it and gives a sized thing."""

    append: Turn
    load: Turn


@attrs.frozen
class Opened:
    """A peer on a database: `chat` makes a conversation of so many messages."""

    durability: str
    chat: Callable[[int], Chat]
    close: Callable[[], object] = lambda: None


@attrs.frozen
class Peer:
    """A library, and the function of its adapter that opens it at a path or a URL; async ones use the loop of the runner."""

    name: str
    database: Literal["SQLite", "PostgreSQL"]
    adapter: str

    def open(self, place: str, runner: asyncio.Runner) -> Opened:
        """Open it. Raises `ImportError` where it is not installed, and whatever else it raises."""
        module, function = self.adapter.split(":")
        opened: Opened = getattr(importlib.import_module(f"benchmarks.peers.{module}"), function)(place, runner)
        return opened


PEERS = (
    Peer("openai-agents SQLiteSession", "SQLite", "openai_agents:sqlite_session"),
    Peer("openai-agents SQLAlchemySession", "SQLite", "openai_agents:sqlalchemy_on_sqlite"),
    Peer("LangChain SQLChatMessageHistory", "SQLite", "langchain:on_sqlite"),
    Peer("LlamaIndex SQLAlchemyChatStore", "SQLite", "llama_index:on_sqlite"),
    Peer("LangGraph SqliteSaver", "SQLite", "langgraph:on_sqlite"),
    Peer("google-adk DatabaseSessionService", "SQLite", "google_adk:on_sqlite"),
    Peer("LangGraph PostgresSaver", "PostgreSQL", "langgraph_postgres:on_postgres"),
    Peer("openai-agents SQLAlchemySession", "PostgreSQL", "openai_agents:sqlalchemy_on_postgres"),
    Peer("LangChain SQLChatMessageHistory", "PostgreSQL", "langchain:on_postgres"),
    Peer("langchain-postgres", "PostgreSQL", "langchain_postgres:on_postgres"),
    Peer("LlamaIndex SQLAlchemyChatStore", "PostgreSQL", "llama_index:on_postgres"),
    Peer("LlamaIndex PostgresChatStore", "PostgreSQL", "llama_index_postgres:on_postgres"),
    Peer("google-adk DatabaseSessionService", "PostgreSQL", "google_adk:on_postgres"),
)


def careful(engine: Any) -> Any:
    """Have a SQLAlchemy engine of SQLite, sync or async, open its connections with WAL and `synchronous=FULL`."""
    from sqlalchemy import event

    def pragmas(connection: Any, record: object) -> None:
        del record
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(getattr(engine, "sync_engine", engine), "connect", pragmas)
    return engine
