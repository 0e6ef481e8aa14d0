"""Where long sound is cut: at the quietest place before each limit.

Works on a stream of 16-bit samples and holds no more of it than the span that is searched.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK = 0.02
"""Seconds: the cut is in the middle of the quietest block."""
_PAUSE = 15
"""Blocks of a pause between sentences, 0.3 s. The quietest such stretch is found first: within words, too, there are
20 ms without a sound."""
_SPAN = 60.0
"""Seconds before a limit that are searched, at most half of a piece."""
_LEAST = 0.5
"""Seconds before a limit that are not searched, at most an eighth of a piece: so the last piece is never shorter."""


def pieces(chunks: Iterable[bytes], rate: int, channels: int, longest: float) -> Iterator[bytes | None]:
    """Give the same interleaved 16-bit samples in the same order, with None where one piece ends and the next begins.

    No piece has more than `longest` seconds, which must be at least 0.02.
    """
    width = channels * 2
    limit = int(longest * rate)
    head = (limit - min(limit // 2, int(_SPAN * rate))) * width
    tail = limit * width - min(limit // 8, int(_LEAST * rate)) * width
    given, held = 0, bytearray()
    for chunk in chunks:
        held += chunk
        if given < head:
            first = bytes(held[: head - given])
            given += len(first)
            del held[: len(first)]
            yield first
        while given + len(held) > limit * width:
            cut = _quietest(bytes(held[: tail - given]), rate, channels)
            yield bytes(held[:cut])
            yield None
            del held[:cut]
            first = bytes(held[:head])
            given = len(first)
            del held[:given]
            yield first
    if held:
        yield bytes(held)


def _quietest(span: bytes, rate: int, channels: int) -> int:
    """Give the byte in a span at which to cut: in the quietest block of the quietest stretch, the last of equals."""
    samples = array("h", span)
    step = max(1, int(rate * _BLOCK)) * channels
    norms = [math.hypot(*samples[at : at + step]) for at in range(0, len(samples) - step + 1, step)]
    if not norms:
        return len(span)
    width = min(_PAUSE, len(norms))
    sums = [math.fsum(norms[at : at + width]) for at in range(len(norms) - width + 1)]
    start = _last_least(sums)
    block = start + _middle_of_least(norms[start : start + width])
    return (block * step + step // channels // 2 * channels) * 2


def _last_least(values: list[float]) -> int:
    least = min(values)
    return max(at for at, value in enumerate(values) if value == least)


def _middle_of_least(values: list[float]) -> int:
    least = min(values)
    equals = [at for at, value in enumerate(values) if value == least]
    return equals[len(equals) // 2]
