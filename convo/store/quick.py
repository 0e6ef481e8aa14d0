"""Rows as Arrow straight from the driver, by ADBC where it is installed: twice as fast for many rows, and the same rows.

Only on databases that a URL of ours names: it is a connection of its own, which sees what is committed. On SQLite a process of
its own reads: a second copy of SQLite in this one would drop the locks of the first when it closes the file
(https://www.sqlite.org/howtocorrupt.html, "multiple copies of SQLite linked into the same application"). The process ends by
itself when nobody asks it anything for a while.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from convo.logs import note
from convo.sealing.form import MARK
from convo.sealing.keyring import PLAIN
from convo.store.background import in_thread
from convo.store.faults import LOGGER
from convo.store.sealed import keyring_of, opening

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

NUMBER = "number"
"""The last column of rows that may come in any order."""
LEAST = 8_192
"""Rows from which it is worth while."""
PIPE = 1 << 20
"""Bytes that a pipe holds, where its size can be chosen."""
IDLE = 5
"""Seconds after which a process that nobody asks ends."""
_KEPT = {"MALLOC_MMAP_THRESHOLD_": f"{1 << 30}", "MALLOC_TRIM_THRESHOLD_": f"{1 << 30}", "MALLOC_TOP_PAD_": f"{1 << 26}"}
"""Has the process keep the memory of a page for the next one, instead of asking the system for it anew."""
_NEEDED = {
    "sqlite": ("pyarrow", "adbc_driver_manager", "adbc_driver_sqlite"),
    "postgresql": ("pyarrow", "adbc_driver_manager", "adbc_driver_postgresql", "psycopg"),
}


def fetched(connection: Connection, statement: sa.Select[Any], rows: int, coming: Coming | None = None) -> Any:
    """Give the rows of a statement as a `pyarrow.Table`; None where the driver of SQLAlchemy is to read them.

    `rows` is about how many there are, with those of further statements; `coming` are those that `ahead` asked for by this one.
    """
    if (coming is None and rows < LEAST) or not _serves(connection):
        return None
    try:
        found = None if coming is None else _waited(connection, coming.rows)
        found = _read(connection, statement) if found is None else found
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver of SQLAlchemy says it in its own way, or reads the rows
        note(LOGGER, logging.DEBUG, "rows are read without ADBC", error=type(error).__name__)
        return None
    if found is None:
        note(LOGGER, logging.DEBUG, "the process that reads rows with ADBC has ended")
    return None if found is None or _is_marked(found, statement) else _in_order(found)


def ahead(connection: Connection, statement: sa.Select[Any]) -> Coming | None:
    """Ask for rows that are wanted later, and let them come meanwhile; None where `fetched` is to do all by itself."""
    if not _serves(connection):
        return None
    with suppress(Exception):  # `fetched` meets it again, and says so
        if connection.dialect.name == "sqlite":
            return _sqlite_ahead(*_asking(connection, statement))
        return Coming(_postgresql, *_asking(connection, statement))
    return None


class Coming:
    """Rows that a thread reads while the caller does something else."""

    def __init__(self, read: Callable[..., Any], *arguments: Any) -> None:
        self._process = os.getpid()
        self._found = in_thread(read, *arguments)

    def rows(self) -> Any:
        """Wait for them; None where they are to be asked for anew. Raises what reading them raised."""
        return self._found.result() if self._process == os.getpid() else None  # a fork has no such thread


def _serves(connection: Connection) -> bool:
    """Say whether rows may be read here."""
    dialect, url = connection.dialect, connection.engine.url
    own = "convo_own_file" in connection.get_execution_options()
    if os.name != "posix" or not own or keyring_of(connection).seals:
        return False
    if any(find_spec(name) is None for name in _NEEDED[dialect.name]):
        return False
    return dialect.name != "sqlite" or not (url.database in (None, "", ":memory:") or url.query)


def _read(connection: Connection, statement: sa.Select[Any]) -> Any:
    read = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    return _waited(connection, read, *_asking(connection, statement))


def _waited(connection: Connection, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what waits for others; on an asynchronous engine, the loop goes on."""
    if not connection.dialect.is_async:
        return function(*arguments)
    from sqlalchemy.util import await_only

    return await_only(asyncio.to_thread(function, *arguments))


def _asking(connection: Connection, statement: sa.Select[Any]) -> tuple[Any, ...]:
    """Give what a statement is asked for with: on SQLite the path, its text and values; on PostgreSQL the place and its text."""
    schema, url = connection.get_execution_options().get("convo_schema"), connection.engine.url
    if connection.dialect.name == "sqlite":
        return str(url.database), *_compiled(statement, connection.dialect, schema)
    from sqlalchemy.dialects.postgresql.asyncpg import dialect as numbered

    return _conninfo(url), _with_values(*_compiled(statement, numbered(), schema))  # type: ignore[no-untyped-call]  # SQLAlchemy's


def _in_order(found: Any) -> Any:
    """Give rows in the order of their numbers and positions, and without the numbers, where they have such."""
    import pyarrow.compute as pc

    if found.column_names[-1] != NUMBER or not found.num_rows:
        return found.drop_columns(NUMBER) if found.column_names[-1] == NUMBER else found
    number, position = (found.column(name).combine_chunks() for name in (NUMBER, "position"))
    goes_on = pc.and_(pc.equal(number[1:], number[:-1]), pc.greater(position[1:], position[:-1]))
    if pc.any(pc.invert(pc.or_(pc.greater(number[1:], number[:-1]), goes_on))).as_py():
        found = found.sort_by([(NUMBER, "ascending"), ("position", "ascending")])
    return found.drop_columns(NUMBER)


def _is_marked(found: Any, statement: sa.Select[Any]) -> bool:
    """Say whether a value is sealed, or looks so: those are opened, or refused, one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sealed = {read.at for read in opening(statement, PLAIN).reads}
    sealed |= {at for at, name in enumerate(found.column_names) if name == "body"}
    texts = [found.column(at) for at in sealed if not pa.types.is_null(found.column(at).type)]
    return any(pc.any(pc.starts_with(text.cast(pa.string()), MARK)).as_py() for text in texts)


def _compiled(statement: sa.Select[Any], dialect: Any, schema: str | None) -> tuple[str, list[Any]]:
    """Give the text of a statement for a driver with positional parameters, and their values."""
    translation: dict[str, Any] = {"schema_translate_map": {None: schema}, "render_schema_translate": True} if schema else {}
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}, **translation)
    parameters = compiled.construct_params()
    processors: Any = compiled._bind_processors  # noqa: SLF001 - there is no other way to the values as the driver takes them
    names = compiled.positiontup or []
    values = [processors[name](parameters[name]) if name in processors else parameters[name] for name in names]
    return str(compiled), [str(value) if type(value).__name__ == "UUID" else value for value in values]


# --- PostgreSQL ------------------------------------------------------------------------------------


def _conninfo(url: sa.URL) -> str:
    from psycopg.conninfo import make_conninfo
    from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg

    _, arguments = psycopg().create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy's
    arguments.pop("context", None)  # psycopg's own, for its types
    return make_conninfo("", **arguments)


def _with_values(sql: str, values: list[Any]) -> str:
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


def _postgresql(conninfo: str, sql: str) -> Any:
    import pyarrow as pa
    from adbc_driver_manager import AdbcConnection, AdbcStatement

    with AdbcConnection(_server(conninfo)) as connection, AdbcStatement(connection) as statement:
        statement.set_sql_query(sql)
        found, _ = statement.execute_query()
        return pa.RecordBatchReader.from_stream(found).read_all()


# --- SQLite ----------------------------------------------------------------------------------------

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


def _sqlite(path: str, sql: str, values: list[Any]) -> Any:
    for anew in (False, True):
        child, lock, _ = _child(path, anew=anew)
        lock.acquire()
        found = _answered(child, lock) if _is_asked(child, lock, sql, values) else None
        if found is not None:
            return found
    return None


def _sqlite_ahead(path: str, sql: str, values: list[Any]) -> Coming | None:
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
