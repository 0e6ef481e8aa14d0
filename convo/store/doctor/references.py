"""References to spoken replies: how many an API may still know, and how many it has forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from convo.findings import Finding
from convo.store import tables
from convo.store.doctor.page import paged
from convo.times import from_micros

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Found, Scope

_M = tables.message.c


def references(connection: Connection, scope: Scope, after: After) -> Found:
    """Count the spoken replies of each owner by whether a request can still refer to them."""
    valid = _M.audio_expires_at > scope.now
    sums = (sa.func.count(), sa.func.count(sa.case((valid, 1))), sa.func.min(sa.case((valid, _M.audio_expires_at))))
    statement = sa.select(_M.owner, *sums).where(scope.of(tables.message), _M.audio_id.is_not(None)).group_by(_M.owner)
    found, after = paged(connection, statement, (_M.owner,), after)
    return [_finding(*row) for row in found], after


def _finding(owner: str, total: int, valid: int, until: int | None) -> Finding:
    soon = "" if until is None else f", the next until {from_micros(until):%Y-%m-%d %H:%M:%S} UTC"
    message = f"{valid:,} of {total:,} spoken replies can still be sent by reference{soon}; the others go as their transcripts"
    return Finding("references", "note", message, owner=owner)
