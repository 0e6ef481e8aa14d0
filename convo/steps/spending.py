"""Steps that hold a call against the budgets of the store and of its policy; where there are none, they do nothing.

What they need is imported when there are any.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from convo.content import tool_draft
from convo.functions import open_calls
from convo.steps.effects import read, write
from convo.steps.requests import planned
from convo.usage import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.plan import Plan
    from convo.budget import Spending
    from convo.messages import Draft
    from convo.policy import Policy
    from convo.steps.effects import Steps
    from convo.steps.exchange import Turn
    from convo.steps.place import Place
    from convo.steps.requests import Opened
    from convo.store.budgets import Over
    from convo.store.exchanges import Begun
    from convo.usage import Usage

MICROSECOND = timedelta(microseconds=1)


def spending_of(place: Place, plan: Plan) -> Spending | None:
    """Give what a planned request needs, and the budgets of the store and of its policy; None where there are none."""
    every = tuple(dict.fromkeys((*place.tools.budgets, *plan.policy.budgets)))
    if not every:
        return None
    from convo.budget import Spending, needed

    tokens, cost = needed(plan)
    return Spending(every, place.owner, place.found.id, plan.target.model.name, tokens, cost, place.tools.now())


def foreseen(place: Place, turn: Turn, start: Opened, drafts: Sequence[Draft]) -> Spending | None:
    """Give what a round needs as far as it can be told before its recordings are transcribed and its calls answered."""
    if not _limited(place, turn.policy):
        return None
    policy = turn.policy
    if policy.missing_transcript == "transcribe":
        policy = attrs.evolve(policy, missing_transcript="placeholder")
    calls = [] if drafts else open_calls(start.history.messages)
    added = [tool_draft(one.id, "") for one in calls] if turn.runs(calls) else drafts
    return spending_of(place, planned(place, start, added, turn.target, policy, place.tools.now()))


def _limited(place: Place, policy: Policy) -> bool:
    return bool(place.tools.budgets or policy.budgets)


def spending_beside(place: Place, policy: Policy, model: str, usage: Usage) -> Spending | None:
    """Give what a call beside a turn needs that tells no tokens: what it is expected to use. None where there are no budgets."""
    every = tuple(dict.fromkeys((*place.tools.budgets, *policy.budgets)))
    if not every:
        return None
    from convo.budget import Spending

    cost = price(usage, place.tools.catalogue.lookup(model).prices)
    return Spending(every, place.owner, place.found.id, model, 0, cost, place.tools.now())


def checked_before(call: Spending | None) -> Steps[None]:
    """Refuse a call before anything is stored, or another call made for it; when it begins it is checked for good."""
    if call is not None:
        from convo.store import budgets

        yield from read(budgets.check, call)


def held_to(place: Place, begun: Begun, call: Spending | None, plan: Plan) -> Steps[None]:
    """Warn of the budgets that a begun call passes; one whose plan turned out to need more is checked anew first.

    Raises `BudgetExceeded`, `SpendingUnknown` and `ExchangeLost`.
    """
    over = begun.over
    now = spending_of(place, plan)
    if call is None or now is None:
        return
    if now.tokens > call.tokens or (now.cost.picos or 0) > (call.cost.picos or 0):
        from convo.store import budgets

        over = yield from write(budgets.check_again, now, begun)
    _warn(place, now, over)


def _warn(place: Place, call: Spending, over: Sequence[Over]) -> None:
    """Warn of budgets that a call passes: once for each conversation or owner, and in each of the budget's times."""
    from convo.budget import BudgetWarning

    for budget, error in over:
        whose = call.conversation if budget.per == "conversation" else call.owner
        period = 0 if budget.within is None else call.now // (budget.within // MICROSECOND)
        place.tools.warn(f"{budget} {whose!r} {period}", BudgetWarning(str(error)))
