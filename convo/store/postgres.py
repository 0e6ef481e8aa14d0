"""PostgreSQL's drivers: how engines of ours are set up, and what is done with each new connection."""

from __future__ import annotations

import select
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from convo.errors import MissingDependency, UnsupportedUrl
from convo.store.faults import READ_ONLY, code_of
from convo.store.statements import AS_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Engine


def paramstyle(url: URL) -> dict[str, Any]:
    """Give the settings with which psycopg is given statements in the server's own words, `$1` (see `mind_the_server`).

    Any other style it translates; and for a statement with more than 50 parameters, such as the end of an exchange, each time.
    Nor does it ask the server for a type that no table of ours has.
    """
    own = {"paramstyle": "numeric_dollar", "use_native_hstore": False}
    return own if url.get_driver_name() in ("psycopg", "psycopg_async") else {}


ALONE: dict[str, Any] = {
    "hide_parameters": True, "isolation_level": "AUTOCOMMIT", "pool_pre_ping": True, "pool_reset_on_return": None,
    "skip_autocommit_rollback": True,
}  # fmt: skip
"""Settings of our PostgreSQL engines: one statement is one transaction, and nothing is left to roll back after it."""
WHOLE = "READ COMMITTED"
"""The isolation of transactions: order comes from the row of the branch, not from the database's snapshot."""
SNAPSHOT = "REPEATABLE READ"
"""The isolation of what several statements read that has to be of one moment."""


def ping_without_asking(engine: Engine) -> None:
    """See whether a pooled connection is alive without a round trip.

    A server that closes a connection says so on it: an idle socket that has something to read is one to ask.
    """
    ask = engine.dialect.do_ping

    def do_ping(connection: Any) -> bool:
        return _is_silent(getattr(connection, "driver_connection", connection)) or ask(connection)

    if hasattr(select, "poll"):
        engine.dialect.do_ping = do_ping  # type: ignore[method-assign, assignment]  # each engine has its own


def _is_silent(raw: Any) -> bool:
    """Say whether there is nothing to read on the socket of a connection; False where there is none, or none is known of."""
    if hasattr(raw, "fileno"):
        socket = raw
    elif raw.is_closed() or (socket := raw._transport.get_extra_info("socket")) is None:  # noqa: SLF001 - asyncpg tells it nowhere
        return False
    idle = select.poll()
    idle.register(socket.fileno(), select.POLLIN)
    return not idle.poll(0)


def mind_the_server(engine: Engine) -> None:
    """See behind each new connection of psycopg whether a pooler stands there, and leave a server that became a standby.

    Its cursors take statements as `paramstyle` has them written.
    """

    def connected(connection: Any, record: object) -> None:
        del record
        raw = getattr(connection, "driver_connection", connection)
        raw.cursor_factory = _cursors(is_async=engine.dialect.is_async)
        cursor = connection.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        if cursor.fetchone()[0] != raw.info.backend_pid:
            raw.prepare_threshold = None
        cursor.close()

    def failed(context: Any) -> None:
        if code_of(context.original_exception) == READ_ONLY:
            context.is_disconnect = True

    if engine.dialect.driver.startswith("psycopg"):
        event.listen(engine, "connect", connected)
    if isinstance(engine.url.query.get("host"), tuple):
        event.listen(engine, "handle_error", failed)


_SELECT_BYTES = f"SELECT {AS_BYTES} "


@cache
def _cursors(*, is_async: bool) -> type[Any]:
    """Give the class of psycopg's cursors.

    They take statements as they are, and rows as text, as SQLAlchemy expects; rows that hold bytes (`AS_BYTES`) as the server
    has them: as text these would be twice as long.
    """
    import psycopg

    base: Any = psycopg.AsyncRawCursor if is_async else psycopg.RawCursor

    class Cursor(base):  # type: ignore[misc]  # one of two
        def execute(self, query: Any, params: Any = None, **named: Any) -> Any:
            return super().execute(query, params, **_binary(query), **named)

        def stream(self, query: Any, params: Any = None, **named: Any) -> Any:
            return super().stream(query, params, **_binary(query), **named)

    return Cursor


def _binary(query: object) -> dict[str, bool]:
    return {"binary": True} if isinstance(query, str) and query.startswith(_SELECT_BYTES) else {}


@contextmanager
def driver_needed(url: URL) -> Iterator[None]:
    """Turn a driver that is not installed into `MissingDependency`, and one that there is not into `UnsupportedUrl`."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = "asyncpg" if error.name == "asyncpg" else "postgres"
        raise MissingDependency(error.name or "psycopg", extra, "a PostgreSQL store") from error
    except (sa.exc.NoSuchModuleError, sa.exc.InvalidRequestError) as error:
        remedy = "use postgresql+psycopg, or with AsyncStore postgresql+asyncpg"
        raise UnsupportedUrl(url.render_as_string(hide_password=True), remedy) from error
