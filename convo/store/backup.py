"""Copies of a SQLite database that is in use: made by SQLite's own backup, looked through, and put in place whole.

A file system's copy of the file would lack what is in its -wal, and closing a file that SQLite has open drops its locks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import tempfile
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sqlalchemy.engine import URL
from sqlalchemy.util import await_only

from convo.errors import BackupFailed, BackupUnsupported, CorruptStore, StorageFull
from convo.store.engine import parse_url, runner_for
from convo.store.faults import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from convo.store.engine import Runner

PAGES = 1_000
"""Pages, 4 MB as a rule, that are copied at a time."""
PIECE = 1 << 20
BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite's names of files end with."""


# --- the database ----------------------------------------------------------------------------------


def check_possible(connection: Connection, path: str) -> None:
    """Raise `BackupUnsupported` for a server, whose own tools make its backups."""
    if connection.dialect.name == "sqlite":
        return
    url = connection.engine.url
    schema = connection.get_execution_options().get("convo_schema")
    # Patterns: in double quotes a name is taken as it is.
    what = "--schema=" + '"{}"'.format(schema.replace('"', '""')) if schema else "--table=convo_*"
    at = _without_password(url)
    dump = shlex.join(["pg_dump", "--format=custom", what, f"--file={path}", at])
    raise BackupUnsupported(dump, shlex.join(["pg_restore", "--no-owner", f"--dbname={at}", path]))


def _without_password(url: URL) -> str:
    """Give a URL as PostgreSQL's own tools take it."""
    server = URL.create("postgresql", url.username, None, url.host, url.port).render_as_string()
    query = urlencode(url.query, doseq=True, quote_via=quote)
    return f"{server}/{quote(url.database or '', safe='')}{query and '?'}{query}"


def copy(connection: Connection, file: str, progress: Callable[[int, int], object] | None) -> None:
    """Copy the database into an empty file, as it is at one moment; in WAL mode others go on writing meanwhile."""
    raw: Any = connection.connection.driver_connection
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN")
    try:
        _copy(connection, raw, file, progress)
    finally:
        connection.exec_driver_sql("ROLLBACK")  # whatever the caller's engine does at the end


def _copy(connection: Connection, raw: Any, file: str, progress: Callable[[int, int], object] | None) -> None:
    # What is read first is what is copied: without it each write of others would have SQLite begin anew.
    connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()

    def tell(status: int, remaining: int, total: int) -> None:
        del status
        if progress is not None:
            progress(total - remaining, total)

    dbapi: Any = connection.dialect.loaded_dbapi
    module = getattr(dbapi, "sqlite", dbapi)  # SQLAlchemy's adapter of aiosqlite has the driver that it stands on
    with _of_the_copy(file), closing(module.connect(file, isolation_level=None, check_same_thread=False)) as target:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):  # a copy that is not whole is thrown away
            target.execute(f"PRAGMA {pragma}")
        copying = raw.backup(target, pages=PAGES, progress=tell)
        if copying is not None:
            await_only(copying)


@contextmanager
def _of_the_copy(file: str) -> Iterator[None]:
    """Say that it is the copy for which there is no space, and not the database."""
    try:
        yield
    except Exception as error:
        if code_of(error) == "SQLITE_FULL":
            raise StorageFull(f"the folder of {file}") from error
        raise


def opened(file: str) -> Runner:
    """Open a copy, to look it through."""
    return runner_for(parse_url("sqlite://").set(database=file), schema=None, durability="full")


def check_whole(connection: Connection) -> None:
    """Have SQLite look at all of a copy. Raises `CorruptStore`."""
    if [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(1)")] != ["ok"]:
        raise CorruptStore


# --- the file --------------------------------------------------------------------------------------


def begun(path: str) -> str:
    """Make an empty file of another name beside `path`, which only its owner may read. Raises `BackupFailed`."""
    with _typed(path):
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        opened_, file = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", suffix=".part", dir=os.path.dirname(path))  # noqa: PTH119, PTH120 - an absolute path in text
        os.close(opened_)
        return file


def finished(file: str, path: str) -> tuple[int, str]:
    """Have a copy on the disk under its own name, which nothing may have by now; give its size and its SHA-256 in hex."""
    with _typed(path):
        digest = hashlib.sha256()
        with open(file, "r+b", buffering=0) as copied:  # noqa: PTH123 - a path in text
            while piece := copied.read(PIECE):
                digest.update(piece)
            os.fsync(copied.fileno())
            size = copied.tell()
        _renamed(file, path)
        return size, digest.hexdigest()


def _renamed(file: str, path: str) -> None:
    """Give a file another name; unlike a plain renaming it replaces nothing."""
    try:
        os.link(file, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(file, path)  # noqa: PTH104 - a path in text
    else:
        os.unlink(file)  # noqa: PTH108 - a path in text
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120 - a path in text
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def dropped(file: str) -> None:
    """Delete a copy that is not whole, and what SQLite put beside it."""
    for end in BESIDE:
        with suppress(OSError):
            os.unlink(file + end)  # noqa: PTH108 - a path in text


@contextmanager
def _typed(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"the folder of {path}") from error
        raise BackupFailed(path, errno.errorcode.get(error.errno or 0, type(error).__name__)) from error
