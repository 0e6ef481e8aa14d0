"""MPEG audio frames: mp3 (layer III) measured frame by frame, and the look of an AAC (ADTS) frame.

Layouts: ISO/IEC 11172-3 and 13818-3 for mp3, ISO/IEC 13818-7 for ADTS, id3.org for ID3v2.
"""

from __future__ import annotations

import functools

import attrs

from convo.audio.probe import Probe
from convo.errors import BadAudio

_BITRATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""Kilobits a second by index 1 to 14, MPEG-1 layer III."""
_BITRATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""The same for MPEG-2 and 2.5."""
_RATES = (44_100, 48_000, 32_000)
"""Samples a second by index, MPEG-1; half of it for MPEG-2, a quarter for 2.5."""
_RATE_SHIFT = {3: 0, 2: 1, 0: 2}
_MPEG_1 = 3
_LAYER_III = 1
_MONO = 3
_FREE, _BAD = 0, 15
_SYNC = 0xE0
"""The rest of the sync in the second byte; the first one is 0xFF."""
_RESERVED = 3
_ADTS_HEADER = 7
_ADTS_RATES = 13
_ID3_HEADER = 10
_MAX_TAGS = 8
_SEARCH = 65_536
"""Bytes of junk that are searched for a frame, before the first one and in all the gaps together."""


@attrs.frozen
class Frame:
    """What a frame header says. `stream` is equal in all frames of one recording; `size` is in bytes, `samples` per channel."""

    stream: tuple[int, int]
    rate: int
    samples: int
    size: int


@functools.cache
def _frame(second: int, third: int) -> Frame | None:
    """Read the second and third byte of a header; None for what is no layer III frame of a known bit rate."""
    version, layer = second >> 3 & 3, second >> 1 & 3
    bitrate, rate = third >> 4, third >> 2 & 3
    if second < _SYNC or version not in _RATE_SHIFT or layer != _LAYER_III or bitrate in (_FREE, _BAD) or rate == _RESERVED:
        return None
    samples = 1152 if version == _MPEG_1 else 576
    kilobits = (_BITRATES_1 if version == _MPEG_1 else _BITRATES_2)[bitrate - 1]
    hertz = _RATES[rate] >> _RATE_SHIFT[version]
    return Frame((version, rate), hertz, samples, samples // 8 * kilobits * 1000 // hertz + (third >> 1 & 1))


def _header_at(data: bytes, at: int) -> Frame | None:
    if at + 4 > len(data) or data[at] != 0xFF:
        return None
    return _frame(data[at + 1], data[at + 2])


def mpeg_at(data: bytes, at: int) -> Frame | None:
    """Give the mp3 frame that starts at `at`, if the next one follows it or the data ends with it; else None."""
    frame = _header_at(data, at)
    if frame is None:
        return None
    end = at + frame.size
    if end == len(data) or data[end : end + 3] == b"TAG":
        return frame
    following = _header_at(data, end)
    return frame if following is not None and following.stream == frame.stream else None


def id3_end(data: bytes, at: int) -> int:
    """Give where the ID3v2 tags at `at` end (a few may follow one another), `at` itself when there is none."""
    for _ in range(_MAX_TAGS):
        if data[at : at + 3] != b"ID3" or at + _ID3_HEADER > len(data):
            break
        # Seven bits a byte, so that no size looks like a frame.
        a, b, c, d = (byte & 0x7F for byte in data[at + 6 : at + 10])
        footer = _ID3_HEADER if data[at + 5] & 0x10 else 0
        at += _ID3_HEADER + (a << 21 | b << 14 | c << 7 | d) + footer
    return at


def adts_at(data: bytes, at: int) -> bool:
    """Say whether an AAC frame starts at `at`, followed by another one or by the end of the data."""
    size = _adts_size(data, at)
    return size > 0 and (at + size == len(data) or _adts_size(data, at + size) > 0)


def _adts_size(data: bytes, at: int) -> int:
    head = data[at : at + _ADTS_HEADER]
    if len(head) < _ADTS_HEADER or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= _ADTS_HEADER and (head[2] >> 2 & 15) < _ADTS_RATES else 0


def probe_mp3(data: bytes) -> Probe:
    """Measure an mp3 by walking its frames: time grows with the number of frames, whatever the bytes are.

    The duration counts the whole frames that are there, so it holds for variable bit rates and for truncated
    files. It includes the encoder's padding (up to about 0.1 s). Raises `BadAudio` where no frame is found.
    """
    start = _search(data, id3_end(data, 0), _SEARCH)
    frame = _header_at(data, start) if start >= 0 else None
    if frame is None:
        raise BadAudio(_why_not(data))
    frames = _count(data, start, frame.stream) - _is_index(data, start)
    if frames <= 0:
        raise BadAudio("the mp3 holds no sound")
    channels = 1 if data[start + 3] >> 6 == _MONO else 2
    return Probe("mp3", frames * frame.samples / frame.rate, frame.rate, channels)


def _search(data: bytes, start: int, length: int, stream: tuple[int, int] | None = None) -> int:
    """Give where in `length` bytes a frame (of the stream, if given) starts that another one follows, or -1."""
    end = start + length
    while (at := data.find(b"\xff", start, end)) >= 0:
        frame = mpeg_at(data, at)
        if frame is not None and stream in (None, frame.stream):
            return at
        start = at + 1
    return -1


def _why_not(data: bytes) -> str:
    start = id3_end(data, 0)
    if start >= len(data):
        return "the mp3 ends within its ID3 tag"
    head = data[start : start + 3]
    if head[:1] == b"\xff" and len(head) == 3 and head[1] & 0xE6 == 0xE2 and head[2] >> 4 == _FREE:
        return "the mp3 has a free-format bit rate, which decoders refuse"
    return "no mp3 frames were found in the bytes"


def _count(data: bytes, at: int, stream: tuple[int, int]) -> int:
    """Count the whole frames from `at` on. Gaps are searched, until more junk was seen than `_SEARCH` bytes."""
    frames, budget, end = 0, _SEARCH, len(data)
    while at < end:
        frame = _header_at(data, at)
        if frame is not None and frame.stream == stream:
            at += frame.size
            frames += at <= end
            continue
        gap = id3_end(data, at)
        at = _search(data, gap, budget, stream)
        if at < 0:
            break
        budget -= at - gap
    return frames


def _is_index(data: bytes, start: int) -> bool:
    """Say whether the first frame is an index without sound: Xing, Info or VBRI, after 4 + 9 to 32 bytes."""
    head = data[start : start + 40]
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
