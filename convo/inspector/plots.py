"""Bars over days as data for a picture of a few lines of SVG: no script, no style in place. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

WIDTH, HEIGHT = 720.0, 140.0
MAX_BARS = 120
"""Bars that a picture has room for: of more days several become one."""
SERIES = 6
"""Colours that the style sheet has."""


@attrs.frozen
class Piece:
    """One rectangle: where, which series, and what it says when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str


@attrs.frozen
class Plot:
    """Stacked bars: the pieces, the names of the series by their numbers, the largest sum, and the first and last day."""

    pieces: Sequence[Piece]
    series: Sequence[str]
    most: str
    first: date
    last: date
    width: float = WIDTH
    height: float = HEIGHT


def bars(
    values: Mapping[date, Mapping[str, float]], shown: Mapping[str, str] | None = None, form: str = "{:,.0f}"
) -> Plot | None:
    """Give the bars of values by day and series, the largest series first; None without any value above zero.

    `shown` names series in words; of more than there are colours, the smallest are one. `form` writes a value.
    """
    sums: dict[str, float] = {}
    for day in values.values():
        for name, value in day.items():
            sums[name] = sums.get(name, 0) + value
    names = sorted((name for name, value in sums.items() if value > 0), key=lambda name: -sums[name])
    if not names:
        return None
    places = {name: min(index, SERIES - 1) for index, name in enumerate(names)}
    first, last = min(values), max(values)
    days = (last - first).days + 1
    step = -(-days // MAX_BARS)
    stacks = _stacked(values, places, first, step)
    most = max(sum(stack.values()) for stack in stacks.values())
    slot = WIDTH / -(-days // step)
    pieces = []
    for bar, stack in stacks.items():
        below = 0.0
        for series, value in sorted(stack.items()):
            height = value / most * HEIGHT
            below += height
            label = f"{_when(first, bar, step)}: {form.format(value)} {_name(names, series, shown)}"
            x = round(bar * slot, 2)
            pieces.append(Piece(x, round(HEIGHT - below, 2), round(slot * 0.84, 2), round(height, 2), series, label))
    titles = [_name(names, series, shown) for series in range(min(len(names), SERIES))]
    return Plot(pieces, titles, form.format(most), first, last)


def _stacked(
    values: Mapping[date, Mapping[str, float]], places: Mapping[str, int], first: date, step: int
) -> dict[int, dict[int, float]]:  # fmt: skip
    stacks: dict[int, dict[int, float]] = {}
    for day, found in values.items():
        stack = stacks.setdefault((day - first).days // step, {})
        for name, value in found.items():
            if value > 0:
                stack[places[name]] = stack.get(places[name], 0) + value
    return stacks


def _when(first: date, bar: int, step: int) -> str:
    begin = first + timedelta(days=bar * step)
    return f"{begin}" if step == 1 else f"{begin} and {step - 1} more days"


def _name(names: Sequence[str], series: int, shown: Mapping[str, str] | None) -> str:
    if series == SERIES - 1 and len(names) > SERIES:
        return f"{len(names) - SERIES + 1} others"
    return (shown or {}).get(names[series], names[series])
