"""How long does a new process take to go on with a conversation, in a store of 1,000,000 messages?

Whole processes on the clock, with the start of the interpreter: by hand SQLAlchemy is imported and one query is run by the
driver; ours opens the store, gets the conversation of 100 messages and assembles its request.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import messages, runner_of
from convo.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Found

LENGTH = 100
"""Messages of a conversation."""
ALONE, WITH_SQLALCHEMY, OURS = "raw: the driver alone", "raw: import sqlalchemy, and the driver", "convo"

SQLITE = """
import json, sqlite3
connection = sqlite3.connect({place!r})
query = "SELECT body FROM convo_message WHERE owner = '' AND branch = ? ORDER BY position"
found = [json.loads(body) for (body,) in connection.execute(query, (bytes.fromhex({id!r}),))]
assert len(found) == {length}
"""
POSTGRES = """
import json, psycopg
connection = psycopg.connect({place!r})
query = "SELECT body FROM convo_message WHERE owner = '' AND branch = %s ORDER BY position"
found = [json.loads(body) for (body,) in connection.execute(query, ({id!r},))]
assert len(found) == {length}
"""
CONVO = """
import convo
with convo.Store({place!r}) as store:
    found = store.get({id!r}).request("gpt-5.5")
assert len(found["messages"]) == {length}
"""


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    count = effort.of(1_000_000, 100_000, 1_000)
    with sqlite_file() as path:
        with convo.Store(f"sqlite:///{path}") as store:
            chat = fill(store, count // LENGTH)
        yield _compared("SQLite", count, SQLITE.format(place=str(path), id=chat.hex, length=LENGTH), f"sqlite:///{path}", chat)
    with postgres_url() as url:
        with convo.Store(url) as store:
            store.upgrade()
            chat = fill(store, count // LENGTH)
        yield _compared("PostgreSQL", count, POSTGRES.format(place=url, id=str(chat), length=LENGTH), url, chat)


def fill(store: convo.Store, conversations: int) -> UUID:
    """Copy a conversation in the database, over and over; give the id of one of the copies, which is of its branch, too."""
    chat = store.create(messages=messages(LENGTH))
    first = chat._place.found.branch
    with runner_of(store).engines.writing.begin() as connection:
        sqlite = connection.dialect.name == "sqlite"
        last = (since := secrets.randbelow(10**12)) + conversations
        series = (
            f"WITH RECURSIVE n(i) AS (SELECT {since + 1} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
            if sqlite
            else f"WITH n AS (SELECT generate_series({since + 1}, {last}) AS i)"
        )
        new_id = "CAST(printf('%016d', i) AS BLOB)" if sqlite else "lpad(to_hex(i), 32, '0')::uuid"
        for table, ids, key in (
            (tables.conversation, ("id", "branch"), chat.id),
            (tables.branch, ("id", "conversation"), first),
            (tables.segment, ("branch", "source"), first),
            (tables.message, ("branch",), first),
        ):
            names = [column.name for column in table.columns]
            chosen = ", ".join(new_id if name in ids else f't."{name}"' for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            same = f"t.{ids[0]} = {'?' if sqlite else '$1'}"
            statement = (
                f"INSERT INTO {table.name} ({columns}) {series} SELECT {chosen} FROM n CROSS JOIN {table.name} t WHERE {same}"
            )
            connection.exec_driver_sql(statement, (key.bytes if sqlite else key,))
    settled(store)
    middle = since + max(1, conversations // 2)
    return UUID(bytes=f"{middle:016d}".encode()) if sqlite else UUID(int=middle)


def _compared(database: str, count: int, by_hand: str, url: str, chat: UUID) -> Ways:
    ways = {
        WITH_SQLALCHEMY: _process(f"import sqlalchemy{by_hand}"),
        ALONE: _process(by_hand),
        OURS: _process(CONVO.format(place=url, id=str(chat), length=LENGTH)),
    }
    what = f"resume in a new process, {count:,} messages, {database}"
    return Ways(what, ways, {OURS: 1.3}, (WITH_SQLALCHEMY, ALONE), rounds=24)


def _process(program: str) -> Callable[[], Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", program], check=True, env=environment)
