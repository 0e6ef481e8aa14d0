"""What is wrong with a recording: errors where the API would refuse it, warnings where not."""

from __future__ import annotations

import array
import math
import pickle
import struct

import pytest

import convo
from convo.audio.checks import check_long_enough
from tests.audio.builders import SAMPLES, chunk, fmt, sample, wav


def tone(amplitude: float, seconds: float = 1.0, rate: int = 24_000) -> bytes:
    """A sine of 440 Hz, cut at full scale."""
    values = (round(32_767 * amplitude * math.sin(at / rate * 440 * math.tau)) for at in range(int(seconds * rate)))
    return array.array("h", (max(-32_768, min(32_767, value)) for value in values)).tobytes()


def problems(data: bytes, format_: str | None = "pcm16") -> list[type]:
    return [type(problem) for problem in convo.Audio.from_bytes(data, format_).problems]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tone(0.5), []), (tone(0.99), []), (tone(1.0), []), (tone(0.01), []),
        (tone(1.5), [convo.ClippedAudio]), (tone(10), [convo.ClippedAudio]),
        (bytes(48_000), [convo.SilentAudio]), (tone(0.001), [convo.SilentAudio]),
        (bytes(480_000) + tone(0.5, 0.06) + bytes(480_000), [convo.SilentAudio]),
        (bytes(480_000) + tone(0.5, 0.3) + bytes(480_000), []),
    ],
)  # fmt: skip
def test_what_is_heard(data: bytes, expected: list[type]) -> None:
    """A click in silence is silence; a word in silence is not."""
    assert problems(data) == expected
    assert problems(convo.Audio.from_bytes(data, "pcm16").wav(), None) == expected


def test_the_same_is_found_in_any_format(tmp_path: object) -> None:
    silence, loud = (convo.Audio.from_bytes(data, "pcm16") for data in (bytes(48_000), tone(10)))
    for format_ in ("flac", "mp3", "webm", "m4a"):
        opened = convo.Audio.open(silence.convert(format_).data).measured()
        assert [type(problem) for problem in opened.problems] == [convo.SilentAudio]
    assert [type(problem) for problem in convo.Audio.open(loud.convert("flac").data).problems] == [convo.ClippedAudio]


def test_real_speech_has_no_problems() -> None:
    for path in SAMPLES.iterdir():
        if path.suffix != ".md":
            assert convo.Audio.open(path).measured().problems == ()


def test_a_warning_says_what_to_do_and_holds_its_facts() -> None:
    (silent,) = convo.Audio.from_bytes(bytes(48_000), "pcm16").problems
    (clipped,) = convo.Audio.from_bytes(tone(10), "pcm16").problems
    assert isinstance(silent, convo.SilentAudio)
    assert silent.peak == 0
    assert "check the microphone" in str(silent)
    assert isinstance(clipped, convo.ClippedAudio)
    assert clipped.clipped > 0.5
    for problem in (silent, clipped, convo.TruncatedAudio()):
        assert isinstance(problem, convo.AudioWarning)
        assert isinstance(problem, UserWarning)
        again = pickle.loads(pickle.dumps(problem))
        assert (type(again), str(again), vars(again)) == (type(problem), str(problem), vars(problem))


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (64_000, [convo.TruncatedAudio]), (33_600, []), (32_000, []), (20_000, []), (0, []), (0xFFFFFFFF, []), (0xFFFFFFDB, []),
        (0x7FFFFFFF, []), (0x7FFFFFDB, []), (0x10000000, [convo.TruncatedAudio]),
    ],
)  # fmt: skip
def test_a_wav_that_ends_before_it_says(claimed: int, expected: list[type]) -> None:
    """Sizes that streaming writers leave say nothing, and a few bytes too many are a writer's mistake."""
    sound = tone(0.5, 1, 16_000)
    assert problems(wav(fmt(), chunk(b"data", sound, claimed)), None) == expected


@pytest.mark.parametrize("name", ["himself.opus", "himself.ogg", "himself.flac", "question-chromium.mp4"])
def test_a_file_that_was_cut_off(name: str) -> None:
    """It is what is left of it, and says so; or nothing can be made of it."""
    data = sample(name)
    try:
        audio = convo.Audio.open(data[: len(data) * 2 // 3])
    except convo.BadAudio:
        return
    assert convo.TruncatedAudio in map(type, audio.problems)


def test_levels_are_those_of_what_is_there() -> None:
    assert convo.Audio.stored(format="wav", digest="00", size=4, duration=1.0).problems == ()
    eight = wav(fmt(bits=8, block=1), chunk(b"data", bytes([128]) * 16_000))
    assert convo.Audio.from_bytes(eight).levels is None
    measured = convo.Audio.from_bytes(eight).measured()
    assert measured.levels is not None
    assert [type(problem) for problem in measured.problems] == [convo.SilentAudio]
    stereo = wav(fmt(channels=2), chunk(b"data", struct.pack("<hh", 16_384, 0) * 16_000))
    levels = convo.Audio.from_bytes(stereo).levels
    assert levels is not None
    assert levels.peak == 0.5
    assert levels.rms == pytest.approx(0.5 / math.sqrt(2))


# --- what the API would refuse ---------------------------------------------------------------------


def test_a_recording_that_is_long_enough() -> None:
    for audio in (
        convo.Audio.open(SAMPLES / "himself.wav"),
        convo.Audio.from_bytes(bytes(4_800), "pcm16"),
        convo.Audio.from_bytes(sample("himself.webm")),
        convo.Audio.unchecked(b"odd", "webm"),
        convo.Audio.stored(format="webm", digest=None, size=None),
    ):
        check_long_enough(audio)


@pytest.mark.parametrize("samples", [1, 2_399])
def test_a_recording_that_is_too_short(samples: int) -> None:
    with pytest.raises(convo.AudioTooShort) as caught:
        check_long_enough(convo.Audio.from_bytes(bytes(2 * samples), "pcm16"))
    assert (caught.value.duration, caught.value.shortest) == (samples / 24_000, 0.1)
