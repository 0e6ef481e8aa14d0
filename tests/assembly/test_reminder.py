"""The reminder to speak: when it is sent, where it stands, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.recovery import recovered
from convo.testing import FixedClock, refusal_of
from tests.assembly.builders import answered, asked, called, filled, instructions, log, planned, request_of, result, spoke

if TYPE_CHECKING:
    from convo.messages import Draft

AFTER = convo.Policy(reminder="after_fallback", reminder_text="Speak!")
ALWAYS = convo.Policy(reminder="always", reminder_text="Speak!")
HOUR = timedelta(hours=1)
SPOKEN = [asked("Is it a good dog?"), spoke("Yes."), asked("Why?")]
WRITTEN = [asked("Is it a good dog?"), answered(content="Yes."), asked("Why?")]
REMINDER = {"role": "system", "content": "Speak!"}
VOICE: dict[str, Any] = {"voice": "alloy"}


def reminder_in(*drafts: Draft, **facts: Any) -> convo.Rendering | None:
    """Give what is said of the reminder of a request, None when it has none."""
    request = request_of(log(*drafts), **facts)
    *others, last = request.renderings
    assert all(one.how != "reminder" for one in others)
    assert (request["messages"][-1] == REMINDER) == (last.how == "reminder")
    return last if last.how == "reminder" else None


@pytest.mark.parametrize(
    ("drafts", "facts", "why"),
    [
        (SPOKEN, {"after": HOUR, **VOICE}, "1 spoken reply goes as text"),
        ([*SPOKEN, spoke("Because."), asked("Oh?")], {"after": HOUR, **VOICE}, "2 spoken replies go as text"),
        (SPOKEN, {"policy": convo.Policy(references=False, reminder="after_fallback", reminder_text="Speak!"), **VOICE}, "1 spo"),
        (WRITTEN, VOICE, "the last reply was written"),
        ([*SPOKEN, answered(content="Because."), asked("Oh?")], VOICE, "the last reply was written"),
        ([*WRITTEN, called("call_1"), result("call_1")], VOICE, "the last reply was written"),
        (WRITTEN, {"model": "gpt-audio-1.5"}, "the last reply was written"),
    ],
)
def test_after_a_fallback_the_model_is_reminded(drafts: list[Draft], facts: dict[str, Any], why: str) -> None:
    found = reminder_in(*drafts, **{"policy": AFTER, **facts})
    assert found is not None
    assert (found.position, found.role) == (0, "system")
    assert why in found.reason


@pytest.mark.parametrize(
    ("drafts", "facts"),
    [
        (SPOKEN, VOICE),
        ([asked("Is it a good dog?")], VOICE),
        ([asked("Look."), called("call_1"), result("call_1")], VOICE),
        ([*WRITTEN, spoke("Because."), asked("Oh?")], VOICE),
        (WRITTEN, {"model": "gpt-5.5", **VOICE}),
        (SPOKEN, {"model": "gpt-5.5"}),
    ],
    ids=["spoken", "first turn", "tools", "spoken again", "text model", "text model without a voice"],
)
def test_where_nothing_makes_it_write_it_is_not(drafts: list[Draft], facts: dict[str, Any]) -> None:
    assert reminder_in(*drafts, policy=AFTER, **facts) is None


def test_always_is_in_every_request_that_asks_for_speech() -> None:
    assert reminder_in(*SPOKEN, policy=ALWAYS, **VOICE) is not None
    assert reminder_in(asked("Hello."), policy=ALWAYS, **VOICE) is not None
    assert reminder_in(*SPOKEN, policy=ALWAYS, model="gpt-5.5", **VOICE) is None
    hears = [*SPOKEN, asked(convo.Audio.from_bytes(spoke().media[0].data or b""))]
    assert reminder_in(*hears, policy=ALWAYS, modalities=["text"]) is None


def test_without_a_policy_nobody_is_reminded() -> None:
    assert reminder_in(*SPOKEN, after=HOUR, **VOICE) is None


def test_what_stands_before_it_does_not_change_from_turn_to_turn() -> None:
    drafts = [instructions(), *SPOKEN]
    before = request_of(log(*drafts), policy=ALWAYS, **VOICE)["messages"]
    after = request_of(log(*drafts, spoke("Because."), asked("Oh?")), policy=ALWAYS, **VOICE)["messages"]
    assert after[: len(before) - 1] == before[:-1]
    assert before[-1] == after[-1] == REMINDER


def test_it_is_in_the_estimate_and_in_what_is_explained() -> None:
    plain, reminded = (request_of(log(*SPOKEN), policy=policy, **VOICE) for policy in (convo.Policy(), ALWAYS))
    assert reminded.estimate.tokens - plain.estimate.tokens == reminded.renderings[-1].tokens == 6
    line = reminded.explain().splitlines()[4]
    assert line.split()[:5] == ["3", "-", "system", "reminder", "6"]
    assert "4 messages" in repr(reminded)


def test_a_request_that_evolves_to_text_loses_it_and_one_to_speech_gets_it() -> None:
    sound = convo.Audio.from_bytes(spoke().media[0].data or b"")
    spoken = request_of(log(*WRITTEN, asked(sound)), policy=AFTER, **VOICE)
    written = spoken.evolve(voice=None, modalities=["text"])
    assert spoken["messages"] == [*written["messages"], REMINDER]
    again = written.evolve(voice="alloy", modalities=None)
    assert dict(again) == dict(spoken)


def test_a_refused_id_is_found_by_its_index_and_then_the_model_is_reminded() -> None:
    made = planned(log(*SPOKEN), policy=AFTER, **VOICE)
    assert made.reminder is None
    found = recovered(made, "audio_not_found", "content.messages[1].audio.id")
    assert found is not None
    following, step = found
    assert step.position == 2
    assert filled(following)["messages"][-1] == REMINDER
    assert recovered(planned(log(*SPOKEN), policy=ALWAYS, **VOICE), "audio_not_found", "messages[3].audio.id") is not None


def test_the_api_takes_it_behind_the_results_of_tools() -> None:
    drafts = [*WRITTEN, called("call_1", "call_2"), result("call_1"), result("call_2")]
    request = request_of(log(*drafts), policy=AFTER, tools=None, **VOICE)
    assert [message["role"] for message in request["messages"]][-4:] == ["assistant", "tool", "tool", "system"]
    assert refusal_of(dict(request), now=FixedClock()()) is None
