"""Whether bytes are the wav or mp3 that they are said to be, and how long they play."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FMT_LENGTH = 16
_ID3_HEADER = 10
_FRAME_HEADER = 4
_SYNC = 0b111_1111_1111
_LAYER_3 = 0b01
_MPEG_1 = 0b11
_NO_VERSION = 0b01
_NO_SAMPLING = 0b11
_KBPS_MPEG_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_MPEG_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_ASSUMED_KBPS = 128


def seconds_of(audio: Mapping[str, str]) -> float | None:
    """Give the seconds that an `input_audio` plays, or None when it is not base64 or not of the format that it claims."""
    try:
        data = base64.b64decode(audio["data"], validate=True)
    except ValueError:
        return None
    return _wav_seconds(data) if audio["format"] == "wav" else _mp3_seconds(data)


def _wav_seconds(data: bytes) -> float | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    chunks = dict(_chunks(data))
    fmt, samples = chunks.get(b"fmt ", b""), chunks.get(b"data")
    byte_rate = int.from_bytes(fmt[8:12], "little")
    if samples is None or len(fmt) < _FMT_LENGTH or not byte_rate:
        return None
    return len(samples) / byte_rate


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the chunks of a RIFF file; one that claims to be longer than the file ends with it."""
    start = 12
    while start + 8 <= len(data):
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        yield data[start : start + 4], data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2


def _mp3_seconds(data: bytes) -> float | None:
    """Give the length at the bit rate of the first frame, which is exact for a constant rate."""
    tag = _id3_length(data)
    kbps = _frame_kbps(data[tag : tag + 4])
    if kbps is None and not tag:
        return None
    return max(len(data) - tag, 0) / (125 * (kbps or _ASSUMED_KBPS))


def _id3_length(data: bytes) -> int:
    """Give the length of the tag in front; its size is written in seven bits a byte."""
    if data[:3] != b"ID3" or len(data) < _ID3_HEADER:
        return 0
    return _ID3_HEADER + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))


def _frame_kbps(header: bytes) -> int | None:
    """Give the bit rate that a frame header names, or None when there is no layer III header."""
    if len(header) < _FRAME_HEADER:
        return None
    bits = int.from_bytes(header, "big")
    version, layer = bits >> 19 & 0b11, bits >> 17 & 0b11
    rate, sampling = bits >> 12 & 0b1111, bits >> 10 & 0b11
    table = _KBPS_MPEG_1 if version == _MPEG_1 else _KBPS_MPEG_2
    valid = version != _NO_VERSION and layer == _LAYER_3 and rate < len(table) and sampling != _NO_SAMPLING
    return table[rate] or None if bits >> 21 == _SYNC and valid else None
