"""LangChain: `SQLChatMessageHistory` on an engine that is given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_community.chat_message_histories import SQLChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy import create_engine

from benchmarks.peers import COMMITTED, FULL, Chat, Opened, careful
from benchmarks.stub import QUESTION, SAID, messages

if TYPE_CHECKING:
    import asyncio


def on_sqlite(place: str, runner: asyncio.Runner) -> Opened:
    """Open it on SQLite."""
    del runner
    return _over(careful(create_engine(f"sqlite:///{place}")), FULL)


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over psycopg."""
    del runner
    return _over(create_engine(place.replace("postgresql:", "postgresql+psycopg:")), COMMITTED)


def values(count: int) -> list[Any]:
    """Give so many messages as LangChain has them."""
    kinds = {"user": HumanMessage, "assistant": AIMessage}
    return [kinds[message["role"]](content=message["content"]) for message in messages(count)]


def turn() -> list[Any]:
    """Give the two messages of a turn."""
    return [HumanMessage(content=QUESTION), AIMessage(content=SAID)]


def _over(engine: Any, durability: str) -> Opened:
    def chat(count: int) -> Chat:
        history = SQLChatMessageHistory(uuid4().hex, connection=engine)
        if count:
            history.add_messages(values(count))
        return Chat(lambda: history.add_messages(turn()), history.get_messages)

    return Opened(durability, chat, engine.dispose)
