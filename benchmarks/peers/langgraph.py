"""LangGraph: `SqliteSaver`. A turn is one checkpoint with all messages so far; a graph writes several."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver

from benchmarks.peers import FULL, Chat, Opened
from benchmarks.peers.langchain import turn, values

if TYPE_CHECKING:
    import asyncio


def on_sqlite(place: str, runner: asyncio.Runner) -> Opened:
    """Open it; it sets WAL itself."""
    del runner
    connection = sqlite3.connect(place, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA synchronous=FULL")
    saver = SqliteSaver(connection)
    saver.setup()
    return Opened(f"{FULL}, one checkpoint a turn", lambda count: chat_of(saver, count), connection.close)


def chat_of(saver: Any, count: int) -> Chat:
    """Give a thread of a saver, whose state is a list of so many messages."""
    config: dict[str, Any] = {"configurable": {"thread_id": uuid4().hex, "checkpoint_ns": ""}}
    said = values(count)
    step = 0

    def put() -> None:
        nonlocal config, step
        step += 1
        versions = {"messages": f"{step:032}"}
        checkpoint = {**empty_checkpoint(), "channel_values": {"messages": said}, "channel_versions": versions}
        config = saver.put(config, checkpoint, {"source": "loop", "step": step}, versions)

    def append() -> None:
        said.extend(turn())
        put()

    def load() -> object:
        return saver.get_tuple({"configurable": {**config["configurable"]}}).checkpoint["channel_values"]["messages"]

    put()
    return Chat(append, load)
