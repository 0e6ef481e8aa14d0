"""The statements that convo runs, run again with the driver alone: the same rows, with parameters that were made before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from benchmarks.stub import runner_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    import psycopg

    import convo

_UNMISTAKABLE = 100
"""Turns before the one that is replayed: then no parameter is by chance what the head is."""

Statements = list[tuple[str, Any]]


def statements_of(store: convo.Store, way: Callable[[], object]) -> Statements:
    """Give the statements that a call runs, with their parameters, as the driver gets them."""
    from sqlalchemy import event

    found: Statements = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:  # noqa: FBT001
        del connection, cursor, context
        found.append((statement, parameters[0] if many else parameters))

    listening = runner_of(store).engines.both()
    for engine in listening:
        event.listen(engine, "before_cursor_execute", note)
    way()
    for engine in listening:
        event.remove(engine, "before_cursor_execute", note)
    return found


class Replay:
    """The statements of a turn on a raw connection; a new exchange, key and positions each time."""

    def __init__(self, store: convo.Store, turn: Callable[[], object], turns: int) -> None:
        for _ in range(_UNMISTAKABLE):
            turn()
        self._statements = statements_of(store, turn)
        with runner_of(store).engines.reading.connect() as connection:
            tables = "convo_exchange e JOIN convo_branch b ON b.id = e.branch"
            query = f"SELECT e.id, e.key, b.head FROM {tables} ORDER BY b.head DESC, e.asked_first DESC LIMIT 1"
            self._exchange, self._key, self._head = connection.exec_driver_sql(query).one()
        self._ready = iter([self._turn(number) for number in range(1, turns + 1)])

    def _turn(self, number: int) -> Statements:
        identifier = UUID(int=number << 64 | number)
        changed = {
            self._exchange: identifier.bytes if isinstance(self._exchange, bytes) else identifier,
            self._key: f"raw-{number}",
            self._head - 1: self._head - 1 + 2 * number,
            self._head: self._head + 2 * number,
        }
        return [(sql, _with(parameters, changed)) for sql, parameters in self._statements]

    def on_sqlite(self, connection: sqlite3.Connection, commits: tuple[int, ...] = ()) -> Callable[[], object]:
        """Run each turn in a transaction; before the statements of these numbers a new one is begun."""
        connection.execute("PRAGMA foreign_keys=ON")

        def turn() -> None:
            connection.execute("BEGIN IMMEDIATE")
            for number, (sql, parameters) in enumerate(next(self._ready)):
                if number in commits:
                    connection.execute("COMMIT")
                    connection.execute("BEGIN IMMEDIATE")
                connection.execute(sql, parameters).fetchall()
            connection.execute("COMMIT")

        return turn

    def on_postgres(self, connection: psycopg.Connection[Any]) -> Callable[[], object]:
        """Run the statements, each its own transaction."""
        import psycopg

        cursor = psycopg.RawCursor(connection)

        def turn() -> None:
            for sql, parameters in next(self._ready):
                cursor.execute(sql, parameters).fetchall()

        return turn


def _with(parameters: Any, changed: dict[Any, Any]) -> Any:
    if isinstance(parameters, dict):
        return {name: changed.get(value, value) for name, value in parameters.items()}
    return tuple(changed.get(value, value) for value in parameters)
