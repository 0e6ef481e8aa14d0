"""A recorded Response in the shape of Chat Completions; every other body as it is."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from convo.canonical import encode
from convo.forms import as_chat, items_of, whole_answer
from convo.functions import names_of
from convo.history import History
from convo.messages import Draft, ToolCall, calls_of, text_of
from tests.support.responses import custom_call, function_call, image, message, reasoning, refusal, response


def body(*items: Any) -> dict[str, Any]:
    return {"role": "assistant", "id": "resp_1", "store": True, "output": list(items)}


def test_texts_refusals_and_calls_have_their_places() -> None:
    items = [
        reasoning("I think."),
        message("Looking.", phase="commentary"),
        function_call('{"a": 1}', number=1),
        custom_call("ls", number=2),
        message("One.", refusal("Not two."), "Three.", number=2),
    ]
    assert as_chat(body(*items)) == {
        "role": "assistant",
        "content": "Looking.\nOne.\nThree.",
        "refusal": "Not two.",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}},
            {"id": "call_2", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        ],
    }
    assert text_of(body(*items)) == "Looking.\nOne.\nThree.\nNot two."
    assert calls_of(body(*items)) == [ToolCall("call_1", "look_up", '{"a": 1}'), ToolCall("call_2", "shell", "ls", "custom")]


@pytest.mark.parametrize("items", [[], [reasoning("Hm.")], [image()], [message("")], [message()]])
def test_what_says_nothing_has_no_content_and_no_other_keys(items: list[Any]) -> None:
    assert as_chat(body(*items)) == {"role": "assistant", "content": None}
    assert (text_of(body(*items)), calls_of(body(*items))) == ("", [])


@pytest.mark.parametrize(
    "odd",
    [
        None, "text", 5, [], {}, {"type": None}, {"type": ["message"]}, {"type": "message"}, {"type": "message", "content": "x"},
        {"type": "message", "content": [None, "x", {"text": 5}, {"refusal": None}]}, {"type": "function_call"},
        {"type": "function_call", "call_id": None, "name": "x", "arguments": "{}"}, {"type": "custom_tool_call", "input": 5},
        {"type": "newest", "text": "x", "call_id": "c", "name": "n", "arguments": "{}"},
    ],
)  # fmt: skip
def test_items_of_no_known_shape_are_left_out(odd: Any) -> None:
    assert as_chat(body(odd, message("Yes."))) == {"role": "assistant", "content": "Yes."}


@pytest.mark.parametrize(
    "given",
    [
        {"role": "user", "content": "Hi."}, {"role": "tool", "tool_call_id": "c", "content": "x"}, {},
        {"role": "assistant", "content": None, "audio": {"id": "a"}}, {"role": "assistant", "content": "x", "output": "odd"},
        {"role": "assistant", "content": "x", "output": None}, {"role": "assistant", "content": "x", "output": []},
        {"role": "tool", "tool_call_id": "c", "output": [{"type": "message"}]}, {"role": "assistant", "output": {}},
    ],
)  # fmt: skip
def test_a_body_without_items_is_given_as_it_is(given: dict[str, Any]) -> None:
    assert as_chat(given) is given
    assert items_of(given) == []


def test_the_shape_is_that_of_the_api() -> None:
    made = as_chat(body(message("Yes.", refusal("No.")), function_call(), custom_call(number=2)))
    ChatCompletionMessage.model_validate(made)


def test_a_history_in_the_shape_of_chat_holds_no_items() -> None:
    said = Draft(role="assistant", api="responses", body=encode(body(message("Yes.")))).at(1, 1)
    assert History((said,), 1, None).to_chat() == [{"role": "assistant", "content": "Yes."}]


def test_a_record_gets_its_message_back_in_either_shape() -> None:
    assert whole_answer(response() | {"output": None}, body(message("Yes."))) == response(message("Yes."))
    chat = {"choices": [{"index": 0, "message": None}]}
    assert whole_answer(chat, {"role": "assistant"}) == {"choices": [{"index": 0, "message": {"role": "assistant"}}]}
    assert whole_answer({}, body()) == {}


def test_a_record_whose_message_was_redacted_has_no_output() -> None:
    assert whole_answer({"object": "response", "output": None}, {"role": "assistant", "content": "[redacted]"})["output"] == []


def test_tools_are_known_by_name_in_the_shape_of_either_api() -> None:
    assert names_of(
        [
            {"type": "function", "function": {"name": "a"}}, {"type": "custom", "custom": {"name": "b"}},
            {"type": "function", "name": "c", "parameters": {}}, {"type": "custom", "name": "d"}, {"type": "web_search"},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "e"}, None]}, None, {"function": "odd"},
        ]
    ) == {"a", "b", "c", "d", "e", "n"}  # fmt: skip
