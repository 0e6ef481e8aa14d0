"""What calls used and cost, summed by one statement: by the keys of a report, and by voice, outcome and currency.

One pass and one grouping on both databases. `convo.summing` adds the groups up, so that the voices of a row take no second
look at its calls, and counts by outcome no expression for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from convo.store import tables
from convo.store.statements import exact_sum, micros
from convo.store.totals import USAGE_COLUMNS
from convo.summing import BESIDE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.report import By

_X = tables.exchange.c
DAY = 86_400_000_000
_DAYS = 1_000_000
"""Days to add before a division, so that it rounds down also before 1970."""
_COSTS = ("cost", *(f"cost_{kind}" for kind in tables.COST_KINDS))
_PLAIN = (
    *USAGE_COLUMNS, "sent_references", "sent_transcripts", "saved_bytes", "saved_tokens", "recoveries", "retries",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Asked:
    """What a report is of: an owner (None: everyone), calls begun in [since, until), of a model, an API, a conversation."""

    owner: str | None
    since: int | None = None
    until: int | None = None
    model: str | None = None
    api: str | None = None
    conversation: UUID | None = None


def sums(connection: Connection, by: Sequence[By], asked: Asked) -> tuple[list[str], Sequence[Sequence[Any]]]:
    """Give the names of the values, and rows of them, for `convo.summing.report_of`."""
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    result = connection.execute(statement(by, asked, sqlite=connection.dialect.name == "sqlite"), execution_options=options)
    return list(result.keys()), result.all()


def statement(by: Sequence[By], asked: Asked, *, sqlite: bool) -> sa.Select[Any]:
    """Give the statement of a report: the values of each call, and around them their sums.

    SQLite sorts calls by their keys before it sums them, with every column that is named anywhere, the raw answer too. A
    limit keeps the two levels apart: what is sorted are the values alone.
    """
    known: dict[str, Any] = {**{key: _X[key] for key in by if key != "day"}, "day": utc_day(_X.started_at)}
    beside: dict[str, Any] = {"currency": _currency(), "voice": _X.voice, "outcome": _outcome()}
    keys: dict[str, Any] = {**{key: known[key] for key in by}, **{name: beside[name] for name in BESIDE if name not in by}}
    values = {**keys, **{name: _X[name] for name in (*_PLAIN, *_COSTS)}, **_derived()}
    each = sa.select(*(value.label(name) for name, value in values.items())).where(*_conditions(asked))
    call = (each.limit(-1) if sqlite else each).subquery("call").c
    numbers: dict[str, Any] = {"calls": sa.func.count(), "priced": sa.func.count(call.cost), **_sums(call), **_times(call)}
    return sa.select(*(call[key] for key in keys), *(column.label(name) for name, column in numbers.items())).group_by(
        *(call[key] for key in keys)
    )


def _conditions(asked: Asked) -> list[sa.ColumnElement[bool]]:
    """Name the owner first. Messages that were added under a key have rows of exchanges, and are no calls."""
    equal = {name: getattr(asked, name) for name in ("owner", "conversation", "model", "api")}
    conditions = [_X[name] == value for name, value in equal.items() if value is not None]
    if asked.since is not None:
        conditions.append(_X.started_at >= asked.since)
    if asked.until is not None:
        conditions.append(_X.started_at < asked.until)
    return [*conditions, _X.status != "added"]


def _currency() -> Any:
    """Only of calls of whose cost something is known: of others it is that of no bill."""
    return sa.case((sa.func.coalesce(*(_X[name] for name in _COSTS)).is_not(None), _X.currency))


def _outcome() -> Any:
    return sa.case(((_X.status == "failed") & _X.raw.is_not(None), "unread"), else_=_X.status)


def _derived() -> dict[str, Any]:
    """Values of a call that no column has. It took time, unless it was recorded afterwards: that has begun when it ended."""
    compared = _X.estimated_tokens.is_not(None) & _X.input_tokens.is_not(None)
    cached = _X.input_cached.is_not(None) & _X.input_tokens.is_not(None)
    return {
        "estimated": sa.case((compared, _X.estimated_tokens)),
        "estimated_of": sa.case((compared, _X.input_tokens)),
        "cached": sa.case((cached, _X.input_cached)),
        "cached_of": sa.case((cached, _X.input_tokens)),
        "unspoken": sa.case((_X.asked_speech & ~_X.spoken, 1), (~_X.asked_speech | (_X.asked_speech & _X.spoken), 0)),
        "duration": sa.case((_X.finished_at > _X.started_at, _X.finished_at - _X.started_at)),
        "first_byte": sa.case((_X.first_byte_at > _X.started_at, _X.first_byte_at - _X.started_at)),
    }


def _sums(call: Any) -> dict[str, Any]:
    plain = (*_PLAIN, "estimated", "estimated_of", "cached", "cached_of", "unspoken")
    whole = {name: sa.cast(sa.func.sum(call[name]), sa.BigInteger) for name in plain}
    return {**whole, **{name: exact_sum(call[name]) for name in _COSTS}}


def _times(call: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, several in (("duration", "durations"), ("first_byte", "first_bytes")):
        took = call[name]
        found |= {name: micros(sa.func.sum(took)), several: sa.func.count(took), f"{name}_max": micros(sa.func.max(took))}
    return found


# --- what the databases say each in their own way ---------------------------------------------------


class utc_day(sa.sql.functions.FunctionElement[int]):  # noqa: N801 - named like the SQL functions beside it
    """The day of an instant in UTC, as days since 1970."""

    type = sa.Integer()
    inherit_cache = True


@compiles(utc_day, "sqlite")
def _utc_day_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)} + {_DAYS * DAY}) / {DAY} - {_DAYS})"


@compiles(utc_day, "postgresql")
def _utc_day_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"(CAST(timezone('UTC', {compiler.process(element.clauses, **options)}) AS DATE) - DATE '1970-01-01')"
