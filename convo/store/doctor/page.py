"""Pages of what is looked at: each check reads a bounded number of rows in one statement, and says where it stopped.

One statement sees one state of the database, on every database and isolation level: what writers do meanwhile is
there whole or not at all, and is no damage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.errors import CorruptStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from convo.findings import Finding

PAGE = 200
"""Rows that one statement gives at most."""


class Scope(NamedTuple):
    """Whose rows are looked at, None for everyone's, and the time in microseconds."""

    owner: str | None
    now: int

    def of(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Give the condition that a row of `table` is looked at."""
        return sa.true() if self.owner is None else table.c.owner == self.owner


After = tuple[Any, ...] | None
Found = tuple[list["Finding"], After]
Check = Callable[["Connection", Scope, After], Found]
"""One page of a check: takes the key after which it begins, gives what it found and the key after which to go on."""


def execute(connection: Connection, statement: sa.Executable) -> Any:
    """Run a statement in the schema of the store."""
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    return connection.execute(statement, execution_options=options)


def rows(connection: Connection, statement: sa.Executable) -> Sequence[Any]:
    """Give all rows of a statement, of which there must be few. Raises `CorruptStore` for a value that is none of its column."""
    try:
        found: Sequence[Any] = execute(connection, statement).all()
    except (ValueError, TypeError, OverflowError) as error:
        raise CorruptStore from error
    return found


def following(statement: sa.Select[Any], keys: Sequence[Any], after: After, size: int = PAGE) -> sa.Select[Any]:
    """Give the first rows of a statement behind `after`, in the order of its keys, which are its first columns."""
    if after is not None:
        last = (sa.literal(value, key.type) for value, key in zip(after, keys, strict=True))
        statement = statement.where(sa.tuple_(*keys) > sa.tuple_(*last))
    return statement.order_by(*keys).limit(size)


def last_key(found: Sequence[Sequence[Any]], count: int, size: int = PAGE) -> After:
    """Give the key of the last row of a full page, None when there are no more pages."""
    return tuple(found[-1][:count]) if len(found) == size else None


def paged(connection: Connection, statement: sa.Select[Any], keys: Sequence[Any], after: After) -> tuple[Sequence[Any], After]:
    """Give a page of rows, and the key after which to go on."""
    found = rows(connection, following(statement, keys, after))
    return found, last_key(found, len(keys))
