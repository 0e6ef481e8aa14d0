"""What somebody writes by hand with the driver alone: a table of messages, and turns of two of them in a transaction.

Durability is that of the store beside it: WAL with `synchronous=FULL` or `NORMAL`, and a server's own `synchronous_commit`.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from benchmarks.stub import QUESTION, SAID, messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

TABLE = (
    "CREATE TABLE IF NOT EXISTS by_hand (conversation text, position bigint, role text, body text, created_at bigint,"
    " PRIMARY KEY (conversation, position))"
)
INSERT = "INSERT INTO by_hand VALUES (?, ?, ?, ?, ?)"
INSERT_PG = "INSERT INTO by_hand VALUES (%s, %s, %s, %s, %s)"
INSERT_BOTH_PG = "INSERT INTO by_hand VALUES (%s, %s, %s, %s, %s), (%s, %s, %s, %s, %s)"
INSERT_ASYNCPG = "INSERT INTO by_hand VALUES ($1, $2, $3, $4, $5)"

Row = tuple[str, int, str, str, int]


def opened(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open a SQLite file as an application would that cares for its data."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def sqlite(path: Path, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open a SQLite file that has the table."""
    connection = opened(path, synchronous)
    connection.execute(TABLE)
    return connection


def postgres(url: str) -> psycopg.Connection[Any]:
    """Connect to PostgreSQL."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(TABLE)
    return connection


def warmed(turn: Callable[[], object], times: int) -> Callable[[], object]:
    """Give a way once it was gone so many times."""
    for _ in range(times):
        turn()
    return turn


def rows(conversation: str | None = None, first: int = 1) -> Iterator[tuple[Row, Row]]:
    """Give turns of a conversation, a new one unless said, their bodies made of dicts as they are asked for."""
    conversation = conversation or uuid4().hex
    for position in itertools.count(first, 2):
        now = time.time_ns() // 1000
        yield (
            (conversation, position, "user", json.dumps({"role": "user", "content": QUESTION}), now),
            (conversation, position + 1, "assistant", json.dumps({"role": "assistant", "content": SAID}), now),
        )


def sqlite_turn(connection: sqlite3.Connection) -> Callable[[], object]:
    """BEGIN, two INSERTs, COMMIT."""
    turns = rows()

    def turn() -> None:
        question, answer = next(turns)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(INSERT, question)
        connection.execute(INSERT, answer)
        connection.execute("COMMIT")

    return turn


def sqlite_two_commits(connection: sqlite3.Connection) -> Callable[[], object]:
    """BEGIN, INSERT, COMMIT, and once more: what surrounds a call of a model."""
    turns = rows()

    def turn() -> None:
        for row in next(turns):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(INSERT, row)
            connection.execute("COMMIT")

    return turn


def postgres_turn(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    """BEGIN, two INSERTs, COMMIT."""
    turns = rows()

    def turn() -> None:
        question, answer = next(turns)
        with connection.transaction():
            connection.execute(INSERT_PG, question)
            connection.execute(INSERT_PG, answer)

    return turn


def postgres_turn_at_once(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    """One INSERT of both rows, which is its own transaction."""
    turns = rows()

    def turn() -> None:
        question, answer = next(turns)
        connection.execute(INSERT_BOTH_PG, (*question, *answer))

    return turn


def postgres_two_commits(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    """BEGIN, INSERT, COMMIT, and once more."""
    turns = rows()

    def turn() -> None:
        for row in next(turns):
            with connection.transaction():
                connection.execute(INSERT_PG, row)

    return turn


def postgres_two_statements(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    """Two INSERTs, each its own transaction."""
    turns = rows()

    def turn() -> None:
        for row in next(turns):
            connection.execute(INSERT_PG, row)

    return turn


def aiosqlite_turn(connection: Any) -> Callable[[], Awaitable[object]]:
    """BEGIN, two INSERTs, COMMIT, awaited."""
    turns = rows()

    async def turn() -> None:
        question, answer = next(turns)
        await connection.execute("BEGIN IMMEDIATE")
        await connection.execute(INSERT, question)
        await connection.execute(INSERT, answer)
        await connection.execute("COMMIT")

    return turn


def psycopg_async_turn(connection: Any) -> Callable[[], Awaitable[object]]:
    """BEGIN, two INSERTs, COMMIT, awaited."""
    turns = rows()

    async def turn() -> None:
        question, answer = next(turns)
        async with connection.transaction():
            await connection.execute(INSERT_PG, question)
            await connection.execute(INSERT_PG, answer)

    return turn


def asyncpg_turn(connection: Any) -> Callable[[], Awaitable[object]]:
    """BEGIN, two INSERTs, COMMIT, awaited."""
    turns = rows()

    async def turn() -> None:
        question, answer = next(turns)
        async with connection.transaction():
            await connection.execute(INSERT_ASYNCPG, *question)
            await connection.execute(INSERT_ASYNCPG, *answer)

    return turn


def filled(count: int) -> list[Row]:
    """Give the rows of a new conversation of so many messages."""
    conversation, made = uuid4().hex, enumerate(messages(count), 1)
    return [(conversation, position, message["role"], json.dumps(message), position) for position, message in made]
