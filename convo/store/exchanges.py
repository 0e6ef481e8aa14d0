"""Exchanges in the database: begun, renewed, completed, failed, given up; see `convo.protocol` for the rules."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.errors import ConversationNotFound, ExchangeLost, ExchangeNotFound, StaleHead
from convo.protocol import Known, Step, in_progress, is_alive, step_for
from convo.store import branches, memories, tables
from convo.store.append import Entry, Guard, append, insert_exchange, update_exchange
from convo.store.log import head_of
from convo.store.sealed import keyring_of
from convo.store.statements import Statement, micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.budgets import Over

_X, _B, _K = tables.exchange.c, tables.branch.c, tables.checkpoint.c
_mine = _X.owner == sa.bindparam("owner")


@attrs.frozen
class Begun:
    """An exchange that may call the API now, on `branch`, whose head is `head`.

    `over` are the budgets that only warn, and that its call passes.
    """

    id: UUID
    branch: UUID
    attempt: int
    head: int
    over: tuple[Over, ...] = ()


# --- begin -----------------------------------------------------------------------------------------


def begin(connection: Connection, entry: Entry) -> Begun | None:
    """Begin an exchange in one statement; None when something is in the way (see `begin_after_all`).

    With budgets it takes a whole transaction. Raises `BudgetExceeded` and `SpendingUnknown`: to be rolled back.
    """
    head = append(connection, Guard.BEGIN, entry)
    if head is None or entry.exchange_id is None:
        return None
    return _within_budgets(connection, entry, Begun(entry.exchange_id, entry.branch, 1, head))


def _within_budgets(connection: Connection, entry: Entry, begun: Begun) -> Begun:
    if entry.spending is None:
        return begun
    from convo.store import budgets

    return attrs.evolve(begun, over=budgets.check(connection, entry.spending, begun.id))


def begin_after_all(connection: Connection, entry: Entry) -> Begun | Known | None:
    """Begin, take over or replay an exchange, under the lock of its branch.

    Gives `Known` for an exchange that is done. None when something has to be done first: the branch is not the one
    that is shown, or a dead worker has left what it had received (`has_left`). Raises
    `TurnInProgress`, `KeyMismatch`, `StaleHead`, `ConversationNotFound`, `BudgetExceeded` and `SpendingUnknown`; nothing
    is written then.
    """
    locked = _lock.one(connection, owner=entry.owner, branch=entry.branch)
    if locked is None:
        raise ConversationNotFound(entry.exchange.get("conversation"))
    if locked[1] != tables.SHOWN:
        return None
    pending = pending_on(connection, entry.owner, entry.branch)
    if pending is not None and pending.id == entry.exchange_id:
        return _begun_before(connection, entry, pending)
    if pending is not None and not is_alive(pending, entry.now) and has_left(connection, entry.owner, pending.id):
        return None
    known = by_key(connection, entry.owner, entry.exchange["conversation"], entry.exchange.get("key"))
    step = step_for(known, entry.exchange["hash"], entry.now)
    if step is Step.REPLAY and known is not None:
        return known
    _clear_the_way(connection, entry, pending, known)
    if step is Step.TAKE_OVER and known is not None:
        return _take_over(connection, entry, known)
    begun = begin(connection, entry)
    if begun is None:
        raise StaleHead(entry.expected or 0, head_of(connection, entry.owner, entry.branch) or 0)
    return begun


def _begun_before(connection: Connection, entry: Entry, own: Known) -> Begun:
    """Our own begin, whose confirmation was lost."""
    head = head_of(connection, entry.owner, entry.branch) or 0
    return Begun(own.id, own.branch, own.attempt, head)


def _clear_the_way(connection: Connection, entry: Entry, pending: Known | None, known: Known | None) -> None:
    if pending is None or (known is not None and pending.id == known.id):
        return
    if is_alive(pending, entry.now):
        raise in_progress(pending, entry.now)
    abandon(connection, entry.owner, entry.branch, pending.id, entry.now)


def _take_over(connection: Connection, entry: Entry, known: Known) -> Begun:
    head = head_of(connection, entry.owner, entry.branch) or 0
    if known.branch != entry.branch:
        raise StaleHead(known.asked_last, head)
    attempt = known.attempt + 1
    where = {"key_owner": entry.owner, "key_branch": entry.branch}
    _keep_billed(connection, entry, known)
    _hold(connection, **where, pending=known.id, attempt=attempt, lease_until=entry.lease_until)
    changes = {name: entry.exchange[name] for name in _OF_THE_CALL if name in entry.exchange}
    end(
        connection,
        entry.owner,
        known.id,
        {**_unanswered(), **changes, "status": "pending", "attempt": attempt},
    )
    return _within_budgets(connection, entry, Begun(known.id, known.branch, attempt, head))


_OF_THE_CALL = ("model", "instead_of", "origin", "started_at", "assumed_tokens", "assumed_cost", "currency")
"""Columns that another attempt may change."""
_OF_THE_TURN = (
    "owner", "id", "conversation", "branch", "key", "hash", "status", "attempt", "api", "asked_first", "asked_last", "position",
    *_OF_THE_CALL,
)  # fmt: skip
"""Columns that do not say what an attempt was answered."""


@cache
def _unanswered() -> Mapping[str, None]:
    """Give the columns of a call that has no answer yet."""
    return dict.fromkeys(name for name in tables.exchange.c.keys() if name not in _OF_THE_TURN)  # noqa: SIM118 - a collection of columns is no dict


def _keep_billed(connection: Connection, entry: Entry, known: Known) -> None:
    """Keep an attempt whose answer could not be read, for what it cost, as a row of its own: another one takes its place."""
    assert entry.exchange_id is not None  # noqa: S101 - whoever begins brings an id, which a take-over has no other use for
    row = row_of(connection, entry.owner, known.id)
    if row["status"] == "failed" and row["raw"] is not None:
        insert_exchange(tuple(row))(connection, **{**row, "id": entry.exchange_id, "key": None})


_lock = Statement(
    "lock a branch",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("owner"), _B.id == sa.bindparam("branch"))
        .values(head=_B.head)
        .returning(_B.head, _B.state)
    ),
)
_lock_of = Statement(
    "lock the branch of an exchange",
    lambda: (
        sa.update(tables.branch)
        .where(
            _B.owner == sa.bindparam("owner"),
            _B.id
            == sa.select(_X.branch)
            .where(_mine, _X.conversation == sa.bindparam("conversation"), _X.id == sa.bindparam("exchange"))
            .scalar_subquery(),
        )
        .values(head=_B.head)
        .returning(_B.id)
    ),
)
_hold = Statement(
    "hold a branch for an exchange",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("key_owner"), _B.id == sa.bindparam("key_branch"))
        .values({name: sa.bindparam(name, type_=_B[name].type) for name in ("pending", "attempt", "lease_until")})
    ),
)
_left = Statement(
    "whether a stream has saved anything",
    lambda: sa.select(_K.number).where(
        _K.owner == sa.bindparam("owner"), _K.exchange == sa.bindparam("exchange"), _K.number == 0
    ),
)
_OF_ATTEMPT = (
    _B.owner == sa.bindparam("key_owner"),
    _B.id == sa.bindparam("key_branch"),
    _B.pending == sa.bindparam("key_exchange"),
    _B.attempt == sa.bindparam("key_attempt"),
)
_release = Statement(
    "let a branch go from an attempt of an exchange",
    lambda: sa.update(tables.branch).where(*_OF_ATTEMPT).values(pending=sa.null(), lease_until=sa.null()).returning(_B.head),
)
_renew = Statement(
    "renew the lease of an attempt",
    lambda: (
        sa.update(tables.branch)
        .where(*_OF_ATTEMPT)
        .values(lease_until=sa.bindparam("until", type_=_B.lease_until.type))
        .returning(_B.head)
    ),
)


def renew(connection: Connection, owner: str, branch: UUID, exchange: UUID, attempt: int, until: int) -> bool:
    """Renew the lease; False when the exchange is no longer this attempt's."""
    found = _renew.one(connection, key_owner=owner, key_branch=branch, key_exchange=exchange, key_attempt=attempt, until=until)
    return found is not None


def has_left(connection: Connection, owner: str, exchange: UUID) -> bool:
    """Say whether a stream has saved something of what it had received."""
    return _left.one(connection, owner=owner, exchange=exchange) is not None


def outlive(connection: Connection, owner: str, branch: UUID, now: int, until: int) -> Begun | None:
    """Take the exchange that a branch waits for, when its worker is dead and has left what it had received."""
    locked = _lock.one(connection, owner=owner, branch=branch)
    pending = pending_on(connection, owner, branch) if locked is not None else None
    if locked is None or pending is None or is_alive(pending, now) or not has_left(connection, owner, pending.id):
        return None
    attempt = pending.attempt + 1
    _hold(connection, key_owner=owner, key_branch=branch, pending=pending.id, attempt=attempt, lease_until=until)
    end(connection, owner, pending.id, {"attempt": attempt})
    return Begun(pending.id, branch, attempt, int(locked[0]))


# --- end -------------------------------------------------------------------------------------------


def complete(connection: Connection, entry: Entry) -> int | None:
    """Put the reply into the log and end the exchange, in one statement on PostgreSQL.

    Gives the head, which is the reply's position; None when the attempt no longer counts (see `keep_late`).
    """
    return append(connection, Guard.COMPLETE, entry)


def keep_late(connection: Connection, entry: Entry, late_id: UUID) -> ExchangeLost:
    """Keep an answer that came too late beside the log, as an exchange of its own; give the error to raise."""
    known = by_id(connection, entry.owner, entry.exchange_id) if entry.exchange_id else None
    columns = tables.exchange.c.keys()
    row = _row_of.one(connection, owner=entry.owner, id=entry.exchange_id)
    if row is not None:
        body = dict(zip(columns, row, strict=True))
        body |= {**entry.exchange, "id": late_id, "key": None, "status": "late", "attempt": entry.attempt, "position": None}
        insert_exchange(tuple(columns))(connection, **body)
    return ExchangeLost(entry.exchange_id, known.status if known else "gone")


def fail(
    connection: Connection, owner: str, branch: UUID, exchange: UUID, attempt: int, now: int, columns: Mapping[str, Any],
    memory: Mapping[str, Any] | None,
) -> None:  # fmt: skip
    """End an exchange without a reply, if this attempt still counts; the messages that asked stay in the log."""
    if _release.one(connection, key_owner=owner, key_branch=branch, key_exchange=exchange, key_attempt=attempt) is None:
        return
    end(connection, owner, exchange, {**columns, "status": "failed", "finished_at": now})
    if memory is not None:
        memories.put(connection, memory)


def abandon(connection: Connection, owner: str, branch: UUID, exchange: UUID, now: int) -> None:
    """Give an exchange up, whoever holds it. Raises `ExchangeNotFound` when it is not pending on this branch."""
    known = pending_on(connection, owner, branch)
    if known is None or known.id != exchange:
        raise ExchangeNotFound(exchange)
    _release(connection, key_owner=owner, key_branch=branch, key_exchange=exchange, key_attempt=known.attempt)
    end(connection, owner, exchange, {"status": "abandoned", "finished_at": now})


def give_up(connection: Connection, owner: str, conversation: UUID, exchange: UUID, now: int) -> None:
    """`abandon` on whatever branch it is, with a write first, as every writing transaction begins."""
    locked = _lock_of.one(connection, owner=owner, conversation=conversation, exchange=exchange)
    if locked is None:
        raise ExchangeNotFound(exchange)
    abandon(connection, owner, locked[0], exchange, now)


def record(connection: Connection, entry: Entry) -> int | None:
    """Put a reply into the log whose exchange was not begun; None when it is there already (by its key)."""
    head = append(connection, Guard.RECORD, entry)
    if head is None:
        branches.shown(connection, entry.owner, entry.exchange["conversation"])
    return head


def keep_call(connection: Connection, row: Mapping[str, Any]) -> None:
    """Keep a call that is no turn, such as a transcription, for what it used; not where the branch is gone.

    It has no key and no position, and never waits: what looks for turns does not find it.
    """
    if _lock.one(connection, owner=row["owner"], branch=row["branch"]) is not None:
        insert_exchange(tuple(sorted(row)))(connection, **row)


def keep_calls(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep several such calls of one branch, each once: those that are there already stay as they are."""
    if rows and _lock.one(connection, owner=rows[0]["owner"], branch=rows[0]["branch"]) is not None:
        for row in rows:
            if by_id(connection, row["owner"], row["id"]) is None:
                insert_exchange(tuple(sorted(row)))(connection, **row)


def end(connection: Connection, owner: str, exchange: UUID, changes: Mapping[str, Any]) -> None:
    """Change columns of an exchange."""
    update_exchange(tuple(sorted(changes)))(connection, key_owner=owner, key_id=exchange, **changes)


# --- look-ups --------------------------------------------------------------------------------------


def _seen() -> Any:
    return sa.cast(sa.bindparam("seen", type_=sa.BigInteger), sa.BigInteger)


def _select() -> sa.Select[Any]:
    lease = sa.case((_B.pending == _X.id, micros(_B.lease_until)), else_=sa.null())
    columns = (_X.id, _X.branch, _X.key, _X.hash, _X.status, _X.attempt, lease, _X.asked_first, _X.asked_last, _X.position)
    return sa.select(*columns).join_from(tables.exchange, tables.branch, (_B.owner == _X.owner) & (_B.id == _X.branch))


_by_id = Statement("one exchange", lambda: _select().where(_mine, _X.id == sa.bindparam("id")))
_by_key = Statement(
    "the exchange of a key",
    lambda: _select().where(_mine, _X.conversation == sa.bindparam("conversation"), _X.key == sa.bindparam("key")),
)
_on_branch = Statement(
    "the exchange that a branch waits for", lambda: _select().where(_mine, _B.id == sa.bindparam("branch"), _B.pending == _X.id)
)
_row_of = Statement("a whole row of an exchange", lambda: sa.select(*_X).where(_mine, _X.id == sa.bindparam("id")))
_with_answer = Statement(
    "the exchanges that ended with an answer",
    lambda: (
        sa.select(_X.id, _X.seen)
        .where(
            _mine,
            _X.conversation == sa.bindparam("conversation"),
            _X.status == "done",
            _X.raw == sa.bindparam("raw", type_=sa.Text),
        )
        .order_by(_X.position)
    ),
)
_answered = Statement(
    "the exchanges that ended with an answer to a request with this head, or to any, with their records",
    lambda: (
        sa.select(_X.id, _X.seen, _X.raw)
        .where(_mine, _X.conversation == sa.bindparam("conversation"), _X.status == "done")
        .where((_X.seen == _seen()) | _seen().is_(None))
        .order_by(_X.position)
    ),
)
_waiting = Statement(
    "the exchanges of a conversation that wait for their answers",
    lambda: (
        sa.select(
            _X.id, _X.key, _X.model, _X.attempt, micros(_X.started_at), micros(_B.lease_until), _X.asked_first, _X.asked_last
        )
        .join_from(tables.exchange, tables.branch, (_B.owner == _X.owner) & (_B.id == _X.branch))
        .where(_mine, _X.conversation == sa.bindparam("conversation"), _B.pending == _X.id)
        .order_by(_X.started_at)
    ),
)


def _known(row: Any) -> Known | None:
    if row is None:
        return None
    id_, branch, key, hash_, *rest = row
    return Known(id_, branch, key, bytes(hash_), *rest)


def by_id(connection: Connection, owner: str, exchange: UUID) -> Known | None:
    """Give what is known of an exchange, or None."""
    return _known(_by_id.one(connection, owner=owner, id=exchange))


def by_key(connection: Connection, owner: str, conversation: UUID, key: str | None) -> Known | None:
    """Give the exchange that has the key in this conversation, or None."""
    return None if key is None else _known(_by_key.one(connection, owner=owner, conversation=conversation, key=key))


def pending_on(connection: Connection, owner: str, branch: UUID) -> Known | None:
    """Give the exchange that a branch waits for, or None."""
    return _known(_on_branch.one(connection, owner=owner, branch=branch))


def recorded(connection: Connection, owner: str, conversation: UUID, raw: str, seen: int | None) -> UUID | None:
    """Give the exchange that has recorded this answer to a request with this head (None: to any), or None."""
    where = {"owner": owner, "conversation": conversation}
    if keyring_of(connection).seals:
        rows = [row[:2] for row in _answered.rows(connection, **where, seen=seen) if row[2] == raw]
    else:
        rows = [*_with_answer.rows(connection, **where, raw=raw)]
    for identifier, answered in rows:
        if seen is None or answered == seen:
            found: UUID = identifier
            return found
    return None


def row_of(connection: Connection, owner: str, exchange: UUID) -> dict[str, Any]:
    """Give all columns of an exchange. Raises `ExchangeNotFound`."""
    row = _row_of.one(connection, owner=owner, id=exchange)
    if row is None:
        raise ExchangeNotFound(exchange)
    return dict(zip(tables.exchange.c.keys(), row, strict=True))


def waiting(connection: Connection, owner: str, conversation: UUID) -> list[tuple[Any, ...]]:
    """Give (id, key, model, attempt, started, lease, first, last) of each exchange that waits, oldest first."""
    return [tuple(row) for row in _waiting.rows(connection, owner=owner, conversation=conversation)]
