"""A request is a mapping, knows what it is made of, and can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import convo
from convo.assembly import fill
from convo.errors import BlobNotFound, ConflictingArguments
from convo.testing import FakeAPI
from tests.assembly.builders import answered, asked, called, instructions, log, planned, request_of, result, spoke
from tests.support.histories import PNG
from tests.support.replies import WAV
from tests.support.validate import validate_received

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
    assert tokens(asked("x"), reply, **facts) == (8, 1)
    import attrs

    assert tokens(asked("x"), attrs.evolve(reply, audio_tokens=312), **facts) == (8, 312)
    assert tokens(asked("x"), attrs.evolve(reply, media=()), **facts) == (8, 40)


def test_an_image_counts_by_the_guide_and_not_by_its_bytes() -> None:
    assert tokens(asked(convo.Image(data=PNG))) == tokens(asked(convo.Image(url="http://a/b"))) == (769, 0)


def test_tools_and_calls_count_by_their_text() -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    drafts = [asked("x"), called("a"), result("a", "x" * 40)]
    without, _ = tokens(*drafts, model="gpt-5.5")
    assert tokens(*drafts, model="gpt-5.5", tools=tools) == (without + len(str(tools)) // 4, 0)
    assert without == 4 + 4 + len("look_up{}") // 4 + 14


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
