"""Where recordings come from: base64, data URLs, raw samples of any rate; and what decoding tells of them."""

from __future__ import annotations

import base64
import builtins
import io
import subprocess
import sys
import wave
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.audio import codec
from tests.audio.builders import SAMPLES, sample, wav

FILES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".md")
RAW = bytes(range(256)) * 100


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `audio` is not installed."""

    def missing(*_: object, **__: object) -> NoReturn:
        raise convo.MissingDependency("av", "audio", "decoding audio")

    monkeypatch.setattr(codec, "decoded", missing)
    monkeypatch.setattr(codec, "convert", missing)


# --- text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_base64_of_a_recording_is_a_source(name: str) -> None:
    text = base64_of(sample(name))
    for audio in (convo.Audio.open(text, "himself"), convo.Audio.from_base64(text, None, "himself")):
        assert audio.data == sample(name)
        assert audio.transcript == "himself"
    assert convo.Audio.open("\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n") == convo.Audio.open(text)


def test_a_text_is_told_apart_without_a_look_at_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of that name changes nothing, and is not even looked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", None)
    monkeypatch.setattr(builtins, "open", None)
    text = base64_of(wav())
    assert convo.Audio.open(text).format == "wav"
    assert convo.Audio.open(f"data:audio/wav;base64,{text}").format == "wav"
    with pytest.raises(convo.UrlNotAllowed):
        convo.Audio.open("http://media.test/a.wav")


def test_a_path_stays_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its name is valid base64, or long, or holds a colon."""
    monkeypatch.chdir(tmp_path)
    for name in ("question", "a" * 200, "data", "http:", base64_of(b"no sound" * 16).replace("/", "+")):
        Path(name).write_bytes(wav())
        assert convo.Audio.open(name).format == "wav"
    with pytest.raises(FileNotFoundError):
        convo.Audio.open("none.wav")
    with pytest.raises(OSError, match="directory"):
        convo.Audio.open(Path("http://media.test/a.wav"))


def test_a_text_that_is_nothing_is_not_shown() -> None:
    """Base64 of raw samples that was taken for a path would fill the log."""
    with pytest.raises(convo.BadAudio, match="from_base64") as caught:
        convo.Audio.open(base64_of(RAW))
    assert len(str(caught.value)) < 300
    with pytest.raises(convo.BadAudio):
        convo.Audio.open("a\0b")
    assert convo.Audio.from_base64(base64_of(RAW), "pcm16").data == RAW


@pytest.mark.parametrize("text", ["UklGRg", "UklG*g==", "", "====", "é" * 200])
def test_base64_that_is_none(text: str) -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.from_base64(text)


# --- data URLs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("himself.wav", "audio/wav"), ("himself.wav", "audio/x-wav"), ("himself.wav", "AUDIO/WAVE"),
        ("himself-cbr.mp3", "audio/mpeg"),
        ("himself.webm", "audio/webm;codecs=opus"), ("himself.webm", 'video/webm;codecs="vp8,opus"'),
        ("himself.webm", "video/webm;codecs=vp8,opus"), ("himself.opus", "audio/ogg;codecs=opus"), ("himself.opus", "audio/opus"),
        ("himself.ogg", "application/ogg"), ("himself.m4a", "audio/mp4"), ("himself.m4a", "audio/x-m4a"),
        ("himself.aac", "audio/aac"),
        ("himself.flac", "audio/x-flac"), ("question-chromium.mp4", "audio/mp4;codecs=opus"), ("himself.wav", ""),
        ("himself.wav", "application/octet-stream"), ("himself.wav", ";charset=utf-8"),
    ],
)  # fmt: skip
def test_a_data_url_says_what_it_holds(name: str, mime: str) -> None:
    data = sample(name)
    assert convo.Audio.open(f"data:{mime};base64,{base64_of(data)}").data == data
    assert convo.Audio.open(f"DATA:{mime};BASE64,{base64_of(data)}").data == data
    assert convo.Audio.open(f"data:{mime};base64,{quote(base64_of(data), safe='')}").data == data


def test_a_data_url_without_base64() -> None:
    assert convo.Audio.open(f"data:audio/wav,{quote(wav())}").data == wav()


@pytest.mark.parametrize(
    "mime", ["audio/mpeg", "audio/webm;codecs=opus", "image/png", "audio/pcm;rate=16000", "audio/x-unheard-of"]
)
def test_a_data_url_that_says_something_else(mime: str) -> None:
    with pytest.raises(convo.AudioFormatMismatch) as caught:
        convo.Audio.open(f"data:{mime};base64,{base64_of(wav())}")
    assert caught.value.found == "wav"


def test_the_claim_of_the_caller_and_that_of_the_url_must_both_be_true() -> None:
    url = f"data:audio/mpeg;base64,{base64_of(wav())}"
    with pytest.raises(convo.AudioFormatMismatch, match="claimed to be mp3"):
        convo.Audio.open(url, format="wav")
    with pytest.raises(convo.AudioFormatMismatch, match="claimed to be flac"):
        convo.Audio.open(url.replace("mpeg", "wav"), format="flac")
    with pytest.raises(convo.AudioFormatMismatch, match="claimed to be mp3"):
        convo.Audio.open(f"data:audio/mpeg;base64,{base64_of(RAW)}", format="pcm16")


def test_raw_samples_in_a_data_url() -> None:
    whole = convo.Audio.open(f"data:audio/pcm;rate=24000;base64,{base64_of(RAW)}")
    assert (whole.format, whole.data) == ("pcm16", RAW)
    phone = convo.Audio.open(f"data:audio/pcm;rate=8000;channels=2;base64,{base64_of(RAW)}")
    assert (phone.format, phone.sample_rate, phone.channels) == ("wav", 8_000, 2)
    assert convo.Audio.open(f"data:audio/pcm;rate=many;base64,{base64_of(RAW)}").sample_rate == 24_000


@pytest.mark.parametrize(
    "url", ["data:", "data:audio/wav", "data:audio/wav;base64", "data:audio/wav;base64,", "data:,", "data:audio/wav;base64,@@"]
)
def test_data_urls_that_are_none(url: str) -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.open(url)


@given(st.text(max_size=80))
def test_no_data_url_raises_anything_but_what_is_documented(rest: str) -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.open(f"data:{rest}")


# --- raw samples -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 1), (44_100, 2), (48_000, None), (None, 2), (24_000, 2)])
def test_raw_samples_of_a_given_rate_become_a_wav(rate: int | None, channels: int | None) -> None:
    """Nothing is lost, and what they are is kept with them."""
    audio = convo.Audio.from_bytes(RAW, "pcm16", sample_rate=rate, channels=channels)
    with wave.open(io.BytesIO(audio.data)) as file:
        assert (file.getframerate(), file.getnchannels()) == (rate or 24_000, channels or 1)
        assert file.readframes(10**6) == RAW
    assert (audio.format, audio.sample_rate, audio.channels) == ("wav", rate or 24_000, channels or 1)
    assert audio.duration == len(RAW) / 2 / (channels or 1) / (rate or 24_000)


def test_raw_samples_of_the_api_stay_as_they_are() -> None:
    assert convo.Audio.from_bytes(RAW, "pcm", sample_rate=24_000, channels=1) == convo.Audio.from_bytes(RAW, "pcm16")


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (-8000, 1), (10**9, 1), (16_000, 0), (16_000, 99), (16_000, 3)])
def test_raw_samples_that_cannot_be(rate: int, channels: int) -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.from_bytes(RAW, "pcm16", sample_rate=rate, channels=channels)


def test_a_header_that_says_something_else() -> None:
    with pytest.raises(convo.BadAudio, match="claimed to have 8,000 samples a second, and it has 16,000"):
        convo.Audio.open(SAMPLES / "himself.wav", sample_rate=8_000)
    with pytest.raises(convo.BadAudio, match="2 channels"):
        convo.Audio.open(SAMPLES / "himself.wav", channels=2)
    assert convo.Audio.open(SAMPLES / "himself.wav", sample_rate=16_000, channels=1).duration == 0.76


# --- measured by decoding --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seconds", "rate", "channels"),
    [
        ("himself.flac", 0.76, 16_000, 1), ("himself.opus", 0.76, 48_000, 1), ("himself.ogg", 0.76, 16_000, 1),
        ("himself.aac", 0.82, 16_000, 1), ("himself.m4a", 0.76, 16_000, 1), ("himself.webm", 0.76, 48_000, 1),
        ("question-chromium.webm", 3.6, 48_000, 2), ("question-chromium.mp4", 3.6, 48_000, 2),
        ("question-phone.m4a", 3.3, 44_100, 1),
    ],
)  # fmt: skip
def test_what_browsers_and_phones_record_is_measured(name: str, seconds: float, rate: int, channels: int) -> None:
    """Also where the file says nothing of its length, as Chromium's webm."""
    audio = convo.Audio.open(SAMPLES / name)
    assert audio.duration == pytest.approx(seconds, abs=0.1)
    assert (audio.sample_rate, audio.channels) == (rate, channels)
    assert audio.levels is not None
    assert 0.2 < audio.levels.peak < 0.6
    assert audio.problems == ()
    assert audio.estimated_tokens == pytest.approx(seconds * 10, abs=1)


def test_bytes_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_bytes` reads headers only; `measured` does the rest, once."""
    audio = convo.Audio.from_bytes(sample("himself.webm"))
    assert (audio.duration, audio.levels, audio.problems) == (None, None, ())
    measured = audio.measured()
    assert measured.duration == pytest.approx(0.76, abs=0.05)
    monkeypatch.setattr(codec, "decoded", None)
    assert measured.measured() is measured
    raw = convo.Audio.from_bytes(RAW, "pcm16").measured()
    assert (raw.known_problems, raw.measured() is raw) == (raw.problems, True)


def test_an_mp3_is_measured_by_its_frames_and_on_demand_by_decoding() -> None:
    audio = convo.Audio.open(SAMPLES / "himself-cbr.mp3")
    assert audio.duration == pytest.approx(0.86, abs=0.01)
    assert audio.levels is None
    measured = audio.measured()
    assert measured.levels is not None
    assert measured.duration == audio.duration
    assert measured == audio


def test_without_the_extra_a_recording_opens_unmeasured(without_av: None) -> None:
    audio = convo.Audio.open(SAMPLES / "himself.webm")
    assert (audio.format, audio.duration, audio.levels, audio.problems) == ("webm", None, None, ())
    assert audio.estimated_tokens == round(len(audio.data) / 16_000 * 10)
    with pytest.raises(convo.MissingDependency, match=r"convo\[audio\]"):
        audio.measured()


def test_a_recording_that_cannot_be_decoded_is_an_error() -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.open(sample("himself.webm")[:60])
    with pytest.raises(convo.BadAudio):
        convo.Audio.open(sample("himself.m4a")[:100])


def test_what_an_api_answered_is_not_measured() -> None:
    """Whatever it is: looking at it raises nothing."""
    for format_ in ("wav", "pcm16", "webm", "unknown"):
        audio = convo.Audio.unchecked(b"odd", format_)
        assert (audio.levels, audio.problems, audio.duration) == (None, (), None)


def test_estimated_tokens() -> None:
    """10 a second of a recording, 20 of speech that a model made; by the size where nobody knows the length."""
    audio = convo.Audio.from_bytes(bytes(48_000 * 15), "pcm16")
    assert audio.estimated_tokens == 150
    assert attrs.evolve(audio, voice="alloy").estimated_tokens == 300
    assert attrs.evolve(audio, id="audio_1").estimated_tokens == 300
    assert convo.Audio.stored(format="webm", digest=None, size=160_000).estimated_tokens == 100
    assert convo.Audio.stored(format="webm", digest=None, size=None).estimated_tokens is None


async def test_opening_without_holding_the_event_loop() -> None:
    audio = await convo.Audio.open_async(SAMPLES / "himself.webm", "himself")
    assert audio == convo.Audio.open(SAMPLES / "himself.webm", "himself")
    raw = await convo.Audio.open_async(RAW, format="pcm16", sample_rate=16_000, channels=1)
    assert raw.sample_rate == 16_000
    with pytest.raises(convo.UrlNotAllowed):
        await convo.Audio.open_async("https://media.test/a.wav")


OPENED = "import sys, convo; convo.Audio.open(sys.argv[1]).convert('mp3'); sys.exit('av' in sys.modules)"


def test_the_decoder_is_never_part_of_the_process_that_asks() -> None:
    assert subprocess.run([sys.executable, "-c", OPENED, SAMPLES / "himself.webm"], check=False).returncode == 0


@pytest.mark.parametrize("facts", [{"sample_rate": "16000"}, {"sample_rate": 16_000.0}, {"channels": "2"}, {"sample_rate": True}])
def test_what_a_recorder_was_set_to_is_a_number(facts: dict[str, object]) -> None:
    with pytest.raises(convo.InputError, match="a number"):
        convo.Audio.from_bytes(RAW, "pcm16", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("facts", [{"sample_rate": 0}, {"channels": 0}, {"sample_rate": -1}])
def test_there_is_no_sound_without_samples_or_channels(facts: dict[str, int]) -> None:
    with pytest.raises(convo.BadAudio, match="there is no sound of"):
        convo.Audio.from_bytes(RAW, "pcm16", **facts)  # type: ignore[arg-type]
