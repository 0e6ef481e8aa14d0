"""langchain-postgres: `PostgresChatMessageHistory`, over a psycopg connection that is given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from langchain_postgres import PostgresChatMessageHistory

from benchmarks.peers import COMMITTED, Chat, Opened
from benchmarks.peers.langchain import turn, values

if TYPE_CHECKING:
    import asyncio

TABLE = "chat_history"


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it."""
    del runner
    connection = psycopg.connect(place)
    PostgresChatMessageHistory.create_tables(connection, TABLE)

    def chat(count: int) -> Chat:
        history = PostgresChatMessageHistory(TABLE, str(uuid4()), sync_connection=connection)
        if count:
            history.add_messages(values(count))
        return Chat(lambda: history.add_messages(turn()), history.get_messages)

    return Opened(COMMITTED, chat, connection.close)
