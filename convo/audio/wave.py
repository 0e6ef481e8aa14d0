"""WAV files: measured by their RIFF chunks, cut, and made from the API's pcm16.

Layout: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0, with WAVE_FORMAT_EXTENSIBLE.
"""

from __future__ import annotations

import struct

import attrs

from convo.audio.probe import Probe
from convo.audio.rates import PCM16_RATE
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
MAX_CHANNELS = 32
_MAX_CHUNKS = 1000
"""Chunks that are read before the sound: real files have a handful."""
_UNKNOWN = 0xFFFFFFFF
_UNSIZED = {0, _UNKNOWN}
"""Sizes that a header holds which was written before the sound."""
_ENDLESS = 0x7FFF_0000
"""Claims from here on are those of streaming writers too: some count their header off the largest number."""
_SLACK = 0.1
"""Seconds that a header may claim too much."""
_PCM, _SAMPLE_BITS = 1, 16
MAX_RATE = 768_000
"""Samples a second past which a claim is a mistake: the most that any converter has."""
LARGEST = _UNKNOWN - 36
"""Bytes of sound that a wav of 16-bit samples can hold: its sizes have 32 bits, and its header counts in one of them."""


@attrs.frozen
class _Layout:
    """What the chunk `fmt ` says: `rate` in hertz, `block` in bytes, one sample of every channel; `fmt` is the chunk.

    `pcm16` says that the samples are 16-bit integers.
    """

    channels: int
    rate: int
    block: int
    fmt: bytes
    pcm16: bool


def probe_wav(data: bytes) -> Probe:
    """Measure a wav: a walk over its chunks, no look at its samples.

    The duration is that of the samples that are there, whatever the header claims; sizes of 0 and 0xFFFFFFFF,
    which streaming writers leave, mean all that follows. Raises `BadAudio` with the reason.
    """
    layout, start, end = _found(data)
    return Probe("wav", (end - start) // layout.block / layout.rate, layout.rate, layout.channels)


def claimed_wav(data: bytes) -> float:
    """Give the seconds of sound that a wav says it has, 0 where its header does not say or cannot be read."""
    try:
        layout, size, _ = _chunks(data)
    except BadAudio:
        return 0.0
    return 0.0 if size == 0 or size >= _ENDLESS else size // layout.block / layout.rate


def cut_wav(data: bytes, seconds: float) -> bytes:
    """Give the first seconds of a wav, whole samples under a true header; `b""` where that is no sample.

    Chunks beside the format and the sound are left out: they may tell of samples that are gone. Raises `BadAudio`.
    """
    layout, start, end = _found(data)
    if seconds >= (end - start) // layout.block / layout.rate:
        return data
    kept = data[start : start + int(seconds * layout.rate) * layout.block]
    return _wav(layout.fmt, len(kept)) + kept if kept else b""


def pcm16_of(data: bytes) -> bytes:
    """Give the sound of a wav without its header, which is the API's pcm16 where it is 24 kHz, mono and 16 bits."""
    _, start, end = _found(data)
    return data[start:end]


def samples_of(data: bytes) -> bytes | None:
    """Give the 16-bit samples of a wav, its channels interleaved; None where it holds samples of another kind.

    Raises `BadAudio`.
    """
    layout, start, end = _found(data)
    return data[start:end] if layout.pcm16 else None


def is_cut_off(data: bytes) -> bool:
    """Say whether a wav ends noticeably before its header says. Raises `BadAudio`."""
    layout, start, end = _found(data)
    duration = (end - start) / layout.block / layout.rate
    # Some writers count their own header into the size.
    return claimed_wav(data) > duration + max(_SLACK, duration / 50)


def cut_pcm16(data: bytes, seconds: float) -> bytes:
    """Give the first seconds of the API's pcm16, whole samples."""
    return data if seconds >= len(data) / 2 / PCM16_RATE else data[: int(seconds * PCM16_RATE) * 2]


def _found(data: bytes) -> tuple[_Layout, int, int]:
    """Give what a wav says of its sound, and where its whole samples begin and end."""
    layout, claimed, at = _chunks(data)
    present = len(data) - at
    samples = (present if claimed in _UNSIZED else min(claimed, present)) // layout.block
    if samples == 0:
        raise BadAudio("the wav holds no sound")
    return layout, at, at + samples * layout.block


def _chunks(data: bytes) -> tuple[_Layout, int, int]:
    """Give what a wav says of its sound and its size in bytes, and where it begins."""
    layout: _Layout | None = None
    at = _HEADER
    for _ in range(_MAX_CHUNKS):
        if at + _CHUNK.size > len(data):
            break
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if name == b"data":
            if layout is None:
                raise BadAudio("the wav has no chunk 'fmt ' before its sound")
            return layout, size, at
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
    if not 0 < channels <= MAX_CHANNELS or rate == 0:
        raise BadAudio(f"the wav header claims {channels} channels at {rate} Hz")
    if bits == 0 or block != channels * ((bits + 7) // 8):
        raise BadAudio(f"the wav header claims blocks of {block} bytes for {channels} channels of {bits} bits")
    return _Layout(channels, rate, block, data[at : at + size], pcm16=(tag, bits) == (_PCM, _SAMPLE_BITS))


def probe_pcm16(data: bytes) -> Probe:
    """Measure the API's pcm16: 24 kHz, mono, two bytes a sample. Raises `BadAudio` for half a sample."""
    if len(data) % 2:
        raise BadAudio(f"pcm16 has two bytes a sample, and {len(data):,} bytes are odd")
    return Probe("pcm16", len(data) / 2 / PCM16_RATE, PCM16_RATE, 1)


def wav_header(size: int | None = None, rate: int = PCM16_RATE, channels: int = 1) -> bytes:
    """Give the 44 bytes that make a wav of `size` bytes of 16-bit samples, the API's pcm16, when they stand before them.

    Without a size it is the header of a stream whose length nobody knows yet: players take all that follows.
    """
    block = 2 * channels
    return _wav(_FMT.pack(_PCM, channels, rate, rate * block, block, _SAMPLE_BITS), size)


def wav_of_pcm16(data: bytes, rate: int = PCM16_RATE) -> bytes:
    """Give 16-bit samples of one channel, as the API has them at 24 kHz, as a wav that players know."""
    return wav_of_samples(data, rate, 1)


def _wav(fmt: bytes, size: int | None) -> bytes:
    """Give the header of a wav with `size` bytes of sound; chunks have even sizes, but nothing follows the sound."""
    head = 4 + _CHUNK.size + len(fmt) + _CHUNK.size
    return b"".join((
        _CHUNK.pack(b"RIFF", _UNKNOWN if size is None else head + size), b"WAVE",
        _CHUNK.pack(b"fmt ", len(fmt)), fmt,
        _CHUNK.pack(b"data", _UNKNOWN if size is None else size),
    ))  # fmt: skip


def wav_of_samples(data: bytes, rate: int, channels: int) -> bytes:
    """Give interleaved 16-bit samples as a wav."""
    return wav_header(len(data), rate, channels) + data
