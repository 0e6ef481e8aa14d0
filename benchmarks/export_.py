"""What do a million messages cost as tables and as Parquet, against the fastest other ways to the same rows?

The messages stand in 50,000 conversations of 20, of 300 owners in a year. The other ways read the same columns of the table
itself, without turns, forks, or calls of tools: `polars.read_database_uri` (ADBC) into a frame, and ADBC through DuckDB into
Parquet. Memory is the most that was resident in a process that does one thing.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

import convo
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import Effort, Figure
from benchmarks.stub import runner_of
from convo.canonical import digest, encode
from convo.store import tables
from convo.store.log import END

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.side_by_side import Found

CONVERSATIONS, MESSAGES, OWNERS = 50_000, 20, 300
DAY = 86_400_000_000
BEGAN, DAYS = 1_735_689_600_000_000, 365
"""2025-01-01, and for how many days messages were written."""
BATCH = 1_000
WORDS = ("the", "dog", "is", "loyal", "and", "a", "good", "friend", "of", "every", "family", "that", "has", "time", "for", "it")
MODEL = "gpt-audio-1.5"


def conversations(count: int) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Give the rows of conversations, `BATCH` at a time, by table."""
    chance = random.Random(7)
    for start in range(0, count, BATCH):
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("conversation", "branch", "segment", "message")}
        for number in range(start, min(start + BATCH, count)):
            _add(found, number, chance)
        yield found


def _add(found: dict[str, list[dict[str, Any]]], number: int, chance: random.Random) -> None:
    owner, id_, branch = f"customer-{number % OWNERS}", UUID(int=number << 64), UUID(int=(number << 64) + 1)
    began = BEGAN + number * DAYS * DAY // CONVERSATIONS
    found["conversation"].append({"owner": owner, "id": id_, "branch": branch, "created_at": began})
    found["branch"].append(
        {"owner": owner, "id": branch, "conversation": id_, "head": MESSAGES, "attempt": 0, "created_at": began, "state": "shown"}
    )
    found["segment"].append({"owner": owner, "branch": branch, "first": 1, "last": END, "source": branch})
    for position in range(1, MESSAGES + 1):
        asked = position % 2 == 1
        text = " ".join(chance.choices(WORDS, k=chance.randrange(5, 45)))
        body = encode({"role": "user" if asked else "assistant", "content": text})
        found["message"].append(
            {
                "owner": owner, "branch": branch, "position": position, "kind": "message",
                "role": "user" if asked else "assistant", "body": body, "hash": digest(body), "status": "complete",
                "api": "chat", "model": None if asked else MODEL, "text": text, "created_at": began + position * 8_000_000,
                "exchange": UUID(int=(number << 64) + (position + 1) // 2 + 1), "pinned": False, "pieces": 0,
                "text_tokens": None if asked else len(text) // 4, "audio_tokens": None if asked else 0, "metadata": None,
            }
        )  # fmt: skip


def fill(store: convo.Store, count: int) -> None:
    """Write so many conversations."""
    runner = runner_of(store)

    def written(connection: Any, rows: dict[str, list[dict[str, Any]]]) -> None:
        for name, several in rows.items():
            connection.execute(sa.insert(getattr(tables, name)), several)

    for rows in conversations(count):
        runner.run(written, rows, mode="write")
    with runner.engines.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE")


COLUMNS = (
    "owner", "branch", "position", "role", "kind", "status", "text", "created_at", "model", "api", "exchange", "pieces",
    "text_tokens", "audio_tokens", "pinned", "metadata",
)  # fmt: skip
PLAIN = f"SELECT {', '.join(COLUMNS)} FROM convo_message"


def frame(url: str, count: int) -> None:
    """Make a polars frame of all messages by `tables()`."""
    with convo.Store.existing(url) as store:
        assert store.everyone().tables().messages.to_polars().height == count * MESSAGES


def frame_otherwise(url: str, count: int) -> None:
    """Make a polars frame of the rows of the table."""
    import polars as pl  # here, for the memory of the other ways is measured, too

    assert pl.read_database_uri(PLAIN, url, engine="adbc").height == count * MESSAGES


def parquet(url: str, count: int) -> None:
    """Export all messages to Parquet."""
    with tempfile.TemporaryDirectory() as folder, convo.Store.existing(url) as store:
        done = store.everyone().export(Path(folder) / "out", tables="messages")
        assert done.rows == {"messages": count * MESSAGES}


def parquet_otherwise(url: str, count: int) -> None:
    """Write the rows of the table to Parquet, partitioned by month, by DuckDB from ADBC."""
    import duckdb

    del count
    dbapi = __import__(f"adbc_driver_{'sqlite' if url.startswith('sqlite') else 'postgresql'}.dbapi", fromlist=["dbapi"])
    where, month = url.removeprefix("sqlite:///"), "make_timestamp(created_at)" if url.startswith("sqlite") else "created_at"
    select = f"SELECT *, strftime({month}, '%Y-%m') AS month FROM rows"
    with tempfile.TemporaryDirectory() as folder, dbapi.connect(where) as connection, connection.cursor() as cursor:
        cursor.execute(PLAIN)
        rows = cursor.fetch_record_batch()
        duckdb.sql(f"COPY ({select}) TO '{folder}/out' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month))")
        del rows


WAYS: dict[str, Callable[[str, int], None]] = {
    "frame": frame, "frame_otherwise": frame_otherwise, "parquet": parquet, "parquet_otherwise": parquet_otherwise,
}  # fmt: skip
_CHILD = """
import resource, sys, time
from benchmarks import export_
started = time.perf_counter()
export_.WAYS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
seconds = time.perf_counter() - started
most = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(seconds, most / (1024 * 1024 if sys.platform == "darwin" else 1024))
"""


def measured(way: str, url: str, count: int) -> tuple[float, float]:
    """Give the seconds that a way takes in a process of its own, its packages compiled before, and its megabytes at most."""
    command = [sys.executable, "-c", _CHILD, way, url, str(count)]
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=compiled)
    seconds, most = map(float, done.stdout.split()[-2:])  # behind the progress bar of DuckDB
    return seconds, most


OTHERWISE = "the table alone, by ADBC"
GOALS = {"frame": 1.3, "parquet": 1.2}
MEMORY = 500.0
"""Megabytes at most, of a million messages."""


def _compared(database: str, url: str, count: int, times: int) -> Found:
    for way, goal in GOALS.items():
        both = [(measured(way, url, count), measured(f"{way}_otherwise", url, count)) for _ in range(times)]
        what = f"{count * MESSAGES:,} messages as {'a polars frame' if way == 'frame' else 'Parquet by month'}, {database}"
        yield Figure(what=what, way=OTHERWISE, value=statistics.median(others for _, (others, _) in both))
        ratio = statistics.median(ours / others for (ours, _), (others, _) in both)
        seconds = statistics.median(ours for (ours, _), _ in both)
        yield Figure(what=what, way="convo", value=seconds, ratios={OTHERWISE: ratio}, goal=goal)
        most = max(most for (_, most), _ in both)
        yield Figure(what=what, way="convo: memory at most", value=most, unit="MB", goal=MEMORY if way == "parquet" else None)


def run(effort: Effort) -> Found:
    """Compare on both databases, each way in processes of its own, in turn."""
    count, times = effort.of(CONVERSATIONS, CONVERSATIONS // 10, 5), effort.of(3, 3, 1)
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
        fill(store, count)
        yield from _compared("SQLite", f"sqlite:///{path}", count, times)
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        fill(store, count)
        yield from _compared("PostgreSQL", url, count, times)
