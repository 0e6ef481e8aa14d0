"""Rows of PostgreSQL as Arrow, read by ADBC on connections of its own."""

from __future__ import annotations

import atexit
import os
import re
import threading
from collections import defaultdict, deque
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from convo.store.background import AT_ONCE, IDLE

if TYPE_CHECKING:
    import sqlalchemy as sa


def conninfo_of(url: sa.URL) -> str:
    """Give a URL of SQLAlchemy as libpq takes it."""
    from psycopg.conninfo import make_conninfo
    from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg

    _, arguments = psycopg().create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy's
    arguments.pop("context", None)  # psycopg's own, for its types
    return make_conninfo("", **arguments)


def with_values(sql: str, values: list[Any]) -> str:
    """Write the values into a statement: COPY, which is twice as fast, takes none. Texts stand in it in hex digits.

    They are constants, so that the server sees which index serves.
    """
    return re.sub(r"\$(\d+)", lambda number: _literal(values[int(number[1]) - 1]), sql)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "U&'" + "".join(f"\\+{ord(character):06x}" for character in value) + "'"
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if type(value) is int:
        return f"({value})"
    raise TypeError


@lru_cache(maxsize=8)
def _server(conninfo: str) -> Any:
    """Give what ADBC knows of a server: its types, which it takes longer to read than a page. It holds no connection."""
    import adbc_driver_postgresql

    return adbc_driver_postgresql.connect(conninfo)


class _Idle(NamedTuple):
    """A connection that waits for the next page: to connect takes as long as half a page."""

    process: int
    connection: Any
    end: threading.Timer


_idle: dict[str, deque[_Idle]] = defaultdict(deque)
_LEFT: list[_Idle] = []
"""Connections of parents: what were collected would be closed."""


def read(conninfo: str, sql: str) -> Any:
    """Give the rows of a statement."""
    waiting = _idle[conninfo]
    kept = _taken(waiting)
    if kept is not None:
        with suppress(Exception):  # it may be lost
            return _read_by(kept, conninfo, waiting, sql)
    from adbc_driver_manager import AdbcConnection

    return _read_by(AdbcConnection(_server(conninfo)), conninfo, waiting, sql)


def _read_by(connection: Any, conninfo: str, waiting: deque[_Idle], sql: str) -> Any:
    """Give the rows of a statement, and keep the connection; it is closed where there are none."""
    import pyarrow as pa
    from adbc_driver_manager import AdbcStatement

    try:
        with AdbcStatement(connection) as statement:
            statement.set_sql_query(sql)
            stream, _ = statement.execute_query()
            found = pa.RecordBatchReader.from_stream(stream).read_all()
    except BaseException:
        connection.close()
        raise
    _keep(conninfo, waiting, connection)
    return found


def _taken(waiting: deque[_Idle]) -> Any:
    """Give a connection that waits, None where there is none."""
    while waiting:
        with suppress(IndexError):  # another thread may take the last
            idle = waiting.pop()
            if idle.process == os.getpid():
                idle.end.cancel()
                return idle.connection
            _LEFT.append(idle)
    return None


def _keep(conninfo: str, waiting: deque[_Idle], connection: Any) -> None:
    """Have a connection wait where it was taken from, unless enough do, or their store was closed meanwhile."""
    if len(waiting) >= AT_ONCE or _idle.get(conninfo) is not waiting:
        connection.close()
        return
    end = threading.Timer(IDLE, _close_unasked, [waiting, connection])
    end.daemon = True
    waiting.append(_Idle(os.getpid(), connection, end))
    end.start()


def _close_unasked(waiting: deque[_Idle], connection: Any) -> None:
    for idle in list(waiting):
        if idle.connection is connection:
            with suppress(ValueError):  # who wanted a page has just taken it
                waiting.remove(idle)
                connection.close()


def _close_kept(conninfo: str) -> None:
    waiting = _idle.pop(conninfo, deque())
    while (connection := _taken(waiting)) is not None:
        connection.close()


def ended(url: sa.URL) -> None:
    """Close the connections that wait for further pages of a database."""
    if not _idle:
        return
    from psycopg import ProgrammingError

    with suppress(ProgrammingError):  # of what only another driver takes there are none
        _close_kept(conninfo_of(url))


@atexit.register
def _end_all() -> None:
    for conninfo in list(_idle):
        _close_kept(conninfo)
