"""What calls have used so far, held against budgets in the transaction that begins the next one.

On PostgreSQL the begins of an owner with a budget of his own take turns while they are checked, as all writers do on
SQLite: of calls that begin at once each one counts those before it. A conversation has one call at a time anyway.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from convo.budget import Budget, Spending, Spent, objection
from convo.errors import BudgetExceeded, ExchangeLost, SpendingUnknown
from convo.protocol import LEASE
from convo.store import exchanges, tables
from convo.store.statements import Statement
from convo.store.totals import was_billed
from convo.store.turns import take_turns

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_X, _B = tables.exchange.c, tables.branch.c
_NOBODY = UUID(int=0)
_OWNER: Any = sa.bindparam("owner")
_SPLIT = 10**6
"""Sums of costs are taken in two parts, so that they stay exact past 2**63."""

Over = tuple[Budget, BudgetExceeded | SpendingUnknown]


def check(connection: Connection, call: Spending, own: UUID | None = None) -> tuple[Over, ...]:
    """Give the budgets that only warn and that a call would pass. Raises the error of the first that refuses it.

    `own` is the exchange of the call, where it has begun in this transaction; without it this only reads.
    """
    if own is not None and any(budget.per == "owner" for budget in call.budgets):
        take_turns(connection, call.owner, "budgets")
    found: dict[tuple[str, int, str], Spent] = {}
    over: list[Over] = []
    for budget in call.budgets:
        since = 0 if budget.within is None else max(0, call.now - budget.within // timedelta(microseconds=1))
        kind = (budget.per, since, budget.currency)
        if kind not in found:
            found[kind] = _spent_by(connection, call, own or _NOBODY, kind)
        error = objection(budget, found[kind], call)
        if error is not None and budget.action == "refuse":
            raise error
        if error is not None:
            over.append((budget, error))
    return tuple(over)


def check_again(connection: Connection, call: Spending, begun: exchanges.Begun) -> tuple[Over, ...]:
    """Check a call that has begun and turned out to need something else; others count it so from now on.

    Raises `ExchangeLost` when another worker has taken it over.
    """
    if not exchanges.renew(connection, call.owner, begun.branch, begun.id, begun.attempt, call.now + LEASE):
        raise ExchangeLost(begun.id, "taken over")
    exchanges.end(connection, call.owner, begun.id, call.columns())
    return check(connection, call, begun.id)


def _spent_by(connection: Connection, call: Spending, own: UUID, kind: tuple[str, int, str]) -> Spent:
    per, since, currency = kind
    values: dict[str, Any] = {"owner": call.owner, "own": own, "since": since, "currency": currency, "now": call.now}
    if per == "owner":
        row = _of_owner.one(connection, **values)
    else:
        row = _of_conversation.one(connection, conversation=call.conversation, **values)
    assert row is not None  # noqa: S101 - a sum has a row
    count, with_tokens, tokens, with_cost, large, small = (int(value or 0) for value in row)
    return Spent(tokens, large * _SPLIT + small, count - with_tokens, count - with_cost)


# --- statements ------------------------------------------------------------------------------------


def _sums() -> Any:
    runs = _X.status == "pending"
    text, speech = _X.input_tokens, _X.output_tokens
    billed = sa.func.coalesce(_X.total_tokens, text + speech, _X.assumed_tokens, _by_length())
    tokens = sa.case((runs, _X.assumed_tokens), else_=billed)
    cost = sa.case(
        (_X.currency != sa.bindparam("currency"), sa.null()),
        (runs, _X.assumed_cost),
        else_=sa.func.coalesce(_X.cost, _X.assumed_cost),
    )
    large, small = sa.func.sum(cost // _SPLIT), sa.func.sum(cost % _SPLIT)
    return (
        sa.select(sa.func.count(), sa.func.count(tokens), sa.func.sum(tokens), sa.func.count(cost), large, small)
        .where(_X.owner == _OWNER, _X.started_at >= sa.bindparam("since", type_=_X.started_at.type))
        .where(_X.id != sa.bindparam("own", type_=_X.id.type))
        .where(
            was_billed() | (runs & _X.assumed_tokens.is_not(None) & (_lease() > sa.bindparam("now", type_=_B.lease_until.type)))
        )
    )


def _by_length() -> Any:
    """Speech, translations, and transcriptions that are billed by the length of the recording tell no tokens: they count none."""
    return sa.case((_X.api == "transcriptions", 0), (_X.api == "translations", 0), (_X.api == "speech", 0))


def _lease() -> Any:
    """Until when the worker of a pending exchange is taken to be alive.

    A value and no EXISTS: PostgreSQL would make a hash of the branches of all owners for that.
    """
    return sa.select(_B.lease_until).where(_B.owner == _OWNER, _B.id == _X.branch, _B.pending == _X.id).scalar_subquery()


_of_owner = Statement("what the calls of an owner have used", _sums)
_of_conversation = Statement(
    "what the calls of a conversation have used", lambda: _sums().where(_X.conversation == sa.bindparam("conversation"))
)
