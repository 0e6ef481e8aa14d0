"""G.711, the sound of telephones: 8-bit mu-law and A-law at 8 kHz, decoded to 16-bit samples (ITU-T G.711)."""

from __future__ import annotations

from functools import cache
from typing import Literal

from convo.audio.wave import wav_of_pcm16

RATE = 8_000
"""Samples a second, of one byte each."""
Law = Literal["mu", "A"]

_BIAS = 0x84
"""What mu-law adds to a sample before it finds its segment."""


def wav_of_g711(data: bytes, law: Law) -> bytes:
    """Give G.711 as a wav of 16-bit samples at 8 kHz, which everything plays."""
    low, high = _tables(law)
    samples = bytearray(2 * len(data))
    samples[0::2], samples[1::2] = data.translate(low), data.translate(high)
    return wav_of_pcm16(bytes(samples), RATE)


@cache
def _tables(law: Law) -> tuple[bytes, bytes]:
    """Give the low and the high byte of the sample that each code stands for."""
    values = [(_mu if law == "mu" else _a)(code) & 0xFFFF for code in range(256)]
    return bytes(value & 0xFF for value in values), bytes(value >> 8 for value in values)


def _mu(code: int) -> int:
    code ^= 0xFF
    size = (((code & 0x0F) << 3) + _BIAS << (code >> 4 & 7)) - _BIAS
    return -size if code & 0x80 else size


def _a(code: int) -> int:
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & 0x0F) << 4
    size = step + 8 if segment == 0 else step + 0x108 << segment - 1
    return size if code & 0x80 else -size
