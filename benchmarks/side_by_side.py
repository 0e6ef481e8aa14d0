"""Time several ways of doing the same in turn, so that all of them meet the same moods of the machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def compare(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, batch: int = 1, limits: Mapping[str, float] | None = None
) -> None:
    """Print for each way its median time and its median ratio to the first one, round by round.

    A round runs every way `batch` times, in turn; two rounds before are not counted. `limits` are ratios to hold.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-2, rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            for _ in range(batch):
                way()
            if number >= 0:
                times[name].append((time.perf_counter() - started) / batch)
    first = next(iter(times.values()))
    for name, own in times.items():
        ratios = [mine / base for mine, base in zip(own, first, strict=True)]
        limit = (limits or {}).get(name)
        verdict = "" if limit is None else f"  at most {limit}x wanted: {'yes' if statistics.median(ratios) <= limit else 'NO'}"
        print(f"  {name:44s} {statistics.median(own) * 1e6:10.1f} us  {statistics.median(ratios):6.2f}x{verdict}")
