"""The table of formats: what the API does with each, what each is for, and its other names."""

from __future__ import annotations

from typing import get_args

import pytest

import convo
from convo.audio.formats import FORMATS, OUTPUT_FORMATS, FormatUse, format_of_mime, format_of_suffix, mime_parameters
from convo.audio.rates import INPUT_FORMATS


def test_every_format_of_the_api_is_in_the_table() -> None:
    """What the API takes and gives has a MIME type, an extension and a use."""
    assert {name for name, entry in FORMATS.items() if entry.input} == set(INPUT_FORMATS)
    assert {name for name, entry in FORMATS.items() if entry.output} == set(OUTPUT_FORMATS)
    assert [name for name, entry in FORMATS.items() if entry.stream] == ["pcm16"]
    assert {name for name, entry in FORMATS.items() if entry.speech} == {"mp3", "opus", "aac", "flac", "wav", "pcm16"}
    assert [name for name, entry in FORMATS.items() if entry.lossless] == ["wav", "pcm16", "flac"]
    for name, entry in FORMATS.items():
        assert entry.name == name
        assert entry.mime.startswith("audio/")
        assert entry.extension.startswith(".")
        assert entry.use
        assert entry.sample_rates
        assert entry.channels >= 1


def test_what_the_transcription_endpoint_takes() -> None:
    """By its documentation: flac mp3 mp4 mpeg mpga m4a ogg wav webm."""
    assert {entry.upload for entry in FORMATS.values()} == {".flac", ".mp3", ".mp4", ".m4a", ".ogg", ".wav", ".webm", None}
    assert FORMATS["opus"].upload == ".ogg"


def test_the_table_is_public_and_cannot_be_changed() -> None:
    assert convo.AUDIO_FORMATS is FORMATS
    with pytest.raises(TypeError):
        convo.AUDIO_FORMATS["midi"] = FORMATS["wav"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("use", "name"), [("streaming", "pcm16"), ("storage", "opus"), ("quality", "wav"), ("realtime", "pcm16"), ("general", "mp3")]
)
def test_a_format_for_a_use(use: FormatUse, name: str) -> None:
    found = convo.recommend_format(use)
    assert found.name == name
    assert use in found.use


def test_there_is_a_format_for_every_use() -> None:
    assert convo.recommend_format() == convo.recommend_format("general")
    assert all(convo.recommend_format(use).output for use in get_args(FormatUse))
    with pytest.raises(convo.InputError, match="'streaming'"):
        convo.recommend_format("singing")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mime", "name"),
    [
        ("audio/wav", "wav"), ("AUDIO/X-WAV", "wav"), ("audio/webm;codecs=opus", "webm"), ("video/webm; codecs=vp8", "webm"),
        ("audio/ogg; codecs=opus", "ogg"), ("audio/opus", "opus"), ("audio/mp4", "mp4"), ("audio/x-m4a", "m4a"),
        ("audio/mpeg", "mp3"), ("audio/pcm;rate=16000", "pcm16"), (" audio/flac ", "flac"), ("audio/3gpp", "mp4"),
        ("video/quicktime", "mp4"),
        ("image/png", None), ("", None),
    ],
)  # fmt: skip
def test_a_format_by_its_mime_type(mime: str, name: str | None) -> None:
    assert format_of_mime(mime) == name


def test_parameters_of_a_mime_type() -> None:
    assert mime_parameters('audio/pcm; Rate=16000;channels="2";odd') == {"rate": "16000", "channels": "2"}


@pytest.mark.parametrize(
    ("suffix", "name"), [(".wav", "wav"), (".MP3", "mp3"), (".oga", "ogg"), (".raw", "pcm16"), (".txt", None), ("", None)]
)
def test_a_format_by_the_suffix_of_a_file(suffix: str, name: str | None) -> None:
    assert format_of_suffix(suffix) == name
