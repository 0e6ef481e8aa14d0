"""The items with which a Live session may begin."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from convo.testing import refusal_of_live_items
from tests.support.validate import validate_live_items


def item(role: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **more}


def said(text: str) -> dict[str, Any]:
    return item("user", {"type": "input_text", "text": text})


@pytest.mark.parametrize(
    "items",
    [
        [],
        [said("Hello."), item("assistant", {"type": "output_text", "text": "Hello yourself."})],
        [item("developer", {"type": "input_text", "text": "Be kind."}, id="a", status="completed")],
        [{"role": "assistant", "content": [{"text": "Hello."}]}],
        [item("assistant", {"type": "text", "text": "Hello."}, id=None, status="incomplete")],
        [said("x")] * 128,
        [said("x" * 4 * 8_192)],
    ],
)
def test_items_that_are_taken(items: list[dict[str, Any]]) -> None:
    assert refusal_of_live_items(items) is None
    validate_live_items(items)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (item("system", {"type": "input_text", "text": "x"}), "role"),
        (item("user", {"type": "input_audio", "text": "x"}), "content[0].type"),
        (item("user", {"type": "output_text", "text": "x"}), "content[0].type"),
        (item("assistant", {"type": "input_text", "text": "x"}), "content[0].type"),
        (item("user", {"type": "input_text"}), "content[0].text"),
        (item("user", {"type": "input_text", "text": None}), "content[0].text"),
        (item("user", {"type": "input_text", "text": "x", "audio": "x"}), "content[0].audio"),
        (item("user", {"type": "input_text", "text": "x"}, name="ann"), "name"),
        (item("user", {"type": "input_text", "text": "x"}, status="in_progress"), "status"),
        ({"role": "user", "content": "Hello."}, "content"),
        ({"role": "user"}, "content"),
        ({"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"}, "role"),
    ],
)
def test_items_that_neither_the_api_nor_the_types_take(wrong: dict[str, Any], param: str) -> None:
    refusal = refusal_of_live_items([said("Hello."), wrong])
    assert refusal is not None
    assert refusal.param == f"session.input[1].{param}"
    with pytest.raises(ValidationError):
        validate_live_items([wrong])


@pytest.mark.parametrize(
    "items",
    [
        [said("x")] * 129,
        [said("x" * 4 * 8_192), said("x")],
        [item("user")],
        [item("user", {"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"})],
    ],
    ids=["too many", "too long", "no part", "two parts"],
)
def test_limits_that_only_the_api_knows(items: list[dict[str, Any]]) -> None:
    refusal = refusal_of_live_items(items)
    assert refusal is not None
    assert (refusal.param or "").startswith("session.input")
