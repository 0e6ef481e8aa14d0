"""When the API refuses an audio id before its time: what is given up, and when nothing can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from convo.errors import TranscriptMissing
from convo.memory import Memory
from convo.recovery import Recovery, recovered
from tests.assembly.builders import asked, log, planned, spoke
from tests.support.replies import HOUR, START

if TYPE_CHECKING:
    from convo.assembly.plan import Plan

FIRST, SECOND, THIRD = (spoke(audio_id=f"audio_{n}", expires=START + HOUR + n) for n in (1, 2, 3))
TALK = log(asked(), FIRST, asked(), SECOND, asked(), THIRD, asked("Why?"))
REFUSED = "audio_not_found"


def after(code: str | None, param: str | None, made: Plan | None = None) -> tuple[list[int], Recovery] | None:
    """Give the positions that still go by their ids, and the step."""
    found = recovered(made or planned(TALK, voice="alloy"), code, param)
    return found and ([message.position for message in found[0].references], found[1])


def test_the_id_that_is_named_and_all_of_its_age_are_given_up() -> None:
    assert after(REFUSED, "content.messages[1].audio.id") == ([4, 6], Recovery(REFUSED, 2, "audio_1", (2,)))
    assert after(REFUSED, "content.messages[3].audio.id") == ([6], Recovery(REFUSED, 4, "audio_2", (2, 4)))
    assert after(REFUSED, "content.messages[5].audio.id") == ([], Recovery(REFUSED, 6, "audio_3", (2, 4, 6)))


def test_age_is_the_expiry_not_the_place() -> None:
    history = log(asked(), THIRD, asked(), FIRST, asked("Why?"))
    assert after(REFUSED, "messages[3].audio.id", planned(history, voice="alloy")) == ([2], Recovery(REFUSED, 4, "audio_1", (4,)))


@pytest.mark.parametrize(
    "param",
    [
        None,
        "",
        "messages",
        "content.messages[0].audio.id",
        "messages[99].audio.id",
        "messages[-1].audio.id",
        f"messages[{'9' * 9_999}].audio.id",
    ],
)
def test_where_no_reference_is_named_all_are_given_up(param: str | None) -> None:
    assert after(REFUSED, param) == ([], Recovery(REFUSED, 2, "audio_1", (2, 4, 6)))


@pytest.mark.parametrize("code", [None, "", "rate_limit_exceeded", "Audio_Not_Found"])
def test_other_errors_are_not_recovered_from(code: str | None) -> None:
    assert after(code, "content.messages[1].audio.id") is None


def test_a_request_without_references_cannot_be_helped() -> None:
    assert after(REFUSED, "messages[1].audio.id", planned(log(asked(), asked("Why?")), voice="alloy")) is None


def _first_of(made: Plan) -> str | None:
    """Give the `param` with which the API would name the first reference."""
    return f"messages[{made.references[0].position - 1}].audio.id" if made.references else None


def test_each_id_is_given_up_at_most_once_and_then_it_ends() -> None:
    made = planned(TALK, voice="alloy")
    degraded: list[int] = []
    while found := recovered(made, REFUSED, _first_of(made)):
        made, step = found
        degraded += step.degraded
    assert degraded == [2, 4, 6]
    assert made.memory == Memory(refused_through=(START + HOUR + 3) * 1_000_000)


def test_the_store_is_to_remember_it_and_nothing_else_is_changed() -> None:
    before = planned(TALK, voice="alloy", temperature=0)
    found = recovered(before, REFUSED, "messages[1].audio.id")
    assert found is not None
    assert (before.memory, found[0].memory) == (Memory(), Memory(refused_through=(START + HOUR + 1) * 1_000_000))
    assert found[0].remembered == Memory()
    assert (found[0].arguments, found[0].history, found[0].now) == (before.arguments, before.history, before.now)
    assert [wire for index, wire in enumerate(found[0].wires) if index != 1] == [
        wire for index, wire in enumerate(before.wires) if index != 1
    ]


def test_speech_without_a_transcript_cannot_be_given_up_unless_the_policy_says_how() -> None:
    made = planned(log(asked(), spoke(None), asked("Why?")), voice="alloy")
    with pytest.raises(TranscriptMissing, match="the API refused its id"):
        recovered(made, REFUSED, "messages[1].audio.id")
