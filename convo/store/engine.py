"""Engines, and how units of work run on them: one transaction each, errors typed, retried when that is safe."""

from __future__ import annotations

import os
import random
import re
import sys
import time
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url

from convo.checks import check_choice, check_type
from convo.errors import (
    ConflictingArguments,
    StoreBusy,
    StoreClosed,
    StoreNotFound,
    StoreReplaced,
    TransactionOver,
    UnsupportedUrl,
)
from convo.sealing.keyring import PLAIN
from convo.store import schema
from convo.store.direct import OURS
from convo.store.faults import code_of, may_retry, note_again, typed_errors
from convo.store.postgres import ALONE, SNAPSHOT, WHOLE, driver_needed, mind_the_server, paramstyle, ping_without_asking
from convo.store.sqlite import READS, WRITES, begin_with, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy.ext.asyncio import AsyncEngine

    from convo.errors import Committed
    from convo.sealing.keyring import Plain
    from convo.store.files import File

T = TypeVar("T")
E = TypeVar("E", bound="Engine | AsyncEngine")
Durability = Literal["full", "relaxed"]
Mode = Literal["read", "snapshot", "write", "single"]
"""What a unit of work does: `snapshot` reads by several statements what was there at one moment, as `read` does on SQLite alone;
`single` is a write of one statement, which PostgreSQL runs without BEGIN and COMMIT."""
READING = ("read", "snapshot")

_REDACTED = re.compile(r"://.*@")
BUSY_TIMEOUT = 10_000
"""Milliseconds that SQLite waits for another writer."""
ATTEMPTS = 5
PATIENCE = 2.0
"""Seconds in total that retries of one unit of work may take."""


def parse_url(url: str | URL) -> URL:
    """Give the URL of a database that convo speaks. Raises `UnsupportedUrl`."""
    check_type(url, (str, URL), "a store", "the URL of a database or a SQLAlchemy engine")
    try:
        parsed = make_url(_hosts_apart(url) if isinstance(url, str) else url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UnsupportedUrl(_REDACTED.sub("://***@", str(url))) from error
    return parsed.set(drivername="sqlite") if parsed.drivername == "sqlite+aiosqlite" else parsed


def _hosts_apart(url: str) -> str:
    """Write several hosts as SQLAlchemy has them, `@/db?host=a:1&host=b:2`, where libpq's way is taken: `@a:1,b:2/db`."""
    found = _HOSTS.fullmatch(url)
    if found is None:
        return url
    start, hosts, rest, query = found.groups("")
    several = "&".join(f"host={host}" for host in hosts.split(","))
    return f"{start}{rest or '/'}?{several}{query and '&'}{query}"


_HOSTS = re.compile(r"(postgres[^:/]*://(?:[^@/?]*@)?)([^@/?,]+(?:,[^@/?,]+)+)(/[^?]*)?(?:\?(.*))?")


@attrs.frozen
class Engines(Generic[E]):
    """Where units of work run. `alone` says that `reading` commits each statement by itself, and so serves single writes."""

    reading: E
    writing: E
    alone: bool

    def open(self, mode: Mode) -> Any:
        """Give the context in which a unit of work has its connection, and which commits at its end."""
        if mode == "snapshot":
            return self._snapshots().begin()
        if self.alone and mode != "write":
            return self.reading.connect()
        return self.reading.begin() if mode == "read" else self.writing.begin()

    def _snapshots(self) -> Any:
        """Give the engine whose transactions see what was there when they began; all of SQLite's do."""
        if self.reading.dialect.name != "postgresql":
            return self.reading
        return self.reading.execution_options(isolation_level=SNAPSHOT)

    def both(self) -> set[E]:
        """Give each engine once."""
        return {self.reading, self.writing}

    def leave(self) -> None:
        """In a forked process: leave the connections to the parent, open, and make others."""
        for engine in self.both():
            _LEFT.append(engine.pool)
            _sync(engine).dispose(close=False)

    def close(self) -> None:
        """Close the connections that are not in use."""
        end_quick(_sync(self.reading).url)
        for engine in self.both():
            _sync(engine).dispose()


def end_quick(url: URL) -> None:
    """End what reads a database beside its engine, if anything does."""
    if (quick := sys.modules.get("convo.store.quick")) is not None:
        quick.ended(url)


def _sync(engine: Engine | AsyncEngine) -> Engine:
    return engine if isinstance(engine, Engine) else engine.sync_engine


_LEFT: list[sa.Pool] = []
"""Connections of parents: what were collected would be closed."""


@attrs.frozen
class FileEngines(Engines[Engine]):
    """Where units of work run on a SQLite file of ours: writers in turns, and only while the file is still there.

    Both engines share one pool.
    """

    file: File

    @contextmanager
    def open(self, mode: Mode) -> Iterator[Connection]:
        """Give the context in which a unit of work has its connection, and which commits at its end.

        Raises `StoreBusy`, `StoreReplaced` and `StoreNotFound`; the next one opens what is at the path then.
        """
        if mode in READING:
            with transaction(self.reading, READS) as connection:
                raw = self._check(connection)
                yield connection
                if raw.as_of is not None:
                    self._check(connection)
        else:
            _import_what_writes_take()
            with self.file.gate.held(), transaction(self.writing, WRITES) as connection:
                self._check(connection)
                yield connection

    def _check(self, connection: Connection) -> Any:
        """Give the connection of SQLite if what it has open is what is there."""
        raw: Any = connection.connection.driver_connection
        try:
            self.file.check(raw)
        except (StoreReplaced, StoreNotFound, StoreBusy):
            if not self.file.log_is_old():
                connection.invalidate()
                self.reading.dispose()
                self.writing.pool = self.reading.pool
                self.file.forget()
            raise
        return raw

    def leave(self) -> None:
        """See `Engines.leave`."""
        _LEFT.append(self.reading.pool)
        self.reading.dispose(close=False)
        self.writing.pool = self.reading.pool

    def close(self) -> None:
        """Close the connections that are not in use, in turn with writers: the last one to be closed writes to the file."""
        end_quick(self.reading.url)
        with suppress(StoreBusy), self.file.gate.held() if self.file.gate.used else nullcontext():
            self.reading.dispose()
        self.reading.dispose()
        self.writing.pool = self.reading.pool
        self.file.gate.close()


@cache
def _import_what_writes_take() -> None:
    """Import what a process needs for its first write while nobody waits for us: INSERT with ON CONFLICT, in both databases."""
    import sqlalchemy.dialects.postgresql  # noqa: F401 - imported for later


@attrs.frozen
class MemoryEngines(Engines[Engine]):
    """Where units of work run on a database in memory, of which a forked process has its own copy."""

    def leave(self) -> None:
        """Keep it."""


def own_engines(url: URL, durability: Durability, options: Mapping[str, Any]) -> Engines[Engine]:
    """Make the engines of a URL. No connection is opened."""
    if url.get_backend_name() == "sqlite":
        return _sqlite_engines(url, durability, options)
    engine = sa.create_engine(url, execution_options=options, **ALONE, **paramstyle(url))
    if engine.dialect.is_async:
        raise UnsupportedUrl(
            url.render_as_string(hide_password=True), "sync stores use postgresql+psycopg, AsyncStore this driver"
        )
    ping_without_asking(engine)
    mind_the_server(engine)
    return Engines(engine, engine.execution_options(isolation_level=WHOLE), alone=True)


@attrs.frozen
class CallersEngine:
    """A caller's engine, which we set up for each unit of work: as it is, it might begin no transaction, or another kind."""

    engine: Engine

    @contextmanager
    def open(self, mode: Mode) -> Iterator[Connection]:
        """Give the context in which a unit of work has its connection, and which commits at its end."""
        with self.engine.connect() as connection:
            before_begin(connection, mode)
            with connection.begin():
                after_begin(connection, mode)
                yield connection

    @property
    def reading(self) -> Engine:
        """The engine."""
        return self.engine

    writing = reading

    def both(self) -> set[Engine]:
        """Give the engine."""
        return {self.engine}

    def leave(self) -> None:
        """See `Engines.leave`."""
        _LEFT.append(self.engine.pool)
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Nothing: the engine is the caller's."""


def before_begin(connection: Connection, mode: Mode) -> None:
    """Choose the isolation on PostgreSQL, on the connection: a level set on an engine would lose to the caller's."""
    if connection.dialect.name == "postgresql":
        levels = {"write": WHOLE, "snapshot": SNAPSHOT}
        connection.execution_options(isolation_level=levels.get(mode, ALONE["isolation_level"]))


def after_begin(connection: Connection, mode: Mode) -> None:
    """Begin a writing transaction on SQLite, which Python's sqlite3 may not have done."""
    if mode not in READING:
        _really_begin(connection)


AnyEngines = Engines[Engine] | CallersEngine


def callers_engine(engine: Engine, options: Mapping[str, Any]) -> CallersEngine:
    """Take a caller's engine; its own settings, pool and events stay as they are."""
    check_dialect(engine.url, options)
    return CallersEngine(engine.execution_options(**options))


def check_dialect(url: URL, options: Mapping[str, Any]) -> None:
    """Raise `UnsupportedUrl` for another database, `ConflictingArguments` for a schema where there are none."""
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UnsupportedUrl(url.render_as_string(hide_password=True))
    if url.get_backend_name() == "sqlite" and "convo_schema" in options:
        raise ConflictingArguments("SQLite has no schemas: leave schema= out, a file of its own keeps the tables apart")


def _sqlite_engines(url: URL, durability: Durability, options: Mapping[str, Any]) -> Engines[Engine]:
    from convo.store.files import File

    size = {"pool_size": 1, "max_overflow": 0} if is_memory(url) else {"pool_size": 8, "max_overflow": 24}
    arguments: dict[str, Any] = {"check_same_thread": False}
    file = File(url.database or "", BUSY_TIMEOUT / 1_000) if _is_path(url) else None
    if file is not None:
        arguments["factory"] = file.connect
    reading = sa.create_engine(
        url, poolclass=sa.pool.QueuePool, connect_args=arguments, hide_parameters=True, pool_reset_on_return=None,
        execution_options=options, **size,
    )  # fmt: skip
    writing = sa.create_engine(url, pool=reading.pool, hide_parameters=True, execution_options=options)
    synchronous = "FULL" if durability == "full" else "NORMAL"

    @event.listens_for(reading.pool, "connect")
    def settings(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT}", f"synchronous={synchronous}", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    begin_with(reading, READS)
    begin_with(writing, WRITES)
    if file is not None:
        return FileEngines(reading, writing, alone=False, file=file)
    return MemoryEngines(reading, writing, alone=False) if is_memory(url) else Engines(reading, writing, alone=False)


def _is_path(url: URL) -> bool:
    """Say whether a SQLite URL names a file by its path, and not by a URI of SQLite."""
    return not is_memory(url) and "uri" not in url.query


def _use_wal(engine: Engine) -> None:
    """Set the journal mode, which no transaction may be around. SQLite does not wait for others that do the same: we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT / 1_000
    with closing(engine.raw_connection()) as connection:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
            except Exception as error:
                if code_of(error) != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - jitter, no secret
            else:
                return


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

    def __init__(self, engines: AnyEngines, *, place: str, owned: bool = True, creates: bool = False) -> None:
        self.place = place
        self.creates = creates
        self._owned = owned
        self.engines = engines
        self._pid = os.getpid()
        self._closed = False

    def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; raises errors of convo only, after at most `ATTEMPTS` tries where that is safe."""
        self._check_ready()
        started = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            committed: Committed = "no"
            try:
                with self.engines.open(mode) as connection:
                    committed = "no" if mode in READING else "unknown"
                    return work(connection, *arguments, **named)
            except Exception as error:
                if attempt == ATTEMPTS or not may_retry(error, committed) or time.monotonic() - started > PATIENCE:
                    with typed_errors(self.place, committed):
                        raise
                note_again(error, attempt)
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, no secret
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def upgrade(self, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date; a SQLite file that a URL names is put into WAL mode first.

        Gives the revision that was found, None for no tables.
        """
        self._check_ready()
        schema.check_partitions(self.engines.reading.dialect.name, partitions)
        if self.creates:
            with typed_errors(self.place):
                schema.import_migrations()
                self.run(schema.check_free, self.place)
                with self.engines.file.gate.held() if isinstance(self.engines, FileEngines) else nullcontext():
                    _use_wal(self.engines.writing)
        return self.run(schema.upgrade, self.place, partitions, mode="write")

    def _check_ready(self) -> None:
        if self._closed:
            raise StoreClosed
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self.engines.leave()

    @property
    def in_memory(self) -> bool:
        """Whether the database is SQLite's, in memory."""
        return self.engines.reading.url.get_backend_name() == "sqlite" and is_memory(self.engines.reading.url)

    def must_exist(self) -> None:
        """Create nothing from now on. Raises `StoreNotFound` when the engine's URL names a SQLite file that is not there."""
        self.creates = False
        self.check_there()

    def check_there(self) -> None:
        """Raise `StoreNotFound` when the engine's URL names a SQLite file that is not there."""
        check_file(self.engines.reading.url)

    def close(self) -> None:
        """Close the connections of an engine that we made; a caller's engine stays open."""
        self._closed = True
        if self._owned:
            self.engines.close()


class Within:
    """Runs units of work inside the caller's transaction, each behind a savepoint, so that an error leaves it usable."""

    def __init__(self, connection: Connection, *, schema: str | None = None, keyring: Plain = PLAIN) -> None:
        check_type(connection, Connection, "within()", "a connection of SQLAlchemy")
        self.place = place_of(connection.engine.url)
        self.creates = False
        self._connection = connection.execution_options(convo_schema=schema) if schema else connection
        self._keyring = keyring
        self._closed = False

    def run(self, work: Callable[..., T], *arguments: Any, mode: Mode = "read", **named: Any) -> T:
        """Run one unit of work; the caller commits."""
        del mode
        if self._closed:
            raise StoreClosed
        if self._connection.closed:
            raise TransactionOver
        with typed_errors(self.place):
            _really_begin(self._connection)
            if (
                self._connection.get_execution_options().get("convo_keys", PLAIN) is not self._keyring
            ):  # two stores, one connection
                self._connection.execution_options(convo_keys=self._keyring)
            self._keyring.begins((self._connection.get_transaction(), self._connection.get_nested_transaction()))
            with self._connection.begin_nested():
                return work(self._connection, *arguments, **named)

    def upgrade(self, partitions: int | None = None) -> str | None:
        """Make the tables, or bring them up to date, inside the caller's transaction."""
        return self.run(schema.upgrade, self.place, partitions, mode="write")

    def must_exist(self) -> None:
        """The caller's connection is there."""

    check_there = must_exist

    def close(self) -> None:
        """Refuse further work; the connection is the caller's."""
        self._closed = True


def _really_begin(connection: Connection) -> None:
    """Python's sqlite3 begins no transaction for a savepoint: without this its release would commit.

    A transaction that begins by reading cannot write once another writer was there: it takes the lock at once.
    """
    if connection.dialect.name != "sqlite":
        return
    raw: Any = connection.connection.driver_connection
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def options_of(schema: str | None, keyring: Plain) -> dict[str, Any]:
    """Give what units of work find on their connection: the schema, and what seals and opens values."""
    return {**({"convo_schema": schema} if schema else {}), **({"convo_keys": keyring} if keyring.seals else {})}


def runner_for(
    source: str | URL | Engine, *, schema: str | None, durability: Durability, keyring: Plain = PLAIN
) -> Runner:  # fmt: skip
    """Give the runner of a URL, whose engine we make, or of a caller's engine, whose settings stay as they are."""
    check_choice(durability, ("full", "relaxed"), "durability")
    options = options_of(schema, keyring)
    if isinstance(source, Engine):
        return Runner(callers_engine(source, options), place=place_of(source.url), owned=False)
    url = parse_url(source)
    check_dialect(url, options)
    creates = url.get_backend_name() == "sqlite"
    if creates and _is_path(url):
        url = url.set(database=place_of(url))  # the process may change its folder
    with driver_needed(url):
        engines = own_engines(url, durability, {**options, **OURS})
    return Runner(engines, place=place_of(url), creates=creates)
