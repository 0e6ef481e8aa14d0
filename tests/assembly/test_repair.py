"""Calls and their results in the order that the API wants, whatever the order in which they were stored."""

from __future__ import annotations

from typing import Any

import pytest

from convo.assembly.repair import NO_RESULT
from convo.errors import ToolOutputMissing
from convo.input_items import drafts_of
from tests.assembly.builders import answered, asked, called, instructions, log, planned, result, sent, spoke, ways

TEXT = "gpt-5.5"


def order(*drafts: Any) -> list[str]:
    """Give what is sent, in words: a role, its calls, or the call and the content of a result."""
    return [_word(message) for message in sent(*drafts, model=TEXT)]


def _word(message: dict[str, Any]) -> str:
    if message["role"] == "tool":
        return f"{message['tool_call_id']}={'?' if message['content'] == NO_RESULT else message['content']}"
    return " ".join([message["role"], *(call["id"] for call in message.get("tool_calls", ()))])


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        ([called("a"), result("a")], "assistant a, a=42"),
        ([called("a", "b"), result("a"), result("b")], "assistant a b, a=42, b=42"),
        ([called("a", "b"), result("b"), result("a")], "assistant a b, a=42, b=42"),
        ([called("a"), result("a", "")], "assistant a, a="),
        ([called("a"), asked(), result("a")], "assistant a, a=42, user"),
        (
            [called("a", "b"), result("b"), asked(), answered(content="Yes."), result("a")],
            "assistant a b, a=42, b=42, user, assistant",
        ),
        ([called("a"), asked()], "assistant a, a=?, user"),
        ([called("a"), called("b"), result("b")], "assistant a, a=?, assistant b, b=42"),
        ([called("a", "b"), result("b"), asked()], "assistant a b, a=?, b=42, user"),
        ([called("a"), asked("Be brief.", role="system")], "assistant a, a=?, system"),
        ([called("a"), instructions(), result("a")], "system, assistant a, a=42"),
        ([called("a"), result("a", "1"), called("a"), result("a", "2")], "assistant a, a=1, assistant a, a=2"),
        ([called("a"), called("a"), result("a", "2")], "assistant a, a=?, assistant a, a=2"),
        ([called("a", "a"), result("a")], "assistant a, a=42"),
        ([result("a"), called("a"), result("a", "1")], "assistant a, a=1"),
        ([called("a"), result("a", "1"), result("a", "2")], "assistant a, a=1"),
        ([result("a"), asked()], "user"),
        ([called("a", status="interrupted"), result("a"), asked()], "user"),
    ],
    ids=str,
)
def test_each_call_is_followed_by_its_result_and_by_nothing_else(drafts: list[Any], expected: str) -> None:
    assert ", ".join(order(*drafts)) == expected


@pytest.mark.parametrize(
    ("drafts", "missing"),
    [
        ([called("a")], ("a",)),
        ([called("b", "a", "c"), result("a")], ("b", "c")),
        ([called("a"), instructions()], ("a",)),
        ([called("a"), result("x")], ("a",)),
        ([called("a"), result("a"), called("a")], ("a",)),
        ([spoke(tool_calls=[{"id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}])], ("a",)),
    ],
    ids=str,
)
def test_calls_at_the_end_wait_for_their_results(drafts: list[Any], missing: tuple[str, ...]) -> None:
    with pytest.raises(ToolOutputMissing) as caught:
        planned(log(asked(), *drafts))
    assert caught.value.call_ids == missing
    assert all(call in str(caught.value) for call in missing)


def test_calls_of_a_message_that_says_nothing_beside_them_are_seen() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]
    bare = asked({"role": "assistant", "tool_calls": calls})
    assert order(bare, asked()) == ["assistant a", "a=?", "user"]
    with pytest.raises(ToolOutputMissing):
        planned(log(asked(), bare))


def test_replies_of_the_responses_api_are_seen_that_have_no_id() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes.", "annotations": []}]}
    (reply,) = drafts_of([said])
    assert sent(asked(), reply, asked(), model=TEXT)[1] == {"role": "assistant", "content": "Yes."}


def test_what_was_done_is_told() -> None:
    drafts = [called("a", "b"), result("b"), asked(), result("x"), result("b"), result("a")]
    assert ways(*drafts, model=TEXT) == [
        (1, "text", "as it is stored"),
        (6, "text", "it came late, and stands behind its call"),
        (2, "text", "as it is stored"),
        (3, "text", "as it is stored"),
        (4, "omitted", "the result of a call that is not in the history"),
        (5, "omitted", "a second result of the same call"),
    ]
    assert ways(called("a"), asked(), model=TEXT)[1] == (1, "repaired", "call a was never answered")


# --- calls that the API would not take -------------------------------------------------------------


def test_ids_that_are_too_long_are_shortened_alike_in_call_and_result() -> None:
    long, longer = "x" * 41, "x" * 42
    assistant, first, second = sent(called(long, longer, "y" * 40), result(long), result(longer), result("y" * 40), model=TEXT)[
        :3
    ]
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert [len(call) for call in ids] == [37, 37, 40]
    assert [first["tool_call_id"], second["tool_call_id"]] == ids[:2]
    assert ids[0] != ids[1]


def test_ids_without_valid_text_stay_apart() -> None:
    assistant, first, second, _ = sent(called("\ud800", "\ud801"), asked(), model=TEXT)
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert ids == [first["tool_call_id"], second["tool_call_id"]]
    assert len(set(ids)) == 2
    assert all(call.isascii() for call in ids)


@pytest.mark.parametrize(("name", "sent_as"), [("look up", "look_up"), ("суд", "___"), ("n" * 70, "n" * 64), ("a\ud800", "a_")])
def test_names_of_calls_are_made_to_fit(name: str, sent_as: str) -> None:
    assert sent(called("a", name=name), result("a"), model=TEXT)[0]["tool_calls"][0]["function"]["name"] == sent_as


def test_custom_calls_are_sent_back_with_their_input() -> None:
    call = {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x = 1", "x_new": 1}, "x_new": 1}
    sent_call = {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x = 1"}}
    assert sent(answered(content="I run it.", tool_calls=[call]), result("a"), model=TEXT)[0] == {
        "role": "assistant",
        "content": "I run it.",
        "tool_calls": [sent_call],
    }


@pytest.mark.parametrize(
    "call",
    [
        None,
        "call",
        {},
        {"id": "a"},
        {"id": "", "function": {"name": "f", "arguments": "{}"}},
        {"id": "a", "function": {"name": "", "arguments": "{}"}},
        {"id": "a", "function": {"name": "f", "arguments": None}},
        {"id": 5, "function": {"name": "f", "arguments": "{}"}},
        {"id": "a", "type": "mcp", "mcp": {"name": "f"}},
    ],
    ids=str,
)
def test_calls_that_nobody_can_answer_are_not_sent_and_not_waited_for(call: Any) -> None:
    assert order(answered(content="Yes.", tool_calls=[call]), result("a")) == ["assistant"]
