"""Cache breakpoints: for the models that take them, never for those that refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from convo.audio.value import Audio
from tests.assembly.builders import answered, asked, filled, instructions, log, planned
from tests.support.replies import WAV
from tests.support.validate import validate

LONG = "Answer in one sentence. " * 400
MARK = {"mode": "explicit"}
EXPLICIT: dict[str, Any] = {"prompt_cache_options": {"mode": "explicit"}}


def marks(wires: Any) -> list[int]:
    return [
        index
        for index, wire in enumerate(wires)
        if isinstance(wire["content"], list) and wire["content"][-1].get("prompt_cache_breakpoint") == MARK
    ]


def test_long_instructions_end_with_a_breakpoint() -> None:
    history = log(instructions(LONG), asked("Why?"))
    made = planned(history, model="gpt-5.6-sol")
    assert marks(made.wires) == [0]
    validate(dict(filled(made)))
    assert made.wires[0]["content"] == [{"type": "text", "text": LONG, "prompt_cache_breakpoint": MARK}]


def test_what_is_too_short_to_be_cached_is_not_marked() -> None:
    assert marks(planned(log(instructions(), asked("Why?")), model="gpt-5.6-sol").wires) == []


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5.5", "gpt-audio-1.5", "somebody-elses-model"])
def test_models_that_refuse_breakpoints_or_are_not_known_get_none(model: str) -> None:
    history = log(instructions(LONG), asked(Audio.from_bytes(WAV, transcript="Why?"), "Why?"))
    assert marks(planned(history, model=model).wires) == []


def test_a_caller_who_marks_all_by_hand_gets_each_question_marked_for_good() -> None:
    drafts = [asked("Why?"), answered(content="So."), asked("And?"), asked("And now?")]
    before = planned(log(*drafts[:3]), model="gpt-5.6-sol", **EXPLICIT)
    after = planned(log(*drafts), model="gpt-5.6-sol", **EXPLICIT)
    assert marks(after.wires) == [0, 2, 3]
    assert after.wires[:3] == before.wires


def test_a_breakpoint_of_the_callers_stays_where_the_model_takes_it() -> None:
    part = {"type": "text", "text": "Why?", "prompt_cache_breakpoint": MARK}
    history = log(asked(part))
    assert marks(planned(history, model="gpt-5.6-sol").wires) == [0]
    assert marks(planned(history, model="gpt-5.5").wires) == []
