"""Content blocks of LangChain as content parts of Chat Completions: those of the API, and those of LangChain's own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convo.importers.foreign import Lost

_SAID_ELSEWHERE = ("tool_use", "tool_call", "function_call", "input_json_delta", "invalid_tool_call")
"""Blocks of a reply that its `tool_calls` repeat."""


def parts_of(number: object, content: object, lost: list[Lost]) -> Any:
    """Give the content of a user's message."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    parts = [_part(number, block, lost) for block in content]
    return [part for part in parts if part is not None]


def texts_of(number: object, content: object, lost: list[Lost], *, called: bool = False) -> str:
    """Give the content of a message that may hold nothing but text."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
        elif isinstance(block, Mapping) and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif not (called and isinstance(block, Mapping) and block.get("type") in _SAID_ELSEWHERE):
            kind = _kind(block)
            lost.append(Lost("unknown_part", f"row {number} has a part of the type {kind}, which has no place in its message"))
    return "\n".join(texts)


def _kind(block: object) -> str:
    return str(block.get("type")) if isinstance(block, Mapping) else type(block).__name__


def _part(number: object, block: object, lost: list[Lost]) -> dict[str, Any] | None:  # noqa: PLR0911 - one for each type
    match block:
        case str() as text:
            return {"type": "text", "text": text} if text else None
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text} if text else None
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "image_url", "image_url": {"url": url}}
        case {"type": "image_url", "image_url": Mapping() as inner}:
            return {"type": "image_url", "image_url": dict(inner)}
        case {"type": "input_audio", "input_audio": Mapping() as inner}:
            return {"type": "input_audio", "input_audio": dict(inner)}
        case {"type": "file", "file": Mapping() as inner}:
            return {"type": "file", "file": dict(inner)}
        case {"type": "image" | "audio" | "file" as kind} if isinstance(block, Mapping):
            if part := _standard(kind, block):
                return part
    kind = _kind(block)
    lost.append(Lost("unknown_part", f"row {number} has a part of the type {kind}, which Chat Completions do not have"))
    return {"type": "text", "text": f"[{kind}]"}


def _standard(kind: str, block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give a block of LangChain's own, of its first form (`data`) or its second (`base64`)."""
    data = block.get("base64") or (block.get("data") if block.get("source_type") in (None, "base64") else None)
    mime, url, identifier = str(block.get("mime_type") or ""), block.get("url"), block.get("file_id") or block.get("id")
    if kind == "image" and isinstance(url, str):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "image" and isinstance(data, str) and mime:
        return {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{data}"}}
    if kind == "audio" and isinstance(data, str):
        format_ = mime.partition("/")[2].replace("mpeg", "mp3").replace("x-wav", "wav")
        return {"type": "input_audio", "input_audio": {"data": data, "format": format_ or "wav"}}
    if kind == "file" and isinstance(data, str) and mime:
        name = next((block[key] for key in ("filename", "name") if isinstance(block.get(key), str)), "file")
        return {"type": "file", "file": {"filename": name, "file_data": f"data:{mime};base64,{data}"}}
    if kind == "file" and isinstance(identifier, str) and data is None and url is None:
        return {"type": "file", "file": {"file_id": identifier}}
    return None
