"""SQLite files as the system sees them: which file stands at a path, on what kind of file system, and whose turn it is to write.

A database file is never opened here: closing it would drop the locks that SQLite holds on it for the whole process.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convo.errors import ReadOnlyStore, StoreBusy, StoreNotFound, StoreOnNetwork, StoreReplaced

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "lustre", "ncpfs"}
)
"""File systems of other machines, as Linux names them: the shared memory of WAL does not work there."""
REFUSED = REMOTE - {"9p"}
"""Where no file is opened. Some containers have 9p for the disk of the machine itself: of that the doctor warns."""
MOUNTS = Path("/proc/mounts")
SLOWEST, FASTEST, SOONER = 0.006, 0.0003, 0.03
"""Seconds between two looks at a closed gate: the longer one has waited (seconds) the more often, down to the fastest."""
PIECE = 0.1
"""Seconds of waiting that one look counts at most: who stood still, maybe with the one it waits for, has not waited."""
FLAGS = os.O_RDONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

Identity = tuple[int, int]
"""The device and the number of a file: another file at the same path has another one while the first is open."""
State = tuple[int, int, int, int, bool]


def identity(path: str) -> Identity | None:
    """Say which file stands at a path, None for no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib costs three times as much, on each write
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _writable(folder: str) -> bool:
    """Say whether files can be made in a folder, by whom this process acts for now."""
    return os.access(folder or os.curdir, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def file_system(file: str) -> str:
    """Give the kind of the file system that holds a file, as Linux tells; "" where nothing tells."""
    path = os.path.realpath(file)
    try:
        lines = [line.split() for line in MOUNTS.read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    mounts = [(fields[1], fields[2]) for fields in lines if len(fields) > 2 and fields[1].startswith("/")]  # noqa: PLR2004 - place, kind
    holding = [(point, kind) for point, kind in mounts if os.path.commonpath([path, point]) == point]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]


def state(path: str) -> State:
    """Give what changes when somebody writes to a database: the file, its size, its time, and whether its log holds something."""
    found = os.stat(path)  # noqa: PTH116 - as above
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, _is_filled(f"{path}-wal")


def _is_filled(path: str) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.stat(path).st_size > 0  # noqa: PTH116 - as above
    return False


class FileConnection(sqlite3.Connection):
    """A connection that knows which file it has open; `as_of`, as what, where it takes it for one that nobody writes to."""

    identity: Identity | None = None
    as_of: State | None = None


class File:
    """The file of a store: opened, watched, and written in turns. `wait` is how long a writer waits for its turn (seconds)."""

    def __init__(self, path: str, wait: float) -> None:
        self.path = path
        self.gate = Gate(path, wait)
        self._seen: Identity | None = None
        self._log: Identity | None = None

    def connect(self, database: str, **options: Any) -> FileConnection:
        """Open the file; made only if this store has never seen it.

        Raises `StoreOnNetwork`, `StoreNotFound` for a file that was there before, `StoreReplaced` where `log_is_old`,
        `ReadOnlyStore` where it cannot be read because nothing can be written.
        """
        before = identity(self.path)
        if self._seen is None and (kind := file_system(self.path)) in REFUSED:
            raise StoreOnNetwork(self.path, kind)
        if self._seen is not None and before is None:
            raise StoreNotFound(self.path)
        if self._seen not in (None, before) and self.log_is_old():
            raise StoreReplaced(self.path)
        connection = FileConnection(database, **options)
        if before is not None and not _writable(os.path.dirname(self.path)):  # noqa: PTH120 - as above
            connection = self._to_read(connection, options)
        self._seen = connection.identity = before or identity(self.path)
        return connection

    def _to_read(self, connection: FileConnection, options: dict[str, Any]) -> FileConnection:
        """Give the connection if SQLite reads by it, which writes beside a file to do so; else one that asks for nothing.

        That takes the file for one that nobody writes to, so `check` looks whether somebody has. It sees no log.
        """
        try:
            connection.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            connection.close()
            if not getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
            as_of = state(self.path)
            if as_of[-1]:
                raise ReadOnlyStore(self.path, unread=f"{self.path}-wal") from error
            connection = FileConnection(f"{Path(self.path).absolute().as_uri()}?immutable=1", uri=True, **options)
            connection.as_of = as_of
        return connection

    def check(self, connection: FileConnection) -> None:
        """Raise `StoreReplaced` or `StoreNotFound` unless the file that a connection has open is the one at the path.

        `StoreBusy` where it is taken for one that nobody writes to, and somebody has.
        """
        found = identity(self.path)
        if found != connection.identity:
            raise StoreNotFound(self.path) if found is None else StoreReplaced(self.path)
        if connection.as_of is not None and connection.as_of != state(self.path):
            reason = "another wrote to the file, which is read here as one that cannot be written"
            raise StoreBusy(reason)
        if self._log is None:
            self._log = identity(f"{self.path}-wal")

    def log_is_old(self) -> bool:
        """Say whether the write-ahead log at the path is the one that the file had: SQLite would write it into another file."""
        return self._log is not None and identity(f"{self.path}-wal") == self._log

    def forget(self) -> None:
        """Take whatever is at the path as the file, from now on."""
        self._log = None


class Gate:
    """Where writers of one file wait for their turn: threads at a lock, processes at a lock of the system on a file beside it.

    SQLite's own waiting is unfair: who waits longest looks least often. The system opens the gate when its holder dies. Where
    there can be no such file, or no such lock, SQLite's waiting is all there is.
    """

    def __init__(self, path: str, wait: float) -> None:
        self._database = path
        self._wait = wait
        self._turn = threading.RLock()
        self._file: int | None = None
        _GATES.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the gate. Raises `StoreBusy` when it stays closed for too long. An interrupt leaves it open, whenever it comes."""
        try:
            waited = self._first()
            with self._turn:  # the second time: that this one ends cannot be interrupted
                self._turn.release()
                try:
                    try:
                        self._passed(waited)
                        yield
                    finally:
                        self._unlock()
                except BaseException:
                    self._unlock()
                    raise
        finally:
            while self._turn._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - as `threading.Condition` asks
                self._turn.release()

    def _unlock(self) -> None:
        """Let other processes go on, whether they were waiting for this one or not."""
        if self._file is not None:
            _unlock(self._file)

    def _first(self) -> float:
        """Wait for other threads; give the seconds."""
        waited = 0.0
        while not self._turn.acquire(timeout=min(PIECE, self._wait - waited)):
            waited += PIECE
            if waited >= self._wait:
                raise StoreBusy
        return waited

    def _passed(self, waited: float) -> None:
        """Wait for other processes, where there can be a file to lock."""
        file = self._opened()
        if file is None:
            return
        with suppress(NoLocks):
            looked = time.monotonic()
            while not locked(file):
                if waited > self._wait:
                    raise StoreBusy
                time.sleep(max(FASTEST, SLOWEST - SOONER * waited) * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
                before, looked = looked, time.monotonic()
                waited += min(looked - before, PIECE)

    @property
    def used(self) -> bool:
        """Whether there is a file: who has only read makes none."""
        return self._file is not None

    def _opened(self) -> int | None:
        if self._file is None:
            with suppress(OSError):
                mode = os.stat(self._database).st_mode & 0o666  # noqa: PTH116 - as above
                self._file = os.open(f"{self._database}-gate", FLAGS, mode)
        return self._file

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def forsake(self) -> None:
        """In a forked process: leave the lock to the parent, whose thread may hold it."""
        self._turn = threading.RLock()
        self.close()

    __del__ = close


class NoLocks(Exception):  # noqa: N818 - never leaves the store
    """The file system has no locks."""


def locked(file: int) -> bool:
    """Take the lock if it is free."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _windows().locking(file, _windows().LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise NoLocks from error
    return True


def _unlock(file: int) -> None:
    with suppress(OSError):
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_UN)
        else:
            _windows().locking(file, _windows().LK_UNLCK, 1)


def _windows() -> Any:
    import msvcrt

    return msvcrt


_GATES: weakref.WeakSet[Gate] = weakref.WeakSet()


def _leave_all() -> None:
    """A copy of the parent's lock would keep the gate closed after the parent was killed."""
    for gate in list(_GATES):
        gate.forsake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
