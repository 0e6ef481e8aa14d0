"""What a benchmark is made of: ways of doing the same, timed in turn, so that all of them meet the same moods of the machine.

A benchmark is a module with `run(effort)`: a generator of `Ways`, which are timed and whose figures it is sent, of `Figure`s
that it found by itself, and of lines of text to print.
"""

from __future__ import annotations

import gc
import inspect
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

T = TypeVar("T")
WARM = 2
"""Rounds before the others that are not counted."""
FEWEST = 6
"""Rounds of a short run at least."""


class Effort(Enum):
    """How much is measured: all that is to be known, enough for a first look, or just that everything runs."""

    LONG = "long"
    SHORT = "short"
    TINY = "tiny"

    def of(self, long: T, short: T, tiny: T) -> T:
        """Give the one of three that this effort takes."""
        return {Effort.LONG: long, Effort.SHORT: short, Effort.TINY: tiny}[self]


@attrs.frozen
class Ways:
    """Several ways of doing the same.

    `baselines` are those of them that the others are held against, the first one unless said; `goals` are ratios to the first
    baseline that are not to be exceeded. A round calls each way `batch` times in turn; where a call does the same `per`
    times, figures are of one time. Ways that are async functions run on the loop of `runner`.
    """

    what: str
    ways: Mapping[str, Callable[[], object]]
    goals: Mapping[str, float] = attrs.field(factory=dict)
    baselines: Sequence[str] = ()
    rounds: int = 40
    batch: int = 1
    per: int = 1
    runner: asyncio.Runner | None = None


@attrs.frozen(kw_only=True)
class Figure:
    """What was found of one way: a median in seconds, bytes or whatever `unit` says, and what it is of each baseline.

    `goal` bounds the ratio to the first baseline, or the value where there is none: from above, or with `least` from below.
    """

    what: str
    way: str
    value: float
    unit: str = "s"
    p99: float | None = None
    ratios: Mapping[str, float] = attrs.field(factory=dict)
    goal: float | None = None
    least: bool = False

    @property
    def ratio(self) -> float | None:
        """What it is of the first baseline."""
        return next(iter(self.ratios.values()), None)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged >= self.goal if self.least else judged <= self.goal


Found = Generator[Ways | Figure | str, Any, None]
"""What the `run` of a benchmark gives."""


def timed(asked: Ways, effort: Effort) -> list[Figure]:
    """Time the ways; give the median and the 99th percentile of single calls, and the median of the ratios round by round."""
    rounds = effort.of(asked.rounds, max(FEWEST, asked.rounds // 4), 1)
    batch = effort.of(asked.batch, asked.batch, 1)
    names = list(asked.ways)
    calls: dict[str, list[float]] = {name: [] for name in names}
    means: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    for number in range(-effort.of(WARM, 1, 0), rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            seconds = _batch(asked.ways[name], batch, asked.runner)
            if number >= 0:
                calls[name] += seconds
                means[name].append(sum(seconds) / batch)
    return [
        Figure(
            what=asked.what,
            way=name,
            value=statistics.median(calls[name]) / asked.per,
            p99=percentile(calls[name], 0.99) / asked.per,
            ratios={
                base: statistics.median(mine / theirs for mine, theirs in zip(means[name], means[base], strict=True))
                for base in asked.baselines or names[:1]
            },
            goal=asked.goals.get(name),
        )
        for name in names
    ]


def _batch(way: Callable[[], object], times: int, runner: asyncio.Runner | None) -> list[float]:
    """Give the seconds of each of several calls."""
    if not inspect.iscoroutinefunction(way):
        return [_seconds(way) for _ in range(times)]
    assert runner is not None, "ways that are async functions need a runner"

    async def calls() -> list[float]:
        return [await _seconds_of(way) for _ in range(times)]

    return runner.run(calls())


def _seconds(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


async def _seconds_of(way: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await way()
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that is not smaller than a share of all: its nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def named(figures: Sequence[Figure], way: str) -> Figure:
    """Give the figure of a way."""
    return next(figure for figure in figures if figure.way == way)
