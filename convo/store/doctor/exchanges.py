"""Exchanges: a branch waits for one that is pending and alive, and what a stream received is kept until it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.findings import Finding
from convo.protocol import ENDED
from convo.store import exchanges, tables
from convo.store.doctor.page import execute, paged, rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Found, Scope

_B, _X, _K = tables.branch.c, tables.exchange.c, tables.checkpoint.c
_WAITED_FOR = (_X.owner == _B.owner) & (_X.branch == _B.id) & (_X.id == _B.pending) & (_X.status == "pending")


def _over(now: int) -> sa.ColumnElement[bool]:
    return sa.or_(_B.lease_until.is_(None), _B.lease_until <= now)


def expired(connection: Connection, scope: Scope, after: After) -> Found:
    """Find exchanges that wait for their answer although their worker has not said for long that it is alive."""
    keys = (_B.owner, _B.id)
    joined = tables.branch.join(tables.exchange, _WAITED_FOR)
    statement = sa.select(*keys, _B.conversation, _X.id).select_from(joined).where(scope.of(tables.branch), _over(scope.now))
    found, after = paged(connection, statement, keys, after)
    return [_expired(*row) for row in found], after


def _expired(owner: str, branch: Any, conversation: Any, exchange: Any) -> Finding:
    return Finding(
        "exchange_expired", "warning",
        "the exchange waits for an answer whose worker is taken to be dead; send again with the same key, "
        "or a repair ends it with what a stream had saved, else abandons it",
        owner=owner, conversation=conversation, branch=branch, exchange=exchange,
        repairable=True,
    )  # fmt: skip


def give_up(connection: Connection, finding: Finding, now: int) -> None:
    """Abandon an exchange, unless its worker is alive after all."""
    mine = (_B.owner == finding.owner, _B.id == finding.branch, _B.pending == finding.exchange)
    locked = sa.update(tables.branch).where(*mine, _over(now)).values(head=_B.head).returning(_B.owner, _B.id, _B.pending)
    for owner, branch, exchange in rows(connection, locked):
        exchanges.abandon(connection, owner, branch, exchange, now)


def _no_exchange() -> sa.ColumnElement[bool]:
    return ~sa.exists(sa.select(_X.id).where(_WAITED_FOR).correlate(tables.branch))


def waiting_for_nothing(connection: Connection, scope: Scope, after: After) -> Found:
    """Find branches that wait for an exchange which has ended, or is not there."""
    keys = (_B.owner, _B.id)
    statement = sa.select(*keys, _B.conversation, _B.pending).where(
        scope.of(tables.branch), _B.pending.is_not(None), _no_exchange()
    )
    found, after = paged(connection, statement, keys, after)
    return [_waiting_for_nothing(*row) for row in found], after


def _waiting_for_nothing(owner: str, branch: Any, conversation: Any, exchange: Any) -> Finding:
    return Finding(
        "waiting_for_nothing", "error", "the branch waits for an exchange that has ended or is not there, and begins no other; "
        "a repair lets it go", owner=owner, conversation=conversation, branch=branch, exchange=exchange, repairable=True,
    )  # fmt: skip


def let_go(connection: Connection, finding: Finding, now: int) -> None:
    """Let a branch wait no longer for an exchange that is not pending."""
    del now
    mine = (_B.owner == finding.owner, _B.id == finding.branch, _B.pending == finding.exchange)
    released = sa.update(tables.branch).where(*mine, _no_exchange()).values(pending=None, lease_until=None)
    execute(connection, released)


def _not_waited_for() -> sa.ColumnElement[bool]:
    waits = sa.select(_B.id).where(_B.owner == _X.owner, _B.id == _X.branch, _B.pending == _X.id)
    return (_X.status == "pending") & ~sa.exists(waits.correlate(tables.exchange))


def forgotten(connection: Connection, scope: Scope, after: After) -> Found:
    """Find exchanges that are pending, and no branch waits for them."""
    keys = (_X.owner, _X.id)
    statement = sa.select(*keys, _X.conversation, _X.branch).where(scope.of(tables.exchange), _not_waited_for())
    found, after = paged(connection, statement, keys, after)
    return [_forgotten(*row) for row in found], after


def _forgotten(owner: str, exchange: Any, conversation: Any, branch: Any) -> Finding:
    return Finding(
        "exchange_forgotten", "warning", "the exchange is pending, and its branch does not wait for it; a repair marks it as "
        "abandoned", owner=owner, conversation=conversation, branch=branch, exchange=exchange, repairable=True,
    )  # fmt: skip


def mark_abandoned(connection: Connection, finding: Finding, now: int) -> None:
    """Mark an exchange as abandoned that no branch waits for. The branch is locked first: a take-over may be under way."""
    branch = (_B.owner == finding.owner, _B.id == finding.branch)
    execute(connection, sa.update(tables.branch).where(*branch).values(head=_B.head))
    mine = (_X.owner == finding.owner, _X.id == finding.exchange, _not_waited_for())
    execute(connection, sa.update(tables.exchange).where(*mine).values(status="abandoned", finished_at=now))


def _has_ended() -> sa.ColumnElement[bool]:
    ended = sa.select(_X.id).where(_X.owner == _K.owner, _X.id == _K.exchange, _X.status != "pending")
    return sa.exists(ended.correlate(tables.checkpoint))


def checkpoints(connection: Connection, scope: Scope, after: After) -> Found:
    """Find what streams have received whose exchanges have ended."""
    keys = (_K.owner, _K.exchange)
    joined = tables.checkpoint.join(tables.exchange, (_X.owner == _K.owner) & (_X.id == _K.exchange))
    about = (_X.conversation, _X.branch, _X.status)
    statement = sa.select(*keys, *about).select_from(joined).where(scope.of(tables.checkpoint), _X.status != "pending")
    found, after = paged(connection, statement.group_by(*keys, *about), keys, after)
    return [_checkpoint(*row) for row in found], after


def _checkpoint(owner: str, exchange: Any, conversation: Any, branch: Any, status: str) -> Finding:
    answered = status in ENDED
    lost = "its answer is in the log" if answered else "the log does not hold what it had received"
    return Finding(
        "checkpoint_left", "warning", f"a checkpoint is left of a stream that has ended ({status}); {lost}, a repair deletes "
        "the checkpoint", owner=owner, conversation=conversation, branch=branch, exchange=exchange, repairable=True,
    )  # fmt: skip


def delete_checkpoint(connection: Connection, finding: Finding, now: int) -> None:
    """Delete what a stream has received whose exchange has ended."""
    del now
    execute(
        connection, sa.delete(tables.checkpoint).where(_K.owner == finding.owner, _K.exchange == finding.exchange, _has_ended())
    )
