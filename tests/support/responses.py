"""Responses in the making: their items, the events that tell them, and any cut of them."""

from __future__ import annotations

import base64
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
FRAME = {
    "id": "resp_1", "object": "response", "created_at": 1_793_491_200.0, "error": None, "incomplete_details": None,
    "instructions": "Be brief.", "metadata": {}, "model": "gpt-5.6-2026-10-01", "parallel_tool_calls": True,
    "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0, "store": True, "x_new": {"a": [1, None]},
}  # fmt: skip
USAGE = {
    "input_tokens": 30, "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4}, "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 80,
}  # fmt: skip


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], **more}


def refusal(said: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": said}


def message(*parts: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    content = [text(part) if isinstance(part, str) else part for part in parts]
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content, **more}


def reasoning(*summary: str, number: int = 1, **more: Any) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": part} for part in summary]
    return {"type": "reasoning", "id": f"rs_{number}", "summary": parts, **more}


def function_call(arguments: str = "{}", number: int = 1, **more: Any) -> dict[str, Any]:
    names = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": "look_up"}
    return {"type": "function_call", **names, "arguments": arguments, "status": "completed", **more}


def custom_call(written: str = "ls", number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{number}",
        "call_id": f"call_{number}",
        "name": "shell",
        "input": written,
        **more,
    }


def image(data: bytes = PNG, **more: Any) -> dict[str, Any]:
    return {
        "type": "image_generation_call", "id": "ig_1", "status": "completed", "result": base64.b64encode(data).decode(), **more,
    }  # fmt: skip


def response(*items: Any, **facts: Any) -> dict[str, Any]:
    return {**FRAME, "status": "completed", "output": list(items), "usage": USAGE, **facts}


def pieces(said: str, size: int = 3) -> list[str]:
    return [said[at : at + size] for at in range(0, len(said), size)]


def events(whole: dict[str, Any], size: int = 3) -> list[dict[str, Any]]:
    """Give the events with which the API tells a Response."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    found: list[dict[str, Any]] = [{"type": f"response.{step}", "response": begun} for step in ("created", "in_progress")]
    for index, item in enumerate(whole["output"]):
        found += [{**event, "output_index": index} for event in _events_of_item(item, size)]
    found.append({"type": f"response.{whole['status']}", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(found)]


def _events_of_item(item: dict[str, Any], size: int) -> list[dict[str, Any]]:
    begun = {**item, **({"status": "in_progress"} if "status" in item else {})}
    told: list[dict[str, Any]] = []
    match item:
        case {"type": "message"}:
            begun["content"] = []
            for index, part in enumerate(item["content"]):
                told += _events_of_part(part, index, size)
        case {"type": "reasoning"}:
            begun["summary"] = []
            for index, part in enumerate(item["summary"]):
                told += _written("response.reasoning_summary_text", "text", part["text"], size, {"summary_index": index})
        case {"type": "function_call"}:
            begun["arguments"] = ""
            told = _written("response.function_call_arguments", "arguments", item["arguments"], size, {"name": item["name"]})
        case {"type": "custom_tool_call"}:
            begun["input"] = ""
            told = _written("response.custom_tool_call_input", "input", item["input"], size, {})
        case {"type": "image_generation_call"}:
            begun["result"] = None
            told = [{"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA"}]
    return [
        {"type": "response.output_item.added", "item": begun},
        *({**event, "item_id": item["id"]} for event in told),
        {"type": "response.output_item.done", "item": item},
    ]


def _events_of_part(part: dict[str, Any], index: int, size: int) -> list[dict[str, Any]]:
    field = "refusal" if part["type"] == "refusal" else "text"
    stem = "response.refusal" if part["type"] == "refusal" else "response.output_text"
    return [
        {"type": "response.content_part.added", "content_index": index, "part": {**part, field: ""}},
        *_written(stem, field, part[field], size, {"content_index": index}),
        {"type": "response.content_part.done", "content_index": index, "part": part},
    ]


def _written(stem: str, field: str, written: str, size: int, where: dict[str, Any]) -> list[dict[str, Any]]:
    deltas = [{"type": f"{stem}.delta", "delta": piece, "obfuscation": "xyz", **where} for piece in pieces(written, size)]
    return [*deltas, {"type": f"{stem}.done", field: written, **where}]
