"""A Realtime session: the items that a new one is seeded with. Pure.

An assistant item that holds audio is refused, so that what was said goes as its words; recordings of users go as pcm16.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pybase64

from convo.assembly.responses import plain_of
from convo.audio.wave import pcm16_of
from convo.forms import as_chat
from convo.intake.seeds import seed_id

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_ID = 32
"""Characters of an id that a session takes."""


def seeds_of(wires: Sequence[dict[str, Any]], positions: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Give the items of each message, for `conversation.item.create`; their ids tell which messages they stand for."""
    seen: Counter[int] = Counter()
    found = []
    for wire, position in zip(wires, positions, strict=True):
        items = _items(wire)
        found.append([{"id": seed_id(position, seen[position] + number), **item} for number, item in enumerate(items)])
        seen[position] += len(items)
    return found


def _items(wire: dict[str, Any]) -> list[dict[str, Any]]:
    match wire["role"]:
        case "assistant":
            return _reply(as_chat(wire))
        case "tool":
            output = plain_of(wire["content"]) or ""
            return [{"type": "function_call_output", "call_id": _call_id(wire["tool_call_id"]), "output": output}]
        case "function":
            return [_message("system", [_text(f"{wire['name']} returned: {wire['content']}")])]
        case "user":
            content = wire["content"]
            return [_message("user", [_text(content)] if isinstance(content, str) else list(map(_part, content)))]
    return [_message("system", [_text(plain_of(wire["content"]) or "")])]


def _reply(wire: dict[str, Any]) -> list[dict[str, Any]]:
    call = wire.get("function_call")
    said = [plain_of(wire.get("content")), wire.get("refusal"), f"[called {call['name']}({call['arguments']})]" if call else None]
    text = "\n".join(piece for piece in said if piece)
    items = [_message("assistant", [{"type": "output_text", "text": text}])] if text else []
    return [*items, *map(_call, wire.get("tool_calls", ()))]


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A session has functions only: the text of a custom tool goes as the argument `input` of one."""
    inner = call[call["type"]]
    arguments = json.dumps({"input": inner["input"]}) if call["type"] == "custom" else inner["arguments"]
    return {"type": "function_call", "call_id": _call_id(call["id"]), "name": inner["name"], "arguments": arguments}


def _call_id(identifier: str) -> str:
    """Give the id of a call, or one made from its hash where it is longer than a session takes."""
    return identifier if len(identifier) <= MAX_ID else f"call_{hashlib.sha256(identifier.encode()).hexdigest()}"[:MAX_ID]


def _message(role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def _text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part["type"]:
        case "input_audio":
            return {"type": "input_audio", "audio": _pcm16(part["input_audio"])}
        case "image_url":
            image = part["image_url"]
            detail = {"detail": image["detail"]} if "detail" in image else {}
            return {"type": "input_image", "image_url": image["url"], **detail}
    return _text(part["text"])


def _pcm16(audio: dict[str, Any]) -> Any:
    """Give the samples of a recording without their header; what has no bytes yet stays as it is."""
    data = audio["data"]
    if not isinstance(data, str) or audio["format"] != "wav":
        return data
    return pybase64.b64encode_as_string(pcm16_of(pybase64.b64decode(data)))
