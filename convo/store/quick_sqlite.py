"""Rows of a SQLite file as Arrow, read by ADBC in a process of its own.

A second copy of SQLite in this one would drop the locks of the first when it closes the file
(https://www.sqlite.org/howtocorrupt.html, "multiple copies of SQLite linked into the same application"). The process ends by
itself when nobody asks it anything for a while.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from convo.store.background import Coming

PIPE = 1 << 20
"""Bytes that a pipe holds, where its size can be chosen."""
IDLE = 5
"""Seconds after which a process, or a connection, that nobody asks ends."""
_KEPT = {"MALLOC_MMAP_THRESHOLD_": f"{1 << 30}", "MALLOC_TRIM_THRESHOLD_": f"{1 << 30}", "MALLOC_TOP_PAD_": f"{1 << 26}"}
"""Has the process keep the memory of a page for the next one, instead of asking the system for it anew."""
_CHILD = """
import json, select, sys
from array import array
import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
def bound(value):  # of bytes: to make an array of Python's values imports pandas, where it is installed
    if isinstance(value, int):
        return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(array("q", [value]))])
    kind, data = (pa.string(), value.encode()) if isinstance(value, str) else (pa.binary(), bytes.fromhex(value[0]))
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(array("i", [0, len(data)])), pa.py_buffer(data)])
idle, out = float(sys.argv[2]), sys.stdout.buffer
with adbc_driver_sqlite.connect("file:" + sys.argv[1] + "?mode=ro") as database, AdbcConnection(database) as connection:
    while select.select([sys.stdin], [], [], idle)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            break
        sql, values = json.loads(line)
        with AdbcStatement(connection) as statement:  # each sees what is there by then
            statement.set_options(**{"adbc.sqlite.query.batch_rows": sys.argv[3]})
            statement.set_sql_query(sql)
            statement.prepare()
            if values:
                arrays = [bound(value) for value in values]
                statement.bind(pa.RecordBatch.from_arrays(arrays, [str(at) for at in range(len(arrays))]))
            found, _ = statement.execute_query()
            table = pa.RecordBatchReader.from_stream(found).read_all()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        out.flush()
        del found, table, writer
"""
_children: dict[str, tuple[subprocess.Popen[bytes], threading.Lock, tuple[int, int]]] = {}
_starting = threading.Lock()


def read(path: str, sql: str, values: list[Any]) -> Any:
    """Give the rows of a statement; None where no process reads them."""
    for anew in (False, True):
        child, lock, _ = _child(path, anew=anew)
        lock.acquire()
        found = _answered(child, lock) if _is_asked(child, lock, sql, values) else None
        if found is not None:
            return found
    return None


def ahead(path: str, sql: str, values: list[Any]) -> Coming | None:
    """Ask a process now, so that whoever ends it waits until it has answered."""
    child, lock, _ = _child(path, anew=False)
    lock.acquire()
    if not _is_asked(child, lock, sql, values):
        return None
    try:
        return Coming(_answered, child, lock)
    except BaseException:  # there is no thread, and so nobody who reads what it answers
        child.kill()
        lock.release()
        raise


def _child(path: str, *, anew: bool) -> tuple[subprocess.Popen[bytes], threading.Lock, tuple[int, int]]:
    """Give the process that reads a file, started anew where it ended, or belongs to the process that was forked."""
    with _starting:
        known, whose = _children.get(path), (os.getpid(), os.stat(path).st_ino)  # noqa: PTH116 - a path in text
        if known is not None and not anew and known[2] == whose and known[0].poll() is None:
            return known
        if known is not None and known[2][0] == os.getpid():
            _end(known[0])
        quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        command = [sys.executable, "-c", _CHILD, quoted, str(IDLE), str(1 << 20)]
        child = subprocess.Popen(  # noqa: S603 - ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE,
            env={**_KEPT, **os.environ},
        )
        _children[path] = child, threading.Lock(), whose
        return _children[path]


def _is_asked(child: subprocess.Popen[bytes], lock: threading.Lock, sql: str, values: list[Any]) -> bool:
    """Ask a process whose lock is held, and say whether it takes questions; let go of the lock where it does not."""
    assert child.stdin is not None  # noqa: S101 - it is a pipe
    try:
        child.stdin.write(json.dumps([sql, [_told(value) for value in values]]).encode() + b"\n")
        child.stdin.flush()
    except OSError:
        lock.release()
        return False
    except BaseException:
        child.kill()  # it may have half a question
        lock.release()
        raise
    return True


def _told(value: Any) -> Any:
    """Give a value as JSON tells it to the process."""
    if isinstance(value, bytes | memoryview):
        return [value.hex()]
    if isinstance(value, str) or type(value) is int:
        return value
    raise TypeError


def _answered(child: subprocess.Popen[bytes], lock: threading.Lock) -> Any:
    """Give what a process answers, None where it has ended; let go of its lock."""
    import pyarrow as pa

    assert child.stdout is not None  # noqa: S101 - it is a pipe
    try:
        return pa.ipc.open_stream(child.stdout).read_all()
    except (OSError, pa.ArrowInvalid):
        return None
    except BaseException:
        child.kill()  # what is left of its answer is none to the next question
        raise
    finally:
        lock.release()


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def ended(path: str) -> None:
    """End the process that reads a file, so that whoever closes the file next is the last, and empties its write-ahead log."""
    with _starting:
        child, lock, (process, _) = _children.pop(path, (None, None, (0, 0)))
    if child is not None and lock is not None and process == os.getpid():
        with lock:
            _end(child)


@atexit.register
def _end_all() -> None:
    for path in list(_children):
        ended(path)
