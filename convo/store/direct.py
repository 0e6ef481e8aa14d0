"""Statements straight on the driver, on engines of ours to which nobody listens: SQLAlchemy takes up to 70 us to run one.

Elsewhere it is asked: on engines of callers, where async drivers are, and where events or its log follow what is run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from convo.errors import CorruptStore
from convo.store.faults import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

_HEARD = ("before_cursor_execute", "after_cursor_execute", "begin", "commit", "rollback")
"""Events by which others follow what a database is asked: profilers, telemetry, tests."""


def is_heard(engine: Engine) -> bool:
    """Say whether anybody listens to what SQLAlchemy does on an engine, by its events or by its log."""
    if engine.logger.isEnabledFor(logging.INFO):
        return True
    return engine._has_events and any(getattr(engine.dispatch, name) for name in _HEARD)  # noqa: SLF001 - ten times as fast


def run(connection: Connection, sql: str, parameters: Any) -> None:
    """Run a statement once, or for each of a list of parameters."""
    if _is_direct(connection):
        _cursor(connection, sql, parameters).close()
    else:
        connection.exec_driver_sql(sql, parameters)


def fetched(connection: Connection, sql: str, parameters: Any) -> Sequence[Sequence[Any]]:
    """Run a statement and give the driver's tuples: a `Row` costs as much as a fetch. Raises `CorruptStore`."""
    if _is_direct(connection):
        return _all_of(connection, _cursor(connection, sql, parameters))
    result = connection.exec_driver_sql(sql, parameters)
    try:
        return _all_of(connection, result.cursor)
    finally:
        result.close()


def streams(connection: Connection) -> bool:
    """Say whether `streamed` gives rows as they come."""
    return connection.dialect.name == "postgresql" and _is_direct(connection)


def streamed(connection: Connection, sql: str, parameters: Any) -> Iterator[Sequence[Any]]:
    """Run a statement where `streams`, and give its rows one by one: the server reads on while the caller has one."""
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor:
        try:
            yield from cursor.stream(sql, parameters)
        except raw.connection.Error as error:
            connection._handle_dbapi_exception(error, sql, None, cursor, None)  # noqa: SLF001 - as in `_cursor`


def _all_of(connection: Connection, cursor: Any) -> Sequence[Sequence[Any]]:
    try:
        found: Sequence[Sequence[Any]] = cursor.fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        if code_of(error):
            raise
        raise CorruptStore from None  # SQLite read what is no text any more; its error would tell the text
    finally:
        cursor.close()  # a SELECT that is left open keeps SQLite's connection in the past
    return found


def _is_direct(connection: Connection) -> bool:
    ours = "convo_own_file" in connection.get_execution_options() and not connection.dialect.is_async
    return ours and not is_heard(connection.engine)


def _cursor(connection: Connection, sql: str, parameters: Any) -> Any:
    raw: Any = connection.connection.driver_connection
    cursor = None
    try:
        cursor = raw.cursor()
        if isinstance(parameters, list):
            cursor.executemany(sql, parameters)
        else:
            cursor.execute(sql, parameters)
    except BaseException as error:
        if connection.dialect.name == "postgresql":  # it sees to connections that are lost, and raises the error as its own
            connection._handle_dbapi_exception(error, sql, None, cursor, None)  # noqa: SLF001 - all of it would stand here
        if cursor is not None:
            cursor.close()
        raise
    return cursor
