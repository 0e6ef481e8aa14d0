"""Exchanges that wait for their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.times import from_micros

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@attrs.frozen
class Pending:
    """An exchange that waits for its answer.

    When `alive_until` has passed its worker is taken to be dead: sending with the same key takes over, `abandon`
    gives it up. `positions` are those of the messages that it answers, None where it added none.
    """

    id: UUID
    key: str | None
    model: str
    attempt: int
    started_at: datetime
    alive_until: datetime
    positions: tuple[int, int] | None


def pending_of(row: tuple[Any, ...]) -> Pending:
    """Give the value of a row of `convo.store.exchanges.waiting`."""
    id_, key, model, attempt, started, lease, first, last = row
    return Pending(id_, key, model, attempt, from_micros(started), from_micros(lease), (first, last) if first <= last else None)
