"""Answers become messages, and nothing of them is lost: unknown fields, odd numbers, odd text, odd audio."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from convo import extract
from convo.canonical import decode
from convo.errors import AnswerError
from convo.intake.chat import read_chat
from convo.origin import Origin
from convo.reply import reply_of
from convo.testing import FakeAPI
from convo.usage import Usage
from tests.support.histories import MP3
from tests.support.replies import START, WAV

if TYPE_CHECKING:
    from convo.intake.answer import Answer

ASKED = {"model": "gpt-audio-1.5", "audio": {"voice": "alloy", "format": "wav"}}
SPEECH = base64.b64encode(WAV).decode()
HELD = {"$blob": hashlib.sha256(WAV).hexdigest()}


def completion(message: Any = None, **facts: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Yes."} if message is None else message
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-audio-1.5", "choices": [choice], **facts}


def spoken(**audio: Any) -> dict[str, Any]:
    said = {"id": "audio_1", "data": SPEECH, "expires_at": START, "transcript": "Yes.", **audio}
    return completion({"role": "assistant", "content": None, "audio": said})


def read(answer: Any, **asked: Any) -> Answer:
    return read_chat(answer, asked={**ASKED, **asked}, origin=Origin("http://api.test/v1"))


# --- what is read ----------------------------------------------------------------------------------


def test_a_written_answer_is_a_message_with_its_text() -> None:
    answer = read(completion(usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}))
    assert (answer.id, answer.model, answer.finish_reason) == ("chatcmpl-1", "gpt-audio-1.5", "stop")
    assert answer.usage == Usage(input_tokens=9, output_tokens=5, total_tokens=14)
    draft = answer.draft
    assert (draft.role, draft.text, draft.model, draft.media, draft.audio_id) == ("assistant", "Yes.", "gpt-audio-1.5", (), None)


def test_a_spoken_answer_is_a_message_whose_bytes_are_beside_it() -> None:
    draft = read(spoken()).draft
    (piece,) = draft.media
    assert (piece.data, piece.part, piece.kind, piece.format) == (WAV, -1, "audio", "wav")
    assert (piece.digest, piece.transcript, piece.voice, piece.duration) == (HELD["$blob"], "Yes.", "alloy", 0.1)
    assert (draft.audio_id, draft.audio_expires, draft.audio_origin) == ("audio_1", START * 1_000_000, "http://api.test/v1")
    assert decode(draft.body)["audio"] == {"id": "audio_1", "data": HELD, "expires_at": START, "transcript": "Yes."}
    assert SPEECH not in draft.body


def test_the_model_that_was_asked_owns_the_audio_not_its_dated_name() -> None:
    answer = read(completion(model="gpt-audio-1.5-2026-03-01"))
    assert (answer.model, answer.draft.model) == ("gpt-audio-1.5-2026-03-01", "gpt-audio-1.5")
    assert read_chat(completion(), asked={}).draft.model == "gpt-audio-1.5"
    assert read_chat(completion(model=None), asked={}).draft.model is None


def test_a_voice_may_be_the_id_of_ones_own() -> None:
    (piece,) = read(spoken(), audio={"voice": {"id": "voice_1"}, "format": "wav"}).draft.media
    assert piece.voice == "voice_1"


def test_without_an_origin_an_id_is_valid_nowhere() -> None:
    draft = read_chat(spoken(), asked=ASKED).draft
    assert (draft.audio_id, draft.audio_origin) == ("audio_1", None)


@pytest.mark.parametrize(
    ("asked", "format_", "data"), [("pcm16", "pcm16", bytes(4_800)), ("mp3", "mp3", MP3), ("wav", "wav", WAV)]
)
def test_audio_comes_out_as_it_came_in(asked: str, format_: str, data: bytes) -> None:
    (piece,) = read(spoken(data=base64.b64encode(data).decode()), audio={"voice": "ash", "format": asked}).draft.media
    assert (piece.data, piece.format, piece.size, piece.digest) == (data, format_, len(data), hashlib.sha256(data).hexdigest())


# --- nothing is lost -------------------------------------------------------------------------------

ODD = {
    "nan": math.nan, "infinite": [math.inf, -math.inf], "big": [2**63, 2**63 - 1, -(2**63), 2**70, 10**400], "zero": -0.0,
    "float": [1e22, 1e-7, 5e-324, 0.1, 1.7976931348623157e308, 12345678901234567890.0], "surrogate": ["\ud800", "\udc00\ud800"],
    "nul": "a\0b", "\ud800": {"key\0": 1}, "order": {"b": 1, "a": 2, "": 3}, "emoji": "🐕",
    "words": ["NaN", "Infinity", "\\ud800"],
    "empty": [{}, [], "", None, True, False], "separator": "\u2028\u2029\x7f",
}  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same to the last bit, in the same order."""
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def kept(answer: Any, **asked: Any) -> Any:
    """Give what a reply shows of an answer once it was stored."""
    found = read(answer, **asked)
    return reply_of(found.draft.at(1, 1), {"raw": found.raw}, replayed=False).raw


def odd_answer() -> dict[str, Any]:
    answer = completion({"content": "Yes.", "role": "assistant", "x_new": ODD})
    answer["choices"][0]["x_choice"] = ODD
    return {**answer, "x_answer": ODD, "usage": {"prompt_tokens": 5, "x_usage": ODD}}


def test_every_field_of_an_answer_is_kept_in_its_order_to_the_last_bit() -> None:
    assert same(kept(odd_answer()), odd_answer())


def test_every_field_of_json_text_is_kept_too() -> None:
    for text in (json.dumps(odd_answer()), json.dumps(odd_answer()).encode(), json.dumps(odd_answer(), indent=1)):
        assert same(kept(text), odd_answer())


def test_every_field_of_a_value_of_the_sdk_is_kept_without_a_warning() -> None:
    odd = {
        **completion({"role": "assistant", "content": ["not", 1], "tool_calls": "x", "x_new": {"a": [2**70, "a\0"]}}),
        "created": "late",
    }
    value = ChatCompletion.construct(**odd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sorted(kept(value)) == sorted(odd)
        assert kept(value)["choices"][0]["message"] == odd["choices"][0]["message"]


@pytest.mark.parametrize("depth", [100, 300])
def test_deep_answers_are_kept(depth: int) -> None:
    deep: Any = "x"
    for level in range(depth):
        deep = [deep] if level % 2 else {"a": deep}
    assert kept(completion({"role": "assistant", "content": None, "x": deep}))["choices"][0]["message"]["x"] == deep


def test_answers_that_no_reader_could_read_again_are_refused_by_name() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    for answer in (completion(x=deep), completion({"role": "assistant", "x": deep}), '{"choices":' + "[" * 100_000):
        with pytest.raises(AnswerError):
            read(answer)
    with pytest.raises(AnswerError):
        read(completion(x={1, 2}))
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    with pytest.raises(AnswerError):
        read(completion(x=round_and_round))
    while deep != "x":  # a tower of lists is taken down by hand: the interpreter would do it by recursion
        deep = deep[0]


@settings(max_examples=200, derandomize=True)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=()))),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_whatever_an_answer_holds_is_kept(fields: dict[str, Any]) -> None:
    message = {**fields, "role": "assistant"}
    answer = {**fields, **completion(message)}
    expected = {**answer, "choices": [{**answer["choices"][0], "message": message}]}
    if not isinstance(fields.get("audio"), dict):
        assert same(kept(answer), expected)


# --- odd audio -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ["not base64!", "AAA", "AAAA\n", "AAAA====", "ÄÄÄÄ", "\ud800", "", None, 5, ["AAAA"], {"$blob": "x"}]
)
def test_audio_that_is_no_base64_stays_where_it_was(data: Any) -> None:
    answer = read(spoken(data=data))
    assert answer.draft.media == ()
    assert decode(answer.draft.body)["audio"]["data"] == data
    assert (answer.draft.audio_id, answer.draft.text) == ("audio_1", "Yes.")


@pytest.mark.parametrize("data", [b"odd bytes", b"\0", b"RIFF....WAVE", b"ID3", b"\xff\xfb", WAV[:20], WAV[:-7], MP3])
def test_bytes_that_are_not_the_audio_that_was_asked_for_are_kept_as_they_are(data: bytes) -> None:
    (piece,) = read(spoken(data=base64.b64encode(data).decode())).draft.media
    assert (piece.data, piece.size, piece.digest) == (data, len(data), hashlib.sha256(data).hexdigest())


def test_a_reply_may_be_longer_than_any_recording_that_the_api_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MAX_MEDIA", 10)
    (piece,) = read(spoken()).draft.media
    assert piece.data == WAV


@pytest.mark.parametrize(
    "audio", [None, {}, [], "audio", 5, {"id": None}, {"id": 5}, {"id": ""}, {"data": None, "transcript": None}]
)
def test_an_audio_field_of_any_shape_is_kept(audio: Any) -> None:
    draft = read(completion({"role": "assistant", "content": "Yes.", "audio": audio})).draft
    assert decode(draft.body)["audio"] == audio
    assert (draft.media, draft.audio_id, draft.audio_expires, draft.audio_origin) == ((), None, None, None)


@pytest.mark.parametrize("odd", ["audio\0_1", "audio_\ud800", "a" * 100_000])
def test_an_id_that_no_column_or_request_can_hold_refers_to_nothing(odd: str) -> None:
    draft = read(spoken(id=odd)).draft
    assert decode(draft.body)["audio"]["id"] == odd
    assert (draft.audio_id, draft.audio_expires) == (None, None)


@pytest.mark.parametrize("transcript", [None, 5, ["Yes."], "a\0b", "\ud800", "x" * 200_000, ""])
def test_transcripts_of_any_kind_are_kept(transcript: Any) -> None:
    draft = read(spoken(transcript=transcript)).draft
    assert decode(draft.body)["audio"]["transcript"] == transcript
    for text in (draft.text, draft.media[0].transcript or ""):
        text.encode()
        assert "\0" not in text


def test_derived_columns_hold_what_every_database_takes() -> None:
    odd = completion({"role": "a\0b", "content": "a\0\ud800"}, model="m\0\ud800")
    answer = read_chat({**odd, "id": "x\0"}, asked={})
    assert (answer.draft.role, answer.draft.text) == ("assistant", "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}")
    assert answer.draft.model == "m\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    answer.draft.body.encode("ascii")
    answer.raw.encode("ascii")


EXPIRIES: list[tuple[Any, int | None]] = [
    (START, START * 1_000_000), (START + 0.25, START * 1_000_000 + 250_000), (START * 1_000, START * 1_000_000),
    (START * 1_000 + 5, START * 1_000_000 + 5_000), (0, None), (-5, None), (0.0, None), (math.nan, None), (math.inf, None),
    (-math.inf, None), (1e300, None), (1.7e308, None), (10**40, None), (2**63, None), (None, None), ("soon", None),
    (str(START), None), (True, None), ([], None),
]  # fmt: skip


@pytest.mark.parametrize(("told", "understood"), EXPIRIES, ids=str)
def test_an_expiry_is_understood_or_counts_as_none(told: Any, understood: int | None) -> None:
    draft = read(spoken(expires_at=told)).draft
    assert draft.audio_expires == understood
    assert same(decode(draft.body)["audio"]["expires_at"], told)


def test_a_missing_expiry_is_none() -> None:
    answer = spoken()
    del answer["choices"][0]["message"]["audio"]["expires_at"]
    assert read(answer).draft.audio_expires is None


# --- usage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "found"),
    [
        (None, (None, None, None)),
        ({}, (None, None, None)),
        ("free", (None, None, None)),
        ([], (None, None, None)),
        ({"prompt_tokens": 9, "completion_tokens": 5}, (9, None, None)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": None}, (9, None, None)),
        ({"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 3}}, (9, 2, 3)),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 3, "text_tokens": 2}},
            (9, 2, 3),
        ),
        ({"prompt_tokens": -1, "completion_tokens": "5"}, (None, None, None)),
        (
            {"prompt_tokens": 2**70, "completion_tokens": 1.5, "completion_tokens_details": {"audio_tokens": True}},
            (None, None, None),
        ),
    ],
)
def test_usage_of_any_shape_is_read_as_far_as_it_goes(usage: Any, found: tuple[int | None, ...]) -> None:
    answer = read(completion(usage=usage))
    assert (answer.usage.input_tokens, answer.draft.text_tokens, answer.draft.audio_tokens) == found
    assert decode(answer.raw)["usage"] == usage


# --- what is no answer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "NoneType"),
        (5, "int"),
        ([], "list"),
        ("no json", "no JSON"),
        (b"\xff\xfe\xfa", "no JSON"),
        ("[]", "list"),
        ("", "no JSON"),
        ({}, "no choice"),
        ({"choices": None}, "no choice"),
        ({"choices": []}, "no choice"),
        ({"choices": "x"}, "no choice"),
        ({"choices": [5]}, "no object"),
        ({"choices": [{}]}, "no message"),
        ({"choices": [{"message": None}]}, "no message"),
        ({"choices": [{"message": "Yes."}]}, "no message"),
        ({"choices": [{"message": {}}, {"message": {}}]}, "2 choices"),
        ({"error": {"message": "..."}}, "no choice"),
    ],
    ids=str,
)
def test_what_is_not_one_answer_is_refused_and_says_why(answer: Any, says: str) -> None:
    with pytest.raises(AnswerError, match=says):
        read(answer)


def test_an_answer_is_the_same_as_a_value_a_dict_and_text() -> None:
    fake = FakeAPI()
    fake.will_reply(
        "Yes.", content="Look:", tool_calls=[("look_up", '{"a": 1}')], extra={"x_new": {"a": [1]}}, usage={"x_usage": 1}
    )
    message: Any = {"role": "user", "content": "Hello"}
    with fake.client() as client:
        value = client.chat.completions.create(
            model="gpt-audio-1.5", messages=[message], modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}
        )
    served = fake.last.response
    assert served is not None
    readings = [read(answer) for answer in (value, served, json.dumps(served), json.dumps(served).encode())]
    first = readings[0]
    assert first.draft.media[0].data == base64.b64decode(served["choices"][0]["message"]["audio"]["data"])
    for other in readings[1:]:
        assert attrs.evolve(other, raw="", draft=attrs.evolve(other.draft, body="")) == attrs.evolve(
            first, raw="", draft=attrs.evolve(first.draft, body="")
        )
        assert (decode(other.raw), decode(other.draft.body)) == (decode(first.raw), decode(first.draft.body))
    assert decode(first.raw)["usage"] == served["usage"]
