"""Databases for benchmarks: a SQLite file in a temporary folder, and a PostgreSQL server with its durability on."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from benchmarks.stub import runner_of
from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    import convo


@contextlib.contextmanager
def sqlite_file() -> Iterator[Path]:
    """Give the path of a file that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="convo-bench-") as folder:
        yield Path(folder) / "chat.db"


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """Give the URL of an empty database: at `CONVO_TEST_POSTGRES_URL`, or on our own server with the settings it ships with."""
    if given := os.environ.get("CONVO_TEST_POSTGRES_URL"):
        with _database_on(given) as url:
            yield url
        return
    with postgres.server(settings=("max_connections=50",)) as url:
        yield url


@contextlib.contextmanager
def _database_on(server: str) -> Iterator[str]:
    """Make a database of our own on a server, and drop it afterwards."""
    name = f"convo_benchmark_{uuid4().hex}"
    url = make_url(server).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def settled(store: convo.Store) -> None:
    """Have a database do now what it would do sometime: SQLite's WAL goes into the file, PostgreSQL's statistics are taken."""
    engine = runner_of(store).engines.writing
    if engine.dialect.name == "sqlite":
        with contextlib.closing(sqlite3.connect(str(engine.url.database))) as connection:
            connection.execute("ANALYZE")
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    else:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
