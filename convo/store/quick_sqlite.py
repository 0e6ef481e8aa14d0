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
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from convo.store.background import AT_ONCE, IDLE, Coming

if TYPE_CHECKING:
    from collections.abc import Iterator

PIPE = 1 << 20
"""Bytes that a pipe holds, where its size can be chosen."""
_KEPT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": f"{1 << 30}",
    "MALLOC_TRIM_THRESHOLD_": f"{1 << 30}",
    "MALLOC_TOP_PAD_": f"{1 << 26}",
}
"""Has the process keep the memory of a page for the next one, of any thread, instead of asking the system for it anew."""
_CHILD = """
import json, os, queue, select, sys, threading
from array import array
from concurrent.futures import ThreadPoolExecutor
import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
_, path, idle, rows, at_once = sys.argv
database = adbc_driver_sqlite.connect("file:" + path + "?mode=ro")
own, answers = threading.local(), queue.Queue()
def connect():
    own.connection = AdbcConnection(database)
def bound(value):  # of bytes: to make an array of Python's values imports pandas, where it is installed
    if isinstance(value, int):
        return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(array("q", [value]))])
    kind, data = (pa.string(), value.encode()) if isinstance(value, str) else (pa.binary(), bytes.fromhex(value[0]))
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(array("i", [0, len(data)])), pa.py_buffer(data)])
def found(question):
    sql, values = json.loads(question)
    with AdbcStatement(own.connection) as statement:  # each sees what is there by then
        statement.set_options(**{"adbc.sqlite.query.batch_rows": rows})
        statement.set_sql_query(sql)
        statement.prepare()
        if values:
            arrays = [bound(value) for value in values]
            statement.bind(pa.RecordBatch.from_arrays(arrays, [str(at) for at in range(len(arrays))]))
        stream, _ = statement.execute_query()
        table = pa.RecordBatchReader.from_stream(stream).read_all()
    table.validate(full=True)  # a damaged file may hold texts that are none
    return table.replace_schema_metadata({"rows": str(table.num_rows)})
def answer(out=sys.stdout.buffer):
    while True:
        try:
            table = answers.get().result()
            with pa.ipc.new_stream(out, table.schema) as writer:
                writer.write_table(table)
            out.flush()
            del table, writer
        except BaseException:
            os._exit(1)  # whoever asked reads the rows otherwise
        answers.task_done()
with ThreadPoolExecutor(int(at_once), initializer=connect) as pool:
    threading.Thread(target=answer, daemon=True).start()
    left = b""
    while (asked := select.select([0], [], [], float(idle))[0]) or answers.unfinished_tasks:
        if not asked:
            continue
        read = os.read(0, 1 << 16)
        if not read:
            break
        *questions, left = (left + read).split(b"\\n")
        for question in questions:
            answers.put(pool.submit(found, question))
    answers.join()
os._exit(0)
"""


class _Child:
    """A process that reads a file: it works on `AT_ONCE` questions, and answers in the order in which it is asked."""

    def __init__(self, path: str) -> None:
        quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        command = [sys.executable, "-P", "-c", _CHILD, quoted, str(IDLE), str(1 << 20), str(AT_ONCE)]
        self.process = subprocess.Popen(  # noqa: S603 - ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE,
            env={**_KEPT, **os.environ},
        )
        self.whose = os.getpid(), os.stat(path).st_ino  # noqa: PTH116 - a path in text
        self._asked = self._answered = 0
        self._given_up = False
        self._turn = threading.Condition()

    def serves(self, path: str) -> bool:
        """Say whether it reads the file that is there now, for this process."""
        whose = os.getpid(), os.stat(path).st_ino  # noqa: PTH116 - a path in text
        return self.whose == whose and not self._given_up and self.process.poll() is None

    def ask(self, sql: str, values: list[Any], *, most: int | None = None) -> int | None:
        """Ask, and give the number of the question; None where it takes none, or has `most` to answer."""
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        question = json.dumps([sql, [_told(value) for value in values]]).encode() + b"\n"
        with self._turn:
            if self._given_up or (most is not None and self._asked - self._answered >= most):
                return None
            try:
                self.process.stdin.write(question)
                self.process.stdin.flush()
            except OSError:
                return None
            self._asked += 1
            return self._asked

    def answer(self, question: int) -> Any:
        """Give the rows that it answers a question with, when those before are answered; None where it has ended."""
        import pyarrow as pa

        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        with self._turn:
            self._turn.wait_for(lambda: self._given_up or self._answered == question - 1)
        try:
            found = None if self._given_up else _whole_table(pa.ipc.open_stream(self.process.stdout).read_all())
        except (OSError, ValueError):  # Arrow's are such
            found = None
        with self._turn:
            self._answered += 1
            self._turn.notify_all()
        return found

    def give_up(self) -> None:
        """Do without it: who was interrupted may have left half a question, or an answer that is none to the next."""
        self._given_up = True
        self.process.kill()
        with self._turn:
            self._turn.notify_all()
        while self._turn._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - an interrupt may come right when it is taken
            self._turn.release()

    def end(self) -> None:
        """End it when it has answered."""
        with self._turn:
            self._turn.wait_for(lambda: self._given_up or self._answered == self._asked)
        self.kill()

    def leave(self) -> None:
        """In a forked process: let go of what belongs to the parent, whose threads may just write and read."""
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.raw.close()  # type: ignore[union-attr]  # it is a buffered one
        self.process.returncode = 0

    def kill(self) -> None:
        """End it now."""
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


_children: dict[str, _Child] = {}
_starting = threading.Lock()


def read(path: str, sql: str, values: list[Any]) -> Any:
    """Give the rows of a statement; None where no process reads them."""
    for anew in (False, True):
        child = _child(path, anew=anew)
        with _whole(child):
            question = child.ask(sql, values)
            found = None if question is None else child.answer(question)
        if found is not None:
            return found
    return None


def ahead(path: str, sql: str, values: list[Any]) -> Coming | None:
    """Ask a process now, so that whoever ends it waits until it has answered; None where it has enough to answer."""
    child = _child(path, anew=False)
    with _whole(child):
        question = child.ask(sql, values, most=AT_ONCE)
        return None if question is None else Coming(_answer, child, question)


def _answer(child: _Child, question: int) -> Any:
    with _whole(child):
        return child.answer(question)


@contextmanager
def _whole(child: _Child) -> Iterator[None]:
    """Do without a process that was not asked, or not listened to, to the end."""
    try:
        yield
    except BaseException:
        child.give_up()
        raise


def _child(path: str, *, anew: bool) -> _Child:
    """Give the process that reads a file, started anew where it ended, or belongs to the process that was forked."""
    with _starting:
        known = _children.get(path)
        if known is not None and not anew and known.serves(path):
            return known
        if known is not None and known.whose[0] == os.getpid():
            known.kill()
        _children[path] = _Child(path)
        return _children[path]


def _whole_table(found: Any) -> Any:
    """Give rows if there are as many as were sent: to Arrow an answer that ends before its rows may be whole."""
    return found.replace_schema_metadata(None) if found.schema.metadata == {b"rows": b"%d" % found.num_rows} else None


def _told(value: Any) -> Any:
    """Give a value as JSON tells it to the process."""
    if isinstance(value, bytes | memoryview):
        return [value.hex()]
    if isinstance(value, str) or type(value) is int:
        return value
    raise TypeError


def ended(path: str) -> None:
    """End the process that reads a file, so that whoever closes the file next is the last, and empties its write-ahead log."""
    with _starting:
        child = _children.pop(path, None)
    if child is not None and child.whose[0] == os.getpid():
        with _whole(child):
            child.end()


def _leave_all() -> None:
    """In a forked process: leave the processes to the parent, a thread of which may hold the lock."""
    global _starting  # noqa: PLW0603 - there is no other way to have it free
    _starting = threading.Lock()
    for child in _children.values():
        child.leave()
    _children.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


@atexit.register
def _end_all() -> None:
    for path in list(_children):
        ended(path)
