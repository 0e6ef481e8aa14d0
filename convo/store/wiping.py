"""That what SQLite deletes is overwritten, in the file and in its write-ahead log.

Our own connections have `secure_delete` on; a caller's may not, and have it on while something is deleted. What is overwritten in
a page still stands in older pages of the write-ahead log, until a checkpoint has emptied that.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

T = TypeVar("T")
_ON = 1


@contextmanager
def wiping(connection: Connection) -> Iterator[None]:
    """Have what is deleted overwritten with zeros; the connection goes on with its own setting."""
    before = _pragma(connection, "secure_delete") if connection.dialect.name == "sqlite" else _ON
    if before == _ON:
        yield
        return
    _pragma(connection, "secure_delete=ON")
    try:
        yield
    finally:
        _pragma(connection, f"secure_delete={'OFF' if before == 0 else 'FAST'}")


def wiped(connection: Connection, work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Do a unit of work, and have what it deletes overwritten."""
    with wiping(connection):
        return work(connection, *arguments, **named)


def checkpoint(connection: Connection) -> bool | None:
    """Copy the write-ahead log of SQLite into the file and empty it; False while others read or write, None where there is none.

    It does not wait: whoever writes would wait for it as long as it waits for those who read.
    """
    if connection.dialect.name != "sqlite":
        return None
    patience = _pragma(connection, "busy_timeout")
    _pragma(connection, "busy_timeout=0")
    try:
        busy, pages, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    except sa.exc.OperationalError:
        return False  # inside a transaction that has read or written
    finally:
        _pragma(connection, f"busy_timeout={patience}")
    return None if pages < 0 else not busy


def _pragma(connection: Connection, text: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {text}").scalar()
