"""Small builders of what tests need."""

from __future__ import annotations

import io
import math
import struct
import wave

import convo


def wav(seconds: float = 1.0, rate: int = 8_000, pitch: float = 220.0) -> bytes:
    """Give a tone as a mono 16-bit wav."""
    samples = (int(8_000 * math.sin(2 * math.pi * pitch * n / rate)) for n in range(int(seconds * rate)))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return buffer.getvalue()


WAV = wav()


def recording(transcript: str | None = "What is this?", data: bytes = WAV) -> convo.Audio:
    """Give a recording of a user."""
    return convo.Audio.from_bytes(data, transcript=transcript)
