"""Sums that a database gives, added up to a report."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from convo.report import Report, ReportRow
from convo.usage import Cost, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from convo.report import By

    Record = Sequence[Any]

BESIDE = ("currency", "voice", "outcome")
"""What a database tells calls apart by, beside the keys of the report: what they are counted by, or must not be added across."""
OUTCOMES = {
    "done": "replied", "interrupted": "interrupted", "failed": "failed", "unread": "failed", "abandoned": "failed",
    "late": "late", "pending": "pending",
}  # fmt: skip
"""Statuses of exchanges as a report counts them. "unread" is a failed one whose answer came and could not be read."""
_ANSWERED = frozenset({"done", "interrupted", "late", "unread"})
_USED = tuple(field.name for field in attrs.fields(Usage))
OF_ALL = ("recoveries", "retries")
"""Sums that are of all calls."""
OF_ANSWERED = (
    "priced", "cost", *_USED, "estimated", "estimated_of", "cached", "cached_of", "unspoken", "sent_references",
    "sent_transcripts", "saved_bytes", "saved_tokens",
)  # fmt: skip
"""Sums that are of answered calls, and so are the parts of the cost."""
OF_WHOLE = ("duration", "durations", "first_byte", "first_bytes")
"""Sums of microseconds, and over how many calls; of calls that were answered whole. So is the most of each."""
MOST = ("duration_max", "first_byte_max")
_DAY_ZERO = date(1970, 1, 1).toordinal()
_SECOND, _PICO = 1_000_000, -12


class _Layout:
    """Where in a record its numbers are, by whose they are."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.at = {name: place for place, name in enumerate(names)}
        parts = [name for name in names if name.startswith(_PART)]
        self.of_all = self._places(OF_ALL)
        self.of_answered = self._places((*OF_ANSWERED, *parts))
        self.of_whole = self._places(OF_WHOLE)
        self.most = self._places(MOST)
        self.kinds = tuple(name.removeprefix(_PART) for name in parts)

    def _places(self, names: Iterable[str]) -> tuple[int, ...]:
        return tuple(self.at[name] for name in names)


_PART = "cost_"


class _Sums:
    """Sums of several records, where the numbers of a record are; None for what none of them told."""

    __slots__ = ("found", "layout", "outcomes", "voices")

    def __init__(self, layout: _Layout) -> None:
        self.layout = layout
        self.found: list[Any] = [None] * len(layout.names)
        self.voices: dict[str, int] = {}
        self.outcomes: dict[str, int] = {}

    def add(self, record: Record) -> None:
        """Add calls that have their outcome and voice in common."""
        layout = self.layout
        outcome, voice, calls = (record[layout.at[name]] for name in ("outcome", "voice", "calls"))
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + calls
        self._add(layout.of_all, record)
        if outcome in _ANSWERED:
            self._add(layout.of_answered, record)
            if voice is not None:
                self.voices[voice] = self.voices.get(voice, 0) + calls
        if outcome == "done":
            self._add(layout.of_whole, record)
            self._raise(record)

    def merge(self, other: _Sums) -> None:
        """Add other sums."""
        for mine, theirs in ((self.outcomes, other.outcomes), (self.voices, other.voices)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        for places in (self.layout.of_all, self.layout.of_answered, self.layout.of_whole):
            self._add(places, other.found)
        self._raise(other.found)

    def _add(self, places: Iterable[int], record: Record) -> None:
        found = self.found
        for place in places:
            value = record[place]
            if value is not None:
                before = found[place]
                found[place] = value if before is None else before + value

    def _raise(self, record: Record) -> None:
        for place in self.layout.most:
            value, before = record[place], self.found[place]
            if value is not None and (before is None or value > before):
                self.found[place] = value

    def row(self, keys: Mapping[str, Any], currency: str | None, *, priced: bool = True) -> ReportRow:
        """Give the row. With `priced=False` it has no costs."""
        found = dict(zip(self.layout.names, self.found, strict=True))
        counts: dict[str, Any] = dict.fromkeys(OUTCOMES.values(), 0)
        for outcome, count in self.outcomes.items():
            counts[OUTCOMES[outcome]] += count
        answered = sum(count for outcome, count in self.outcomes.items() if outcome in _ANSWERED)
        ranked = sorted(self.voices.items(), key=lambda voice: (-voice[1], voice[0]))
        return ReportRow(
            **keys, currency=currency, calls=sum(counts.values()), **counts, answered=answered,
            usage=Usage(**{name: found[name] for name in _USED}),
            cached_share=_share(found["cached"], found["cached_of"]),
            cost=self._cost(found, currency) if priced else Cost(currency="", unknown=("currency",)),
            unpriced=answered - (found["priced"] or 0),
            voices={} if "voice" in keys else dict(ranked),
            duration=_seconds(_share(found["duration"], found["durations"])),
            first_byte=_seconds(_share(found["first_byte"], found["first_bytes"])),
            duration_max=_seconds(found["duration_max"]), first_byte_max=_seconds(found["first_byte_max"]),
            **{name: found[name] for name in _AS_THEY_ARE},
        )  # fmt: skip

    def _cost(self, found: Mapping[str, Any], currency: str | None) -> Cost:
        parts = {kind: _money(part) for kind in self.layout.kinds if (part := found[_PART + kind]) is not None}
        amount = None if found["cost"] is None else _money(found["cost"])
        cost = Cost(amount=amount, by_kind=parts)
        return cost if currency is None else attrs.evolve(cost, currency=currency)


_AS_THEY_ARE = (
    "estimated", "estimated_of", "unspoken", "recoveries", "retries", "sent_references", "sent_transcripts", "saved_bytes",
    "saved_tokens",
)  # fmt: skip


def report_of(by: tuple[By, ...], names: Sequence[str], records: Iterable[Record]) -> Report:
    """Add up records, whose values have these names: the keys, `BESIDE`, `calls`, sums, and `cost_...` the parts of costs.

    A day is one since 1970, a time in microseconds, money in 10**-12 of the currency.
    """
    layout = _Layout(names)
    groups: dict[tuple[Any, ...], dict[str | None, _Sums]] = {}
    places, currency_at = [layout.at[name] for name in by], layout.at["currency"]
    for record in records:
        currencies = groups.setdefault(tuple([record[place] for place in places]), {})
        _sums_of(currencies, record[currency_at], layout).add(record)
    by_currency: dict[str | None, _Sums] = {}
    for currencies in groups.values():
        for currency, sums in currencies.items():
            _sums_of(by_currency, currency, layout).merge(sums)
    rows = [
        sums.row(_keys(by, keys), currency)
        for keys, currencies in sorted(groups.items(), key=_order)
        for currency, sums in _settled(currencies)
    ]
    totals = [sums.row({}, currency) for currency, sums in _settled(by_currency)]
    return Report(by=by, rows=tuple(rows), totals=tuple(totals), total=_total(by_currency, layout), kinds=layout.kinds)


def _sums_of(currencies: dict[str | None, _Sums], currency: str | None, layout: _Layout) -> _Sums:
    found = currencies.get(currency)
    if found is None:
        found = currencies[currency] = _Sums(layout)
    return found


def _total(by_currency: Mapping[str | None, _Sums], layout: _Layout) -> ReportRow:
    whole = _Sums(layout)
    for sums in by_currency.values():
        whole.merge(sums)
    known = [currency for currency in by_currency if currency is not None]
    return whole.row({}, known[0] if len(known) == 1 else None, priced=len(known) <= 1)


def _settled(currencies: dict[str | None, _Sums]) -> list[tuple[str | None, _Sums]]:
    """Give sums by currency. Where calls have but one, those without a known cost are added to them, for good."""
    known = sorted(currency for currency in currencies if currency is not None)
    if len(known) != 1:
        return [(currency, currencies[currency]) for currency in (*known, *([None] if None in currencies else []))]
    if None in currencies:
        currencies[known[0]].merge(currencies.pop(None))
    return [(known[0], currencies[known[0]])]


def _order(group: tuple[tuple[Any, ...], object]) -> tuple[Any, ...]:
    return tuple((key is None, "" if key is None else key) for key in group[0])


def _keys(by: tuple[By, ...], keys: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = dict(zip(by, keys, strict=True))
    if "day" in found:
        found["day"] = date.fromordinal(_DAY_ZERO + found["day"])
    return found


def _money(picos: int) -> Decimal:
    """Give an amount, exactly, whatever the caller's decimal context."""
    digits = tuple(map(int, str(abs(picos))))
    return Decimal((int(picos < 0), digits, _PICO))


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _seconds(micros: float | None) -> float | None:
    return None if micros is None else micros / _SECOND
