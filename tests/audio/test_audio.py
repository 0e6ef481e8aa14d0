"""`Audio` as users see it: made from paths, files and bytes, compared, saved."""

from __future__ import annotations

import contextlib
import hashlib
import io
import stat
import wave
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convo.audio.formats import FORMATS
from convo.audio.rates import INPUT_FORMATS
from convo.audio.value import Audio
from convo.errors import AudioFormatMismatch, AudioNotLoaded, BadAudio, ConvoError, UnknownAudioFormat
from tests.audio.builders import FRAME, SAMPLES, id3, sample, wav

RECORDING = Path(__file__).parents[2] / "convo" / "recordings" / "question.mp3"


def test_recording_is_described_by_its_bytes() -> None:
    """Format, duration, rate, channels, size and hash come from the bytes; the transcript from the caller."""
    audio = Audio.open(SAMPLES / "himself.wav", "himself")
    assert (audio.format, audio.duration, audio.sample_rate, audio.channels) == ("wav", 0.76, 16_000, 1)
    assert audio.transcript == "himself"
    assert audio.size == len(audio.data) == 24_364
    assert audio.digest == hashlib.sha256(audio.data).hexdigest()
    assert audio.loaded


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("himself.wav", "wav"), ("himself-streamed.wav", "wav"), ("himself-cbr.mp3", "mp3"), ("himself-vbr.mp3", "mp3"),
        ("himself.flac", "flac"), ("himself.opus", "opus"), ("himself.ogg", "ogg"), ("himself.aac", "aac"),
        ("himself.m4a", "m4a"), ("himself.webm", "webm"),
    ],
)  # fmt: skip
def test_real_files_are_recognised(name: str, format_: str) -> None:
    """Each format is known by its content, with a true claim and without one."""
    data = sample(name)
    assert Audio.from_bytes(data).format == format_
    assert Audio.from_bytes(data, format_).format == format_


def test_shipped_recording_is_a_short_mp3() -> None:
    """The recording that convo ships is one that the API takes."""
    audio = Audio.open(RECORDING)
    assert audio.format in INPUT_FORMATS
    assert audio.duration is not None
    assert 3 < audio.duration < 4
    assert audio.size is not None
    assert audio.size < 60_000


def test_name_says_nothing_about_the_format(tmp_path: Path) -> None:
    """An mp3 named .wav is mp3."""
    path = tmp_path / "voice.wav"
    path.write_bytes(sample("himself-cbr.mp3"))
    assert Audio.open(str(path)).format == "mp3"


@pytest.mark.parametrize("source", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_and_open_files(source: type) -> None:
    """Anything that holds bytes will do."""
    assert Audio.open(source(wav())) == Audio.from_bytes(wav())


def test_sources_that_hold_no_bytes() -> None:
    """A file opened as text, or something else altogether, is an error that says what to pass."""
    with pytest.raises(BadAudio, match="opened with 'rb'"):
        Audio.open(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(BadAudio, match="from a int"):
        Audio.open(7)  # type: ignore[arg-type]


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    """Python's own errors come through."""
    with pytest.raises(FileNotFoundError):
        Audio.open(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError):
        Audio.open(str(tmp_path))


def test_claim_that_differs() -> None:
    """A wrong claim is an error that names both."""
    with pytest.raises(AudioFormatMismatch) as caught:
        Audio.from_bytes(wav(), "mp3")
    assert (caught.value.claimed, caught.value.found) == ("mp3", "wav")
    with pytest.raises(AudioFormatMismatch):
        Audio.open(sample("himself.flac"), format="wav")


@pytest.mark.parametrize(
    ("claim", "name"), [("WAV", "himself.wav"), ("mpeg", "himself-cbr.mp3"), ("ogg", "himself.opus"), ("mp4", "himself.m4a")]
)
def test_other_names_of_the_same_format(claim: str, name: str) -> None:
    """Case, `mpeg` for mp3 and the container's name are no contradiction."""
    assert Audio.from_bytes(sample(name), claim).format in FORMATS


def test_pcm16_only_by_claim() -> None:
    """Raw samples have no header: 24 kHz mono when claimed, unknown otherwise."""
    audio = Audio.from_bytes(bytes(48_000), "pcm16")
    assert (audio.format, audio.duration, audio.sample_rate, audio.channels) == ("pcm16", 1.0, 24_000, 1)
    assert Audio.from_bytes(bytes(48_000), "pcm").format == "pcm16"
    with pytest.raises(UnknownAudioFormat, match="name the format of raw audio"):
        Audio.from_bytes(bytes(48_000))


def test_pcm16_that_cannot_be() -> None:
    """Half a sample, or a wav called pcm16, is an error."""
    with pytest.raises(BadAudio, match="odd"):
        Audio.from_bytes(bytes(3), "pcm16")
    with pytest.raises(AudioFormatMismatch, match="its bytes are wav"):
        Audio.from_bytes(wav(), "pcm16")


def test_empty() -> None:
    """No bytes are no recording, whatever is claimed."""
    for claim in (None, "wav", "pcm16"):
        with pytest.raises(BadAudio, match="empty"):
            Audio.from_bytes(b"", claim)


def test_claims_that_convo_does_not_know() -> None:
    """Bytes that are known contradict the claim; bytes that are not leave the claim unknown."""
    with pytest.raises(AudioFormatMismatch):
        Audio.from_bytes(wav(), "midi")
    with pytest.raises(BadAudio, match="no format that convo knows"):
        Audio.from_bytes(b"something", "midi")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"FORM\0\0\0\0AIFF", "AIFF"), (b"#!AMR\n", "AMR"), (b"RIFF\0\0\0\0AVI LIST", "no wav"), (b"<html>", "3c 68 74"),
        (b"\x1aE\xdf\xa3\x42\x82\x88matroska", "Matroska"),
    ],
)  # fmt: skip
def test_unknown_bytes_are_described(data: bytes, words: str) -> None:
    """The error says what was found, where it has a name."""
    with pytest.raises(UnknownAudioFormat, match=words) as caught:
        Audio.from_bytes(data)
    assert words in caught.value.found


def test_unchecked_keeps_anything() -> None:
    """What an API answered is kept as it is, with its hash."""
    audio = Audio.unchecked(b"odd", "pcm16")
    assert (audio.format, audio.data, audio.size, audio.duration) == ("pcm16", b"odd", 3, None)
    assert audio.digest == hashlib.sha256(b"odd").hexdigest()


def test_stored_audio_has_no_bytes() -> None:
    """Audio of a stored history says everything but its bytes, and how to get them."""
    audio = Audio.stored(format="mp3", digest="ab" * 32, size=9, id="audio_1", expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert not audio.loaded
    for use in (lambda: audio.data, lambda: audio.save("never.mp3")):
        with pytest.raises(AudioNotLoaded, match=r"audio_1.*chat\.load"):
            use()
    assert attrs.evolve(audio, data=b"bytes").data == b"bytes"


def test_equality_is_by_content() -> None:
    """Equal bytes with equal knowledge are equal, loaded or not; another transcript is another value."""
    one, other = Audio.from_bytes(wav()), Audio.from_bytes(wav())
    assert one == other
    assert hash(one) == hash(other)
    assert attrs.evolve(one, data=None) == one
    assert attrs.evolve(one, transcript="hello") != one


def test_repr_shows_no_bytes() -> None:
    """A log line stays short and holds no sound."""
    assert "data" not in repr(Audio.from_bytes(wav()))
    assert len(repr(Audio.from_bytes(wav()))) < 300


def test_wav_of_pcm16_is_playable() -> None:
    """Raw samples of the API become a wav that the standard library reads."""
    data = bytes(range(256)) * 100
    made = Audio.from_bytes(data, "pcm16").wav()
    with wave.open(io.BytesIO(made)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.readframes(10**6) == data
    assert Audio.from_bytes(made).duration == Audio.from_bytes(data, "pcm16").duration


def test_save(tmp_path: Path) -> None:
    """The file holds the bytes, nothing else is left in the folder, and an existing file is replaced."""
    path = tmp_path / "voice.mp3"
    path.write_bytes(b"old")
    assert Audio.from_bytes(FRAME * 3).save(str(path)) == path
    assert path.read_bytes() == FRAME * 3
    assert [left.name for left in tmp_path.iterdir()] == ["voice.mp3"]


def test_save_pcm16_as_wav(tmp_path: Path) -> None:
    """Raw samples get a header when the name asks for a wav."""
    audio = Audio.from_bytes(bytes(4800), "pcm16")
    assert Audio.open(audio.save(tmp_path / "voice.WAV")).duration == audio.duration


def test_save_respects_the_umask(tmp_path: Path) -> None:
    """A saved file is as readable as any other that the process makes."""
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    saved = Audio.from_bytes(wav()).save(tmp_path / "voice.wav")
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


def test_failed_save_leaves_nothing(tmp_path: Path) -> None:
    """A folder in the way: the error is Python's, and no temporary file stays."""
    (tmp_path / "voice.wav").mkdir()
    with pytest.raises(OSError, match=r"voice\.wav"):
        Audio.from_bytes(wav()).save(tmp_path / "voice.wav")
    assert [left.name for left in tmp_path.iterdir()] == ["voice.wav"]
    with pytest.raises(FileNotFoundError):
        Audio.from_bytes(wav()).save(tmp_path / "none" / "voice.wav")


@given(st.binary(max_size=300), st.sampled_from([None, *FORMATS, "midi"]))
@example(b"\xff\xfb", None)
@example(b"ID3", "mp3")
@example(b"RIFF", "wav")
def test_no_bytes_raise_anything_but_convo_errors(data: bytes, claim: str | None) -> None:
    """Whatever arrives, it is audio or a typed error."""
    with contextlib.suppress(ConvoError):
        assert Audio.from_bytes(data, claim).size == len(data)


_HEADS = [
    b"RIFF\x24\0\0\0WAVE",
    wav()[:36],
    FRAME,
    id3(),
    id3() + FRAME,
    b"fLaC",
    b"OggS",
    b"\0\0\0\x20ftyp",
    b"\x1aE\xdf\xa3",
    b"\xff\xf1\x60\x40",
]


@given(
    st.sampled_from(_HEADS),
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([FRAME, id3(), b"data\xff\xff\xff\xff", b"fmt \x10\0\0\0"]))),
)
def test_no_broken_header_raises_anything_but_convo_errors(head: bytes, rest: list[bytes]) -> None:
    """The same for bytes that begin well."""
    try:
        audio = Audio.from_bytes(head + b"".join(rest))
    except ConvoError:
        return
    assert audio.duration is None or 0 < audio.duration < 3600


@pytest.mark.parametrize(
    "name", ["himself.wav", "himself-vbr.mp3", "himself-cbr.mp3", "himself.aac", "himself.flac", "himself.opus"]
)
def test_truncated_at_every_length(name: str) -> None:
    """A cut file is what is left of it, or a typed error; never longer than the whole."""
    data = sample(name)
    whole = Audio.from_bytes(data).duration
    last = 0.0
    for length in range(min(len(data), 4000)):
        try:
            duration = Audio.from_bytes(data[:length]).duration
        except BadAudio:
            continue
        if duration is not None and whole is not None:
            assert last <= duration <= whole
            last = duration
