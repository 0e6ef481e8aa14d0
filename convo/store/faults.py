"""Errors of databases as errors of convo: by SQLSTATE and SQLite's error names, never by class or text."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc

from convo.errors import (
    Committed,
    ConvoError,
    CorruptStore,
    NotAConvoStore,
    NotPermitted,
    PoolExhausted,
    ReadOnlyStore,
    StorageFull,
    StoreBusy,
    StoreError,
    StoreFailed,
    StoreNotFound,
    StoreReplaced,
    StoreUnavailable,
)
from convo.logs import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGGER = logging.getLogger("convo.store")

_POOLER = "behind a pooler make the engine with prepare_threshold=None, or with asyncpg without its statement caches"
READ_ONLY = "25006"
"""SQLSTATE: the server, or the transaction, takes no writes."""
_BY_CODE: dict[str, Callable[[], StoreError]] = {
    "SQLITE_FULL": StorageFull,
    "SQLITE_READONLY": ReadOnlyStore,
    "SQLITE_READONLY_DBMOVED": lambda: StoreReplaced("the path of the database"),
    "SQLITE_PERM": ReadOnlyStore,
    "SQLITE_BUSY": StoreBusy,
    "SQLITE_LOCKED": StoreBusy,
    "SQLITE_PROTOCOL": StoreBusy,
    "SQLITE_SCHEMA": lambda: StoreBusy("the tables were changed again and again meanwhile"),
    "SQLITE_INTERRUPT": lambda: StoreBusy("the statement was interrupted"),
    "SQLITE_CORRUPT": CorruptStore,
    "SQLITE_CANTOPEN": lambda: StoreNotFound("the path of the database"),
    "SQLITE_NOTADB": lambda: NotAConvoStore("the file"),
    "53100": StorageFull,
    READ_ONLY: ReadOnlyStore,
    "40001": StoreBusy,
    "40P01": StoreBusy,
    "55P03": StoreBusy,
    "57014": lambda: StoreBusy("the database cancelled a statement that took too long"),
    "53200": lambda: StoreBusy("the server is out of memory"),
    "53400": lambda: StoreBusy("a limit of the server was reached"),
    "26000": lambda: StoreFailed(f"26000: {_POOLER}"),
    "42P05": lambda: StoreFailed(f"42P05: {_POOLER}"),
    "42501": NotPermitted,
    "53300": lambda: StoreUnavailable("no"),
    "57P03": lambda: StoreUnavailable("no"),
    "XX001": CorruptStore,
    "XX002": CorruptStore,
}
_ENDED = ("57P01", "57P02", "57P04", "57P05", "25P03")
"""The server ended the connection."""
RETRYABLE = frozenset(
    {
        "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "26000", "42P05",
        "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "SQLITE_SCHEMA",
    }
)  # fmt: skip
"""What a whole unit of work may be tried again after; 26000 and 42P05 are what poolers make of prepared statements. 08xxx,
lost connections, too."""


UNSURE = frozenset({"SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_CORRUPT", "SQLITE_CANTOPEN", "SQLITE_INTERNAL", "SQLITE_ERROR"})
"""After these a COMMIT of SQLite may have reached the disk and be found there later. After all others it was not written."""


def code_of(error: BaseException) -> str:
    """Give the SQLSTATE, SQLite's error name without its extension (`SQLITE_BUSY`), or "" where there is none."""
    return "_".join(_name_of(error).split("_")[:2])


def _name_of(error: BaseException) -> str:
    """Give the SQLSTATE, SQLite's error name with its extension (`SQLITE_IOERR_FSYNC`), or "" where there is none."""
    for cause in _causes(error):
        name = getattr(cause, "sqlite_errorname", None)
        if isinstance(name, str):
            return name
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        driver: Any = getattr(found, "orig", None)
        found = driver if isinstance(driver, BaseException) and driver is not found else found.__cause__


def is_lost(error: BaseException) -> bool:
    """Say whether the connection is gone, or was never there."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and (error.connection_invalidated or _never_connected(error)):
        return True
    code = code_of(error)
    return code.startswith("08") or code in _ENDED or any(isinstance(cause, OSError) for cause in _causes(error))


def _never_connected(error: sqlalchemy.exc.DBAPIError) -> bool:
    """Psycopg says so by an `OperationalError` without a code: a server would have given one."""
    return isinstance(error, sqlalchemy.exc.OperationalError) and getattr(error.orig, "sqlstate", "") is None


def may_retry(error: BaseException, committed: Committed = "unknown") -> bool:
    """Say whether the same unit of work may be tried again: it did not commit, and next time it may.

    `committed` is what is known of the work should the connection be lost: "no" where none was made, or nothing written.
    """
    code = code_of(error)
    if isinstance(error, ConvoError):
        return False
    if code == READ_ONLY:  # of several hosts another one takes writes
        return isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated
    return code in RETRYABLE or (committed == "no" and is_lost(error))


def note_again(error: BaseException, attempt: int) -> None:
    """Log that a unit of work is tried again."""
    note(LOGGER, logging.WARNING, "a transaction is tried again", error=code_of(error), attempt=attempt)


def typed(error: Exception, committed: Committed = "no") -> StoreError:
    """Give the error of convo for one of a database. Its message holds nothing that was stored.

    `committed` is what is known of the work when the connection breaks in it.
    """
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return PoolExhausted()
    code = code_of(error)
    make = _BY_CODE.get(_name_of(error)) or _BY_CODE.get(code)
    if make is not None:
        return _told(make(), error, committed)
    if is_lost(error):
        return StoreUnavailable(committed)
    note(LOGGER, logging.WARNING, "the database refused a statement", error=code or type(error).__name__)
    reason = code if code == "SQLITE_CONSTRAINT" else _name_of(error)
    return _told(StoreFailed(reason or type(error).__name__), error, committed)


def _told(found: StoreError, error: Exception, committed: Committed) -> StoreError:
    """Say of a COMMIT of SQLite that failed in a way that may have reached the disk that its outcome is not known."""
    ending = isinstance(error, MemoryError) or (isinstance(error, sqlalchemy.exc.DBAPIError) and error.statement is None)
    if committed == "unknown" and ending and (isinstance(error, MemoryError) or code_of(error) in UNSURE):
        found.committed = "unknown"
    return found


@contextmanager
def typed_errors(place: str = "", committed: Committed = "no") -> Iterator[None]:
    """Turn every error of the database inside the block into one of convo, the original as its cause.

    `committed` is what is known of the block's work when the connection breaks in it.
    """
    try:
        yield
    except ConvoError:
        raise
    except Exception as error:
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError | OSError | MemoryError) or code_of(error):
            raise _placed(typed(error, committed), place) from error
        raise


def _placed(error: StoreError, place: str) -> StoreError:
    if not place or not isinstance(error, StoreNotFound | NotAConvoStore | StoreReplaced | StoreUnavailable):
        return error
    if isinstance(error, StoreUnavailable):
        return StoreUnavailable(error.committed, place)
    placed: StoreError = type(error)(place)
    if isinstance(error, StoreNotFound) and os.path.exists(place):  # noqa: PTH110 - a plain question
        placed = StoreFailed("SQLITE_CANTOPEN: the file is there; see to its permissions, its folder's, and the open files")
    placed.committed = error.committed
    return placed
