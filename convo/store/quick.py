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
from convo.store.faults import LOGGER
from convo.store.sealed import keyring_of, opening

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

LEAST = 8_192
"""Rows from which it is worth while."""
PIPE = 1 << 20
"""Bytes that a pipe holds, where its size can be chosen."""
IDLE = 5
"""Seconds after which a process that nobody asks ends."""
_NEEDED = {
    "sqlite": ("adbc_driver_manager", "adbc_driver_sqlite"),
    "postgresql": ("adbc_driver_manager", "adbc_driver_postgresql", "psycopg"),
}


def fetched(connection: Connection, statement: sa.Select[Any], rows: int) -> Any:
    """Give the rows of a statement as a `pyarrow.Table`; None where the driver of SQLAlchemy is to read them."""
    dialect = connection.dialect
    options = connection.get_execution_options()
    if rows < LEAST or os.name != "posix" or "convo_own_file" not in options or keyring_of(connection).seals:
        return None
    url = connection.engine.url
    if any(find_spec(name) is None for name in _NEEDED[dialect.name]):
        return None
    if dialect.name == "sqlite" and (url.database in (None, "", ":memory:") or url.query):
        return None
    try:
        found = _read(connection, statement, options.get("convo_schema"))
    except Exception as error:  # noqa: BLE001 - whatever it is, the driver of SQLAlchemy says it in its own way, or reads the rows
        note(LOGGER, logging.DEBUG, "rows are read without ADBC", error=type(error).__name__)
        return None
    if found is None:
        note(LOGGER, logging.DEBUG, "the process that reads rows with ADBC has ended")
    return None if found is None or _is_marked(found, statement) else found


def _read(connection: Connection, statement: sa.Select[Any], schema: str | None) -> Any:
    if connection.dialect.name == "sqlite":
        return _sqlite(str(connection.engine.url.database), *_compiled(statement, connection.dialect, schema))
    from sqlalchemy.dialects.postgresql.asyncpg import dialect as numbered

    sql = _with_values(*_compiled(statement, numbered(), schema))  # type: ignore[no-untyped-call]  # SQLAlchemy's
    conninfo = _conninfo(connection.engine.url)
    if not connection.dialect.is_async:
        return _postgresql(conninfo, sql)
    from sqlalchemy.util import await_only

    return await_only(asyncio.to_thread(_postgresql, conninfo, sql))


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
import adbc_driver_sqlite
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcStatement
idle, out = float(sys.argv[2]), sys.stdout.buffer
with adbc_driver_sqlite.connect("file:" + sys.argv[1] + "?mode=ro") as database, AdbcConnection(database) as connection:
    while select.select([sys.stdin], [], [], idle)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            break
        sql, size = json.loads(line)
        values = pa.ipc.open_stream(sys.stdin.buffer.read(size)).read_next_batch()
        with AdbcStatement(connection) as statement:  # each sees what is there by then
            statement.set_options(**{"adbc.sqlite.query.batch_rows": sys.argv[3]})
            statement.set_sql_query(sql)
            statement.prepare()
            if values.num_columns:
                statement.bind(values)
            found, _ = statement.execute_query()
            table = pa.RecordBatchReader.from_stream(found).read_all()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        data = sink.getvalue()
        out.write(data.size.to_bytes(8, "big"))
        out.write(data)
        out.flush()
        del found, table, sink, writer, data
"""
_children: dict[str, tuple[subprocess.Popen[bytes], threading.Lock, tuple[int, int]]] = {}
_starting = threading.Lock()


def _sqlite(path: str, sql: str, parameters: list[Any]) -> Any:
    import pyarrow as pa

    values = [pa.array([bytes(value) if isinstance(value, memoryview) else value]) for value in parameters]
    batch = pa.RecordBatch.from_arrays(values, [str(at) for at in range(len(values))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    bound = sink.getvalue().to_pybytes()  # made here: to make an array imports pandas, where it is installed
    line = json.dumps([sql, len(bound)]).encode() + b"\n" + bound
    for anew in (False, True):
        child, lock, _ = _child(path, anew=anew)
        with lock:
            data = _asked(child, line)
        if data is not None:
            return pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    return None


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
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pipesize=PIPE)  # noqa: S603 - ours
        _children[path] = child, threading.Lock(), whose
        return _children[path]


def _asked(child: subprocess.Popen[bytes], line: bytes) -> bytes | None:
    """Give what a process answers, None where it has ended."""
    assert child.stdin is not None  # noqa: S101 - they are pipes
    assert child.stdout is not None  # noqa: S101
    try:
        child.stdin.write(line)
        child.stdin.flush()
        size = child.stdout.read(8)
        data = child.stdout.read(int.from_bytes(size, "big")) if len(size) == 8 else b""  # noqa: PLR2004 - as it is written
    except OSError:
        return None
    return data or None


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
