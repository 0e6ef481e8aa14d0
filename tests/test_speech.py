"""Speech of long texts: in which pieces it is asked for, and how they are joined."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convo.audio.value import Audio
from convo.errors import AudioFormatMismatch, BadAudio, UnknownAudioFormat
from convo.speech import MAX_PIECE, Wish, pieces_of
from tests.audio.builders import FRAME
from tests.support.builders import wav

PCM = b"\x01\x02" * 2_400
WORDS = st.sampled_from(["dog", "Yes.", "why?", "\n\n", "犬" * 40, "犬。", "и", "a" * 900, "🐕" * 300, "…", "\u00a0", "\x1c"])


@settings(max_examples=200, derandomize=True)
@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_pieces_say_all_of_a_text_in_order_and_each_is_short_enough(text: str) -> None:
    pieces = pieces_of(text)
    assert all(piece and len(piece.encode()) <= MAX_PIECE for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("One sentence. " * 400, "One sentence."),
        ('He said "no!" ' * 400, '"no!"'),
        ("犬は忠実です。" * 400, "犬は忠実です。"),
        ("A line without an end\n" * 400, "without an end"),
        ("no sentence at all " * 400, "all"),
    ],
)
def test_a_text_is_cut_where_it_ends(text: str, ends: str) -> None:
    pieces = pieces_of(text)
    assert len(pieces) > 1
    if "sentence at all" not in text:
        assert all(piece.endswith(ends) for piece in pieces)
    assert all(not piece[-1].isspace() for piece in pieces)


def test_what_fits_is_one_piece_and_nothing_is_none() -> None:
    assert pieces_of("a" * MAX_PIECE) == ["a" * MAX_PIECE]
    assert [len(piece) for piece in pieces_of("a" * (MAX_PIECE + 1))] == [MAX_PIECE, 1]
    assert pieces_of(" \n") == []


@pytest.mark.parametrize("wished", ["wav", "mp3", "opus", "aac", "flac"])
def test_pieces_become_one_wav(wished: str) -> None:
    wish = Wish("tts-1", "alloy", wished)
    assert wish.arguments("x", 2)["response_format"] == "pcm"
    audio = wish.joined([PCM, PCM])
    assert (audio.format, audio.duration, audio.data[44:]) == ("wav", 0.2, PCM * 2)


def test_raw_samples_stay_raw() -> None:
    wish = Wish("tts-1", "alloy", "pcm16")
    assert wish.arguments("x", 1)["response_format"] == "pcm"
    audio = wish.joined([PCM, PCM])
    assert (audio.format, audio.data) == ("pcm16", PCM * 2)


def test_one_piece_is_what_its_bytes_say() -> None:
    assert Wish("tts-1", "alloy", "wav").joined([FRAME * 40]).format == "mp3"
    assert Wish("tts-1", "alloy", "mp3").joined([wav()]).format == "wav"


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([b""], BadAudio),
        ([b"<html>"], UnknownAudioFormat),
        ([PCM, b""], BadAudio),
        ([PCM, b"odd"], BadAudio),
        ([PCM, wav()], AudioFormatMismatch),
    ],
)
def test_what_is_no_audio_or_cannot_be_joined_is_refused(parts: list[bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        Wish("tts-1", "alloy", "wav").joined(parts)


def test_a_voice_of_its_own_has_a_name() -> None:
    assert Wish("tts-1", {"id": "voice_1"}, "wav").voice_name == "voice_1"
    assert Wish("tts-1", 5, "wav").voice_name is None
    assert isinstance(Wish("tts-1", "alloy", "wav").joined([wav()]), Audio)
