"""Sums of what exchanges used and cost, one statement each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.canonical import printable
from convo.store import tables
from convo.store.statements import exact_sum
from convo.usage import Cost, Usage

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

_X = tables.exchange.c
_COMPARED = _X.estimated_tokens.is_not(None) & _X.input_tokens.is_not(None)
_LONGEST = 200
"""Characters of a price table's name: an application may call it as it likes."""
USAGE_COLUMNS = tuple(field.name for field in attrs.fields(Usage))


@attrs.frozen
class Totals:
    """What a number of calls used and cost. `unpriced` calls have no known cost and are not in `cost`.

    Where costs are in several currencies there is no sum: `cost.amount` is None, and `cost.unknown` says `currency`;
    `store.report()` gives each.

    A kind of tokens is None when no call told it. Answers that came too late are counted: they were billed.
    """

    calls: int
    usage: Usage
    cost: Cost
    unpriced: int
    estimated: int | None = None
    """Input tokens that were estimated before the calls that have both numbers, None where no call has."""
    estimated_of: int | None = None
    """Input tokens that the same calls were billed."""

    @property
    def estimate_error(self) -> float | None:
        """How far the estimates were from the bills: 0.05 is 5 % too many, -0.05 too few; None where nothing is known."""
        if self.estimated is None or not self.estimated_of:
            return None
        return self.estimated / self.estimated_of - 1


def totals(connection: Connection, owner: str | None, conversation: UUID | None = None) -> Totals:
    """Sum the answered exchanges of an owner (None: of everyone), or of one conversation."""
    sums = [sa.cast(sa.func.sum(_X[name]), sa.BigInteger) for name in USAGE_COLUMNS]
    priced = sa.func.count(_X.cost)
    currency_of = sa.case((_X.cost.is_not(None), _X.currency))
    columns = (
        sa.func.count(),
        priced,
        exact_sum(_X.cost),
        sa.func.min(currency_of),
        sa.func.max(currency_of),
        sa.func.max(_X.price_table),
        *(sa.cast(sa.func.sum(number).filter(_COMPARED), sa.BigInteger) for number in (_X.estimated_tokens, _X.input_tokens)),
        *sums,
    )
    statement = sa.select(*columns).where(was_billed())
    if owner is not None:
        statement = statement.where(_X.owner == owner)
    if conversation is not None:
        statement = statement.where(_X.conversation == conversation)
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    calls, with_price, picos, currency, another, table, guess, guess_of, *used = connection.execute(
        statement, execution_options=options
    ).one()
    if currency == another:
        cost = Cost.from_picos(picos if calls else 0, currency=currency or "USD", table=table or "")
    else:
        cost = Cost(currency="", unknown=("currency",), table=table or "")
    return Totals(calls, Usage(**dict(zip(USAGE_COLUMNS, used, strict=True))), cost, calls - with_price, guess, guess_of)


def was_billed() -> sa.ColumnElement[bool]:
    """Answered: with a reply, too late, or by something that could not be read."""
    answered = sa.or_(*(_X.status == status for status in ("done", "interrupted", "late")))
    return answered | ((_X.status == "failed") & _X.raw.is_not(None))


def usage_columns(usage: Usage, cost: Cost) -> dict[str, Any]:
    """Give the columns of an exchange that say what it used and cost."""
    return {**{name: getattr(usage, name) for name in USAGE_COLUMNS}, **cost_columns(cost)}


def cost_columns(cost: Cost) -> dict[str, Any]:
    """Give the columns of an exchange that say what it cost."""
    return {
        "cost": cost.picos,
        "currency": cost.currency,
        "price_table": printable(cost.table, _LONGEST),
        **{f"cost_{kind}": part for kind, part in cost.parts().items()},
    }
