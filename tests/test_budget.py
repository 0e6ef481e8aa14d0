"""Budgets as values: what they take, and what speaks against a call."""

from __future__ import annotations

import decimal
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.budget import Budget, Spending, Spent, objection
from convo.usage import Cost

CHAT = UUID(int=7)


def call(tokens: int = 0, cost: str | None = "0", currency: str = "USD", budget: Budget | None = None) -> Spending:
    amount = None if cost is None else Decimal(cost)
    own = () if budget is None else (budget,)
    return Spending(own, "c-42", CHAT, "gpt-4.1", tokens, Cost(amount=amount, currency=currency), 0)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "limits nothing"),
        ({"money": 0.5}, "float"),
        ({"money": True}, "no amount of money"),
        ({"money": -1}, "no amount of money"),
        ({"money": "-0.01"}, "no amount of money"),
        ({"money": "five"}, "no amount of money"),
        ({"money": ""}, "no amount of money"),
        ({"money": Decimal("NaN")}, "no amount of money"),
        ({"money": Decimal("sNaN")}, "no amount of money"),
        ({"money": "Infinity"}, "no amount of money"),
        ({"money": "1e999999"}, "no amount of money"),
        ({"money": "1e-999999"}, "no amount of money"),
        ({"money": "0.0000000000001"}, "at most 12 decimals"),
        ({"money": [5]}, "list"),
        ({"tokens": -1}, "no number of tokens"),
        ({"tokens": True}, "bool"),
        ({"tokens": 1.5}, "float"),
        ({"tokens": "100"}, "str"),
        ({"tokens": 10**15}, "no number of tokens"),
        ({"tokens": 1, "per": "user"}, "'conversation' or 'owner'"),
        ({"tokens": 1, "action": "stop"}, "'refuse' or 'warn'"),
        ({"tokens": 1, "unknown": "free"}, "'refuse' or 'ignore'"),
        ({"tokens": 1, "within": 30}, "timedelta"),
        ({"tokens": 1, "within": timedelta(0)}, "more than zero"),
        ({"tokens": 1, "within": timedelta(days=-1)}, "more than zero"),
        ({"money": 1, "currency": ""}, "no currency"),
        ({"money": 1, "currency": 978}, "int"),
    ],
)
def test_what_is_no_budget_is_refused_when_it_is_made(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(convo.InputError, match=reason):
        Budget(**given)


@pytest.mark.parametrize(
    "given",
    ["5.00", 5, [Budget(tokens=1), "5.00"], None, {"money": 5}, Budget],
    ids=["text", "int", "mixed", "none", "dict", "class"],
)
def test_only_budgets_are_taken_as_budgets(given: Any, tmp_path: Any) -> None:
    with pytest.raises(convo.InputError, match="Budget"):
        convo.Policy(budgets=given)
    for kind in (convo.Store, convo.AsyncStore):
        with pytest.raises(convo.InputError, match="Budget"):
            kind(f"sqlite:///{tmp_path / 'chat.db'}", budgets=given)


def test_one_budget_may_stand_alone() -> None:
    budget = Budget(money="5.00")
    assert convo.Policy(budgets=budget) == convo.Policy(budgets=(budget,)) == convo.Policy(budgets=[budget])
    assert hash(convo.Policy(budgets=budget))


def test_money_is_exact_and_never_mind_the_callers_context() -> None:
    with decimal.localcontext(prec=2):
        budget = Budget(money="123.456789012345")
        assert budget.money == Decimal("123.456789012345")
        spent = Spent(0, 123_456_789_012_344, 0, 0)
        assert objection(budget, spent, call(cost="0.000000000001")) is None
        assert isinstance(objection(budget, spent, call(cost="0.000000000002")), convo.BudgetExceeded)


@given(st.integers(0, 10**30), st.integers(0, 10**12), st.integers(0, 10**14))
def test_a_call_is_made_exactly_up_to_the_limit(spent: int, needed: int, limit: int) -> None:
    picos = call(cost=str(Decimal(needed).scaleb(-12)))
    money = Budget(money=Decimal(limit).scaleb(-12))
    assert (objection(money, Spent(0, spent, 0, 0), picos) is None) == (spent + needed <= limit)
    tokens = Budget(tokens=limit)
    assert (objection(tokens, Spent(spent, 0, 0, 0), call(needed)) is None) == (spent + needed <= limit)


@pytest.mark.parametrize(
    ("budget", "spent", "asked"),
    [
        (Budget(money=5), Spent(0, 0, 0, 1), call()),
        (Budget(money=5), Spent(0, 0, 0, 0), call(cost=None)),
        (Budget(money=5), Spent(0, 0, 0, 0), call(cost="1", currency="EUR")),
        (Budget(tokens=5), Spent(0, 0, 1, 0), call()),
    ],
    ids=["a call before", "this model", "another currency", "tokens"],
)
def test_what_is_not_known_is_no_zero_unless_the_budget_says_so(budget: Budget, spent: Spent, asked: Spending) -> None:
    assert isinstance(objection(budget, spent, asked), convo.SpendingUnknown)
    assert objection(attrs.evolve(budget, unknown="ignore"), spent, asked) is None


@pytest.mark.parametrize(
    ("budget", "spent", "asked"),
    [(Budget(money=5), Spent(0, 0, 9, 0), call()), (Budget(tokens=5), Spent(0, 0, 0, 9), call(cost=None))],
)
def test_a_budget_needs_to_know_only_what_it_limits(budget: Budget, spent: Spent, asked: Spending) -> None:
    assert objection(budget, spent, asked) is None


def test_what_is_past_the_limit_anyway_is_said_first() -> None:
    error = objection(Budget(money=5), Spent(0, 6 * 10**12, 0, 1), call(cost=None))
    assert isinstance(error, convo.BudgetExceeded)


def test_the_errors_say_whose_budget_it_is_and_what_to_do() -> None:
    month = timedelta(days=30)
    error = objection(Budget(money="5.00", per="owner", within=month), Spent(0, 4_990_000_000_000, 0, 0), call(cost="0.02"))
    assert isinstance(error, convo.BudgetExceeded)
    assert (error.per, error.identifier, error.unit, error.retryable) == ("owner", "c-42", "USD", True)
    assert (error.limit, error.spent, error.needed) == (Decimal(5), Decimal("4.99"), Decimal("0.02"))
    assert str(error) == (
        "the owner 'c-42' has used 4.99 USD in the last 30 days, and this call needs about 0.02 more: that is "
        "past the budget of 5.00; wait until older calls no longer count, or raise the limit (Budget)"
    )
    other = objection(Budget(tokens=1_000), Spent(990, 0, 0, 0), call(20))
    assert isinstance(other, convo.BudgetExceeded)
    assert (other.per, other.identifier, other.unit, other.retryable) == ("conversation", CHAT, "tokens", False)
    assert "has used 990 tokens, and this call needs about 20 more: that is past the budget of 1,000" in str(other)
