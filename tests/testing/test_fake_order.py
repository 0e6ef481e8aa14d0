"""The fake holds tool calls and their results to the API's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types.chat import ChatCompletion

    Error = Callable[..., dict[str, Any]]
    Ask = Callable[..., ChatCompletion]

HELLO = {"role": "user", "content": "hello"}
NO_CALL = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
NO_RESULT = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)


def calls(*ids: str) -> dict[str, Any]:
    function = {"name": "look_up", "arguments": "{}"}
    return {"role": "assistant", "tool_calls": [{"id": one, "type": "function", "function": function} for one in ids]}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "found"}


def bad(message: str, param: str) -> dict[str, Any]:
    return {"status": 400, "message": message, "type": "invalid_request_error", "param": param, "code": None}


def test_calls_that_are_all_answered_are_accepted_in_any_order_of_results(ask: Ask) -> None:
    ask(HELLO, calls("call_1", "call_2"), result("call_2"), result("call_1"), HELLO, calls("call_3"), result("call_3"))


def test_a_result_without_any_call_is_refused(error: Error) -> None:
    assert error(HELLO, result("call_1")) == bad(NO_CALL, "messages.[1].role")


def test_a_result_that_comes_after_another_message_is_refused(error: Error) -> None:
    refused = error(calls("call_1"), result("call_1"), HELLO, result("call_1"))
    assert refused == bad(NO_CALL, "messages.[3].role")


def test_calls_without_results_are_refused_and_named(error: Error) -> None:
    refused = error(HELLO, calls("call_1", "call_2", "call_3"), result("call_2"), HELLO)
    assert refused == bad(NO_RESULT + "call_1, call_3", "messages.[3].role")


def test_a_result_must_follow_its_call_at_once(error: Error) -> None:
    refused = error(calls("call_1"), HELLO, result("call_1"))
    assert refused == bad(NO_RESULT + "call_1", "messages.[1].role")


def test_calls_at_the_end_are_refused(error: Error) -> None:
    assert error(HELLO, calls("call_1")) == bad(NO_RESULT + "call_1", "messages.[1].role")


def test_a_result_of_another_call_is_refused(error: Error) -> None:
    message = "Invalid parameter: 'tool_call_id' of 'call_9' not found in 'tool_calls' of previous message."
    assert error(calls("call_1"), result("call_9")) == bad(message, "messages.[1].tool_call_id")


def test_a_second_result_of_one_call_is_refused(error: Error) -> None:
    message = "Invalid parameter: Duplicate value for 'tool_call_id' of 'call_1', in messages[1] and messages[2]."
    assert error(calls("call_1"), result("call_1"), result("call_1")) == bad(message, "messages.[2].tool_call_id")


def test_custom_tool_calls_need_their_result_too(ask: Ask, error: Error) -> None:
    call = {"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    ask(message, result("call_1"))
    assert error(message, HELLO) == bad(NO_RESULT + "call_1", "messages.[1].role")


def test_the_deprecated_function_messages_are_accepted(ask: Ask) -> None:
    called = {"role": "assistant", "content": None, "function_call": {"name": "look_up", "arguments": "{}"}}
    ask(HELLO, called, {"role": "function", "name": "look_up", "content": "found"})
