"""How loud 16-bit sound is: its peak, its mean, what is clipped and what is silent.

Pure Python, and fast all the same: a second of 48 kHz stereo takes about 2 ms. The child process of the codec loads
this module too, and nothing but it and the standard library: `Levels` is a `NamedTuple` for that reason.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import NamedTuple

FULL = 32_768
"""Full scale of 16-bit samples; the positive side ends one short of it."""
SILENCE = 10 ** (-50 / 20)
"""A block is silent whose mean (RMS) is below this share of full scale: -50 dBFS, where rooms and microphones hum."""
BLOCK = 0.02
"""Seconds of the blocks that are silent or not."""
_HIGH = 1 if sys.byteorder == "little" else 0


class Levels(NamedTuple):
    """How loud sound is, each from 0 to 1."""

    peak: float
    """The largest sample, as a share of full scale."""
    rms: float
    """The root of the mean square of all samples, as a share of full scale."""
    clipped: float
    """The share of the samples that are as large as 16 bits allow."""
    silent: float
    """The share of the blocks of 20 ms that are below -50 dBFS."""


SILENT = Levels(0.0, 0.0, 0.0, 1.0)


class Meter:
    """Measures sound that comes in chunks; what it holds does not grow with the sound."""

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._size = max(1, round(rate * BLOCK)) * channels * 2
        self._rest = b""
        self._samples = self._clipped = self._blocks = self._silent = 0
        self._energy = 0.0
        self._peak = 0
        self._below = b""

    @property
    def samples(self) -> int:
        """Samples of one channel that were fed."""
        return (self._samples + len(self._rest) // 2) // self._channels

    def feed(self, chunk: bytes) -> None:
        """Take interleaved 16-bit samples in the machine's byte order; chunks may end anywhere."""
        sound = self._rest + chunk if self._rest else chunk
        whole = len(sound) - len(sound) % self._size
        self._rest = sound[whole:]
        if whole:
            self._measure(sound[:whole])

    def levels(self) -> Levels:
        """Give the levels of all that was fed; of nothing, those of silence."""
        if len(self._rest) >= 2:  # noqa: PLR2004 - bytes of a sample
            self._measure(self._rest[: len(self._rest) // 2 * 2])
            self._rest = b""
        if not self._samples:
            return SILENT
        rms = math.sqrt(self._energy / self._samples) / FULL
        peak = self._peak / FULL
        return Levels(peak, min(rms, peak), self._clipped / self._samples, self._silent / self._blocks)

    def _measure(self, sound: bytes) -> None:
        samples, step = array("h", sound), self._size // 2
        # Only sound with a high byte as large as that of the peak so far can hold a new peak: translate finds it in C.
        if sound[_HIGH::2].translate(None, self._below):
            self._look(samples)
        # The root of the sum of squares, in C: four times as fast as squaring in Python.
        norms = [math.hypot(*samples[at : at + step]) for at in range(0, len(samples), step)]
        self._energy += math.fsum(norm * norm for norm in norms)
        self._blocks += len(norms)
        quiet = SILENCE * FULL * math.sqrt(step)
        last = (len(samples) % step) or step
        self._silent += sum(norm < quiet for norm in norms[:-1]) + (norms[-1] < SILENCE * FULL * math.sqrt(last))
        self._samples += len(samples)

    def _look(self, samples: array[int]) -> None:
        """Find the peak and the clipped samples in sound that may hold them."""
        highest, lowest = max(samples), min(samples)
        largest = max(highest, -lowest)
        if largest >= FULL - 1:
            self._clipped += samples.count(FULL - 1) + samples.count(-FULL) + samples.count(1 - FULL)
        if largest > self._peak:
            self._peak = largest
            # High bytes h of samples from -largest to largest, without the outermost on both sides.
            bound = min(largest, FULL - 1) >> 8
            self._below = bytes(range(bound)) + bytes(range(256 - bound, 256))


def levels_of_pcm16(data: bytes, channels: int, rate: int) -> Levels:
    """Measure whole 16-bit little-endian samples, as wav and the API's pcm16 hold them."""
    sound = data[: len(data) // 2 * 2]
    if sys.byteorder == "big":
        swapped = array("h", sound)
        swapped.byteswap()
        sound = swapped.tobytes()
    meter = Meter(rate, channels)
    second = rate * channels * 2
    for at in range(0, len(sound), second):
        meter.feed(sound[at : at + second])
    return meter.levels()
