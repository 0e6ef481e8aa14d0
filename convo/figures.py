"""A report as a table for people: days and numbers in line, the currency named, "unknown" for what no call told.

Names that were stored are shown and never obeyed: what cannot be printed is escaped.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convo.report import Report, ReportRow

NAME = 40
"""Characters that a table shows of a name."""
_GAP = "  "
_UNKNOWN, _NONE = "unknown", "-"
_LEAST = Decimal("1e-6")
"""What a table shows of an amount."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


@attrs.frozen
class _Column:
    """A column of numbers: its heading, what it shows of a row, and how."""

    heading: str
    of: Callable[[ReportRow], Any]
    shown: Callable[[Any], str]
    of_answered: bool = True
    """Whether it says nothing of calls that nobody answered."""


def _count(value: int) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _error(value: float) -> str:
    return f"{value:+.1%}"


def _seconds(value: float) -> str:
    return f"{value:,.2f} s"


def _voices(value: Mapping[str, int]) -> str:
    return ", ".join(f"{shown(voice)} {count:,}" for voice, count in value.items()) or _NONE


COST, VOICES = "COST", "VOICES"
_COLUMNS = (
    _Column("CALLS", lambda row: row.calls, _count, of_answered=False),
    _Column("FAILED", lambda row: row.failed, _count, of_answered=False),
    _Column("CUT OFF", lambda row: row.interrupted, _count, of_answered=False),
    _Column("LATE", lambda row: row.late, _count, of_answered=False),
    _Column("PENDING", lambda row: row.pending, _count, of_answered=False),
    _Column("TOKENS IN", lambda row: row.usage.input_tokens, _count),
    _Column("TEXT IN", lambda row: row.usage.input_text, _count),
    _Column("AUDIO IN", lambda row: row.usage.input_audio, _count),
    _Column("IMAGE IN", lambda row: row.usage.input_image, _count),
    _Column("CACHED", lambda row: row.cached_share, _share),
    _Column("TOKENS OUT", lambda row: row.usage.output_tokens, _count),
    _Column("TEXT OUT", lambda row: row.usage.output_text, _count),
    _Column("AUDIO OUT", lambda row: row.usage.output_audio, _count),
    _Column("ESTIMATE", lambda row: row.estimate_error, _error),
    _Column("NOT SPOKEN", lambda row: row.unspoken, _count),
    _Column("REFERENCES", lambda row: row.sent_references, _count),
    _Column("TRANSCRIPTS", lambda row: row.sent_transcripts, _count),
    _Column("BYTES SAVED", lambda row: row.saved_bytes, _count),
    _Column("TOKENS SAVED", lambda row: row.saved_tokens, _count),
    _Column("RECOVERIES", lambda row: row.recoveries, _count, of_answered=False),
    _Column("RETRIES", lambda row: row.retries, _count, of_answered=False),
    _Column("FIRST BYTE", lambda row: row.first_byte, _seconds),
    _Column("AT MOST", lambda row: row.first_byte_max, _seconds),
    _Column("DURATION", lambda row: row.duration, _seconds),
    _Column("AT MOST", lambda row: row.duration_max, _seconds),
    _Column("UNPRICED", lambda row: row.unpriced, _count),
    _Column(COST, lambda row: row.cost.amount, str),
    _Column(VOICES, lambda row: row.voices, _voices, of_answered=False),
)
_FIRST = (COST, "CALLS", "UNPRICED", "TOKENS IN", "TOKENS OUT", "FAILED", "CACHED", "DURATION", "FIRST BYTE")
"""Columns by how much they are wanted where there is no room for all."""
_ALWAYS = (COST, "CALLS", "UNPRICED")
_IF_ANY = ("FAILED", "UNPRICED")
"""Columns that are left out where they say zero. A sum that leaves calls out is never shown without their number."""


def written(report: Report, width: int | None) -> str:
    """Give the table, with its totals at the end: all that is known, or the columns that fit into `width`."""
    if not report.rows:
        return "no calls of a model"
    rows = [*report.rows, *(report.totals if report.by else ())]
    currencies = {row.currency for row in rows if row.currency is not None}
    left = _keys(report, rows, named=len(currencies) > 1)
    cost = f"{COST} ({shown(next(iter(currencies)))})" if len(currencies) == 1 else COST
    numbers = {column: _cells(column, rows, cost) for column in _COLUMNS}
    if width is None:
        chosen = [column for column, (_, *cells) in numbers.items() if column.heading in _FIRST or _tell(cells)]
    else:
        chosen = _fitting(numbers, width - sum(_width(column) for column in left) + len(_GAP))
    aligned = [[cell.ljust(_width(column)) for cell in column] for column in left]
    for column, cells in numbers.items():
        if column in chosen:
            side = str.ljust if column.heading == VOICES else str.rjust
            aligned.append([side(cell, _width(cells) - len(_GAP)) for cell in cells])
    return "\n".join(_joined(line, len(left)) for line in zip(*aligned, strict=True))


def _joined(line: Sequence[str], names: int) -> str:
    """Join cells; those of names have their gap."""
    return ("".join(line[:names]) + _GAP.join(line[names:])).rstrip()


def _width(cells: Sequence[str]) -> int:
    return max(map(len, cells)) + len(_GAP)


def _tell(cells: Sequence[str]) -> bool:
    return bool(set(cells) - {_UNKNOWN, _NONE, "0"})


def _fitting(numbers: Mapping[_Column, Sequence[str]], room: int) -> list[_Column]:
    """Give the columns that are wanted most and fit together; some in any case."""
    chosen = []
    for heading in _FIRST:
        column = next(column for column in numbers if column.heading == heading)
        wanted = heading not in _IF_ANY or _tell(numbers[column][1:])
        if wanted and (heading in _ALWAYS or _width(numbers[column]) <= room):
            chosen.append(column)
            room -= _width(numbers[column])
    return chosen


def _keys(report: Report, rows: Sequence[ReportRow], *, named: bool) -> list[list[str]]:
    """Give the columns of the keys, and of the currency where there are several; the totals say so in the first."""
    columns = [[f"{key.upper()} (UTC)" if key == "day" else key.upper(), *map(_name(key), report.rows)] for key in report.by]
    if report.by:
        columns = [[*column, *([""] * len(report.totals))] for column in columns]
        columns[0][-len(report.totals) :] = ["total"] * len(report.totals)
    return [*columns, *([["CURRENCY", *(shown(row.currency or _NONE) for row in rows)]] if named else [])]


def _name(key: str) -> Callable[[ReportRow], str]:
    def name(row: ReportRow) -> str:
        value = getattr(row, key)
        return _NONE if value is None or value == "" else shown(str(value))

    return name


def _cells(column: _Column, rows: Sequence[ReportRow], cost: str) -> list[str]:
    if column.heading == COST:
        return [cost, *_money(rows)]
    return [column.heading, *(_cell(column, row) for row in rows)]


def _cell(column: _Column, row: ReportRow) -> str:
    value = column.of(row)
    if column.of_answered and not row.answered:
        return _NONE
    return _UNKNOWN if value is None else column.shown(value)


def _money(rows: Sequence[ReportRow]) -> list[str]:
    """Give amounts with the same number of decimals, from two to six."""
    amounts = [None if row.cost.amount is None else _EXACT.quantize(row.cost.amount, _LEAST) for row in rows]
    needed = [-int(amount.normalize(_EXACT).as_tuple().exponent) for amount in amounts if amount is not None]
    decimals = max([2, *needed])
    cells = []
    for row, amount in zip(rows, amounts, strict=True):
        if amount is None:
            cells.append(_UNKNOWN if row.answered else _NONE)
        else:
            cells.append(f"<{_LEAST:f}" if row.cost.amount and not amount else f"{amount:,.{decimals}f}")
    return cells


def shown(name: str, limit: int = NAME) -> str:
    """Give a name as one line that a terminal only shows, cut to `limit` characters."""
    safe = name if name.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in name)
    return safe if len(safe) <= limit else f"{safe[: limit - 3]}..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
