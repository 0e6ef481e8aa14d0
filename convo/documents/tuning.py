"""A line of JSONL to tune a model of OpenAI with: what was said, as text, up to the last answer of the assistant.

The shape is that of https://platform.openai.com/docs/guides/supervised-fine-tuning: roles system, user, assistant and tool, and
`weight` 0 for an answer that is not to be learned from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from convo.canonical import well_formed
from convo.forms import as_chat

if TYPE_CHECKING:
    from convo.documents.entry import Subject
    from convo.messages import Message

_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def tuning(subject: Subject) -> str:
    """Give the line; "" where there is nothing to learn: no answer, or a message that was redacted.

    Speech stands as its transcript, and what is without words is left out; so are calls without a result. An interrupted answer
    has the weight 0.
    """
    if any(message.status == "redacted" for message in subject.messages):
        return ""
    found = [entry for message in subject.messages if (entry := _entry(subject, message)) is not None]
    messages = _paired(found)
    while messages and (messages[-1]["role"] != "assistant" or "tool_calls" in messages[-1]):
        messages.pop()
    if not any(message["role"] == "user" for message in messages):
        return ""
    return json.dumps({"messages": messages}) + "\n"


def _entry(subject: Subject, message: Message) -> dict[str, Any] | None:
    role = _ROLES.get(message.role)
    text = subject.text(message.text)
    if role is None or (not text and not message.tool_calls and role != "tool"):
        return None
    entry: dict[str, Any] = {"role": role, "content": well_formed(text)}
    if isinstance(name := as_chat(message.raw).get("name"), str) and role == "user" and subject.said is None:
        entry["name"] = well_formed(name)
    if role == "tool":
        entry["tool_call_id"] = well_formed(message.tool_call_id or "")
    if role == "assistant" and message.tool_calls:
        entry["tool_calls"] = [_call(subject, call) for call in message.tool_calls if call.type == "function"]
        entry["content"] = entry["content"] or None
    if role == "assistant" and message.status == "interrupted":
        entry["weight"] = 0
    return entry


def _call(subject: Subject, call: Any) -> dict[str, Any]:
    function = {"name": well_formed(call.name), "arguments": well_formed(subject.text(call.arguments))}
    return {"id": well_formed(call.id), "type": "function", "function": function}


def _paired(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out calls that were not answered at once, and results of calls that are not there."""
    found: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            continue
        results: list[dict[str, Any]] = []
        if "tool_calls" in message:
            results = _results(messages, index)
            answered = {result["tool_call_id"] for result in results}
            calls = [call for call in message["tool_calls"] if call["id"] in answered]
            message = {name: value for name, value in message.items() if name != "tool_calls"}  # noqa: PLW2901 - it goes on without
            if calls:
                message["tool_calls"] = calls
            elif not message["content"]:
                continue
        found += [message, *results]
    return found


def _results(messages: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    asked = {call["id"] for call in messages[index]["tool_calls"]}
    found: dict[str, dict[str, Any]] = {}
    for message in messages[index + 1 :]:
        if message["role"] != "tool":
            break
        if message["tool_call_id"] in asked:
            found.setdefault(message["tool_call_id"], message)
    return list(found.values())
