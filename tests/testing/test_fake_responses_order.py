"""Which items need which: calls and outputs, reasoning and what it led to, ids that stand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types.responses import Response

    from convo.testing import FakeAPI

    Failing = Callable[..., dict[str, Any]]
    Respond = Callable[..., Response]
    Item = dict[str, Any]

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
CALL: dict[str, Any] = {"type": "function_call", "name": "look_up", "arguments": "{}", "call_id": "call_1"}
OUTPUT: dict[str, Any] = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
CUSTOM: dict[str, Any] = {"type": "custom_tool_call", "name": "run", "input": "ls", "call_id": "call_1"}
CUSTOM_OUTPUT: dict[str, Any] = {"type": "custom_tool_call_output", "call_id": "call_1", "output": "x"}


def refused(message: str, **more: Any) -> dict[str, Any]:
    return {"status": 400, "type": "invalid_request_error", "param": "input", "code": None, "message": message, **more}


def items_of(response: Response) -> list[Item]:
    return [item.to_dict() for item in response.output]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([OUTPUT], "No tool call found for function call output with call_id call_1."),
        ([OUTPUT, CALL], "No tool call found for function call output with call_id call_1."),
        ([CALL, OUTPUT, OUTPUT], "No tool call found for function call output with call_id call_1."),
        ([CUSTOM_OUTPUT], "No tool call found for custom tool call output with call_id call_1."),
        ([CALL, CUSTOM_OUTPUT], "No tool call found for custom tool call output with call_id call_1."),
        ([CUSTOM, OUTPUT], "No tool call found for function call output with call_id call_1."),
        ([CALL], "No tool output found for function call call_1."),
        ([CALL, HELLO], "No tool output found for function call call_1."),
        ([CUSTOM], "No tool output found for custom tool call call_1."),
        ([CALL, {**CALL, "call_id": "call_2"}, OUTPUT], "No tool output found for function call call_2."),
        (
            [{"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}}],
            "No tool output found for shell call call_1.",
        ),
    ],
)
def test_calls_and_outputs_belong_together(response_error: Failing, items: list[Item], message: str) -> None:
    assert response_error(*items) == refused(message)


@pytest.mark.parametrize(
    "items",
    [
        [CALL, OUTPUT],
        [CUSTOM, CUSTOM_OUTPUT],
        [CALL, {**CALL, "call_id": "call_2"}, {**OUTPUT, "call_id": "call_2"}, OUTPUT],
        [CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "x"}]}, HELLO],
        [CALL, OUTPUT, CALL, OUTPUT],
        [{**CALL, "id": "fc_example1"}, OUTPUT],
    ],
)
def test_answered_calls_are_accepted(respond: Respond, items: list[Item]) -> None:
    assert respond(HELLO, *items).status == "completed"


def test_the_calls_of_the_previous_response_want_their_outputs(fake: FakeAPI, respond: Respond, response_error: Failing) -> None:
    fake.will_reply(tool_calls=[("look_up", "{}", "call_1")])
    first = respond()
    assert response_error(HELLO, previous_response_id=first.id) == refused("No tool output found for function call call_1.")
    assert respond(OUTPUT, previous_response_id=first.id).status == "completed"


def test_an_id_may_stand_once(respond: Respond, response_error: Failing) -> None:
    first = respond()
    (message,) = items_of(first)
    expected = refused(f"Duplicate item found with id {message['id']}. Remove duplicate items from your input and try again.")
    assert response_error(HELLO, message, message) == expected
    assert response_error(HELLO, message, HELLO, previous_response_id=first.id) == expected


@pytest.fixture
def turn(fake: FakeAPI, respond: Respond) -> list[Item]:
    """Give the items of a stored response: reasoning and a message."""
    fake.will_reply("Yes.", reasoning="Well.")
    return items_of(respond())


def no_follower(reasoning: Item) -> dict[str, Any]:
    return refused(f"Item '{reasoning['id']}' of type 'reasoning' was provided without its required following item.")


def no_reasoning(item: Item, reasoning: Item) -> dict[str, Any]:
    return refused(
        f"Item '{item['id']}' of type '{item['type']}' was provided without its required 'reasoning' item: '{reasoning['id']}'."
    )


def test_a_turn_that_is_sent_back_whole_is_accepted(respond: Respond, turn: list[Item]) -> None:
    assert respond(HELLO, *turn, HELLO).status == "completed"


def test_reasoning_needs_what_follows_it(response_error: Failing, turn: list[Item]) -> None:
    reasoning, message = turn
    assert response_error(HELLO, reasoning) == no_follower(reasoning)
    assert response_error(HELLO, reasoning, HELLO) == no_follower(reasoning)
    assert response_error(HELLO, reasoning, HELLO, message) == no_follower(reasoning)
    assert response_error(reasoning, {"role": "assistant", "content": "Yes."}) == no_follower(reasoning)


def test_a_message_needs_its_reasoning_directly_before_it(response_error: Failing, turn: list[Item]) -> None:
    reasoning, message = turn
    assert response_error(HELLO, message, HELLO) == no_reasoning(message, reasoning)


def test_without_its_id_a_message_needs_no_reasoning(respond: Respond, turn: list[Item]) -> None:
    message = {key: value for key, value in turn[1].items() if key != "id"}
    assert respond(HELLO, message, HELLO).status == "completed"


def test_a_call_needs_its_reasoning_and_the_calls_after_it_do_not(
    fake: FakeAPI, respond: Respond, response_error: Failing
) -> None:
    fake.will_reply(reasoning="Well.", tool_calls=[("look_up", "{}", "call_1"), ("look_up", "{}", "call_2")])
    reasoning, first, second = items_of(respond())
    outputs = [OUTPUT, {**OUTPUT, "call_id": "call_2"}]
    assert response_error(HELLO, first, second, *outputs) == no_reasoning(first, reasoning)
    assert respond(HELLO, reasoning, first, second, *outputs).status == "completed"


def test_of_two_thoughts_each_needs_the_next(fake: FakeAPI, respond: Respond, response_error: Failing) -> None:
    thought = {"type": "reasoning", "summary": []}
    message = {"type": "message", "role": "assistant", "status": "completed", "content": []}
    fake.will_reply(output=[thought, thought, message])
    one, two, said = items_of(respond())
    assert response_error(one, said) == no_follower(one)
    assert response_error(two, HELLO) == no_follower(two)
    assert respond(one, two, said, HELLO).status == "completed"


def test_reasoning_that_led_to_nothing_can_neither_be_sent_back_nor_continued(
    fake: FakeAPI, respond: Respond, response_error: Failing
) -> None:
    fake.will_reply(reasoning="Well.", finish_reason="length")
    response = respond()
    (reasoning,) = items_of(response)
    assert response_error(HELLO, reasoning, HELLO) == no_follower(reasoning)
    assert response_error(HELLO, previous_response_id=response.id) == no_follower(reasoning)


def test_a_model_that_does_not_reason_refuses_reasoning(fake: FakeAPI, respond: Respond, response_error: Failing) -> None:
    fake.will_reply("Yes.", reasoning="Well.")
    first = respond()
    expected = refused(
        "Reasoning input items can only be provided to a reasoning or computer use model. "
        "Remove reasoning items from your input and try again."
    )
    assert response_error(HELLO, *items_of(first), HELLO, model="gpt-4.1") == expected
    assert response_error(HELLO, previous_response_id=first.id, model="gpt-4.1") == expected
