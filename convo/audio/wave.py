"""WAV files: measured by their RIFF chunks, and made from the API's pcm16.

Layout: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, with WAVE_FORMAT_EXTENSIBLE.
"""

from __future__ import annotations

import struct

import attrs

from convo.audio.formats import PCM16_RATE
from convo.audio.probe import Probe
from convo.errors import BadAudio

_HEADER = 12
_CHUNK = struct.Struct("<4sI")
_FMT = struct.Struct("<HHIIHH")
_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_SIZE = 40
_SUBFORMAT = 24
"""Where the format tag stands in the chunk `fmt ` of WAVE_FORMAT_EXTENSIBLE."""
_UNCOMPRESSED = {1, 3, 6, 7}
"""Format tags with one fixed size per sample: PCM, float, A-law and mu-law."""
_MAX_CHANNELS = 32
_MAX_CHUNKS = 1000
"""Chunks that are read before the sound: real files have a handful."""
_UNSIZED = {0, 0xFFFFFFFF}
"""Sizes that a header holds which was written before the sound."""


@attrs.frozen
class _Layout:
    """What the chunk `fmt ` says: `rate` in hertz, `block` in bytes, one sample of every channel."""

    channels: int
    rate: int
    block: int


def probe_wav(data: bytes) -> Probe:
    """Measure a wav: a walk over its chunks, no look at its samples.

    The duration is that of the samples that are there, whatever the header claims; sizes of 0 and 0xFFFFFFFF,
    which streaming writers leave, mean all that follows. Raises `BadAudio` with the reason.
    """
    layout: _Layout | None = None
    at = _HEADER
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK.size > len(data):
            break
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if name == b"data":
            return _measured(layout, size, len(data) - at)
        if name == b"fmt ":
            layout = _layout(data, at, size)
        at += size + size % 2
    raise BadAudio("the wav has no chunk 'data' with its sound")


def _layout(data: bytes, at: int, size: int) -> _Layout:
    if size < _FMT.size or at + _FMT.size > len(data):
        raise BadAudio("the wav header is cut off")
    tag, channels, rate, _, block, bits = _FMT.unpack_from(data, at)
    if tag == _EXTENSIBLE and size >= _EXTENSIBLE_SIZE and at + _EXTENSIBLE_SIZE <= len(data):
        (tag,) = struct.unpack_from("<H", data, at + _SUBFORMAT)
    if tag not in _UNCOMPRESSED:
        raise BadAudio(f"the wav holds compressed sound (format tag {tag:#06x})", "convert it to 16-bit PCM")
    if not 0 < channels <= _MAX_CHANNELS or rate == 0:
        raise BadAudio(f"the wav header claims {channels} channels at {rate} Hz")
    if bits == 0 or block != channels * ((bits + 7) // 8):
        raise BadAudio(f"the wav header claims blocks of {block} bytes for {channels} channels of {bits} bits")
    return _Layout(channels, rate, block)


def _measured(layout: _Layout | None, claimed: int, present: int) -> Probe:
    if layout is None:
        raise BadAudio("the wav has no chunk 'fmt ' before its sound")
    size = present if claimed in _UNSIZED else min(claimed, present)
    samples = size // layout.block
    if samples == 0:
        raise BadAudio("the wav holds no sound")
    return Probe("wav", samples / layout.rate, layout.rate, layout.channels)


def probe_pcm16(data: bytes) -> Probe:
    """Measure the API's pcm16: 24 kHz, mono, two bytes a sample. Raises `BadAudio` for half a sample."""
    if len(data) % 2:
        raise BadAudio(f"pcm16 has two bytes a sample, and {len(data):,} bytes are odd")
    return Probe("pcm16", len(data) / 2 / PCM16_RATE, PCM16_RATE, 1)


def wav_of_pcm16(data: bytes) -> bytes:
    """Give pcm16 of the API (24 kHz, mono) as a wav that players know."""
    fmt = _FMT.pack(1, 1, PCM16_RATE, PCM16_RATE * 2, 2, 16)
    size = len(data)
    return b"".join((
        _CHUNK.pack(b"RIFF", 4 + _CHUNK.size + len(fmt) + _CHUNK.size + size), b"WAVE",
        _CHUNK.pack(b"fmt ", len(fmt)), fmt,
        _CHUNK.pack(b"data", size), data,
    ))  # fmt: skip
