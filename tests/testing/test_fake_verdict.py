"""The verdict is a pure function of the request, the audio that is held, the caller and the time."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from convo.testing import ApiRefusal, IssuedAudio, Origin, refusal_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = int(NOW.timestamp()) + 60
SPEAK: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
HELLO = {"role": "user", "content": "hello"}


def body(*messages: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    return {"model": "gpt-audio-1.5", "messages": list(messages) or [HELLO], **SPEAK, **arguments}


def past(audio_id: str) -> dict[str, Any]:
    return {"role": "assistant", "audio": {"id": audio_id}}


def test_a_good_request_has_no_refusal() -> None:
    assert refusal_of(body(), now=NOW) is None


def test_a_refusal_is_a_value_with_the_body_of_the_error() -> None:
    refusal = refusal_of(body(HELLO, past("audio_1")), now=NOW)
    assert refusal == ApiRefusal(
        status=400,
        message="Assistant audio audio_1 not found.",
        type="invalid_request_error",
        param="content.messages[1].audio.id",
        code="audio_not_found",
    )
    assert refusal is not None
    assert refusal.body == {
        "error": {
            "message": "Assistant audio audio_1 not found.",
            "type": "invalid_request_error",
            "param": "content.messages[1].audio.id",
            "code": "audio_not_found",
        }
    }


@pytest.mark.parametrize(
    ("held", "accepted"),
    [
        (IssuedAudio(LATER), True),
        (IssuedAudio(LATER, model="gpt-audio-mini"), False),
        (IssuedAudio(LATER - 60), False),
        (IssuedAudio(LATER, revoked=True), False),
        (IssuedAudio(LATER, origin=Origin("org-b")), False),
        (IssuedAudio(LATER, origin=Origin("", "project")), False),
        (IssuedAudio(LATER, model="gpt-4o-audio-preview"), False),
        (IssuedAudio(LATER, model="gone"), False),
    ],
)
def test_audio_is_found_while_it_is_held_for_this_caller_and_family(held: IssuedAudio, accepted: bool) -> None:  # noqa: FBT001 - a case
    refusal = refusal_of(body(HELLO, past("audio_1"), HELLO), now=NOW, audio={"audio_1": held})
    assert (refusal is None) == accepted


def test_the_caller_is_part_of_the_verdict() -> None:
    held = {"audio_1": IssuedAudio(LATER, origin=Origin("org-a", "p"))}
    assert refusal_of(body(HELLO, past("audio_1")), now=NOW, audio=held, origin=Origin("org-a", "p")) is None


def test_the_time_is_part_of_the_verdict() -> None:
    held = {"audio_1": IssuedAudio(LATER)}
    asked = body(HELLO, past("audio_1"))
    assert refusal_of(asked, now=NOW + timedelta(seconds=59.9), audio=held) is None
    assert refusal_of(asked, now=NOW + timedelta(seconds=60), audio=held) is not None


def test_models_can_be_added() -> None:
    assert refusal_of(body(model="my-voice"), now=NOW, models={"my-voice": "audio"}) is None
    assert refusal_of(body(model="my-voice"), now=NOW) is not None


def test_a_naive_time_is_an_error() -> None:
    with pytest.raises(ValueError, match="now has no time zone"):
        refusal_of(body(), now=datetime(2026, 11, 1))  # noqa: DTZ001 - the mistake under test


def test_nothing_that_is_passed_in_changes() -> None:
    asked, held = body(HELLO, past("audio_1"), zzz=1), {"audio_1": IssuedAudio(LATER)}
    before = copy.deepcopy((asked, held))
    refusal_of(asked, now=NOW, audio=held)
    assert (asked, held) == before


def test_the_first_fault_is_named_and_shape_comes_before_meaning() -> None:
    refusal = refusal_of(body({"role": "user", "content": "a", "x": 1}, past("audio_1"), {"role": "tool"}), now=NOW)
    assert refusal is not None
    assert refusal.param == "messages[0].x"


def test_values_are_frozen() -> None:
    for value in (ApiRefusal(400, "no"), IssuedAudio(0), Origin()):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.status = 1  # type: ignore[union-attr, misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"model": "gpt-4.1", "messages": "hello"},
        {"model": "gpt-4.1", "messages": [None]},
        {"model": "gpt-4.1", "messages": [{"role": 1}]},
        {"model": "gpt-4.1", "messages": [{"role": "user", "content": [None]}]},
        {"model": "gpt-4.1", "messages": [{"role": "user", "content": [{"type": []}]}]},
        {"model": "gpt-4.1", "messages": [{"role": "assistant", "content": "", "tool_calls": [{"type": "function"}]}]},
        {"model": "gpt-4.1", "messages": [{"role": "assistant", "audio": "audio_1"}]},
        {"model": "gpt-4.1", "messages": [HELLO], "metadata": []},
        {"model": "gpt-4.1", "messages": [HELLO], "tools": [{"type": "function", "function": "look_up"}]},
        {"model": "gpt-4.1", "messages": [HELLO], "response_format": "text"},
    ],
)
def test_any_json_gets_a_verdict(wrong: dict[str, Any]) -> None:
    refusal = refusal_of(wrong, now=NOW)
    assert refusal is not None
    assert refusal.status == 400
