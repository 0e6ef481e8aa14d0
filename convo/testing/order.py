"""Rules on messages: which must say something, and in which order tool calls and their results stand.

Each rule is a function from a request to its refusals, in the order of the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.testing.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Asked, Json
    from convo.testing.refusals import ApiRefusal

_SAYS_SOMETHING = ("content", "tool_calls", "function_call", "refusal", "audio")

Answers = dict[str, int | None]
"""The calls of one assistant message, each with the index of the message that answers it."""


def content_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse messages whose content is null or absent where their role needs one."""
    for index, message in enumerate(asked.body["messages"]):
        keys = _SAYS_SOMETHING if message["role"] == "assistant" else ("content",)
        if message["role"] != "function" and all(message.get(key) is None for key in keys):
            yield invalid("Invalid value for 'content': expected a string, got null.", f"messages.[{index}].content", None)


def order_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse results without their call, calls without their result, and second results."""
    messages = asked.body["messages"]
    answers: Answers = {}
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            yield from _result_refusals(answers, index, message["tool_call_id"])
            answers[message["tool_call_id"]] = index
        else:
            yield from _open_call_refusals(answers, index)
            answers = _calls_of(message)
    yield from _open_call_refusals(answers, len(messages) - 1)


def _calls_of(message: Json) -> Answers:
    return dict.fromkeys(call["id"] for call in message.get("tool_calls", ()))


def _result_refusals(answers: Answers, index: int, call_id: str) -> Iterator[ApiRefusal]:
    if not answers:
        message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        yield invalid(message, f"messages.[{index}].role", None)
    elif call_id not in answers:
        message = f"Invalid parameter: 'tool_call_id' of '{call_id}' not found in 'tool_calls' of previous message."
        yield invalid(message, f"messages.[{index}].tool_call_id", None)
    elif answers[call_id] is not None:
        message = (
            f"Invalid parameter: Duplicate value for 'tool_call_id' of '{call_id}', "
            f"in messages[{answers[call_id]}] and messages[{index}]."
        )
        yield invalid(message, f"messages.[{index}].tool_call_id", None)


def _open_call_refusals(answers: Answers, index: int) -> Iterator[ApiRefusal]:
    """Refuse calls that have no result when the message at `index` ends the results."""
    missing = [call_id for call_id, answer in answers.items() if answer is None]
    if missing:
        message = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
            f"The following tool_call_ids did not have response messages: {', '.join(missing)}"
        )
        yield invalid(message, f"messages.[{index}].role", None)
