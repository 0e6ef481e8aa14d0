"""A request is a mapping, knows what it is made of, and can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import convo
from convo.assembly.fill import fill
from convo.assembly.plan import plan
from convo.errors import BlobNotFound, ConflictingArguments
from convo.intake.chat import read_chat
from convo.testing import FakeAPI
from tests.assembly.builders import answered, asked, called, instructions, log, planned, request_of, result, spoke
from tests.support.histories import PNG
from tests.support.replies import WAV
from tests.support.validate import validate_received

if TYPE_CHECKING:
    from convo.messages import Draft

SECONDS = convo.Audio.from_bytes(WAV, transcript="Hello")
TALK = log(instructions(), asked(SECONDS), spoke(), asked("Why?"))
HEAVY = convo.Audio.unchecked(b"RIFF", "wav")


def test_a_request_is_the_mapping_of_its_arguments() -> None:
    request = request_of(TALK, voice="alloy", temperature=0)
    assert isinstance(request, Mapping)
    assert list(request) == ["model", "temperature", "modalities", "audio", "messages"]
    assert len(request) == 5
    assert {**request} == dict(request) == request
    assert request["model"] == "gpt-audio-1.5"
    with pytest.raises(KeyError):
        request["stream"]


def test_its_repr_tells_nothing_of_what_was_said() -> None:
    assert repr(request_of(TALK)) == "<Request gpt-audio-1.5, 4 messages>"


async def test_the_clients_of_the_sdk_take_it_and_the_type_checker_agrees() -> None:
    fake, request = FakeAPI(), request_of(log(asked(SECONDS)), voice="alloy")
    with fake.client() as client:
        answer = client.chat.completions.create(**request)
    assert answer.choices[0].message.audio is not None
    async with fake.async_client() as client_async:
        answer = await client_async.chat.completions.create(**request.evolve(temperature=0))
    assert answer.choices[0].message.audio is not None
    validate_received(fake.received)


def test_to_evolve_changes_arguments_and_keeps_the_messages() -> None:
    first = request_of(TALK, voice="alloy", temperature=0.5, seed=1)
    second = first.evolve(temperature=0, seed=None, format="mp3")
    assert second["messages"] == first["messages"]
    assert second["audio"] == {"voice": "alloy", "format": "mp3"}
    assert (second["temperature"], "seed" in second) == (0, False)
    assert (first["temperature"], first["seed"], first["audio"]["format"]) == (0.5, 1, "wav")
    assert second.evolve(seed=2)["seed"] == 2
    assert second.memory == first.memory
    assert [r.reason for r in second.renderings] == [r.reason for r in first.renderings]


@pytest.mark.parametrize("change", [{"model": "gpt-5.5"}, {"messages": []}, {"n": 2}, {"stream": True}, {"format": "ogg"}])
def test_to_evolve_into_what_the_api_refuses_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConflictingArguments):
        request_of(TALK, voice="alloy", format="wav").evolve(**change)


def test_a_spoken_reply_is_asked_for_again_when_the_last_audio_is_taken_out() -> None:
    request = request_of(log(asked("Hello")), voice="ash").evolve(voice=None)
    assert request["audio"] == {"voice": "alloy", "format": "wav"}
    assert "note: gpt-audio-1.5 refuses a request without audio" in request.explain()


def test_bytes_that_are_missing_are_named() -> None:
    made = planned(TALK)
    (digest,) = made.blobs
    with pytest.raises(BlobNotFound) as caught:
        fill(made, {})
    assert caught.value.digest == digest
    assert "base64" not in str(made.wires)


def test_the_same_bytes_are_needed_once() -> None:
    assert len(planned(log(asked(SECONDS, convo.Image(data=PNG)), asked(SECONDS)), "gpt-audio").blobs) == 2


def test_a_request_without_media_needs_nothing() -> None:
    assert planned(log(asked("Hello")), "gpt-5.5").blobs == ()


# --- estimates -------------------------------------------------------------------------------------


def tokens(*drafts: Any, model: str = "gpt-audio", **facts: Any) -> tuple[int, int]:
    guess = request_of(log(*drafts), model, **facts).estimate
    assert guess.tokens == guess.text_tokens + guess.audio_tokens
    return guess.text_tokens, guess.audio_tokens


def recording(seconds: float, transcript: str | None = None) -> convo.Audio:
    return convo.Audio.from_bytes(bytes(round(seconds * 48_000)), "pcm16", transcript=transcript)


def test_text_is_four_characters_a_token_and_four_tokens_a_message() -> None:
    assert tokens(asked("x" * 40)) == (14, 0)
    assert tokens(asked("x" * 40), asked("x" * 20, "x" * 20)) == (28, 0)


def test_audio_of_users_is_ten_tokens_a_second() -> None:
    assert tokens(asked(recording(3))) == (4, 30)
    assert tokens(asked(recording(3, "x" * 40)), model="gpt-5.5") == (14, 0)
    only_the_second = convo.Policy(user_audio="transcript")
    assert tokens(asked(recording(3, "x" * 40), recording(2)), policy=only_the_second) == (14, 20)


def test_audio_of_replies_costs_what_it_cost_or_twenty_tokens_a_second() -> None:
    reply, facts = spoke("one two three four five", model="gpt-audio"), {"voice": "alloy"}
    assert tokens(asked("x"), reply, **facts) == (9, 2)
    assert tokens(asked("x"), attrs.evolve(reply, audio_tokens=312), **facts) == (9, 312)
    assert tokens(asked("x"), attrs.evolve(reply, media=()), **facts) == (9, 40)


def test_an_image_counts_by_the_guide_and_not_by_its_bytes() -> None:
    assert tokens(asked(convo.Image(data=PNG))) == tokens(asked(convo.Image(url="http://a/b"))) == (769, 0)


def test_an_image_at_low_detail_costs_less() -> None:
    assert tokens(asked(convo.Image(url="http://a/b", detail="low"))) == (4 + 85, 0)


def test_a_recording_whose_length_is_not_known_counts_by_its_bytes() -> None:
    assert tokens(asked(convo.Audio.unchecked(b"R" * 32_000, "mp3"))) == (4, 20)


def test_a_recording_that_fills_the_context_of_the_model_is_refused_by_its_place_and_length() -> None:
    question = asked(SECONDS)
    (piece,) = question.media
    endless = attrs.evolve(question, media=(attrs.evolve(piece, duration=12_800.0),))
    with pytest.raises(convo.RecordingTooLong, match=r"message 1 is too long to be sent as sound \(12,800.0 s\)"):
        request_of(log(attrs.evolve(endless, media=(attrs.evolve(endless.media[0], transcript=None),))))
    assert request_of(log(endless))["messages"][0]["content"] == [{"type": "text", "text": "Hello"}]


def test_a_file_counts_by_its_bytes() -> None:
    assert tokens(asked(convo.File(name="a.txt", data=b"x" * 400, type="text/plain")), model="gpt-5.5") == (4 + 100, 0)
    assert tokens(asked(convo.File(name="a.pdf", data=b"x" * 60_000)), model="gpt-5.5") == (4 + 2 * 1_300, 0)


def billed(reply: Draft, text_tokens: int) -> Draft:
    return attrs.evolve(reply, text_tokens=text_tokens)


def of_reply(reply: Draft, **facts: Any) -> int:
    """Give the text tokens of a reply beside those that every message costs."""
    return tokens(asked("x"), reply, **facts)[0] - 5 - 4


def test_the_whole_text_of_a_reply_costs_what_it_cost() -> None:
    assert of_reply(billed(answered(content="Sí, claro."), text_tokens=160), model="gpt-5.5") == 160
    late = {"after": timedelta(hours=2), "voice": "alloy"}
    assert of_reply(billed(spoke('He said "yes".'), text_tokens=160), **late) == 160


@pytest.mark.parametrize(
    "reply",
    [
        answered(content="x" * 40, status="interrupted"),
        answered(content="x" * 40, tool_calls=[{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        answered(content=[{"type": "text", "text": "x" * 40}]),
        spoke("y" * 19, content="x" * 20, expires=1),
        spoke(None, expires=1),
    ],
    ids=["cut off", "calls", "parts", "in two forms", "without a transcript"],
)
def test_what_is_not_the_whole_text_of_a_reply_is_counted(reply: Draft) -> None:
    drafts = [asked("x"), billed(reply, text_tokens=160), *([result("a")] if "tool_calls" in reply.body else [])]
    policy = convo.Policy(missing_transcript="placeholder", placeholder="x" * 40)
    found = request_of(log(*drafts), "gpt-5.5", policy=policy).renderings[1].tokens
    assert found == 4 + 10 + ("tool_calls" in reply.body)


def test_what_a_model_thought_is_no_part_of_its_reply() -> None:
    def reply(**details: int) -> int | None:
        usage = {"prompt_tokens": 9, "completion_tokens": 700, "completion_tokens_details": {"audio_tokens": 0, **details}}
        message = {"role": "assistant", "content": "Yes."}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        return read_chat({"id": "1", "model": "gpt-5.5", "choices": choices, "usage": usage}, asked={}).draft.text_tokens

    assert reply() == 700
    assert reply(reasoning_tokens=640, rejected_prediction_tokens=20) == 40
    assert reply(reasoning_tokens=640, text_tokens=60) == 60
    assert reply(reasoning_tokens=700) is None
    assert reply(reasoning_tokens=9_999) is None


def test_a_caller_s_tokenizer_counts_every_text_that_the_model_reads() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "answer"}}
    made = planned(log(instructions(), asked("a", "b", name="Ann"), called("c"), result("c")), "gpt-5.5", response_format=shape)
    seen: set[str] = set()

    def count(text: str) -> int:
        seen.add(text)
        return 100

    counting = plan(made.history, made.memory, made.policy, made.target, made.now, made.family_of, count)
    assert counting.estimate.tokens == 4 * 4 + 8 * 100
    assert seen == {"Answer in one sentence.", "Ann", "a", "b", "look_up", "{}", "42", str(shape)}
    assert counting.after(made.memory).count is counting.count
    assert fill(counting, {}).evolve(temperature=0).estimate == counting.estimate


def test_tools_and_calls_count_by_their_text() -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    drafts = [asked("x"), called("a"), result("a", "x" * 40)]
    without, _ = tokens(*drafts, model="gpt-5.5")
    assert tokens(*drafts, model="gpt-5.5", tools=tools) == (without + (len(str(tools)) + 3) // 4, 0)
    assert without == 5 + 4 + 2 + 1 + 14  # the name of the function and its arguments are two texts


def test_the_cost_of_an_estimate_is_that_of_its_tokens() -> None:
    cost = request_of(log(asked(recording(10)), answered(content="x" * 40)), "gpt-audio-1.5").estimate.cost
    assert cost.amount == (18 * Decimal("2.50") + 100 * 32) / 10**6
    assert request_of(log(asked("x")), "model-of-tomorrow").estimate.cost.amount is None


# --- explain() -------------------------------------------------------------------------------------


def test_renderings_are_in_the_order_of_the_request_with_those_left_out_at_the_end() -> None:
    request = request_of(
        log(instructions("a"), asked(), answered(content=""), instructions("b"), result("x"), asked()), "gpt-5.5"
    )
    assert [(r.index, r.position, r.role, r.how) for r in request.renderings] == [
        (0, 4, "system", "text"),
        (1, 2, "user", "text"),
        (2, 6, "user", "text"),
        (None, 1, "system", "omitted"),
        (None, 5, "tool", "omitted"),
        (None, 3, "assistant", "omitted"),
    ]


def test_the_next_expiry_is_shown_in_utc() -> None:
    request = request_of(TALK, voice="alloy")
    assert request.next_expiry == datetime(2026, 11, 1, 13, tzinfo=UTC)
    assert request.explain().endswith("next expiry: 2026-11-01 13:00:00 UTC")
    assert request_of(TALK, after=timedelta(days=400)).explain().endswith("next expiry: none, no reference is sent")


def test_an_expiry_at_the_end_of_time_is_shown_too() -> None:
    assert "9999" in request_of(log(asked(), spoke(expires=253_402_300_799)), voice="alloy").explain()
