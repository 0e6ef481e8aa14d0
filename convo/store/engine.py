"""Engines, and how units of work run on them: one transaction each, errors typed, retried when that is safe."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from convo.errors import MissingDependency, StoreClosed, StoreNotFound, UnsupportedUrl
from convo.store.faults import may_retry, typed_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")
Durability = Literal["full", "relaxed"]
Mode = Literal["read", "write", "single"]
"""What a unit of work does: `single` is a write of one statement, which PostgreSQL runs without BEGIN and COMMIT."""

BUSY_TIMEOUT = 10_000
"""Milliseconds that SQLite waits for another writer."""
ATTEMPTS = 5
PATIENCE = 2.0
"""Seconds in total that retries of one unit of work may take."""


def parse_url(url: str | URL) -> URL:
    """Give the URL of a database that convo speaks. Raises `UnsupportedUrl`."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise UnsupportedUrl(str(url)) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UnsupportedUrl(parsed.render_as_string(hide_password=True))
    return parsed


def make_engine(url: URL, durability: Durability = "full") -> Engine:
    """Make an engine with the settings that the promises need. No connection is opened.

    Raises `MissingDependency` when the driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, durability)
    with driver_needed():
        return sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)


class driver_needed:  # noqa: N801 - reads as a phrase: with driver_needed()
    """Turn the absence of a PostgreSQL driver into `MissingDependency`."""

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Type the error."""
        if isinstance(error, ModuleNotFoundError):
            raise MissingDependency(error.name or "psycopg", "postgres", "a PostgreSQL store") from error


def _sqlite_engine(url: URL, durability: Durability) -> Engine:
    pool = {"pool_size": 1, "max_overflow": 0} if is_memory(url) else {"pool_size": 8, "max_overflow": 24}
    engine = sa.create_engine(
        url, poolclass=sa.pool.QueuePool, connect_args={"check_same_thread": False}, hide_parameters=True, **pool
    )
    synchronous = "FULL" if durability == "full" else "NORMAL"

    @event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT}", "journal_mode=WAL", f"synchronous={synchronous}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("convo_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def is_memory(url: URL) -> bool:
    """Say whether a SQLite URL names no file."""
    return url.database in (None, "", ":memory:")


def place_of(url: URL) -> str:
    """Give what to call a database in a message: the path, or the URL without its password."""
    if url.get_backend_name() == "sqlite" and not is_memory(url):
        return str(Path(url.database or "").absolute())
    return url.render_as_string(hide_password=True)


def check_file(url: URL) -> None:
    """Raise `StoreNotFound` when a SQLite URL names no file. The file is not opened: closing it would drop its locks."""
    if url.get_backend_name() == "sqlite" and not is_memory(url) and not Path(url.database or "").is_file():
        raise StoreNotFound(place_of(url))


class Runner:
    """Runs units of work, plain functions of a `Connection`, on an engine: each in one transaction.

    An engine with a pool that was used before a fork is noticed and its connections are left to the parent. `creates`
    says that the tables may be made when they are missing: in a file that a URL names, not in a caller's database.
    """

    def __init__(
        self, engine: Engine, *, place: str = "", schema: str | None = None, owned: bool = True, creates: bool = False
    ) -> None:
        self.place = place
        self.creates = creates
        self._owned = owned
        self._engine = engine
        self._pid = os.getpid()
        self._closed = False
        options: dict[str, Any] = {"convo_schema": schema, "convo_own_file": creates}
        self._modes = {
            "read": engine.execution_options(**options),
            "write": engine.execution_options(convo_writes=True, **options),
        }
        self._modes["single"] = self._modes["write"]
        if engine.dialect.name == "postgresql":
            alone = engine.execution_options(isolation_level="AUTOCOMMIT", **options)
            self._modes |= {"read": alone, "single": alone}

    def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; raises errors of convo only, after at most `ATTEMPTS` tries where that is safe."""
        engine = self._ready(mode)
        started = time.monotonic()
        with typed_errors(self.place):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with engine.begin() as connection:
                        return work(connection, *arguments, **named)
                except sa.exc.DBAPIError as error:
                    if attempt == ATTEMPTS or not may_retry(error) or time.monotonic() - started > PATIENCE:
                        raise
                    time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _ready(self, mode: Mode) -> Engine:
        if self._closed:
            raise StoreClosed
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._engine.dispose(close=False)
        return self._modes[mode]

    def must_exist(self) -> None:
        """Create nothing from now on. Raises `StoreNotFound` when the engine's URL names a SQLite file that is not there."""
        self.creates = False
        check_file(self._engine.url)

    def close(self) -> None:
        """Close the connections of an engine that we made; a caller's engine stays open."""
        self._closed = True
        if self._owned:
            self._engine.dispose()


class Within:
    """Runs units of work inside the caller's transaction, each behind a savepoint, so that an error leaves it usable."""

    def __init__(self, connection: Connection, *, schema: str | None = None) -> None:
        self.place = ""
        self.creates = False
        self._connection = connection.execution_options(convo_schema=schema) if schema else connection
        self._closed = False

    def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; the caller commits."""
        if self._closed:
            raise StoreClosed
        with typed_errors(self.place):
            _really_begin(self._connection, mode)
            with self._connection.begin_nested():
                return work(self._connection, *arguments, **named)

    def must_exist(self) -> None:
        """The caller's connection is there."""

    def close(self) -> None:
        """Refuse further work; the connection is the caller's."""
        self._closed = True


def _really_begin(connection: Connection, mode: Mode) -> None:
    """Python's sqlite3 begins no transaction for a savepoint: without this its release would commit."""
    if connection.dialect.name != "sqlite":
        return
    raw: Any = connection.connection.dbapi_connection
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode != "read" else "BEGIN")


def runner_for(source: str | URL | Engine, *, schema: str | None, durability: Durability) -> Runner:
    """Give the runner of a URL, whose engine we make, or of a caller's engine, whose settings stay as they are."""
    if isinstance(source, Engine):
        return Runner(source, place=place_of(source.url), schema=schema, owned=False)
    url = parse_url(source)
    return Runner(make_engine(url, durability), place=place_of(url), schema=schema, creates=url.get_backend_name() == "sqlite")
