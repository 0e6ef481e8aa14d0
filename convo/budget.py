"""Budgets: limits of tokens or money, and whether a call keeps to them. Pure; `convo.store.budgets` says what was spent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.assembly.estimate import CHARACTERS_A_TOKEN, estimate
from convo.assembly.window import OUTPUT_ARGUMENTS
from convo.audio.rates import REPLY_AUDIO_RATE
from convo.checks import check_choice, check_type
from convo.errors import BudgetExceeded, InputError, SpendingUnknown
from convo.usage import Cost, Usage, price

if TYPE_CHECKING:
    from uuid import UUID

    from convo.assembly.plan import Plan
    from convo.messages import Draft

_DECIMALS = 12
"""Decimals of money: a stored cost has no more."""
_MOST = 10**15
"""A limit past this is a mistake."""
_EXACT = Context(prec=60)
"""Our own, so that a caller's decimal context changes no sum."""


class BudgetWarning(UserWarning):
    """A budget that only warns is exceeded, or cannot be held because something that was spent is not known."""


# --- the value -------------------------------------------------------------------------------------


def _money(value: Decimal | str | int | None) -> Decimal | None:
    """Make money exact. A float is refused: it is not the number that was written."""
    if value is None:
        return None
    check_type(value, (Decimal, str, int), "Budget(money=)", "a Decimal, a whole number, or its text such as '5.00'")
    found = None if isinstance(value, bool) else _parsed(value)
    if found is None or not found.is_finite() or not 0 <= found < _MOST or 10**_DECIMALS % found.as_integer_ratio()[1]:
        reason = f"Budget(money={value!r}) is no amount of money; pass zero or more with at most {_DECIMALS} decimals"
        raise InputError(reason)
    return found


def _parsed(value: Decimal | str | int) -> Decimal | None:
    try:
        return Decimal(value)
    except ArithmeticError:
        return None


def _tokens(instance: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    del instance, attribute
    if value is None:
        return
    check_type(value, int, "Budget(tokens=)", "a number of tokens")
    if not 0 <= value < _MOST:
        reason = f"Budget(tokens={value}) is no number of tokens; pass zero or more"
        raise InputError(reason)


def _within(instance: object, attribute: attrs.Attribute[Any], value: timedelta | None) -> None:
    del instance, attribute
    check_type(value, (timedelta, type(None)), "Budget(within=)", "a timedelta, such as timedelta(days=30)")
    if value is not None and value <= timedelta(0):
        reason = f"Budget(within={value}) is no length of time; pass more than zero, such as timedelta(days=30)"
        raise InputError(reason)


def _currency(instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    del instance, attribute
    check_type(value, str, "Budget(currency=)", "the name of a currency, as prices have it")
    if not value or not value.isprintable():
        reason = f"Budget(currency={value!r}) is no currency; pass the one of your prices, such as 'USD'"
        raise InputError(reason)


def _one_of(*choices: str) -> Any:
    def check(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
        del instance
        check_choice(value, choices, f"Budget: {attribute.name}")

    return check


@attrs.frozen(kw_only=True)
class Budget:
    """A limit of money, of tokens or of both, that every call of a model has to keep to.

    What was billed, what runs now and what the next call needs are added up before the call: at the limit it is made,
    past it `BudgetExceeded` is raised, and nothing is written or sent. A call that runs, or whose bill never came because it
    was cut off, counts with its estimate. What a call needs is its input at full price, and no output unless
    `max_completion_tokens` or `max_tokens` says how much there can be: with them even the last answer stays within the limit.
    Calls that failed or were abandoned without an answer do not count, nor does what was deleted. A refused call leaves
    nothing behind; where functions answer the model's calls, each round is checked, before they run and again with their
    results: what was stored before the refusal stays, and a later `send` goes on from there.

    Each sum reads one row for each call that it is about, 1,000 of them in about a millisecond: `within` keeps that short.
    """

    money: Decimal | None = attrs.field(default=None, converter=_money)
    """The most that calls may cost, in `currency`: a Decimal, a whole number or a text such as "5.00". Default None: any."""

    tokens: int | None = attrs.field(default=None, validator=_tokens)
    """The most tokens, input and output together. Default None: any."""

    currency: str = attrs.field(default="USD", validator=_currency)
    """The currency of `money`. Calls with prices in another one have no known cost in it."""

    per: Literal["conversation", "owner"] = attrs.field(default="conversation", validator=_one_of("conversation", "owner"))
    """Whose calls are added up: those of the conversation with all its branches (a fork is another one), or the owner's."""

    within: timedelta | None = attrs.field(default=None, validator=_within)
    """Only calls that began in this time before now count, by the store's clock. Default None: all that are stored."""

    action: Literal["refuse", "warn"] = attrs.field(default="refuse", validator=_one_of("refuse", "warn"))
    """What happens past the limit: an error, or one `BudgetWarning` for each conversation or owner (and each
    `within`), and the call is made."""

    unknown: Literal["refuse", "ignore"] = attrs.field(default="refuse", validator=_one_of("refuse", "ignore"))
    """What calls count whose tokens or cost are not known, such as those of a model without prices. With "refuse" the
    budget cannot be held while there are any: `SpendingUnknown`, or a warning that says so. With "ignore" they are free.
    """

    def __attrs_post_init__(self) -> None:
        """Refuse a budget that limits nothing."""
        if self.money is None and self.tokens is None:
            reason = "Budget() limits nothing; pass money=, such as '5.00', or tokens="
            raise InputError(reason)


def checked(budgets: object, name: str) -> tuple[Budget, ...]:
    """Give budgets as a tuple, one alone too. Raises `InputError` for anything else."""
    found = (budgets,) if isinstance(budgets, Budget) else budgets
    check_type(found, (tuple, list), name, "a convo.Budget, or a tuple of them")
    for one in found:  # type: ignore[attr-defined]
        check_type(one, Budget, name, "a convo.Budget, or a tuple of them")
    return tuple(found)  # type: ignore[arg-type]


# --- what a call needs -----------------------------------------------------------------------------


def assumed(plan: Plan, text: int = 0, audio: int = 0) -> tuple[int, Cost]:
    """Give the tokens and the cost of a plan's estimated input and of an output of so many tokens."""
    guess = estimate(plan)
    usage = Usage(
        input_tokens=guess.tokens, input_text=guess.text_tokens, input_audio=guess.audio_tokens,
        output_tokens=text + audio, output_text=text, output_audio=audio,
    )  # fmt: skip
    return guess.tokens + text + audio, price(usage, plan.target.model.prices)


def needed(plan: Plan) -> tuple[int, Cost]:
    """Give what a request needs: its input, and the most output where it says how much; all of it speech if it speaks."""
    arguments = plan.arguments
    most = next((arguments[name] for name in OUTPUT_ARGUMENTS if arguments.get(name)), None)
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        return assumed(plan)
    return assumed(plan, audio=most) if "audio" in (arguments.get("modalities") or ()) else assumed(plan, text=most)


def received(plan: Plan, draft: Draft) -> tuple[int, Cost]:
    """Give what an answer used whose bill never came: the input, and as much output as was received."""
    seconds = sum(piece.duration or 0 for piece in draft.media)
    return assumed(plan, len(draft.text) // CHARACTERS_A_TOKEN, round(seconds * REPLY_AUDIO_RATE))


# --- whether it may be made ------------------------------------------------------------------------


@attrs.frozen
class Spent:
    """What calls have used. `picos` are 10**-12 of a currency; the last two count calls that are in neither sum."""

    tokens: int
    picos: int
    without_tokens: int
    without_cost: int


@attrs.frozen
class Spending:
    """What a call needs, whose it is, and the budgets that it has to keep to."""

    budgets: tuple[Budget, ...]
    owner: str
    conversation: UUID
    model: str
    tokens: int
    cost: Cost
    now: int

    def columns(self) -> dict[str, Any]:
        """Give the columns of an exchange by which others count it while it runs."""
        return {"assumed_tokens": self.tokens, "assumed_cost": self.cost.picos, "currency": self.cost.currency}


def objection(budget: Budget, spent: Spent, call: Spending) -> BudgetExceeded | SpendingUnknown | None:
    """Give the error that speaks against a call, None when it keeps to the budget."""
    cost = call.cost.amount if call.cost.currency == budget.currency else None
    paid = Cost.from_picos(spent.picos).amount or Decimal(0)
    scope: dict[str, Any] = {
        "per": budget.per, "within": budget.within, "identifier": call.owner if budget.per == "owner" else call.conversation
    }  # fmt: skip
    if budget.money is not None and _EXACT.add(paid, cost or Decimal(0)) > budget.money:
        return BudgetExceeded(limit=budget.money, spent=paid, needed=cost or Decimal(0), unit=budget.currency, **scope)
    if budget.tokens is not None and spent.tokens + call.tokens > budget.tokens:
        return BudgetExceeded(limit=budget.tokens, spent=spent.tokens, needed=call.tokens, unit="tokens", **scope)
    if budget.unknown == "ignore":
        return None
    if budget.money is not None and (spent.without_cost or cost is None):
        model = call.model if cost is None else None
        return SpendingUnknown(limit=budget.money, unit=budget.currency, calls=spent.without_cost, model=model, **scope)
    if budget.tokens is not None and spent.without_tokens:
        return SpendingUnknown(limit=budget.tokens, unit="tokens", calls=spent.without_tokens, model=None, **scope)
    return None
