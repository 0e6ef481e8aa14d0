"""What was found, as a readable table and as JSON."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.side_by_side import Effort, Figure

_UNITS = {"s": ((1.0, "s "), (1e-3, "ms"), (1e-6, "us")), "B": ((1e6, "MB"), (1e3, "kB"), (1.0, "B "))}
"""Units that have larger or smaller ones: how much of the unit they are."""


@attrs.frozen
class Result:
    """A figure, and which benchmark found it."""

    benchmark: str
    figure: Figure


def quantity(value: float, unit: str) -> str:
    """Write a value with its unit, in ten or more characters: `   412.3 us`."""
    for size, name in _UNITS.get(unit, ()):
        if value >= size:
            return f"{value / size:8.1f} {name}"
    return f"{value:8,.4g} {unit}"


def line(figure: Figure) -> str:
    """Write a figure as a line of the table."""
    tail = "" if figure.p99 is None else f"p99 {quantity(figure.p99, figure.unit)}"
    text = f"  {figure.way:60} {quantity(figure.value, figure.unit)}  {tail:17}"
    if figure.ratio is not None and figure.way not in figure.ratios:
        others = list(figure.ratios.items())[1:]
        text += f"  {figure.ratio:8.2f}x" + "".join(f", {ratio:.2f}x of {base}" for base, ratio in others)
    return f"{text}  {verdict(figure)}".rstrip()


def verdict(figure: Figure) -> str:
    """Say whether the goal of a figure is met; nothing where it has none."""
    if figure.goal is None:
        return ""
    unit = f" {figure.unit}" if figure.ratio is None else "x"
    wanted = f"at {'least' if figure.least else 'most'} {figure.goal:,.4g}{unit}"
    return f"goal {wanted}: {'met' if figure.met else 'NOT met'}"


def summary(results: Sequence[Result]) -> Iterable[str]:
    """Say how many goals are met, and name the others."""
    judged = [result for result in results if result.figure.goal is not None]
    if not judged:
        return
    missed = [result for result in judged if not result.figure.met]
    yield f"{len(judged) - len(missed)} of {len(judged)} goals met"
    for result in missed:
        found = result.figure.value if result.figure.ratio is None else result.figure.ratio
        yield f"  {result.benchmark}: {result.figure.what}, {result.figure.way}: {found:,.2f}; {verdict(result.figure)}"


def document(results: Sequence[Result], effort: Effort) -> dict[str, Any]:
    """Give everything as JSON has it: times in seconds, ratios by the name of their baseline."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "effort": effort.value,
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in ("convo", "sqlalchemy", "psycopg", "asyncpg")},
        },
        "figures": [
            {"benchmark": result.benchmark, **attrs.asdict(result.figure), "ratio": result.figure.ratio, "met": result.figure.met}
            for result in results
        ],
    }
