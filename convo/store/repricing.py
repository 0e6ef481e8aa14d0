"""What calls cost, written again by other prices: read in pages, each written in a short transaction of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from convo.models import KINDS
from convo.store import tables
from convo.store.statements import Statement
from convo.store.totals import USAGE_COLUMNS
from convo.times import to_micros
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_X = tables.exchange.c
PAGE = 500
"""Calls that one transaction writes at most."""
FIRST = UUID(int=0)
"""An id before all others."""
BEGIN = to_micros(datetime(2, 1, 1, tzinfo=UTC))
"""A time before all others: that of a clock before 1970, too."""
END = to_micros(datetime(9998, 12, 31, tzinfo=UTC))
"""A time after all others."""
WRITTEN = ("cost", "currency", "price_table", *(f"cost_{kind}" for kind in KINDS))
"""Columns that prices decide."""


class Call(NamedTuple):
    """A call whose usage is known: which one, who was asked and answered, what it used, and what its row says of the cost."""

    id: UUID
    attempt: int
    status: str
    model: str
    answered_by: str | None
    raw: str | None
    usage: Usage
    priced: tuple[Any, ...]


def _is_due() -> Any:
    """A call that told anything of what it used, and does not run."""
    told = sa.or_(*(_X[name].is_not(None) for name in USAGE_COLUMNS))
    since, until = (sa.bindparam(name, type_=_X.started_at.type) for name in ("since", "until"))
    return sa.and_(_X.owner == sa.bindparam("owner"), _X.status != "pending", _X.started_at >= since, _X.started_at < until, told)


def _select() -> sa.Select[Any]:
    names = ("id", "attempt", "status", "model", "answered_by", "raw", *USAGE_COLUMNS, *WRITTEN)
    after, limit = sa.bindparam("after", type_=_X.id.type), sa.bindparam("limit", type_=sa.Integer)
    return sa.select(*(_X[name] for name in names)).where(_is_due(), _X.id > after).order_by(_X.id).limit(limit)


def _update() -> sa.Update:
    keys = (_X.owner == sa.bindparam("key_owner"), _X.id == sa.bindparam("key_id", type_=_X.id.type))
    as_read = (_X.attempt == sa.bindparam("key_attempt"), _X.status == sa.bindparam("key_status"))
    values = {name: sa.bindparam(name, type_=_X[name].type) for name in WRITTEN}
    return sa.update(tables.exchange).where(*keys, *as_read).values(values)


_page = Statement("calls whose usage is known, by their ids", _select)
_count = Statement("how many calls have a known usage", lambda: sa.select(sa.func.count()).where(_is_due()))
_put = Statement("what a call costs by other prices", _update)


def count(connection: Connection, owner: str, since: int, until: int) -> int:
    """Give the number of calls that began in [since, until) and whose usage is known."""
    found = _count.one(connection, owner=owner, since=since, until=until)
    return int(found[0]) if found else 0


def page(connection: Connection, owner: str, since: int, until: int, after: UUID) -> list[Call]:
    """Give the next of these calls behind an id, in the order of their ids."""
    rows = _page.rows(connection, owner=owner, since=since, until=until, after=after, limit=PAGE)
    return [_call(*row) for row in rows]


def _call(id_: UUID, attempt: int, status: str, model: str, answered_by: str | None, raw: str | None, *rest: Any) -> Call:
    counts, priced = rest[: len(USAGE_COLUMNS)], rest[len(USAGE_COLUMNS) :]
    return Call(id_, attempt, status, model, answered_by, raw, Usage(**dict(zip(USAGE_COLUMNS, counts, strict=True))), priced)


def put(connection: Connection, owner: str, changes: Sequence[tuple[Call, dict[str, Any]]]) -> None:
    """Give calls other costs; one that another attempt has taken over since it was read stays as it is."""
    _put.many(
        connection,
        (
            {"key_owner": owner, "key_id": call.id, "key_attempt": call.attempt, "key_status": call.status, **columns}
            for call, columns in changes
        ),
    )
