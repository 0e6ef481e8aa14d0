"""What does it cost to convert a recording, and how much of the sound is left? Real speech, repeated to three minutes.

Printed are, for each conversion:

- time: seconds on the clock, the start of the child process and the levels of the result included
- cpu: processor seconds of this process and the child's; x real time: seconds of sound per such second
- out: bytes of the result; above: what the child held beyond a job of a tenth of a second, as a multiple of the result; in all:
  with the interpreter and libav
- likeness: the correlation of the result, decoded again, with the first ten seconds of the source where they fit best; late: how
  much later its sound is

Figures only: nothing is asserted.
"""

from __future__ import annotations

import math
import os
import time
from array import array
from importlib import resources
from operator import mul
from typing import TYPE_CHECKING

from benchmarks.child_memory import child_memory
from convo.audio import codec
from convo.audio.codec import Form, convert

if TYPE_CHECKING:
    from benchmarks.side_by_side import Effort, Found

_RATE = 24_000
_SOURCES = {
    "webm/opus 48 kHz": Form("webm", 48_000),
    "m4a/aac 48 kHz": Form("m4a", 48_000),
    "mp3 44.1 kHz": Form("mp3", 44_100),
    "flac 48 kHz": Form("flac", 48_000),
    "wav 48 kHz stereo": Form("wav", 48_000, 2),
}
_TARGETS = [Form("mp3"), Form("opus"), Form("m4a"), Form("aac"), Form("flac"), Form("webm")]


def _speech(seconds: int) -> bytes:
    """Real speech as pcm16 at 24 kHz, over and over."""
    spoken = resources.files("convo").joinpath("recordings", "question.mp3").read_bytes()
    once = convert(spoken, "mp3", Form("pcm16")).data
    return (once * (seconds * _RATE * 2 // len(once) + 1))[: seconds * _RATE * 2]


def run(effort: Effort) -> Found:
    """Give the table."""
    speech = _speech(effort.of(180, 180, 1))
    start = f"{'':34}{'time':>7}{'cpu':>7}{'x real time':>13}{'out':>12}{'above':>8}{'in all':>10}{'likeness':>10}{'late':>9}"
    yield start
    plain = convert(speech, "pcm16", Form("wav")).data
    for name, source in _SOURCES.items():
        data = convert(speech, "pcm16", source).data
        yield _row(f"{name} -> {Form('wav').name}", data, source.format, Form("wav"), plain)
    for form in _TARGETS:
        yield _row(f"wav 24 kHz -> {form.name}", plain, "wav", form, plain)


def _row(title: str, data: bytes, found: str, form: Form, plain: bytes) -> str:
    timed = [_timed(data, found, form) for _ in range(3)]
    clock, cpu = min(pair[0] for pair in timed), min(pair[1] for pair in timed)
    out = convert(data, found, form).data
    job, scrap = codec._job(found, None, form), convert(bytes(4_800), "pcm16", Form("wav" if found == "wav" else found)).data
    peak, base = child_memory(job, data), child_memory(job, scrap)
    alike, late = _likeness(plain, convert(out, form.format, Form("wav")).data)
    seconds = len(plain) / 2 / _RATE
    return (
        f"  {title:32}{clock:7.2f}{cpu:7.2f}{seconds / cpu:12.0f}x{len(out):12,}{(peak - base) / len(out):7.1f}x"
        f"{peak / 1e6:7.0f} MB{alike:10.4f}{late * 1_000:6.1f} ms"
    )


def _timed(data: bytes, found: str, form: Form) -> tuple[float, float]:
    started, before = time.perf_counter(), os.times()
    convert(data, found, form)
    after = os.times()
    return time.perf_counter() - started, sum(after[:4]) - sum(before[:4])


def _likeness(one: bytes, other: bytes) -> tuple[float, float]:
    """Give the largest correlation of ten seconds of two wavs of convo, and the seconds that the other one is late there."""
    first, second = (array("h", wav[44 : 44 + 20 * _RATE]) for wav in (one, other))
    near = max(range(-500, 500), key=lambda lag: _correlation(first[::6], second[::6], lag)) * 6
    lag = max(range(near - 6, near + 7), key=lambda lag: _correlation(first, second, lag))
    return _correlation(first, second, lag), lag / _RATE


def _correlation(one: array[int], other: array[int], lag: int) -> float:
    first, second = one[max(0, -lag) :], other[max(0, lag) :]
    size = min(len(first), len(second))
    norm = math.hypot(*first[:size]) * math.hypot(*second[:size])
    return sum(map(mul, first[:size], second[:size])) / norm if norm else 0.0
