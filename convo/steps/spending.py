"""Steps that hold a call against the budgets of the store and of its policy. Imported where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.budget import BudgetWarning, Spending, needed
from convo.content import tool_draft
from convo.functions import open_calls
from convo.steps.effects import read, write
from convo.steps.requests import planned
from convo.store import budgets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convo.assembly import Plan
    from convo.messages import Draft
    from convo.steps.effects import Steps
    from convo.steps.exchange import Turn
    from convo.steps.place import Place
    from convo.steps.requests import Opened
    from convo.store.budgets import Over
    from convo.store.exchanges import Begun


def spending_of(place: Place, plan: Plan) -> Spending:
    """Give what a planned request needs, and the budgets of the store and of its policy."""
    tokens, cost = needed(plan)
    every = tuple(dict.fromkeys((*place.tools.budgets, *plan.policy.budgets)))
    now = place.tools.now()
    return Spending(every, place.owner, place.found.id, plan.target.model.name, tokens, cost, now)


def foreseen(place: Place, turn: Turn, start: Opened, drafts: Sequence[Draft]) -> Spending:
    """Give what a round needs as far as it can be told before its recordings are transcribed and its calls answered."""
    policy = turn.policy
    if policy.missing_transcript == "transcribe":
        policy = attrs.evolve(policy, missing_transcript="placeholder")
    calls = [] if drafts else open_calls(start.history.messages)
    added = [tool_draft(one.id, "") for one in calls] if turn.runs(calls) else drafts
    return spending_of(place, planned(place, start, added, turn.target, policy, place.tools.now()))


def checked_before(call: Spending) -> Steps[None]:
    """Refuse a call before anything is stored or transcribed for it; when it begins it is checked for good."""
    yield from read(budgets.check, call)


def told(place: Place, begun: Begun, call: Spending, changed: Plan | None) -> Steps[None]:
    """Warn of the budgets that a begun call passes; one that turned out to need more is checked anew first.

    Raises `BudgetExceeded`, `SpendingUnknown` and `ExchangeLost`.
    """
    over = begun.over
    now = call if changed is None else spending_of(place, changed)
    if now.tokens > call.tokens or (now.cost.picos or 0) > (call.cost.picos or 0):
        call, over = now, (yield from write(budgets.check_again, now, begun))
    warn(place, call, over)


def warn(place: Place, call: Spending, over: Iterable[Over]) -> None:
    """Warn of budgets that a call passes, once for each owner or conversation until it keeps to them again."""
    passed = dict(over)
    for budget in call.budgets:
        if budget.action != "warn":
            continue
        mark = (budget, place.owner, place.found.id if budget.per == "conversation" else None)
        if budget not in passed:
            place.tools.warn.forget(mark)
        else:
            place.tools.warn(mark, BudgetWarning(str(passed[budget])))
