"""Small recordings for tests: chunks of a wav, frames of an mp3, and the real samples in `samples/`."""

from __future__ import annotations

import struct
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
"""The word "himself", 0.76 s at 16 kHz mono, in every format that convo recognises (see samples/README.md)."""
FRAME = b"\xff\xf3\x48\xc4" + bytes(140)
"""One mp3 frame of MPEG-2 layer III: 32 kbit/s, 16 kHz, mono, 576 samples (36 ms) in 144 bytes."""
FRAME_SECONDS = 576 / 16_000


def sample(name: str) -> bytes:
    """Give the bytes of a real sample."""
    return (SAMPLES / name).read_bytes()


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """Give a RIFF chunk; `size` is a lie about its length."""
    return struct.pack("<4sI", name, len(body) if size is None else size) + body + bytes(len(body) % 2)


def fmt(*, tag: int = 1, channels: int = 1, rate: int = 16_000, block: int | None = None, bits: int = 16) -> bytes:
    """Give the chunk `fmt ` of a wav."""
    found = channels * bits // 8 if block is None else block
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * found % 2**32, found % 2**16, bits))


def wav(*chunks: bytes) -> bytes:
    """Give a wav of these chunks; without any, half a second of silence."""
    body = b"WAVE" + b"".join(chunks or (fmt(), chunk(b"data", bytes(16_000))))
    return chunk(b"RIFF", body)


def id3(body: bytes = b"title") -> bytes:
    """Give an ID3v2 tag."""
    size = len(body)
    return b"ID3\x04\x00\x00" + bytes((size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127)) + body
