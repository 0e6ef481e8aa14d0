"""WAV headers, honest and not: the duration is that of the samples that are there."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.audio.measure import measure
from convo.audio.value import Audio
from convo.audio.wave import wav_header, wav_of_pcm16
from convo.errors import BadAudio
from tests.audio.builders import chunk, fmt, sample, wav

SECOND = bytes(32_000)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFFFFF, 32_000])
def test_streamed_sizes(claimed: int) -> None:
    """A size that was written before the sound means all that is there."""
    assert measure(wav(fmt(), chunk(b"data", SECOND, claimed))).duration == 1.0


def test_streamed_file_of_ffmpeg() -> None:
    """A real file with the sizes 0xFFFFFFFF is as long as the one with true sizes."""
    assert measure(sample("himself-streamed.wav")) == measure(sample("himself.wav"))


def test_size_that_is_smaller_than_the_rest() -> None:
    """What follows the sound is no sound."""
    assert measure(wav(fmt(), chunk(b"data", SECOND), chunk(b"LIST", b"INFO" + bytes(500)))).duration == 1.0


def test_truncated_sound() -> None:
    """Half of the samples are half of the duration, and a cut sample does not count."""
    whole = wav(fmt(), chunk(b"data", SECOND))
    assert measure(whole[:-16_000]).duration == 0.5
    assert measure(whole[:-16_001]).duration == 7999 / 16_000


def test_chunks_before_the_sound() -> None:
    """Other chunks are passed over, odd sizes are padded."""
    found = measure(wav(chunk(b"JUNK", bytes(33)), fmt(channels=2, rate=8000), chunk(b"LIST", bytes(7)), chunk(b"data", SECOND)))
    assert (found.duration, found.sample_rate, found.channels) == (1.0, 8000, 2)


@pytest.mark.parametrize(("tag", "bits", "duration"), [(1, 8, 2.0), (1, 24, 10_666 / 16_000), (3, 32, 0.5), (7, 8, 2.0)])
def test_kinds_of_samples(tag: int, bits: int, duration: float) -> None:
    """PCM of any width, float and mu-law are measured alike."""
    assert measure(wav(fmt(tag=tag, bits=bits), chunk(b"data", SECOND))).duration == duration


def test_extensible() -> None:
    """WAVE_FORMAT_EXTENSIBLE is PCM when its sub-format says so."""
    head = struct.pack("<HHIIHH", 0xFFFE, 1, 16_000, 32_000, 2, 16) + struct.pack("<HHI", 22, 16, 4)
    pcm, other = (chunk(b"fmt ", head + struct.pack("<H", tag) + bytes(14)) for tag in (1, 2))
    assert measure(wav(pcm, chunk(b"data", SECOND))).duration == 1.0
    with pytest.raises(BadAudio, match="compressed"):
        measure(wav(other, chunk(b"data", SECOND)))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (fmt(rate=0), "at 0 Hz"),
        (fmt(channels=0), "0 channels"),
        (fmt(channels=65_535), "65535 channels"),
        (fmt(block=0), "blocks of 0 bytes"),
        (fmt(block=3), "blocks of 3 bytes"),
        (fmt(bits=0), "0 bits"),
        (fmt(tag=0x11), "0x0011"),
        (fmt(tag=0xFFFE), "compressed"),
        (chunk(b"fmt ", bytes(8)), "cut off"),
        (b"", "no chunk 'fmt '"),
    ],
)
def test_headers_that_cannot_be(header: bytes, reason: str) -> None:
    """Each is an error with its reason."""
    with pytest.raises(BadAudio, match=reason):
        measure(wav(header, chunk(b"data", SECOND)))


def test_no_sound() -> None:
    """A header alone, an empty chunk or less than one sample is no recording."""
    for data in (wav(fmt()), wav(fmt(), chunk(b"JUNK", bytes(8), 0xFFFFFFF0))):
        with pytest.raises(BadAudio, match="no chunk 'data'"):
            measure(data)
    for data in (wav(fmt(), chunk(b"data", b"")), wav(fmt(channels=2), chunk(b"data", bytes(3)))):
        with pytest.raises(BadAudio, match="no sound"):
            measure(data)


def test_measuring_takes_no_look_at_the_samples() -> None:
    """20 MB take no longer than a header (a look at each sample would take seconds), and not every chunk is read."""
    long = wav_of_pcm16(bytes(20_000_000))
    many = wav(fmt(), *[chunk(b"abcd", b"")] * 100_000, chunk(b"data", SECOND))
    start = time.perf_counter()
    assert measure(long).sample_rate == 24_000
    with pytest.raises(BadAudio):
        measure(many)
    assert time.perf_counter() - start < 0.5


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1))
def test_any_header_chunk(body: bytes, size: int) -> None:
    """No content of `fmt ` does more than raise `BadAudio`."""
    try:
        audio = Audio.from_bytes(wav(chunk(b"fmt ", body, size), chunk(b"data", SECOND)))
    except BadAudio:
        return
    assert audio.duration is not None
    assert audio.duration > 0


def test_the_header_of_a_stream_makes_a_wav_of_whatever_follows() -> None:
    """A header and the pieces of a stream are a wav at any time, as long as the samples that are there."""
    header = wav_header()
    assert len(header) == 44
    found = measure(header + bytes(36_000))
    assert (found.format, found.duration, found.sample_rate, found.channels) == ("wav", 0.75, 24_000, 1)
    assert wav_header(36_000) + bytes(36_000) == wav_of_pcm16(bytes(36_000))
