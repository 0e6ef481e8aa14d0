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
    result = connection.execute(statement(by, asked), execution_options=options)
    return list(result.keys()), result.all()


def statement(by: Sequence[By], asked: Asked) -> sa.Select[Any]:
    """Give the statement of a report."""
    known: dict[str, Any] = {**{key: _X[key] for key in by if key != "day"}, "day": utc_day(_X.started_at)}
    beside: dict[str, Any] = {"currency": _currency(), "voice": _X.voice, "outcome": _outcome()}
    keys: dict[str, Any] = {**{key: known[key] for key in by}, **{name: beside[name] for name in BESIDE if name not in by}}
    numbers: dict[str, Any] = {"calls": sa.func.count(), "priced": sa.func.count(_X.cost), **_sums(), **_times()}
    found = sa.select(*(column.label(name) for name, column in {**keys, **numbers}.items()))
    return found.where(*_conditions(asked)).group_by(*keys.values())


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


def _sums() -> dict[str, Any]:
    compared = _X.estimated_tokens.is_not(None) & _X.input_tokens.is_not(None)
    cached = _X.input_cached.is_not(None) & _X.input_tokens.is_not(None)
    found: dict[str, Any] = {name: _X[name] for name in _PLAIN} | {
        "estimated": sa.case((compared, _X.estimated_tokens)),
        "estimated_of": sa.case((compared, _X.input_tokens)),
        "cached": sa.case((cached, _X.input_cached)),
        "cached_of": sa.case((cached, _X.input_tokens)),
        "unspoken": sa.case((_X.asked_speech & ~_X.spoken, 1), (~_X.asked_speech | (_X.asked_speech & _X.spoken), 0)),
    }
    whole = {name: sa.cast(sa.func.sum(value), sa.BigInteger) for name, value in found.items()}
    return {**whole, **{name: exact_sum(_X[name]) for name in _COSTS}}


def _times() -> dict[str, Any]:
    """Those of calls that took time: what was recorded afterwards has begun when it ended."""
    found: dict[str, Any] = {}
    for name, several, end in (("duration", "durations", _X.finished_at), ("first_byte", "first_bytes", _X.first_byte_at)):
        took = sa.case((end > _X.started_at, end - _X.started_at))
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
