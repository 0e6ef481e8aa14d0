"""Any recording in, any form out: what is decoded and converted is what was recorded."""

from __future__ import annotations

import pickle
import struct
from array import array
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import convo
from convo.audio.codec import FORMS, Form, Limits, convert, decoded, split
from convo.audio.measure import measure
from convo.audio.sniff import sniff
from convo.audio.wave import probe_wav
from convo.errors import AudioTooLong, BadAudio, MissingDependency, TooLarge, UnknownAudioFormat
from tests.audio import sounds
from tests.audio.builders import chunk, fmt, id3, sample, wav

if TYPE_CHECKING:
    from pathlib import Path

OLDER = int(version("av").partition(".")[0]) < 19
"""Of PyAV, for Python 3.11; the newer one leaves out the padding that an m4a does tell of."""
SAMPLES = {
    "himself.wav": 0.76, "himself-streamed.wav": 0.76, "himself-cbr.mp3": 0.864, "himself-vbr.mp3": 0.76, "himself.flac": 0.76,
    "himself.ogg": 0.768, "himself.opus": 0.76, "himself.webm": 0.764, "himself.aac": 0.832,
    "himself.m4a": 0.768 if OLDER else 0.76,
}  # fmt: skip
"""Seconds of sound; what is above 0.76 is padding of the encoder that the file does not tell of."""
WAV = Form("wav")


def found(data: bytes) -> str:
    name = sniff(data)
    assert name is not None
    return name


# --- decoding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_is_measured_by_decoding_it(name: str) -> None:
    data = sample(name)
    got = decoded(data, found(data))
    assert got.probe.format == found(data)
    assert got.probe.duration == pytest.approx(SAMPLES[name], abs=0.001)
    assert got.probe.channels == 1
    assert got.probe.sample_rate == (48_000 if found(data) in ("opus", "webm") else 16_000)
    assert 0.25 < got.levels.peak < 0.35
    assert 0.05 < got.levels.rms < 0.07
    assert got.levels.clipped == 0.0
    assert not got.truncated


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_becomes_wav_of_24_khz(name: str) -> None:
    data = sample(name)
    got = convert(data, found(data), WAV)
    assert measure(got.data) == got.probe
    assert (got.probe.sample_rate, got.probe.channels) == (24_000, 1)
    assert got.probe.duration == pytest.approx(SAMPLES[name], abs=0.001)
    same, _ = sounds.likeness(sounds.samples_of(convert(sample("himself.wav"), "wav", WAV).data), sounds.samples_of(got.data))
    assert same > 0.9


@pytest.mark.parametrize(
    ("tag", "bits", "one"),
    [(1, 8, b"\xc0"), (1, 16, b"\x00\x40"), (1, 24, b"\x00\x00\x40"), (1, 32, b"\x00\x00\x00\x40"),
     (3, 32, struct.pack("<f", 0.5)), (3, 64, struct.pack("<d", 0.5)), (6, 8, b"\xa5"), (7, 8, b"\x8f")],
)  # fmt: skip
def test_every_kind_of_wav_is_decoded(tag: int, bits: int, one: bytes) -> None:
    """Samples of half of full scale, in each width, as float, A-law and mu-law (the nearest that they have)."""
    got = decoded(wav(fmt(tag=tag, bits=bits), chunk(b"data", one * 1_600)), "wav")
    assert got.probe.duration == pytest.approx(0.1)
    assert got.levels.peak == pytest.approx(0.5, abs=0.02)


def test_extensible_wav_is_decoded() -> None:
    guid = b"\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x008\x9bq"
    head = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 16_000, 64_000, 4, 16, 22, 16, 3) + guid
    got = decoded(wav(chunk(b"fmt ", head), chunk(b"data", bytes(6_400))), "wav")
    assert (got.probe.channels, got.probe.duration) == (2, 0.1)


@pytest.mark.parametrize("channels", [2, 3, 5, 6, 8, 17, 32])
@pytest.mark.parametrize("wanted", [1, 2])
def test_channels_are_mixed_without_clipping(channels: int, wanted: int) -> None:
    """All channels at full scale and in step: a sum would clip, a mean is as loud as each of them."""
    tone = sounds.tone(0.2, level=0.98)
    data = sounds.wav_of(array("h", (value for value in tone for _ in range(channels))), channels=channels)
    assert decoded(data, "wav").probe.channels == channels
    got = convert(data, "wav", Form("wav", channels=wanted))
    assert got.probe.channels == wanted
    assert 0.3 < got.levels.peak < 1.0
    assert got.levels.clipped == 0.0


def test_mono_is_the_mean_of_stereo() -> None:
    left = sounds.tone(0.2, level=0.8)
    data = sounds.wav_of(
        array("h", (value for pair in zip(left, bytes(2 * len(left)), strict=False) for value in pair)), channels=2
    )
    assert convert(data, "wav", WAV).levels.peak == pytest.approx(0.4, abs=0.01)


def test_pcm16_has_the_rate_that_the_caller_tells() -> None:
    data = sounds.tone(0.5, rate=8_000).tobytes()
    assert decoded(data, "pcm16", sample_rate=8_000).probe.duration == 0.5
    assert decoded(data, "pcm16").probe.duration == pytest.approx(0.5 / 3, abs=0.001)
    assert convert(data, "pcm16", WAV, sample_rate=8_000).probe.duration == 0.5


BROWSERS = {
    "webm/opus without a duration": ("webm", "libopus", {"seekable": False, "options": {"live": "1"}}),
    "webm with a film": ("webm", "libopus", {"video": "libvpx"}),
    "mp4 with a film": ("mp4", "aac", {"video": "mpeg4"}),
    "mp4/opus in fragments": ("mp4", "libopus", {"seekable": False, "options": {"movflags": "frag_keyframe+empty_moov"}}),
    "mp4/aac in fragments": ("mp4", "aac", {"seekable": False, "options": {"movflags": "frag_keyframe+empty_moov"}}),
    "ogg/vorbis": ("ogg", "vorbis", {"options": {"strict": "experimental"}}),
    "ogg/flac": ("ogg", "flac", {}),
}


@pytest.mark.parametrize("name", [name for name in BROWSERS if name != "ogg/vorbis"])
def test_what_browsers_and_phones_record_is_decoded(name: str) -> None:
    kind, codec, more = BROWSERS[name]
    data = sounds.container(kind, codec, **more)  # type: ignore[arg-type]
    got = decoded(data, found(data))
    assert got.probe.duration == pytest.approx(1.0, abs=0.05)
    assert got.levels.peak == pytest.approx(0.5, abs=0.05)
    assert not got.truncated
    same, _ = sounds.likeness(sounds.tone(1), sounds.samples_of(convert(data, found(data), WAV).data))
    assert same > 0.99


def test_a_picture_of_the_cover_is_no_sound() -> None:
    cover = b"APIC" + struct.pack(">I", 600) + b"\0\0" + b"\0image/png\0\x03\0" + b"\x89PNG\r\n\x1a\n" + bytes(578)
    data = id3(cover) + sample("himself-vbr.mp3")
    assert decoded(data, "mp3").probe.duration == pytest.approx(0.76, abs=0.001)


# --- converting ------------------------------------------------------------------------------------

PADDED = {"aac": 0.1, "m4a": 0.045}
"""Seconds that come back too many: ADTS cannot tell of the encoder's delay, and libav keeps the end of a last frame."""


@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("name", FORMS)
def test_a_round_trip_keeps_the_sound(name: str, rate: int) -> None:
    source = convert(sample("himself.flac"), "flac", WAV)
    form = Form(name, sample_rate=rate)
    got = convert(source.data, "wav", form)
    assert got.probe.duration == pytest.approx(0.76, abs=0.001)
    assert name == "pcm16" or sniff(got.data) == name
    back = convert(got.data, name, WAV, sample_rate=rate)
    assert back.probe.duration == pytest.approx(0.76, abs=PADDED.get(name, 0.001))
    same, lag = sounds.likeness(sounds.samples_of(source.data), sounds.samples_of(back.data))
    assert same > 0.95
    assert lag <= 24 * (64 if name == "aac" else 3)


@pytest.mark.parametrize("name", FORMS)
def test_the_same_recording_gives_the_same_bytes(name: str) -> None:
    data = sample("himself.webm")
    one, other = (convert(data, "webm", Form(name)).data for _ in range(2))
    assert one == other
    assert b"Lavf6" not in one
    assert b"Lavc6" not in one


def test_forms_are_equal_when_they_make_the_same_sound() -> None:
    assert Form("wav").name == "wav/24000/1"
    assert Form("mp3") == Form("mp3", 24_000, 1, 64_000)
    assert Form("mp3").name == "mp3/24000/1/64000"
    assert Form("wav", bit_rate=64_000) == Form("WAVE")


@pytest.mark.parametrize(
    "arguments",
    [
        ("midi",),
        ("mp3", 24_001),
        ("opus", 44_100),
        ("wav", 0),
        ("wav", 24_000, 0),
        ("wav", 24_000, 3),
        ("mp3", 24_000, 1, 1),
        ("",),
    ],
)
def test_a_form_that_cannot_be_made_is_refused(arguments: tuple[str, int, int, int]) -> None:
    with pytest.raises(BadAudio):
        Form(*arguments)


def test_the_bit_rate_is_the_one_asked_for() -> None:
    data = sounds.wav_of(sounds.noise(10))
    assert len(convert(data, "wav", Form("mp3", bit_rate=32_000)).data) == pytest.approx(40_000, rel=0.05)
    assert len(convert(data, "wav", Form("mp3")).data) == pytest.approx(80_000, rel=0.05)


# --- pieces ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wav", "flac", "pcm16"])
def test_pieces_are_together_what_is_converted_at_once(name: str) -> None:
    form = Form(name)
    speech = sounds.wav_of(sounds.noise(0.7) + array("h", bytes(9_600)) + sounds.noise(1.7, seed=2))
    parts = split(speech, "wav", form, longest=1.0)
    assert len(parts) == 3
    assert all((part.probe.duration or 2) <= 1.0 for part in parts)
    sound = b"".join(convert(part.data, name, Form("pcm16")).data for part in parts)
    assert sound == convert(speech, "wav", Form("pcm16")).data
    assert 0.7 < (parts[0].probe.duration or 0) < 0.9


def test_pieces_are_whole_files() -> None:
    parts = split(sounds.wav_of(sounds.noise(2.5)), "wav", Form("mp3"), longest=1.0)
    assert [decoded(part.data, "mp3").probe.duration for part in parts] == [part.probe.duration for part in parts]
    assert sum(part.probe.duration or 0 for part in parts) == pytest.approx(2.5)


def test_what_is_short_is_one_piece() -> None:
    assert split(sample("himself.m4a"), "m4a", WAV, longest=60) == [convert(sample("himself.m4a"), "m4a", WAV)]


@pytest.mark.parametrize("longest", [0, -1, 0.05, float("nan")])
def test_pieces_too_short_for_any_use_are_refused(longest: float) -> None:
    with pytest.raises(BadAudio, match="pieces"):
        split(sample("himself.m4a"), "m4a", WAV, longest=longest)


# --- what is wrong ---------------------------------------------------------------------------------


MP4 = {"mp4": {"moov_size": "5000"}, "fragments": {"movflags": "empty_moov", "frag_duration": "500000"}}
"""How films are written whose index stands before the sound."""


@pytest.mark.parametrize(
    ("name", "share"),
    [("himself.wav", 0.6), ("himself-vbr.mp3", 0.6), ("himself.flac", 0.9), ("himself.aac", 0.6), ("himself.webm", 0.6),
     ("mp4", 0.8), ("fragments", 0.8), ("opus", 0.6), ("flac", 0.6)],
)  # fmt: skip
def test_a_cut_recording_is_truncated_and_what_is_there_is_kept(name: str, share: float) -> None:
    if name in MP4:
        data = sounds.container("mp4", "aac", seconds=3, options=MP4[name])
    elif name in FORMS:
        data = convert(sounds.wav_of(sounds.tone(3)), "wav", Form(name)).data
    else:
        data = sample(name)
    whole = decoded(data, found(data))
    cut = decoded(data[: int(len(data) * share)], found(data))
    assert (whole.truncated, cut.truncated) == (False, True)
    assert 0 < (cut.probe.duration or 0) < (whole.probe.duration or 0)


def test_a_wrong_claim_of_an_mp4_is_no_truncation() -> None:
    data = sample("himself.m4a")
    at = data.index(b"mdhd") + 20
    claims = data[:at] + struct.pack(">I", 0x2FFFFFFF) + data[at + 4 :]
    assert not decoded(claims, "m4a").truncated


def test_damage_in_the_middle_is_passed_over() -> None:
    data = bytearray(convert(sounds.wav_of(sounds.tone(3)), "wav", Form("mp3")).data)
    data[8_000:8_600] = bytes(600)
    got = decoded(bytes(data), "mp3")
    assert 2.5 < (got.probe.duration or 0) <= 3.1


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "wav", "empty"),
        (b"\0" * 5_000, "webm", "cannot be read as webm"),
        (wav(fmt(), chunk(b"data", b"")), "wav", "no sound"),
        (wav(fmt(tag=0x55), chunk(b"data", bytes(5_000))), "wav", "wav"),
        (b"1", "pcm16", "no sound"),
    ],
)
def test_what_holds_no_sound_is_refused_with_the_reason(data: bytes, name: str, message: str) -> None:
    with pytest.raises(BadAudio, match=message):
        decoded(data, name)
    with pytest.raises(BadAudio, match=message):
        convert(data, name, WAV)


def test_a_format_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownAudioFormat):
        decoded(b"MThd", "midi")


def test_each_limit_is_named() -> None:
    data = sounds.wav_of(sounds.tone(3))
    with pytest.raises(AudioTooLong, match=r"limit is 2;") as long:
        decoded(data, "wav", limits=Limits(seconds=2))
    assert (long.value.limit, long.value.size) == (2, 3)
    with pytest.raises(AudioTooLong, match=r"limit is 2;"):
        convert(data, "wav", Form("mp3"), limits=Limits(seconds=2))
    with pytest.raises(TooLarge, match=r"the limit is 100,000"):
        convert(data, "wav", WAV, limits=Limits(output=100_000))
    with pytest.raises(TooLarge, match=r"the limit is 10,000"):
        convert(data, "wav", Form("flac"), limits=Limits(output=10_000))
    with pytest.raises(TooLarge, match=r"the limit is 1,000"):
        decoded(data, "wav", limits=Limits(input=1_000))
    assert pickle.loads(pickle.dumps(long.value)).limit == 2


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependency, match=r"converting webm to wav needs the package 'av'.*convo\[audio\]"):
        convert(sample("himself.webm"), "webm", WAV)


def test_a_broken_installation_is_one_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "av").mkdir()
    (tmp_path / "av" / "__init__.py").write_text("raise ImportError('libavcodec.so.62: not found')")
    monkeypatch.delitem(__import__("sys").modules, "av", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency) as missing:
        decoded(sample("himself.webm"), "webm")
    assert "libavcodec" in str(missing.value.__cause__)


def test_the_errors_are_public() -> None:
    assert issubclass(convo.AudioTooLong, convo.TooLarge)
    assert convo.CodecFailed("it").retryable


def test_the_header_of_a_converted_wav_is_true() -> None:
    got = convert(sample("himself.opus"), "opus", Form("wav", sample_rate=16_000, channels=2))
    assert probe_wav(got.data) == got.probe
    assert struct.unpack_from("<I", got.data, 4) == (len(got.data) - 8,)


@pytest.mark.parametrize(("kind", "codec", "video"), [("webm", "libopus", "libvpx"), ("mp4", "aac", "mpeg4")])
def test_a_film_that_outlasts_its_sound_is_not_cut_off(kind: str, codec: str, video: str) -> None:
    found = decoded(sounds.container(kind, codec, seconds=1.0, video=video, film_seconds=4.0), kind)
    assert (found.truncated, round(found.probe.duration or 0)) == (False, 1)
