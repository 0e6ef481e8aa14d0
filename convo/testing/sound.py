"""Audio that is the same in every run: it sounds like speech from afar, lasts as long as its text, and says nothing.

24 kHz, mono, 16 bit, like the API's. One word takes 0.4 s, and the API counts 20 tokens of spoken audio a second.
"""

from __future__ import annotations

import functools
import io
import math
import struct
import wave
from array import array
from zlib import crc32

import attrs

from convo.testing import silence

RATE = 24_000
TOKENS_PER_SECOND = 20
_TOKENS_PER_WORD = 8
_LONGEST_WORD = 15
_WORD = RATE * _TOKENS_PER_WORD // TOKENS_PER_SECOND
_SYLLABLE = _WORD // 2
_VOICED = _SYLLABLE * 5 // 6
_LOUDNESS = 9_000
_PITCHES = (110, 123, 131, 117, 147, 104, 139, 125)
_HARMONICS = 4


@attrs.frozen
class Sound:
    """Samples, and the tokens of audio that the API would count for them."""

    samples: bytes
    tokens: int

    @property
    def seconds(self) -> float:
        """How long the samples play."""
        return len(self.samples) / (RATE * 2)

    def at(self, speed: float) -> Sound:
        """Give the sound so many times as fast, and higher."""
        samples = array("h", self.samples)
        count = round(len(samples) / speed)
        faster = array("h", (samples[min(int(number * speed), len(samples) - 1)] for number in range(count)))
        return Sound(faster.tobytes(), math.ceil(self.tokens / speed))

    def encoded(self, name: str) -> bytes:
        """Give the sound as `wav` or `pcm16`; in any other format it is silence of the same length, to the next frame."""
        if name == "wav":
            return _wav(self.samples)
        if name == "pcm16":
            return self.samples
        return _SILENCES[name](self.seconds)


_SILENCES = {"mp3": silence.mp3, "aac": silence.aac, "flac": silence.flac, "opus": silence.opus}


def speech(text: str) -> Sound:
    """Give the sound of `text`; an empty one takes as long as one word."""
    words = max(1, len(text.split()), math.ceil(len(text) / _LONGEST_WORD))
    first = crc32(text.encode("utf-8", "surrogatepass"))
    samples = b"".join(_word(_PITCHES[(first + 3 * index) % len(_PITCHES)]) for index in range(words))
    return Sound(samples, words * _TOKENS_PER_WORD)


def _wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return file.getvalue()


@functools.cache
def _word(pitch: int) -> bytes:
    """Give the samples of a word of two syllables."""
    return struct.pack(f"<{_WORD}h", *(round(_LOUDNESS * _envelope(n) * _voice(n, pitch)) for n in range(_WORD)))


def _envelope(sample: int) -> float:
    """Give the loudness at a sample: each syllable swells, fades, and leaves a gap."""
    position = sample % _SYLLABLE
    return math.sin(math.pi * position / _VOICED) ** 2 if position < _VOICED else 0.0


def _voice(sample: int, pitch: int) -> float:
    """Give a tone with its overtones, between -1 and 1."""
    turn = math.tau * pitch * sample / RATE
    total = sum(1 / harmonic for harmonic in range(1, _HARMONICS + 1))
    return sum(math.sin(turn * harmonic) / harmonic for harmonic in range(1, _HARMONICS + 1)) / total
