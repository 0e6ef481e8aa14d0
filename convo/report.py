"""Reports: what calls used and cost, how they went and what was saved, by whatever they are told apart by.

A database gives sums of calls that are alike in voice, outcome and currency; here they become the rows of a report. What no
call told is None, never zero, and amounts in different currencies are never added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from uuid import UUID

    from convo.usage import Cost, Usage

By = Literal["conversation", "owner", "model", "voice", "api", "day", "error"]
KEYS: tuple[By, ...] = ("conversation", "owner", "model", "voice", "api", "day", "error")


@attrs.frozen(kw_only=True)
class ReportRow:
    """What calls used and cost that have the keys of this row in common.

    Keys that the report does not go by are None; so is the voice of calls without one, and the error of those without one.
    All numbers but `calls`, the counts of how they ended, `recoveries` and `retries` are of answered calls. None is unknown.
    """

    conversation: UUID | None = None
    owner: str | None = None
    model: str | None = None
    """As asked for."""
    voice: str | None = None
    api: str | None = None
    day: date | None = None
    """In UTC, when the call began."""
    error: str | None = None
    """The code of what ended the call."""
    currency: str | None = None
    """Of the known costs; None where there are none, or in a total of several."""

    calls: int
    """Calls, each in one of the next five numbers."""
    replied: int
    interrupted: int
    """Cut off after something had come."""
    failed: int
    """Ended by an error, or given up."""
    late: int
    """Answered when another worker had taken the call over; billed all the same."""
    pending: int
    """Not ended yet."""
    answered: int
    """Calls that an API answered, and so billed: `Totals.calls`."""

    usage: Usage
    cached_share: float | None
    """Which part of the input tokens was read from the cache, of calls that told both."""
    cost: Cost
    """Of the calls whose cost is known, and `by_kind` the known parts of all."""
    unpriced: int
    """Answered calls whose cost is unknown, and not in `cost.amount`."""
    estimated: int | None
    """Input tokens that were estimated before the calls that have both numbers."""
    estimated_of: int | None
    """Input tokens that the same calls were billed."""

    voices: Mapping[str, int] = attrs.field(hash=False)
    """Replies by the voice in which they were spoken, the most used first; empty in a row of one voice."""
    unspoken: int | None
    """Replies that came in text although speech was asked for."""
    recoveries: int | None
    """How often a request was mended after a refusal, and sent again."""
    retries: int | None
    """How often the client tried again by itself."""
    sent_references: int | None
    """Spoken replies that went by their ids."""
    sent_transcripts: int | None
    """Speech that went as words."""
    saved_bytes: int | None
    """Audio that did not travel, because its id or its words did."""
    saved_tokens: int | None
    """By estimate: what speech would have cost beyond its words."""

    duration: float | None
    """Seconds from begin to end, on average, of calls that were answered whole and watched from their begin."""
    duration_max: float | None
    first_byte: float | None
    """Seconds until the API began to answer, on average, of the same calls."""
    first_byte_max: float | None

    @property
    def estimate_error(self) -> float | None:
        """How far the estimates were from the bills: 0.05 is 5 % too many, -0.05 too few; None where nothing is known."""
        if self.estimated is None or not self.estimated_of:
            return None
        return self.estimated / self.estimated_of - 1


@attrs.frozen
class Report:
    """What calls used and cost, a row for each of what they are told apart by and each currency. Sized and iterable.

    `polars.DataFrame(report)`, `pyarrow.table(report)`, pandas and DuckDB read it directly, with exact types (see `to_arrow`).
    """

    by: tuple[By, ...]
    rows: tuple[ReportRow, ...]
    """In the order of their keys, None last."""
    totals: tuple[ReportRow, ...]
    """All calls, a row for each currency; those without a known cost count in the only one, else in a row of their own."""
    total: ReportRow
    """All calls in one row; it has no cost where there are several currencies, because they cannot be added."""
    _kinds: tuple[str, ...] = attrs.field(alias="kinds", repr=False, eq=False)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[ReportRow]:
        """Give the rows."""
        return iter(self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of `to_dicts`, in its order: the keys, the currency, and the numbers."""
        return tuple(self._flat(self.total))

    def table(self, width: int | None = 80) -> str:
        """Give a table for people: the columns that fit into so many characters, or with None all that say anything."""
        from convo.figures import written

        return written(self, width)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Give the rows for JSON, flat, every row with the same names: amounts and ids as text, days as 2026-11-30.

        Tokens are named as in `Usage`, the parts of the cost `cost_` and their kind; what is not known is None.
        """
        return [_plain(self._flat(row)) for row in self.rows]

    def to_json(self) -> str:
        """Give `{"by": [...], "rows": [...], "totals": [...]}`, in ASCII; rows are those of `to_dicts`."""
        totals = [_plain(self._flat(row)) for row in self.totals]
        return json.dumps({"by": self.by, "rows": self.to_dicts(), "totals": totals})

    def to_arrow(self) -> Any:
        """Give a `pyarrow.Table` with the names of `to_dicts`. Raises `MissingDependency` without the extra `analysis`.

        Money is decimal128(38, 12), counts are int64, days date32, voices a map, ids text.
        """
        from convo.frames import table_of

        return table_of(self.columns, [self._flat(row) for row in self.rows])

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows as an Arrow stream, as its PyCapsule interface has it. Raises `MissingDependency`."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __str__(self) -> str:
        """Give a table for people, with what fits into 80 columns."""
        return self.table()

    def _flat(self, row: ReportRow) -> dict[str, Any]:
        """Give a row as columns: its keys, then its numbers, always the same for a report of these keys."""
        flat: dict[str, Any] = {name: getattr(row, name) for name in (*self.by, "currency", *_COUNTS)}
        flat |= {field.name: getattr(row.usage, field.name) for field in attrs.fields(type(row.usage))}
        flat |= {"cached_share": row.cached_share, "cost": row.cost.amount}
        flat |= {f"cost_{kind}": row.cost.by_kind.get(kind) for kind in self._kinds}
        flat |= {name: getattr(row, name) for name in _OTHERS}
        return {**flat, "voices": dict(row.voices)}


_COUNTS = ("calls", "replied", "interrupted", "failed", "late", "pending", "answered")
_OTHERS = (
    "unpriced", "estimated", "estimated_of", "unspoken", "recoveries", "retries", "sent_references", "sent_transcripts",
    "saved_bytes", "saved_tokens", "duration", "duration_max", "first_byte", "first_byte_max",
)  # fmt: skip


def checked_keys(by: Any) -> tuple[By, ...]:
    """Give what a report goes by, each once, in the order given. Raises `InputError`."""
    given = list(by) if isinstance(by, Iterable) and not isinstance(by, str) else [by]
    for name in given:
        if not isinstance(name, str) or name not in KEYS:
            reason = f"by={name!r} is nothing that a report goes by; use one or several of {', '.join(KEYS)}"
            raise InputError(reason)
    return tuple(dict.fromkeys(given))


def _plain(flat: dict[str, Any]) -> dict[str, Any]:
    return {name: value if value is None or isinstance(value, _JSON) else _text(value) for name, value in flat.items()}


_JSON = (str, int, float, dict)


def _text(value: Any) -> str:
    """Give a day, an id, or an amount: without an exponent, and without zeros at its end."""
    from decimal import Decimal

    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
