"""What assembly remembers of the past of one branch at one API, so that what was sent once is sent the same again."""

from __future__ import annotations

import attrs


@attrs.frozen
class Memory:
    """The flip horizon of one (branch, origin, model family).

    References whose expiry lies at or before a horizon go as transcripts, also when a clock is set back.
    Times are in microseconds since 1970. `skew` is how far the API's clock was ahead of ours, in whole seconds
    (negative: behind), by the `Date` header of its answers. `window_start` is the position before which messages are
    no longer sent, 0 where none was left out yet.
    """

    expired_through: int = 0
    refused_through: int = 0
    skew: int = 0
    window_start: int = 0


SKEW_TOLERANCE = 2
"""Seconds by which an honest answer's `Date` may differ: the header has whole seconds, and the answer travelled."""


def with_skew(memory: Memory, seconds: float) -> Memory:
    """Remember a clock difference, if it is more than travel and rounding explain and differs from what is known."""
    skew = 0 if abs(seconds) <= SKEW_TOLERANCE else round(seconds)
    return memory if abs(skew - memory.skew) <= SKEW_TOLERANCE else attrs.evolve(memory, skew=skew)
