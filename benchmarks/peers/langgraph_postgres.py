"""LangGraph: `PostgresSaver`. A turn is one checkpoint with all messages so far; a graph writes several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import dict_row

from benchmarks.peers import COMMITTED, Opened
from benchmarks.peers.langgraph import chat_of

if TYPE_CHECKING:
    import asyncio


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it, over a connection as its `from_conn_string` makes it."""
    del runner
    connection = psycopg.connect(place, autocommit=True, prepare_threshold=0, row_factory=dict_row)
    connection.execute("SET lock_timeout = '30s'")  # its setup waits for every open transaction, of other libraries too
    saver = PostgresSaver(connection)
    saver.setup()
    return Opened(f"{COMMITTED}, one checkpoint a turn", lambda count: chat_of(saver, count), connection.close)
