"""The shapes of Chat Completions: only keys that the API takes, values within its limits."""

from __future__ import annotations

import hashlib
import re
from typing import Any

MAX_CALL_ID = 40
"""Characters of a tool call's id that the API takes; ids of other servers may be longer."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64
_PART_KEYS = {
    "text": {"type", "text", "prompt_cache_breakpoint"},
    "refusal": {"type", "refusal"},
    "image_url": {"type", "image_url", "prompt_cache_breakpoint"},
    "input_audio": {"type", "input_audio", "prompt_cache_breakpoint"},
    "file": {"type", "file", "prompt_cache_breakpoint"},
}
_INNER_KEYS = {
    "image_url": {"url", "detail"},
    "input_audio": {"data", "format"},
    "file": {"file_id", "file_data", "filename"},
}


def chat_content(content: Any) -> Any:
    """Give content as the API takes it: text, a list of parts with known keys only, or None for nothing."""
    if isinstance(content, str) or content is None:
        return content
    parts = [_part(part) for part in content if isinstance(part, dict) and part.get("type") in _PART_KEYS]
    return [part for part in parts if part.get("text") != ""] or None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind = part["type"]
    kept = {key: value for key, value in part.items() if key in _PART_KEYS[kind] and value is not None}
    if kind in _INNER_KEYS and isinstance(kept.get(kind), dict):
        kept[kind] = {key: value for key, value in kept[kind].items() if key in _INNER_KEYS[kind] and value is not None}
    return kept


def chat_calls(calls: Any) -> list[dict[str, Any]]:
    """Give tool calls as the API takes them back; a call without an id or a name cannot be answered and is left out."""
    return list({call["id"]: call for raw in _list(calls) if (call := _call(raw)) is not None}.values())


def call_ids(body: dict[str, Any]) -> list[str]:
    """Give the ids, as stored, of the calls that `chat_calls` sends of a message body."""
    return [raw["id"] for raw in _list(body.get("tool_calls")) if _call(raw) is not None]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _call(raw: object) -> dict[str, Any] | None:
    match raw:
        case {"id": str(id), "function": {"name": str(name), "arguments": str(arguments)}} if id and name:
            return {"id": short_id(id), "type": "function", "function": {"name": _name(name), "arguments": arguments}}
        case {"id": str(id), "custom": {"name": str(name), "input": str(text)}} if id and name:
            return {"id": short_id(id), "type": "custom", "custom": {"name": _name(name), "input": text}}
    return None


def short_id(identifier: str) -> str:
    """Give the id of a call, or one made from its hash where it is longer than the API takes."""
    if len(identifier) <= MAX_CALL_ID:
        return identifier
    return f"call_{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _name(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)[:_MAX_NAME]
