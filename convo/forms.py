"""Recorded replies of other APIs in the shape of Chat Completions: what was said, refused and asked for. Pure.

The body of a reply of the Responses API is `{"role": "assistant", "id": ..., "store": ..., "output": [items]}`, the items
as the API gave them. Every other body has the shape of Chat Completions already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CALLS = ("function_call", "custom_tool_call")


def items_of(body: Mapping[str, Any]) -> list[Any]:
    """Give the output items of a reply of the Responses API, `[]` for any other body."""
    return _output(body) or []


def has_items(body: Mapping[str, Any]) -> bool:
    """Say whether a body is that of a reply of the Responses API."""
    return _output(body) is not None


def as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body of a reply as Chat Completions writes it; one without output items is given as it is.

    `content` is the output texts, joined by line ends, None where there are none; `refusal` and `tool_calls` (of functions
    and custom tools, `call_id` as their id) are there where the reply has them. What else a Response holds, such as
    reasoning and calls of hosted tools, has no place in that shape.
    """
    items = _output(body)
    if items is None:
        return body if isinstance(body, dict) else dict(body)
    found: dict[str, Any] = {"role": "assistant", "content": joined(items, "text") or None}
    if refusal := joined(items, "refusal"):
        found["refusal"] = refusal
    if calls := [call for item in items if (call := _call(item)) is not None]:
        found["tool_calls"] = calls
    return found


def joined(items: list[Any], key: str) -> str:
    """Give what the messages among output items hold under `key` (`text` or `refusal`), joined by line ends."""
    return "\n".join(part[key] for part in _parts(items) if isinstance(part.get(key), str) and part[key])


def is_response(answer: Mapping[str, Any]) -> bool:
    """Say whether a whole answer, or its record, is one of the Responses API, and not of Chat Completions."""
    return answer.get("object") == "response" or ("output" in answer and "choices" not in answer)


def whole_answer(answer: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Give the record of an answer with its message put back: into its choices, or as the output of a Response."""
    if is_response(answer):
        return {**answer, "output": items_of(body)}
    for choice in answer.get("choices", ()):
        choice["message"] = body
    return answer


def _output(body: Mapping[str, Any]) -> list[Any] | None:
    """Give the output of a Response; a message of Chat Completions may have a field of that name beside its content."""
    found = body.get("output")
    mine = isinstance(found, list) and "content" not in body and body.get("role", "assistant") == "assistant"
    return found if mine else None


def _parts(items: list[Any]) -> Iterator[dict[str, Any]]:
    for item in items:
        match item:
            case {"type": "message", "content": list(parts)}:
                yield from (part for part in parts if isinstance(part, dict))


def is_cut(item: object) -> bool:
    """Say whether an item is a call that the limit of tokens has cut off: nobody may act on it."""
    return isinstance(item, dict) and item.get("status") == "incomplete" and item.get("type") in _CALLS


def _call(item: object) -> dict[str, Any] | None:
    if is_cut(item):
        return None
    match item:
        case {"type": "function_call", "call_id": str(id), "name": str(name), "arguments": str(arguments)}:
            return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        case {"type": "custom_tool_call", "call_id": str(id), "name": str(name), "input": str(text)}:
            return {"id": id, "type": "custom", "custom": {"name": name, "input": text}}
    return None
