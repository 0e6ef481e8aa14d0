"""The table of faults: what each error of SQLite becomes, whether it may be tried again, and what is known of the write."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import files
from convo.store.faults import may_retry, typed_errors

if TYPE_CHECKING:
    from pathlib import Path

TABLE: list[tuple[str, type[convo.StoreError], bool, str]] = [
    # the error, what it becomes, whether it may be tried again, and whether a COMMIT that failed so is in the database
    ("SQLITE_FULL", convo.StorageFull, True, "no"),
    ("SQLITE_BUSY", convo.StoreBusy, True, "no"),
    ("SQLITE_BUSY_SNAPSHOT", convo.StoreBusy, True, "no"),
    ("SQLITE_BUSY_RECOVERY", convo.StoreBusy, True, "no"),
    ("SQLITE_BUSY_TIMEOUT", convo.StoreBusy, True, "no"),
    ("SQLITE_LOCKED", convo.StoreBusy, True, "no"),
    ("SQLITE_LOCKED_SHAREDCACHE", convo.StoreBusy, True, "no"),
    ("SQLITE_PROTOCOL", convo.StoreBusy, True, "no"),
    ("SQLITE_SCHEMA", convo.StoreBusy, True, "no"),
    ("SQLITE_INTERRUPT", convo.StoreBusy, True, "no"),
    ("SQLITE_READONLY", convo.ReadOnlyStore, False, "no"),
    ("SQLITE_READONLY_DIRECTORY", convo.ReadOnlyStore, False, "no"),
    ("SQLITE_READONLY_RECOVERY", convo.ReadOnlyStore, False, "no"),
    ("SQLITE_READONLY_CANTLOCK", convo.ReadOnlyStore, False, "no"),
    ("SQLITE_READONLY_DBMOVED", convo.StoreReplaced, False, "no"),
    ("SQLITE_PERM", convo.ReadOnlyStore, False, "no"),
    ("SQLITE_CORRUPT", convo.CorruptStore, False, "unknown"),
    ("SQLITE_CORRUPT_INDEX", convo.CorruptStore, False, "unknown"),
    ("SQLITE_NOTADB", convo.NotAConvoStore, False, "no"),
    ("SQLITE_CANTOPEN", convo.StoreNotFound, False, "unknown"),
    ("SQLITE_CANTOPEN_ISDIR", convo.StoreNotFound, False, "unknown"),
    ("SQLITE_IOERR", convo.StoreFailed, False, "unknown"),
    ("SQLITE_IOERR_READ", convo.StoreFailed, False, "unknown"),
    ("SQLITE_IOERR_SHORT_READ", convo.StoreFailed, False, "unknown"),
    ("SQLITE_IOERR_WRITE", convo.StoreFailed, False, "unknown"),
    ("SQLITE_IOERR_FSYNC", convo.StoreFailed, False, "unknown"),
    ("SQLITE_IOERR_NOMEM", convo.StoreFailed, False, "unknown"),
    ("SQLITE_NOMEM", convo.StoreFailed, False, "unknown"),
    ("SQLITE_INTERNAL", convo.StoreFailed, False, "unknown"),
    ("SQLITE_ERROR", convo.StoreFailed, False, "unknown"),
    ("SQLITE_TOOBIG", convo.StoreFailed, False, "no"),
    ("SQLITE_AUTH", convo.StoreFailed, False, "no"),
    ("SQLITE_MISUSE", convo.StoreFailed, False, "no"),
    ("SQLITE_MISMATCH", convo.StoreFailed, False, "no"),
    ("SQLITE_RANGE", convo.StoreFailed, False, "no"),
    ("SQLITE_CONSTRAINT_PRIMARYKEY", convo.StoreFailed, False, "no"),
    ("SQLITE_CONSTRAINT_UNIQUE", convo.StoreFailed, False, "no"),
    ("SQLITE_CONSTRAINT_FOREIGNKEY", convo.StoreFailed, False, "no"),
    ("SQLITE_CONSTRAINT_NOTNULL", convo.StoreFailed, False, "no"),
]
SECRET = "what was stored"
AGAIN = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "SQLITE_SCHEMA"})


def made(name: str, statement: str | None) -> sa.exc.DBAPIError:
    cause: Any = sqlite3.OperationalError(SECRET)
    cause.sqlite_errorname = name
    return sa.exc.OperationalError(statement, {}, cause)


@pytest.mark.parametrize(("name", "kind", "retryable", "committed"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("at", ["statement", "commit", "reading"])
def test_each_error_of_sqlite(
    name: str, kind: type[convo.StoreError], committed: str, at: str, tmp_path: Path, *, retryable: bool
) -> None:
    error = made(name, None if at == "commit" else "INSERT")
    with (
        pytest.raises(convo.StoreError) as caught,
        typed_errors(str(tmp_path / "gone.db"), "no" if at == "reading" else "unknown"),
    ):
        raise error
    assert type(caught.value) is kind
    assert caught.value.code
    assert caught.value.retryable is retryable
    assert caught.value.committed == (committed if at == "commit" else "no")
    assert caught.value.__cause__ is error
    assert SECRET not in str(caught.value)
    assert may_retry(error) is ("_".join(name.split("_")[:2]) in AGAIN)


def test_memory_that_ran_out_is_an_error_of_the_store_whose_outcome_is_not_known() -> None:
    with pytest.raises(convo.StoreFailed, match="MemoryError") as caught, typed_errors("chat.db", "unknown"):
        raise MemoryError
    assert caught.value.committed == "unknown"


def test_a_file_that_is_there_and_cannot_be_opened_is_not_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "chat.db").touch()
    with pytest.raises(convo.StoreFailed, match="permissions"), typed_errors(str(tmp_path / "chat.db")):
        raise made("SQLITE_CANTOPEN", "SELECT")


def test_after_a_commit_that_failed_the_store_works_and_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(connection: Any) -> None:
        if connection.in_transaction:
            monkeypatch.undo()
            cause: Any = sqlite3.OperationalError("disk I/O error")
            cause.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise cause

    url = f"sqlite:///{tmp_path}/chat.db"
    with convo.Store(url) as store, convo.Store(url) as other:
        chat = store.create()
        monkeypatch.setattr(files.FileConnection, "commit", refuse, raising=False)
        with pytest.raises(convo.StoreFailed, match="SQLITE_IOERR_FSYNC") as caught:
            chat.add("Hello", key="k")
        assert caught.value.committed == "unknown"
        other.get(chat.id).add("from elsewhere")
        chat.add("Hello", key="k")
        assert [message.text for message in chat.history()] == ["from elsewhere", "Hello"]
