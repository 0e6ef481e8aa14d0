"""Databases of other programs, opened to be read and nothing else: the one module of the readers that speaks to them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from convo.errors import MissingDependency, NotImportable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import URL

_MAGIC = b"SQLite format 3\0"


class ForeignDatabase:
    """A database that is only read, as it was at one moment. It may be used in several threads, by one at a time."""

    def __init__(self, place: object, format: str) -> None:  # noqa: A002 - the word of the call
        """Open it: a path is one of a SQLite file, any other text a URL of SQLAlchemy. Raises `NotImportable`."""
        self.format = format
        url = _url(place, format)
        self.place = _shown(url) if url.drivername != "sqlite" else os.fsdecode(str(place))
        with self._typed():
            self._engine = _engine(url, format)
            self._connection = self._engine.connect()
            if url.get_backend_name() == "postgresql":
                self._connection = self._connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._tables = {name: _columns(self._connection, name) for name in _names(self._connection)}

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()
        self._engine.dispose()

    def has(self, *tables: str) -> bool:
        """Say whether it has all of these tables."""
        return all(name in self._tables for name in tables)

    def columns(self, table: str) -> set[str]:
        """Give the names of the columns of a table, none for one that is not there."""
        return self._tables.get(table, set())

    def like(self, *columns: str) -> list[str]:
        """Give the tables that have all of these columns."""
        return sorted(name for name, there in self._tables.items() if there >= set(columns))

    def rows(self, table: str, columns: Sequence[str], *, order: Sequence[str] = (), **where: Any) -> list[dict[str, Any]]:
        """Give the rows of a table that hold these values; columns that it lacks are None."""
        there = self.columns(table)
        wanted: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns if name in there]
        statement = sa.select(*wanted).select_from(sa.table(table)).order_by(*(sa.column(name) for name in order))
        for name, value in where.items():
            column: Any = sa.column(name)
            statement = statement.where(column == value)
        with self._typed():
            found = self._connection.execute(statement)
            return [{**dict.fromkeys(columns), **row} for row in found.mappings()]

    def distinct(self, table: str, column: str) -> list[Any]:
        """Give the values of a column, each once, in the order of their first row's `id`."""
        name: Any = sa.column(column)
        statement = sa.select(name).select_from(sa.table(table)).group_by(name).order_by(sa.func.min(sa.column("id")))
        with self._typed():
            return list(self._connection.execute(statement).scalars())

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Turn an error of the database into a `NotImportable`. What the driver says may tell values: its kind is told."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            kind = type(error.orig).__name__ if error.orig is not None else type(error).__name__
            reason = f"the database {self.place} cannot be read ({kind})"
            raise NotImportable(self.format, reason, "check that it is whole, and that this user may read it") from error
        except (sa.exc.SQLAlchemyError, UnicodeDecodeError) as error:
            reason = f"the database {self.place} cannot be read ({type(error).__name__})"
            raise NotImportable(self.format, reason, "check that it is whole, and that this user may read it") from error


class ForeignSessions:
    """The sessions of a database, opened, whose messages are the rows of one table. `done` of `total` are read."""

    def __init__(
        self, place: object, format: str, columns: Sequence[str], *, named: str | None, usual: str  # noqa: A002 - as above
    ) -> None:  # fmt: skip
        """Open it, and see whose messages the table has that is `named`, or else the `usual` one. Raises `NotImportable`."""
        self.done = 0
        self._database = ForeignDatabase(place, format)
        try:
            self._table = table_of(self._database, named, usual, columns)
            self._ids = self._database.distinct(self._table, "session_id")
        except BaseException:
            self.close()
            raise
        self.total = len(self._ids)

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def _sessions(self, columns: Sequence[str]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
        """Read the rows of each session, oldest first; columns that the table lacks are None."""
        for identifier in self._ids:
            self.done += 1
            yield identifier, self._database.rows(self._table, columns, order=("id",), session_id=identifier)


def _url(place: object, format_: str) -> URL:
    text = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else str(place)
    if "://" not in text:
        return _file(text, format_)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number, which SQLAlchemy tells with it
        raise NotImportable(format_, "the source is no URL of SQLAlchemy", "pass sqlite:///file.db, or any other") from None
    if url.get_backend_name() == "sqlite":
        return _file(url.database or "", format_)
    if url.drivername == "postgresql+asyncpg":
        return url.set(drivername="postgresql+psycopg")  # readers are sync; each runs in a thread of its own
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _file(path: str, format_: str) -> URL:
    """Give the URL of a SQLite file that is only read. Raises `NotImportable` for what is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path in text
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise NotImportable(format_, f"{path} cannot be read ({error.strerror or error})", "name a file that is there") from error
    if magic != _MAGIC:
        raise NotImportable(
            format_, f"{path} is no SQLite database", "pass the file that the program writes, or the URL of a server"
        )
    query = {"mode": "ro", "uri": "true", "check_same_thread": "false"}
    return sa.URL.create("sqlite", database=f"file:{quote(os.path.abspath(path))}", query=query)  # noqa: PTH100 - as it is named


def _shown(url: URL) -> str:
    """Give a URL without its password, and without what its query says, where drivers take another."""
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: URL, format_: str) -> sa.Engine:
    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        if url.get_backend_name() == "postgresql":
            raise MissingDependency("psycopg", "postgres", "reading PostgreSQL") from error
        reason = f"the database {_shown(url)} cannot be read: its driver {error.name} is not installed"
        raise NotImportable(format_, reason, "install that driver, or name another one in the URL") from error


def _names(connection: sa.Connection) -> list[str]:
    inspector = sa.inspect(connection)
    return [*inspector.get_table_names(), *inspector.get_view_names()]


def _columns(connection: sa.Connection, table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(connection).get_columns(table)}


def table_of(database: ForeignDatabase, named: str | None, usual: str | None, columns: Sequence[str]) -> str:
    """Give the table that is meant: the one that is named, the usual one, or the only one with these columns.

    Raises `NotImportable` where there is none, or more than one.
    """
    found = database.like(*columns)
    wanted = named if named is not None else usual if usual in found else None
    if wanted in found and wanted is not None:
        return wanted
    has = f"has no table {named!r} with" if named is not None else "has no table with"
    if named is None and len(found) == 1:
        return found[0]
    if named is None and found:
        reason = f"the database {database.place} has several tables of this shape: {', '.join(found)}"
        raise NotImportable(database.format, reason, "name one with table=")
    reason = f"the database {database.place} {has} the columns {', '.join(columns)}"
    raise NotImportable(
        database.format, reason, "pass the database that the program writes, and table= where its name is another"
    )
