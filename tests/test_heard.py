"""Of a reply that the user interrupted, what was heard stays, and nothing else."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.audio.value import Audio
from convo.audio.wave import wav_header, wav_of_pcm16
from convo.errors import InputError
from convo.heard import cut, heard
from tests.audio.builders import chunk, fmt, wav
from tests.support.histories import MP3

RATE = 24_000
TEN_WORDS = "one two three four five six seven eight nine ten"
FOUR_SECONDS = b"".join((index % 30_000).to_bytes(2, "little") for index in range(4 * RATE))


def answer(reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    body = {"role": "assistant", "content": None, "refusal": None, **message}
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "message": body, "finish_reason": reason, "logprobs": None}]}


def spoken(data: bytes = FOUR_SECONDS, transcript: str | None = TEN_WORDS, **message: Any) -> dict[str, Any]:
    audio = {"id": "audio_1", "data": base64.b64encode(data).decode(), "expires_at": 9, "transcript": transcript}
    return answer(audio=audio, **message)


def message(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body["choices"][0]["message"])


# --- sound -----------------------------------------------------------------------------------------


@given(st.floats(min_value=0, max_value=4, exclude_max=True))
def test_pcm16_is_cut_at_a_sample(seconds: float) -> None:
    _, kept = cut(None, FOUR_SECONDS, "pcm16", seconds)
    assert (kept or b"") == FOUR_SECONDS[: int(seconds * RATE) * 2]


def test_wav_is_cut_at_a_sample_under_a_true_header() -> None:
    stereo = wav(
        chunk(b"JUNK", bytes(5)), fmt(channels=2, rate=8000), chunk(b"data", bytes(range(200)) * 640), chunk(b"LIST", b"INFO")
    )
    _, kept = cut(None, stereo, "wav", 1.50009)
    assert kept is not None
    found = Audio.from_bytes(kept, "wav")
    assert (found.duration, found.sample_rate, found.channels) == (1.5, 8000, 2)
    assert kept.endswith((bytes(range(200)) * 640)[:48_000])
    assert int.from_bytes(kept[4:8], "little") == len(kept) - 8


def test_a_wav_of_unknown_length_is_cut_too() -> None:
    _, kept = cut(None, wav_header() + FOUR_SECONDS, None, 2)
    assert kept == wav_of_pcm16(FOUR_SECONDS[: 2 * RATE * 2])


@pytest.mark.parametrize(("data", "format_"), [(FOUR_SECONDS, "pcm16"), (wav_of_pcm16(FOUR_SECONDS), "wav"), (MP3, "mp3")])
def test_sound_that_was_heard_to_its_end_stays(data: bytes, format_: str) -> None:
    for seconds in (4.0 if format_ != "mp3" else 3600, math.inf):
        assert cut(TEN_WORDS, data, format_, seconds) == (TEN_WORDS, data)


@pytest.mark.parametrize(
    ("data", "format_"), [(MP3, "mp3"), (b"OggS" + bytes(50), "opus"), (b"odd", "new"), (b"odd", None), (b"x", "wav")]
)
def test_bytes_that_cannot_be_cut_go(data: bytes, format_: str | None) -> None:
    assert cut(None, data, format_, 0.05) == (None, None)


def test_nothing_heard_is_nothing_kept() -> None:
    assert cut(TEN_WORDS, FOUR_SECONDS, "pcm16", 0) == ("", None)
    assert cut(TEN_WORDS, wav_of_pcm16(FOUR_SECONDS), "wav", 0) == ("", None)


def test_half_a_sample_does_not_hinder() -> None:
    assert cut(None, FOUR_SECONDS + b"\0", "pcm16", 1) == (None, FOUR_SECONDS[: RATE * 2])


# --- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, ""), (0.2, ""), (0.26, "one"), (2, "one two three four five"), (3.9, "one two three four five six seven eight nine")],
)
def test_the_transcript_of_whole_sound_is_cut_in_proportion_after_a_word(seconds: float, text: str) -> None:
    assert cut(TEN_WORDS, FOUR_SECONDS, "pcm16", seconds)[0] == text


@pytest.mark.parametrize(("seconds", "words"), [(0, 0), (0.39, 0), (0.4, 1), (1, 2), (1.3, 3), (100, 3)])
def test_words_that_came_before_their_sound_are_cut_by_the_rate_of_speech(seconds: float, words: int) -> None:
    data = FOUR_SECONDS[: int(1.3 * RATE) * 2]
    text, kept = cut(TEN_WORDS, data, "pcm16", seconds, whole=False)
    assert (text or "").split() == TEN_WORDS.split()[:words]
    assert kept == (data[: int(seconds * RATE) * 2] or None)


@pytest.mark.parametrize(("seconds", "words"), [(0, 0), (2, 5), (3.99, 9), (4, 10), (math.inf, 10)])
def test_words_without_sound_are_cut_by_the_rate_of_speech(seconds: float, words: int) -> None:
    assert (cut(TEN_WORDS, None, None, seconds)[0] or "").split() == TEN_WORDS.split()[:words]


def test_text_without_spaces_is_cut_too() -> None:
    assert cut("金毛犬很忠诚。", FOUR_SECONDS, "pcm16", 2)[0] == "金毛犬"


@given(st.text(max_size=40), st.floats(min_value=0, max_value=10), st.booleans())
def test_what_was_heard_is_how_the_transcript_begins(text: str, seconds: float, whole: bool) -> None:
    kept, _ = cut(text, FOUR_SECONDS, "pcm16", seconds, whole=whole)
    assert kept is not None
    assert text.startswith(kept)


# --- answers ---------------------------------------------------------------------------------------


def test_a_spoken_answer_keeps_what_was_heard_without_its_id() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    before = spoken(tool_calls=[call], mood="calm")
    body = heard(before, 2, "pcm16", whole=True)
    kept = base64.b64encode(FOUR_SECONDS[: 2 * RATE * 2]).decode()
    audio = {"id": None, "data": kept, "expires_at": None, "transcript": "one two three four five"}
    assert message(body) == {"role": "assistant", "content": None, "refusal": None, "mood": "calm", "audio": audio}
    assert body["choices"][0]["finish_reason"] is None
    assert before == spoken(tool_calls=[call], mood="calm")


@pytest.mark.parametrize("seconds", [4, 4.5, math.inf])
def test_a_whole_answer_that_was_heard_to_its_end_is_as_it_was(seconds: float) -> None:
    assert heard(spoken(), seconds, "pcm16", whole=True) == spoken()
    assert heard(answer(content=TEN_WORDS), seconds, None, whole=True) == answer(content=TEN_WORDS)


def test_a_broken_answer_has_no_id_however_much_was_heard() -> None:
    audio = message(heard(spoken(), math.inf, "pcm16", whole=False))["audio"]
    assert (audio["id"], audio["transcript"], base64.b64decode(audio["data"])) == (None, TEN_WORDS, FOUR_SECONDS)


@pytest.mark.parametrize("key", ["content", "refusal"])
def test_what_was_written_is_cut_by_the_rate_of_speech(key: str) -> None:
    assert message(heard(answer(**{key: TEN_WORDS}), 2, None, whole=True))[key] == "one two three four five"
    parts = [{"type": "text", "text": "one two"}, {"type": "text", "text": "three"}]
    assert message(heard(answer(content=parts), 0.8, None, whole=True))["content"] == "one two"


@pytest.mark.parametrize("body", [spoken(), answer(content=TEN_WORDS), answer(refusal=TEN_WORDS), spoken(MP3)])
def test_of_an_answer_of_which_nothing_was_heard_nothing_stays(body: dict[str, Any]) -> None:
    assert message(heard(body, 0, None, whole=True)) == {"role": "assistant", "content": None, "refusal": None}


def test_sound_that_cannot_be_cut_leaves_its_transcript() -> None:
    audio = message(heard(spoken(b"OggS" + bytes(99)), 2, "opus", whole=True))["audio"]
    assert (audio["data"], audio["transcript"]) == ("", "one two three four five")


@pytest.mark.parametrize("audio", [None, 5, {}, {"data": 5, "transcript": 5}, {"data": "no base64!", "transcript": None}])
def test_odd_audio_is_no_error(audio: Any) -> None:
    assert message(heard(answer(audio=audio, content=TEN_WORDS), 2, "pcm16", whole=False))["content"] == "one two three four five"


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, -math.inf, 10**400, True, "2", None])
def test_what_is_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(InputError):
        cut(TEN_WORDS, None, None, seconds)
    with pytest.raises(InputError):
        heard(spoken(), seconds, "pcm16", whole=True)
