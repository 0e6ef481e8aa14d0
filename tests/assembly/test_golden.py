"""Whole requests for people to read, one a file in `golden/`: the log, what is sent, and what `explain()` says.

To write them anew after a change that is wanted: `CONVO_WRITE_GOLDEN=1 pytest tests/assembly/test_golden.py`, and read
the difference.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import convo
from convo.errors import RequestError
from convo.policy import Policy
from convo.recovery import recovered
from tests.assembly.builders import (
    NOW,
    answered,
    asked,
    called,
    filled,
    instructions,
    log,
    planned,
    responded,
    result,
    seeded,
    spoke,
    thought,
    wrote,
)  # fmt: skip
from tests.support.builders import wav
from tests.support.histories import PNG
from tests.support.replies import ELSEWHERE, START, WAV

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.plan import Plan
    from convo.assembly.request import Request, Seeds
    from convo.messages import Draft

FOLDER = Path(__file__).parent / "golden"
LONGEST = 60
"""Characters of base64 that are shown."""

QUESTION = convo.Audio.from_bytes(WAV, transcript="Is a golden retriever a good family dog?")
PICTURE = convo.Image(data=PNG)
TALK = [instructions(), asked(QUESTION), spoke("Yes, very good ones."), asked("Why?")]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


HEARD = convo.Audio.from_bytes(wav(0.2, rate=24_000), transcript="Is it loyal?")
BEFORE = [
    instructions(), asked(HEARD), spoke("Yes."), asked("Rain in Oslo?"), called("call_1"), result("call_1", "none"),
    answered(content="No rain."), asked("Why loyal?"),
]  # fmt: skip
MIXED = [*BEFORE, responded(thought(), wrote("They are bred so."), after=BEFORE), asked("Sure?")]


@attrs.frozen
class Story:
    """What happened, and what is asked for now: the arguments are those of `planned`."""

    says: str
    drafts: Sequence[Draft]
    facts: dict[str, Any] = attrs.field(factory=dict)
    refused: bool = False


STORIES = {
    "reference": Story("A past spoken turn goes by its id while the API holds the audio.", TALK, {"voice": "alloy"}),
    "expired": Story(
        "An hour later the same turn goes as its transcript, and that is remembered.", TALK, {"after": timedelta(hours=1)}
    ),
    "refused": Story(
        "The API refuses the second id before its time: it goes as its transcript, and so does the older one.",
        [
            asked("Is it loyal?"),
            spoke("Yes.", audio_id="audio_1", expires=START + 3_000),
            asked("And clever?"),
            spoke("Very.", audio_id="audio_2", expires=START + 3_600),
            asked("And fast?"),
            spoke("Oh yes.", audio_id="audio_3", expires=START + 4_200),
            asked("Why?"),
        ],
        {"voice": "alloy"},
        refused=True,
    ),
    "other_origin": Story("An id that another API issued is unknown to this one.", TALK, {"origin": ELSEWHERE, "voice": "alloy"}),
    "other_family": Story(
        "An id belongs to the family of the model that spoke.", TALK, {"model": "gpt-audio-mini", "voice": "alloy"}
    ),
    "text_model": Story(
        "A text model reads what was said, and gets no argument about audio.", TALK, {"model": "gpt-5.5", "voice": "alloy"}
    ),
    "inline": Story(
        "A user's recording travels again in every request to a model that hears.",
        [asked(QUESTION, "Answer in French."), answered(content="Oui."), asked(convo.Audio.from_bytes(WAV))],
        {"modalities": ["text"]},
    ),
    "older_recordings": Story(
        "With two turns of user audio, the recordings of older turns go as what was said in them.",
        [
            asked(QUESTION),
            answered(content="Yes."),
            asked(convo.Audio.from_bytes(WAV, transcript="")),
            answered(content="I heard nothing."),
            asked(convo.Audio.from_bytes(WAV, transcript="Is it loyal?")),
            called("call_1"),
            result("call_1", 42),
            answered(content="It is."),
            asked(convo.Audio.from_bytes(WAV)),
        ],
        {"modalities": ["text"], "policy": convo.Policy(user_audio_turns=2)},
    ),
    "reminder": Story(
        "After a fallback the model is reminded to speak, at the very end of the request, also behind the results of tools.",
        [instructions(), asked(QUESTION), spoke("Yes, very good ones."), asked("Why?"), called("call_1"), result("call_1", 42)],
        {
            "after": timedelta(hours=1),
            "voice": "alloy",
            "tools": [TOOL],
            "policy": convo.Policy(reminder="after_fallback"),
        },
    ),
    "tool_turn": Story(
        "Each call is followed by its results, in the order of the calls.",
        [asked("What is 6 times 7, and 6 times 8?"), called("call_1", "call_2"), result("call_2", 48), result("call_1", 42)],
        {"model": "gpt-5.5", "tools": [TOOL]},
    ),
    "open_call": Story(
        "Calls at the end wait for their results.",
        [asked("What is 6 times 7?"), called("call_1", "call_2"), result("call_2")],
        {"model": "gpt-5.5"},
    ),
    "unanswered_call": Story(
        "A call of the past that nobody answered gets a result that says so.",
        [asked("What is 6 times 7?"), called("call_1", "call_2"), result("call_2", 48), asked("Forget it. How are you?")],
        {"model": "gpt-5.5"},
    ),
    "orphan_result": Story(
        "A result whose call is not in the log, or that was given before, is left out.",
        [asked("What is 6 times 7?"), result("call_9"), called("call_1"), result("call_1", 42), result("call_1", 43)],
        {"model": "gpt-5.5"},
    ),
    "late_result": Story(
        "A result that came after the next question is moved to its call.",
        [asked("What is 6 times 7?"), called("call_1"), asked("Are you there?"), result("call_1", 42)],
        {"model": "gpt-5.5"},
    ),
    "interrupted": Story(
        "An interrupted reply is sent as what was received, without calls that may be cut.",
        [
            asked("Tell me a story."),
            spoke("Once upon a", status="interrupted"),
            asked("Go on."),
            called("call_1", status="interrupted"),
            answered(content="There was a d", status="interrupted"),
            asked("Go on!"),
        ],
        {"voice": "alloy"},
    ),
    "instructions_replaced": Story(
        "The newest instructions are in force, and stand first.",
        [instructions("Be brief."), asked("Hello"), answered(content="Hi."), instructions("Be polite."), asked("Who are you?")],
        {"model": "gpt-5.5"},
    ),
    "image_of_the_past": Story(
        "A picture of the past is a placeholder to a model that takes none.",
        [asked("What is it?", PICTURE), answered(content="A dog."), asked(convo.Audio.from_bytes(WAV))],
        {"voice": "alloy"},
    ),
    "image_now": Story("A picture in the turn to answer is an error.", [asked("What is it?", PICTURE)], {"voice": "alloy"}),
    "mixed_to_chat": Story("Speech, tools and a Response, in Chat Completions.", MIXED, {"voice": "alloy"}),
    "mixed_to_responses": Story(
        "The same in the Responses API: speech as its words, the Response as the items that the API gave.",
        MIXED,
        {"model": "gpt-5.5", "api": "responses"},
    ),
    "mixed_to_another_api": Story(
        "Another API knows nothing of these items: it is told what was said.",
        MIXED,
        {"model": "gpt-5.5", "api": "responses", "origin": ELSEWHERE},
    ),
    "chained": Story(
        "The policy refers to the last Response, behind which the API holds the rest.",
        MIXED,
        {"model": "gpt-5.5", "api": "responses", "policy": Policy(previous_response=True)},
    ),
    "mixed_to_realtime": Story(
        "The same as seeds of a Realtime session: the recording as pcm16, replies as their words.",
        MIXED,
        {"model": "gpt-realtime-2.1", "api": "realtime"},
    ),
    "mixed_to_live": Story(
        "The same as initial items of a Live session: words only.", MIXED, {"model": "gpt-live-1", "api": "live"}
    ),
    "silence": Story("An audio model speaks where no audio is in the input.", [asked("Hello")]),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_request_of_a_story_is_what_its_file_says(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    told = _told(STORIES[name])
    if os.environ.get("CONVO_WRITE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


def test_every_file_has_its_story() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(STORIES)


def _told(story: Story) -> str:
    history = log(*story.drafts)
    lines = [story.says, "", "the log"]
    lines += [f"  {message.position} {_json(message.raw)}{_beside(message.status)}" for message in history]
    try:
        made = planned(history, **story.facts)
        if story.refused:
            made, steps = _refused(made)
            lines += ["", "refused", *steps]
        return "\n".join([*lines, *_sent(made), ""])
    except RequestError as error:
        return "\n".join([*lines, "", f"{type(error).__name__}", f"  {error}", ""])


def _beside(status: str) -> str:
    return "" if status == "complete" else f"  ({status})"


def _refused(made: Plan) -> tuple[Plan, list[str]]:
    found = recovered(made, "audio_not_found", "content.messages[3].audio.id")
    assert found is not None
    following, step = found
    return following, [f"  {step}"]


def _sent(made: Plan) -> list[str]:
    request: Request | Seeds
    if made.target.api in {"realtime", "live"}:
        request = seeded(made)
        arguments, items = [f"  model: {request.model}"], request.items
    else:
        request = filled(made)
        name = "messages" if made.target.api == "chat" else "input"
        arguments = [f"  {key}: {_json(value)}" for key, value in request.items() if key != name]
        items = request[name]
    messages = [f"  {index} {_json(message)}" for index, message in enumerate(items)]
    remembered = [] if made.memory == made.remembered else ["", "to be remembered", f"  {made.memory}"]
    clock = (made.now - NOW) // 60_000_000
    return [
        "",
        f"the request, {clock} minutes after noon",
        *arguments,
        *messages,
        "",
        "explain()",
        *_indented(request.explain()),
        *remembered,
    ]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _json(value: Any) -> str:
    return json.dumps(_shortened(value), ensure_ascii=False)


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        if "$blob" in value:
            return {**value, "$blob": f"{value['$blob'][:8]}..."}
        return {key: _shortened(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_shortened(child) for child in value]
    return f"{value[:LONGEST]}..." if isinstance(value, str) and len(value) > 2 * LONGEST else value
