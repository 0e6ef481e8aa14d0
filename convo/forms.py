"""Bodies of other APIs as Chat Completions would have them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body of a reply in the shape of Chat Completions; one that has it already as it is."""
    output = body.get("output")
    if not isinstance(output, list):
        return dict(body)
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[dict[str, Any]] = []
    for item in output:
        match item:
            case {"type": "message", "content": list(parts)}:
                texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
                refusals += [part["refusal"] for part in parts if isinstance(part, dict) and isinstance(part.get("refusal"), str)]
            case {"type": "function_call", "call_id": str(id), "name": str(name), "arguments": str(text)}:
                calls.append({"id": id, "type": "function", "function": {"name": name, "arguments": text}})
            case {"type": "custom_tool_call", "call_id": str(id), "name": str(name), "input": str(text)}:
                calls.append({"id": id, "type": "custom", "custom": {"name": name, "input": text}})
    found: dict[str, Any] = {"role": "assistant", "content": "\n".join(filter(None, texts)) or None}
    if refusals:
        found["refusal"] = "\n".join(refusals)
    if calls:
        found["tool_calls"] = calls
    return found
