"""The shapes of Chat Completions: only keys that the API takes, values within its limits."""

from __future__ import annotations

import hashlib
import re
from typing import Any

MAX_CALL_ID = 40
"""Characters of a tool call's id that the API takes; ids of other servers may be longer."""

_CARRIED = re.compile(f"[^\ud800-\udfff]{{1,{MAX_CALL_ID}}}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64
_PARTS = {"user": ("text", "image_url", "input_audio", "file"), "assistant": ("text", "refusal")}
"""Content parts by role; other roles have text only."""
_INNER_KEYS = {
    "image_url": ("url", "detail"),
    "input_audio": ("data", "format"),
    "file": ("file_id", "file_data", "filename"),
}
_BREAKPOINT = "prompt_cache_breakpoint"
_BREAKPOINT_KEYS = ("mode", "ttl")


def chat_content(content: Any, role: str, *, breakpoints: bool = False) -> Any:
    """Give content as the API takes it: text, a list of parts with known keys only, or None for nothing.

    `breakpoints` says whether parts may say where a cached prefix ends.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    kinds = _PARTS.get(role, ("text",))
    parts = [_part(part, breakpoints=breakpoints) for part in content if isinstance(part, dict) and part.get("type") in kinds]
    return [part for part in parts if part] or None


def _part(part: dict[str, Any], *, breakpoints: bool) -> dict[str, Any] | None:
    """Give a part with known keys only, None for one that holds nothing."""
    kind = part["type"]
    inner = part.get(kind)
    if not inner or not isinstance(inner, dict if kind in _INNER_KEYS else str):
        return None
    kept = {"type": kind, kind: _only(inner, _INNER_KEYS[kind]) if isinstance(inner, dict) else inner}
    if breakpoints and isinstance(mark := part.get(_BREAKPOINT), dict):
        kept[_BREAKPOINT] = _only(mark, _BREAKPOINT_KEYS)
    return kept


def _only(value: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: child for key in keys if (child := value.get(key)) is not None}


def function_call(raw: object) -> dict[str, str] | None:
    """Give a call of the time before tools as the API takes it back, None for anything else."""
    match raw:
        case {"name": str(name), "arguments": str(arguments)} if name:
            return {"name": chat_name(name), "arguments": arguments}
    return None


def plain_text(content: Any) -> str:
    """Give content as one text, for results of functions, which have no parts."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


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
            return {"id": short_id(id), "type": "function", "function": {"name": chat_name(name), "arguments": arguments}}
        case {"id": str(id), "custom": {"name": str(name), "input": str(text)}} if id and name:
            return {"id": short_id(id), "type": "custom", "custom": {"name": chat_name(name), "input": text}}
    return None


def short_id(identifier: str) -> str:
    """Give the id of a call, or one made from its hash where it is longer than the API takes, or no valid text."""
    if _CARRIED.fullmatch(identifier):
        return identifier
    return f"call_{hashlib.sha256(identifier.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def chat_name(name: str) -> str:
    """Give the name of a tool or function with the characters and the length that the API takes."""
    return _NOT_IN_NAMES.sub("_", name)[:_MAX_NAME]
