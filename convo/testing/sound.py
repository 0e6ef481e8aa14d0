"""Audio that is the same in every run: it sounds like speech from afar, lasts as long as its text, and says nothing.

24 kHz, mono, 16 bit, like the API's. One word takes 0.4 s, and the API counts 20 tokens of spoken audio a second.
"""

from __future__ import annotations

import functools
import io
import math
import struct
import wave
from zlib import crc32

import attrs

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

# 48 kHz, mono, 32 kbit/s, MPEG-1 layer III. With its side information all zero a frame decodes to silence.
_MP3_FRAME = bytes([0xFF, 0xFB, 0x14, 0xC0]) + bytes(92)
_MP3_FRAMES_PER_SECOND = 48_000 / 1152


@attrs.frozen
class Sound:
    """Samples, and the tokens of audio that the API would count for them."""

    samples: bytes
    tokens: int

    @property
    def seconds(self) -> float:
        """How long the samples play."""
        return self.tokens / TOKENS_PER_SECOND

    def encoded(self, name: str) -> bytes:
        """Give the sound as `wav` or `pcm16`; as `mp3` it is silence of the same length, to the next frame."""
        if name == "wav":
            return _wav(self.samples)
        if name == "mp3":
            return _MP3_FRAME * math.ceil(self.seconds * _MP3_FRAMES_PER_SECOND)
        return self.samples


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
