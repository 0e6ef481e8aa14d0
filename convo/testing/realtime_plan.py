"""What a Realtime response will be: decided when it begins, from what was asked, what was scripted and what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.testing.realtime_config import of_response
from convo.testing.realtime_items import item_of
from convo.testing.realtime_output import Called, Spoken, Written
from convo.testing.realtime_usage import NOTHING, cached_of, context_tokens

if TYPE_CHECKING:
    from convo.testing.asked import Json
    from convo.testing.names import Names
    from convo.testing.realtime_items import Conversation, Item
    from convo.testing.realtime_output import Output
    from convo.testing.realtime_rules import State
    from convo.testing.refusals import ApiRefusal
    from convo.testing.script import Saying, ToolCall
    from convo.testing.usage import Tokens

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response ends early, by the `finish_reason` with which it was scripted."""


@attrs.frozen
class Plan:
    """What a response will be: its object as it begins, what it gives out, what it costs to read, how it ends."""

    shown: Json
    outputs: tuple[Output, ...]
    context: Tokens = NOTHING
    cached: Tokens = NOTHING
    incomplete: str | None = None
    failure: ApiRefusal | None = None
    usage: Json = attrs.field(factory=dict)


def plan_of(saying: Saying, shown: Json, asked: Json, state: State, names: Names, cacheable: Tokens) -> Plan:
    """Give the plan of a response that says `saying`. `cacheable` is what stood in the context before, unchanged."""
    read = _read(asked, state.conversation)
    context = context_tokens(read, *(of_response(state.config, asked, key) for key in ("instructions", "tools")))
    return Plan(
        shown,
        _outputs(saying, aloud="audio" in shown["output_modalities"], read=len(read), names=names),
        context=context,
        cached=cached_of(cacheable, context),
        incomplete=_INCOMPLETE.get(saying.finish_reason or ""),
        usage=dict(saying.usage),
    )


def shown_response(names: Names, conversation_id: str | None, config: Json, asked: Json) -> Json:
    """Give the response object as it begins."""
    output = {**config["audio"]["output"], **asked.get("audio", {}).get("output", {})}
    return {
        "object": "realtime.response",
        "id": names.make("resp_", 21),
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": conversation_id,
        "output_modalities": of_response(config, asked, "output_modalities"),
        "max_output_tokens": of_response(config, asked, "max_output_tokens"),
        "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
        "usage": None,
        "metadata": asked.get("metadata"),
    }


def _read(asked: Json, conversation: Conversation) -> list[Item]:
    """Give what a response reads: the conversation, or what it was given instead."""
    if asked.get("input") is None:
        return conversation.items
    return [conversation[item["id"]] if item["type"] == "item_reference" else item_of(item, "", "") for item in asked["input"]]


def _outputs(saying: Saying, *, aloud: bool, read: int, names: Names) -> tuple[Output, ...]:
    """Give what a response gives out: what is to be said, aloud or in writing, then the calls; something in any case."""
    text = saying.text if saying.text is not None else saying.refusal
    if text is None and saying.content is None and not saying.tool_calls:
        text = f"I have read {read} item{'' if read == 1 else 's'}."
    written = saying.content if saying.content is not None else text
    outputs: list[Output] = []
    if text is not None and aloud and saying.spoken:
        outputs.append(Spoken(names.make("item_", 21), text, saying.stream))
    elif written is not None:
        outputs.append(Written(names.make("item_", 21), written))
    return (*outputs, *(_called(call, names) for call in saying.tool_calls))


def _called(call: ToolCall, names: Names) -> Called:
    if isinstance(call, tuple):
        name, arguments, *given = call
    else:
        function = call.get("function") or {"name": call["custom"]["name"], "arguments": call["custom"]["input"]}
        name, arguments, given = function["name"], function["arguments"], [call["id"]] if "id" in call else []
    return Called(names.make("item_", 21), given[0] if given else names.make("call_", 16), name, arguments)
