"""Rows as Arrow straight from the driver, by ADBC where it is installed: twice as fast for many rows, and the same rows.

Only on databases that a URL of ours names: it is a connection of its own, which sees what is committed. How each database is
read is in `quick_sqlite` and `quick_postgresql`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from convo.logs import note
from convo.sealing.form import MARK
from convo.sealing.keyring import PLAIN
from convo.store import quick_postgresql, quick_sqlite
from convo.store.background import Coming
from convo.store.direct import is_ours
from convo.store.faults import LOGGER
from convo.store.sealed import keyring_of, opening

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

NUMBER = "number"
"""The last column of rows that may come in any order."""
LEAST = 8_192
"""Rows from which it is worth while."""
_NEEDED = {
    "sqlite": ("pyarrow", "adbc_driver_manager", "adbc_driver_sqlite"),
    "postgresql": ("pyarrow", "adbc_driver_manager", "adbc_driver_postgresql", "psycopg"),
}


def fetched(connection: Connection, statement: sa.Select[Any], rows: int, coming: Coming | None = None) -> Any:
    """Give the rows of a statement as a `pyarrow.Table`; None where the driver of SQLAlchemy is to read them.

    `rows` is about how many there are, with those of further statements; `coming` are those that `ahead` asked for by this one.
    """
    if (coming is None and rows < LEAST) or not _serves(connection):
        return None
    try:
        found = None if coming is None else _waited(connection, coming.rows)
        found = _read(connection, statement) if found is None else found
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver of SQLAlchemy says it in its own way, or reads the rows
        note(LOGGER, logging.DEBUG, "rows are read without ADBC", error=type(error).__name__)
        return None
    if found is None:
        note(LOGGER, logging.DEBUG, "the process that reads rows with ADBC has ended")
    return None if found is None or _is_marked(found, statement) else _in_order(found)


def ahead(connection: Connection, statement: sa.Select[Any]) -> Coming | None:
    """Ask for rows that are wanted later, and let them come meanwhile; None where `fetched` is to do all by itself."""
    if not _serves(connection):
        return None
    with suppress(Exception):  # `fetched` meets it again, and says so
        if connection.dialect.name == "sqlite":
            return quick_sqlite.ahead(*_asking(connection, statement))
        return Coming(quick_postgresql.read, *_asking(connection, statement))
    return None


def _serves(connection: Connection) -> bool:
    """Say whether rows may be read here."""
    dialect, url = connection.dialect, connection.engine.url
    if os.name != "posix" or not is_ours(connection) or keyring_of(connection).seals:
        return False
    if any(find_spec(name) is None for name in _NEEDED[dialect.name]):
        return False
    return dialect.name != "sqlite" or not (url.database in (None, "", ":memory:") or url.query)


def _read(connection: Connection, statement: sa.Select[Any]) -> Any:
    read = quick_sqlite.read if connection.dialect.name == "sqlite" else quick_postgresql.read
    return _waited(connection, read, *_asking(connection, statement))


def _waited(connection: Connection, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what waits for others; on an asynchronous engine, the loop goes on."""
    if not connection.dialect.is_async:
        return function(*arguments)
    from sqlalchemy.util import await_only

    return await_only(asyncio.to_thread(function, *arguments))


def _asking(connection: Connection, statement: sa.Select[Any]) -> tuple[Any, ...]:
    """Give what a statement is asked for with: on SQLite the path, its text and values; on PostgreSQL the place and its text."""
    schema, url = connection.get_execution_options().get("convo_schema"), connection.engine.url
    if connection.dialect.name == "sqlite":
        return str(url.database), *_compiled(statement, connection.dialect, schema)
    from sqlalchemy.dialects.postgresql.asyncpg import dialect as numbered

    return quick_postgresql.conninfo_of(url), quick_postgresql.with_values(*_compiled(statement, numbered(), schema))  # type: ignore[no-untyped-call]  # SQLAlchemy's


def _in_order(found: Any) -> Any:
    """Give rows in the order of their numbers and positions, and without the numbers, where they have such."""
    import pyarrow.compute as pc

    if found.column_names[-1] != NUMBER or not found.num_rows:
        return found.drop_columns(NUMBER) if found.column_names[-1] == NUMBER else found
    number, position = (found.column(name).combine_chunks() for name in (NUMBER, "position"))
    goes_on = pc.and_(pc.equal(number[1:], number[:-1]), pc.greater(position[1:], position[:-1]))
    if pc.any(pc.invert(pc.or_(pc.greater(number[1:], number[:-1]), goes_on))).as_py():
        found = found.sort_by([(NUMBER, "ascending"), ("position", "ascending")])
    return found.drop_columns(NUMBER)


def _is_marked(found: Any, statement: sa.Select[Any]) -> bool:
    """Say whether a value is sealed, or looks so: those are opened, or refused, one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sealed = {read.at for read in opening(statement, PLAIN).reads}
    sealed |= {at for at, name in enumerate(found.column_names) if name == "body"}
    texts = [found.column(at) for at in sealed if not pa.types.is_null(found.column(at).type)]
    return any(pc.any(pc.starts_with(text.cast(pa.string()), MARK)).as_py() for text in texts)


def _compiled(statement: sa.Select[Any], dialect: Any, schema: str | None) -> tuple[str, list[Any]]:
    """Give the text of a statement for a driver with positional parameters, and their values."""
    translation: dict[str, Any] = {"schema_translate_map": {None: schema}, "render_schema_translate": True} if schema else {}
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}, **translation)
    parameters = compiled.construct_params()
    processors: Any = compiled._bind_processors  # noqa: SLF001 - there is no other way to the values as the driver takes them
    names = compiled.positiontup or []
    values = [processors[name](parameters[name]) if name in processors else parameters[name] for name in names]
    return str(compiled), [str(value) if type(value).__name__ == "UUID" else value for value in values]


def ended(url: sa.URL) -> None:
    """End what waits for further pages of a database: a connection, or the process that reads a file.

    So whoever closes the file next is the last, and empties its write-ahead log.
    """
    if url.get_backend_name() == "sqlite":
        quick_sqlite.ended(str(url.database))
    else:
        quick_postgresql.ended(url)
