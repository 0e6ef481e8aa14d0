"""The judge that tests share looks at every element of a request and refuses what the vendor's types do not have."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from tests.support.validate import validate_response

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE: dict[str, Any] = {
    "model": "gpt-5.5",
    "stream": True,
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Is it?"}]},
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x"},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [{"type": "output_text", "text": "It is.", "annotations": [], "logprobs": []}],
        },
        {"type": "function_call", "name": "look_up", "arguments": "{}", "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "x"},
    ],
    "tools": [{"type": "function", "name": "look_up", "parameters": {}, "strict": True}],
}


def test_a_good_request_for_a_response_passes() -> None:
    validate_response(WHOLE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body.update(voice="alloy"),
        lambda body: body["input"][0].update(name="Ann"),
        lambda body: body["input"][0]["content"].append({"type": "input_audio"}),
        lambda body: body["input"][2]["content"][0].update(zzz=1),
        lambda body: body["input"].append({"role": "tool", "content": "x"}),
        lambda body: body["tools"].append({"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_damaged_one_does_not(damage: Callable[[dict[str, Any]], object]) -> None:
    body = copy.deepcopy(WHOLE)
    damage(body)
    with pytest.raises(ValidationError):
        validate_response(body)
