"""The calls of a conversation, as they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.calls import Call
from convo.canonical import decode
from convo.recovery import Recovery
from convo.store import tables
from convo.store.statements import Statement, micros
from convo.store.totals import USAGE_COLUMNS
from convo.times import from_micros
from convo.usage import Cost, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

_X = tables.exchange.c
_PLAIN = (
    "id", "branch", "key", "status", "attempt", "api", "model", "answered_by", "instead_of", "origin", "seen", "position",
    "finish_reason", "error", "retries", "voice", "format", "spoken", "sent_references", "sent_transcripts",
)  # fmt: skip
_TIMES = ("started_at", "first_byte_at", "finished_at")
_COSTS = tuple(f"cost_{kind}" for kind in tables.COST_KINDS)
_PLACE = sa.func.coalesce(_X.position, _X.seen, 0)
"""Where a call stands in its line; clocks may stand still."""
_BEGUN = sa.func.coalesce(_X.started_at, _X.started_at)
"""An expression, so that no database goes through all calls of the owner in the order of an index to find the newest of one."""
_NAMES = (*_PLAIN, *_TIMES, "recovered", "estimated_tokens", "cost", "currency", "price_table", *_COSTS, *USAGE_COLUMNS)

_calls = Statement(
    "the calls of a conversation, the newest first",
    lambda: (
        sa.select(*(micros(_X[name]).label(name) if name in _TIMES else _X[name] for name in _NAMES))
        .where(
            _X.owner == sa.bindparam("owner"),
            _X.conversation == sa.bindparam("conversation"),
            _X.status != "added",
            sa.bindparam("before", type_=sa.BigInteger) > _PLACE,
        )
        .order_by(_BEGUN.desc(), _PLACE.desc(), _X.id.desc())
        .limit(sa.bindparam("limit", type_=sa.BigInteger))
    ),
)


def of(connection: Connection, owner: str, conversation: UUID, limit: int, before: int) -> list[Call]:
    """Give the newest calls of a conversation whose place is before a position, the oldest of them first.

    Messages added under a key are no calls.
    """
    rows = _calls.rows(connection, owner=owner, conversation=conversation, limit=limit, before=before)
    return [_call(row) for row in reversed(rows)]


def _call(row: Sequence[Any]) -> Call:
    found = dict(zip(_NAMES, row, strict=True))
    parts = {name.removeprefix("cost_"): found[name] for name in _COSTS}
    times: dict[str, Any] = {name: None if found[name] is None else from_micros(found[name]) for name in _TIMES}
    return Call(
        outcome=found["status"],
        **{name: found[name] for name in _PLAIN if name not in ("status", "spoken")},
        **times,
        spoken=None if found["spoken"] is None else bool(found["spoken"]),
        recovered=tuple(_recovery(step) for step in decode(found["recovered"] or "[]")),
        usage=Usage(**{name: found[name] for name in USAGE_COLUMNS}),
        cost=Cost.from_picos(
            found["cost"], currency=found["currency"] or "USD", table=found["price_table"] or "", parts=parts
        ),
        estimated=found["estimated_tokens"],
    )  # fmt: skip


def _recovery(step: dict[str, Any]) -> Recovery:
    return Recovery(step["code"], step["position"], step["audio_id"], tuple(step["degraded"]))
