"""Transactions of SQLite on engines of ours: straight on the driver, unless somebody listens to SQLAlchemy."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.store.direct import is_heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection, Engine

READS, WRITES = "BEGIN", "BEGIN IMMEDIATE"
"""What a transaction begins with: one that might write takes the lock at once, for it could not later."""


@contextmanager
def transaction(engine: Engine, begin: str) -> Iterator[Connection]:
    """Give the context in which a unit of work has its connection, and which commits at its end.

    `begin` is what the dialect of the engine begins with. Errors of the driver are raised as they are, but for those of the
    COMMIT, which are SQLAlchemy's without a statement, and of a connection that was closed, which it replaces.
    """
    if is_heard(engine):
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        try:
            raw.execute(begin)
            yield connection
            _commit(connection, raw)
        except sqlite3.ProgrammingError as error:
            connection._handle_dbapi_exception(error, None, None, None, None)  # noqa: SLF001 - as in `direct`
        except BaseException:
            if not connection.invalidated:
                raw.rollback()
            raise


def _commit(connection: Connection, raw: sqlite3.Connection) -> None:
    if connection.in_transaction():  # a statement went by SQLAlchemy, which takes the transaction for its own since
        connection.commit()
        return
    try:
        raw.commit()
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise sa.exc.DBAPIError(None, None, error) from error


def begin_with(engine: Engine, statement: str) -> None:
    """Have SQLAlchemy begin with a statement, for Python's sqlite3 does not; a transaction begun on the driver is taken over.

    A COMMIT that fails leaves its transaction open, and SQLAlchemy leaves its end to the pool, which does nothing.
    """

    def do_begin(connection: Any) -> None:
        if not connection.in_transaction:
            connection.execute(statement)

    def do_commit(connection: Any) -> None:
        try:
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    # Listeners would do too, and cost every statement their look-up. Each engine has a dialect of its own.
    engine.dialect.do_begin = do_begin  # type: ignore[method-assign, assignment]
    engine.dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]
