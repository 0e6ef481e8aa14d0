"""Audio on its way out: in another format, into files, into pages."""

from __future__ import annotations

import base64
import io
import wave
from typing import TYPE_CHECKING

import attrs
import pytest

import convo
from convo.audio import codec
from convo.audio.formats import FORMATS
from tests.audio.builders import FRAME, SAMPLES, sample, wav

if TYPE_CHECKING:
    from pathlib import Path

MADE = ("wav", "pcm16", "flac", "mp3", "opus", "ogg", "aac", "m4a", "mp4", "webm")
API = bytes(range(0, 256, 2)) * 750
"""Two seconds of the API's pcm16."""


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "decoded", None)
    monkeypatch.setattr(codec, "convert", None)


@pytest.mark.parametrize("format_", MADE)
def test_a_recording_becomes_any_format(format_: str) -> None:
    """With what was known of it, and the sound's own rate where the format has it; not the API's id of other bytes."""
    recorded = attrs.evolve(convo.Audio.open(SAMPLES / "question-phone.m4a", "He might"), voice="alloy", id="audio_1")
    made = recorded.convert(format_)
    if format_ in ("m4a", "mp4"):
        assert made is recorded
        return
    assert made.format == {"ogg": "opus"}.get(format_, format_)
    assert (made.transcript, made.voice, made.id) == ("He might", "alloy", None)
    assert made.duration == pytest.approx(recorded.duration, abs=0.1)
    assert made.sample_rate == {"pcm16": 24_000, "opus": 48_000, "ogg": 48_000, "webm": 48_000}.get(format_, 44_100)
    assert made.channels == 1
    assert made.levels is not None
    assert made.size == len(made.data)
    again = convo.Audio.open(made.data, format=format_)
    assert again.duration == pytest.approx(made.duration, abs=0.1)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, None), (None, 2), (8_000, 2), (48_000, 1)])
def test_rate_and_channels_are_what_is_asked_for(rate: int | None, channels: int | None) -> None:
    made = convo.Audio.open(SAMPLES / "question-chromium.webm").convert("wav", rate, channels)
    assert (made.sample_rate, made.channels) == (rate or 48_000, channels or 2)
    with wave.open(io.BytesIO(made.data)) as file:
        assert (file.getframerate(), file.getnchannels()) == (rate or 48_000, channels or 2)
    assert convo.Audio.from_bytes(made.data).duration == made.duration


def test_bytes_that_were_not_measured_are_converted_as_they_are() -> None:
    assert convo.Audio.from_bytes(sample("himself.flac")).convert("wav").sample_rate == 16_000


def test_the_same_format_is_the_same_audio(without_av: None) -> None:
    for name in ("himself.wav", "himself-cbr.mp3", "himself.opus", "himself.m4a"):
        audio = convo.Audio.from_bytes(sample(name))
        assert audio.convert(audio.format) is audio
        assert audio.convert(audio.format.upper(), audio.sample_rate, audio.channels) is audio
    opus = convo.Audio.from_bytes(sample("himself.opus"))
    assert opus.convert("ogg") is opus


def test_a_header_comes_and_goes_without_decoding(without_av: None) -> None:
    raw = convo.Audio.from_bytes(API, "pcm16", "hello", voice="alloy")
    made = raw.convert("wav")
    assert (made.duration, made.transcript, made.voice) == (raw.duration, "hello", "alloy")
    assert made.convert("pcm16") == raw
    assert made.convert("wav", 24_000, 1) is made


@pytest.mark.parametrize(
    ("format_", "rate", "channels"), [("midi", None, None), ("mp3", 7, None), ("wav", None, 9), ("pcm16", 16_000, None)]
)
def test_what_cannot_be_made(format_: str, rate: int | None, channels: int | None) -> None:
    with pytest.raises(convo.BadAudio):
        convo.Audio.open(SAMPLES / "himself.wav").convert(format_, rate, channels)


def test_what_nobody_knows_cannot_be_converted() -> None:
    with pytest.raises(convo.BadAudio, match="'unknown'"):
        convo.Audio.unchecked(b"odd", "unknown").convert("wav")
    with pytest.raises(convo.BadAudio):
        convo.Audio.unchecked(b"no flac at all", "flac").convert("wav")
    with pytest.raises(convo.AudioNotLoaded):
        convo.Audio.stored(format="flac", digest=None, size=None, sample_rate=24_000, channels=1).convert("wav")


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suffix", [".wav", ".mp3", ".flac", ".opus", ".ogg", ".aac", ".m4a", ".mp4", ".webm", ".pcm", ".WAV", ".Mp3"]
)
def test_a_file_holds_what_its_name_says(suffix: str, tmp_path: Path) -> None:
    reply = convo.Audio.open(SAMPLES / "himself.wav").convert("wav", 24_000, 1)
    path = reply.save(tmp_path / f"reply{suffix}")
    format_ = {".pcm": "pcm16", ".ogg": "opus", ".mp4": "m4a"}.get(suffix.lower(), suffix.lower()[1:])
    found = convo.Audio.open(path, format="pcm16" if format_ == "pcm16" else None)
    assert found.format == format_
    assert found.duration == pytest.approx(0.76, abs=0.15)
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_a_format_wins_over_the_name(tmp_path: Path) -> None:
    audio = convo.Audio.from_bytes(sample("himself-cbr.mp3"))
    assert convo.Audio.open(audio.save(tmp_path / "a.mp3", "wav")).format == "wav"
    assert audio.save(tmp_path / "a.wav", format="mp3").read_bytes() == audio.data


@pytest.mark.parametrize("name", ["reply", "reply.bin", "reply.mp3.part", "reply.2026", ".wav"])
def test_a_name_that_says_nothing_keeps_the_bytes(name: str, tmp_path: Path, without_av: None) -> None:
    for audio in (convo.Audio.from_bytes(FRAME * 3), convo.Audio.unchecked(b"odd", "unknown")):
        assert audio.save(tmp_path / name).read_bytes() == audio.data


@pytest.mark.parametrize(("name", "file"), [("himself.opus", "a.ogg"), ("himself.m4a", "a.mp4"), ("himself-cbr.mp3", "a.mpga")])
def test_a_name_that_agrees_keeps_the_bytes(name: str, file: str, tmp_path: Path, without_av: None) -> None:
    assert convo.Audio.from_bytes(sample(name)).save(tmp_path / file).read_bytes() == sample(name)


def test_what_cannot_be_converted_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older file stays."""
    path = tmp_path / "reply.wav"
    path.write_bytes(b"old")
    with pytest.raises(convo.BadAudio, match="without a suffix"):
        convo.Audio.unchecked(b"odd", "unknown").save(path)
    with pytest.raises(convo.BadAudio, match="'midi'"):
        convo.Audio.from_bytes(wav()).save(path, "midi")
    with pytest.raises(convo.AudioNotLoaded):
        convo.Audio.stored(format="mp3", digest=None, size=None).save(path)
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(convo.MissingDependency, match=r"convo\[audio\]"):
        convo.Audio.from_bytes(sample("himself-cbr.mp3")).save(path)
    assert path.read_bytes() == b"old"
    assert [left.name for left in tmp_path.iterdir()] == ["reply.wav"]


def test_a_wav_of_anything() -> None:
    assert convo.Audio.from_bytes(wav()).wav() == wav()
    assert convo.Audio.from_bytes(API, "pcm16").wav()[44:] == API
    assert convo.Audio.from_bytes(convo.Audio.open(SAMPLES / "himself.webm").wav()).duration == pytest.approx(0.76, abs=0.05)
    assert convo.Audio.unchecked(b"odd", "pcm16").wav()[44:] == b"odd"


# --- pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("himself.wav", "audio/wav"), ("himself-cbr.mp3", "audio/mpeg"), ("himself.webm", "audio/webm"),
        ("himself.opus", "audio/ogg"),
        ("himself.ogg", "audio/ogg"), ("himself.m4a", "audio/mp4"), ("question-chromium.mp4", "audio/mp4"),
        ("himself.flac", "audio/flac"),
        ("himself.aac", "audio/aac"),
    ],
)  # fmt: skip
def test_a_data_url_for_a_page(name: str, mime: str) -> None:
    audio = convo.Audio.open(SAMPLES / name)
    url = audio.data_url()
    assert url == f"data:{mime};base64,{base64.b64encode(audio.data).decode()}"
    assert convo.Audio.open(url) == audio


def test_a_data_url_of_raw_samples_is_a_wav(without_av: None) -> None:
    raw = convo.Audio.from_bytes(API, "pcm16")
    assert convo.Audio.open(raw.data_url()).data == raw.wav()
    assert convo.Audio.unchecked(b"odd", "unknown").data_url() == "data:application/octet-stream;base64,b2Rk"
    with pytest.raises(convo.AudioNotLoaded):
        convo.Audio.stored(format="mp3", digest=None, size=None).data_url()


def test_every_known_format_has_a_way_out() -> None:
    assert set(FORMATS) == set(MADE)


def test_an_mp4_is_converted_to_m4a_for_it_may_hold_a_picture(tmp_path: Path) -> None:
    recorded = convo.Audio.open(SAMPLES / "question-chromium.mp4")
    made = convo.Audio.open(recorded.save(tmp_path / "a.m4a"))
    assert (recorded.format, made.format) == ("mp4", "m4a")
    assert made.duration == pytest.approx(recorded.duration, abs=0.1)
