"""mp3 measured frame by frame: tags, variable bit rates, junk, truncation."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.audio.measure import measure
from convo.audio.sniff import sniff
from convo.errors import BadAudio, UnknownAudioFormat
from tests.audio.builders import FRAME, FRAME_SECONDS, id3, sample

MPEG_1 = b"\xff\xfb\x90\x64" + bytes(413)
"""128 kbit/s, 44.1 kHz, joint stereo: 417 bytes."""
MPEG_25 = b"\xff\xe3\x48\xc4" + bytes(284)
"""32 kbit/s, 8 kHz, mono: 288 bytes."""


def frames(count: float) -> float:
    """Give the seconds of so many of our frames, as a float close enough to compare."""
    return pytest.approx(count * FRAME_SECONDS)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("frame", "rate", "channels", "samples"), [(FRAME, 16_000, 1, 576), (MPEG_1, 44_100, 2, 1152), (MPEG_25, 8000, 1, 576)]
)
def test_versions_of_mpeg(frame: bytes, rate: int, channels: int, samples: int) -> None:
    """MPEG-1, 2 and 2.5 differ in rates and samples a frame."""
    found = measure(frame * 10)
    assert (found.sample_rate, found.channels) == (rate, channels)
    assert found.duration == pytest.approx(10 * samples / rate)


@pytest.mark.parametrize("name", ["himself-vbr.mp3", "himself-cbr.mp3"])
def test_real_files(name: str) -> None:
    """A real encoder's file is as long as its sound and padding; the index frame does not count."""
    assert measure(sample(name)).duration == frames(24)


def test_variable_bit_rate() -> None:
    """Frames of other sizes are walked just the same."""
    wide = b"\xff\xf3\x88\xc4" + bytes(288 - 4)
    assert measure(FRAME * 3 + wide * 2 + FRAME).duration == frames(6)


@pytest.mark.parametrize("mark", [b"Xing", b"Info"])
def test_index_frame(mark: bytes) -> None:
    """An index tells nothing that is believed, and is no sound."""
    index = FRAME[:13] + mark + b"\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff\xff" + FRAME[29:]
    assert measure(index + FRAME * 5).duration == frames(5)
    with pytest.raises(BadAudio, match="no sound"):
        measure(index)


def test_tags() -> None:
    """Tags before, after and in between are no sound; pictures in them may be large and look like frames."""
    picture = id3((b"\xff\xf3\x48" + bytes(7)) * 20_000)
    assert measure(picture + id3() + FRAME * 4).duration == frames(4)
    assert measure(FRAME * 4 + picture + FRAME * 3 + b"TAG" + bytes(125)).duration == frames(7)


def test_tag_before_another_format() -> None:
    """What follows the tag decides."""
    assert sniff(id3() + sample("himself.flac")) == "flac"
    assert sniff(id3() + sample("himself.aac")) == "aac"


def test_truncated() -> None:
    """The last frame counts when it is whole."""
    assert measure((FRAME * 5)[:-1]).duration == frames(4)
    assert measure((FRAME * 5)[:300]).duration == frames(2)
    assert measure(FRAME).duration == frames(1)


def test_junk() -> None:
    """Junk in front needs a claim; junk in between is passed over, up to 64 KB in all."""
    junk = b"\xff\x00" * 500
    with pytest.raises(UnknownAudioFormat):
        measure(junk + FRAME * 4)
    assert measure(junk + FRAME * 4, "mp3").duration == frames(4)
    assert measure(FRAME * 4 + junk + FRAME * 4).duration == frames(8)
    assert measure(FRAME * 4 + junk * 70 + FRAME * 4).duration == frames(4)


def test_what_is_no_mp3() -> None:
    """Garbage, free format and a tag without sound are errors with their reason."""
    with pytest.raises(BadAudio, match="no mp3 frames"):
        measure(b"garbage", "mp3")
    with pytest.raises(BadAudio, match="free-format"):
        measure(id3() + (b"\xff\xfb\x00\x64" + bytes(413)) * 3)
    with pytest.raises(BadAudio, match="within its ID3 tag"):
        measure(id3(bytes(500))[:300])
    with pytest.raises(BadAudio):
        measure(b"\xff\xfb\xf0\x64" * 100, "mp3")


def test_one_header_is_not_enough() -> None:
    """Raw samples that happen to look like a header are no mp3."""
    assert sniff(FRAME[:4] + bytes(1000)) is None
    assert measure(FRAME[:4] + bytes(1000), "pcm16").format == "pcm16"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 10_000_000,
        b"\xff\xfb" * 5_000_000,
        id3(b"") * 1_000_000,
        (b"\xff\xf3\x14\xc0" + bytes(20)) * 400_000,
        (FRAME * 2 + id3(b"") + b"\xff" * 60_000) * 160,
    ],
    ids=["sync", "half", "tags", "smallest", "gaps"],
)
def test_hostile_bytes_take_no_time(data: bytes) -> None:
    """10 MB made to be slow are measured in the time of a blink (0.1 s here, with room for a busy machine)."""
    start = time.perf_counter()
    with contextlib.suppress(BadAudio):
        measure(data, "mp3")
    assert time.perf_counter() - start < 1


@given(st.lists(st.sampled_from([FRAME, MPEG_1, id3(), b"\xff\xf3", b"\0" * 9, b"TAG", b"Xing"]), max_size=12))
def test_any_mixture(pieces: list[bytes]) -> None:
    """Frames, tags and junk in any order are a duration or `BadAudio`."""
    data = b"".join(pieces)
    try:
        found = measure(data, "mp3")
    except BadAudio:
        return
    assert found.duration is not None
    assert 0 < found.duration < (len(pieces) + 1) * FRAME_SECONDS
