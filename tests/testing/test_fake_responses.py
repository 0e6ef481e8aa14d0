"""Responses: what an accepted request is answered, as the script says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai.types.responses import Response

from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI

    from convo.testing import FixedClock

    Respond = Callable[..., Response]

HELLO = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "name": "look_up", "parameters": {}, "strict": True}


def test_a_response_says_what_the_script_says(fake: FakeAPI, respond: Respond, clock: FixedClock) -> None:
    fake.will_reply("Yes, very good ones.")
    response = respond()
    assert response.output_text == "Yes, very good ones."
    assert (response.status, response.object, response.model) == ("completed", "response", "gpt-5.5")
    assert response.id.startswith("resp_")
    assert response.created_at == clock().timestamp()
    (message,) = response.output
    assert message.to_dict() == {
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Yes, very good ones.", "annotations": [], "logprobs": []}],
    }
    assert message.id is not None
    assert message.id.startswith("msg_")


def test_a_response_is_what_the_library_says_it_is(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("Yes.", reasoning="Well.", tool_calls=[("look_up", "{}")])
    respond(tools=[TOOL], text={"format": {"type": "text"}}, metadata={"a": "b"}, max_output_tokens=1000)
    Response.model_validate(fake.last.response, strict=True)


def test_without_a_script_it_tells_how_many_items_it_read(respond: Respond) -> None:
    first = respond()
    assert first.output_text == "I have read 1 item."
    assert respond(HELLO, HELLO, previous_response_id=first.id).output_text == "I have read 4 items."


def test_text_alone_is_one_item(client: OpenAI) -> None:
    assert client.responses.create(model="gpt-4.1", input="hello").output_text == "I have read 1 item."


def test_the_response_repeats_what_the_request_said(respond: Respond) -> None:
    response = respond(
        instructions="Be brief.",
        metadata={"channel": "phone"},
        store=False,
        prompt_cache_key="k",
        parallel_tool_calls=False,
        max_output_tokens=100,
        tools=[TOOL],
        reasoning={"effort": "low"},
        text={"verbosity": "low"},
    )
    said = response.to_dict()
    assert said["store"] is False
    assert (response.instructions, response.metadata, response.prompt_cache_key) == ("Be brief.", {"channel": "phone"}, "k")
    assert (response.parallel_tool_calls, response.max_output_tokens) == (False, 100)
    assert said["reasoning"] == {"effort": "low", "summary": None}
    assert said["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert said["tools"] == [{**TOOL, "description": None}]


def test_reasoning_comes_first_and_is_told_where_a_summary_was_asked_for(fake: FakeAPI, respond: Respond) -> None:
    for _ in range(2):
        fake.will_reply("Yes.", reasoning="Dogs are good.")
    told, untold = respond(reasoning={"summary": "auto"}), respond()
    assert [item.type for item in told.output] == ["reasoning", "message"]
    assert told.output[0].to_dict()["summary"] == [{"type": "summary_text", "text": "Dogs are good."}]
    assert untold.output[0].to_dict()["summary"] == []
    assert "encrypted_content" not in untold.output[0].to_dict()
    assert told.usage is not None
    assert told.usage.output_tokens_details.reasoning_tokens == 4


def test_a_model_that_does_not_reason_gives_no_reasoning(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("Yes.", reasoning="Dogs are good.")
    response = respond(model="gpt-4.1")
    assert [item.type for item in response.output] == ["message"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens == 0


def test_a_model_that_reasons_can_be_added() -> None:
    fake = FakeAPI(models={"gpt-7": "reasoning"})
    fake.will_reply("Yes.", reasoning="Well.")
    with fake.client() as client:
        assert [item.type for item in client.responses.create(model="gpt-7", input="?").output] == ["reasoning", "message"]


def test_reasoning_is_encrypted_where_that_was_asked_for(fake: FakeAPI, respond: Respond) -> None:
    for _ in range(2):
        fake.will_reply("Yes.", reasoning="Well.")
    first, second = (respond(include=["reasoning.encrypted_content"]).output[0].to_dict() for _ in range(2))
    assert str(first["encrypted_content"]).startswith("gAAAA")
    assert first["encrypted_content"] != second["encrypted_content"]


def test_a_message_has_the_phase_that_was_scripted(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("Let me see.", phase="commentary", tool_calls=[("look_up", "{}")])
    assert respond().output[0].to_dict()["phase"] == "commentary"


def test_a_refusal_is_a_part_of_the_message(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply(refusal="No.")
    assert respond().output[0].to_dict()["content"] == [{"type": "refusal", "refusal": "No."}]


@pytest.mark.parametrize(
    "call",
    [
        ("look_up", '{"a": 1}', "call_1"),
        {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}},
        {"type": "function_call", "name": "look_up", "arguments": '{"a": 1}', "call_id": "call_1"},
    ],
    ids=["tuple", "chat", "responses"],
)
def test_the_script_takes_a_call_in_every_form(fake: FakeAPI, respond: Respond, call: Any) -> None:
    fake.will_reply(tool_calls=[call])
    (item,) = respond(tools=[TOOL]).output
    assert item.to_dict() == {
        "id": item.id,
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "look_up",
        "arguments": '{"a": 1}',
    }
    assert str(item.id).startswith("fc_")


@pytest.mark.parametrize(
    "call",
    [
        {"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}},
        {"type": "custom_tool_call", "name": "run", "input": "ls", "call_id": "call_1"},
    ],
    ids=["chat", "responses"],
)
def test_custom_calls_are_items_too(fake: FakeAPI, respond: Respond, call: Any) -> None:
    fake.will_reply(tool_calls=[call])
    (item,) = respond(tools=[{"type": "custom", "name": "run"}]).output
    assert item.type == "custom_tool_call"
    assert (item.call_id, item.name, item.input) == ("call_1", "run", "ls")
    assert str(item.id).startswith("ctc_")


def test_calls_without_an_id_get_one(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply(tool_calls=[("look_up", "{}"), ("look_up", "{}")])
    calls = [item for item in respond().output if item.type == "function_call"]
    assert len({call.call_id for call in calls} | {call.id for call in calls}) == 4


def test_raw_items_are_given_as_they_are(fake: FakeAPI, respond: Respond) -> None:
    items: list[dict[str, Any]] = [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "dogs"}},
        {"id": "x_1", "type": "hologram_call", "light": {"colour": "blue"}},
        {"type": "message", "role": "assistant", "status": "completed", "content": []},
    ]
    fake.will_reply(output=items)
    respond(model="gpt-4.1")
    given = (fake.last.response or {})["output"]
    assert given[:2] == items[:2]
    assert given[2]["id"].startswith("msg_")


def test_fields_that_no_client_knows_are_on_the_message(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("Yes.", reasoning="Well.", tool_calls=[("look_up", "{}")], extra={"mood": {"warm": True}})
    moods = [item.to_dict().get("mood") for item in respond().output]
    assert moods == [None, {"warm": True}, None]


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_response_can_be_scripted_to_be_incomplete(fake: FakeAPI, respond: Respond, finish: str, reason: str) -> None:
    fake.will_reply("Yes, ver", finish_reason=finish)
    response = respond()
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == reason
    assert response.output[0].to_dict()["status"] == "incomplete"
    assert response.to_dict()["completed_at"] is None


def test_a_response_can_fail(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply(finish_reason="failed")
    response = respond()
    assert (response.status, response.output, response.usage) == ("failed", [], None)
    assert response.error is not None
    assert response.error.code == "server_error"


def test_the_limit_on_tokens_cuts_the_words(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("word " * 100, reasoning="four", tool_calls=[("look_up", "{}")])
    response = respond(max_output_tokens=16)
    assert response.status == "incomplete"
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output_text == ("word " * 100)[: 15 * 4]
    assert response.usage is not None
    assert response.usage.output_tokens == 16


def test_the_limit_on_tokens_may_leave_nothing_but_reasoning(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("Yes.", reasoning="word " * 100)
    response = respond(max_output_tokens=16)
    assert response.status == "incomplete"
    assert [item.type for item in response.output] == ["reasoning"]


def test_an_answer_within_the_limit_is_whole(fake: FakeAPI, respond: Respond) -> None:
    fake.will_reply("x" * 64)
    assert respond(max_output_tokens=16).status == "completed"


def test_usage_counts_what_the_model_reads_with_its_past_and_can_be_scripted(fake: FakeAPI, respond: Respond) -> None:
    first = respond(HELLO, instructions="Be brief.")
    fake.will_reply("Yes.", usage={"input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0}})
    second = respond(HELLO, previous_response_id=first.id)
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens
    assert second.usage.input_tokens > first.usage.input_tokens
    assert second.usage.input_tokens_details.cached_tokens == 1024


def test_one_script_serves_both_endpoints_in_turn(fake: FakeAPI, client: OpenAI, respond: Respond) -> None:
    fake.will_reply("One.")
    fake.will_reply("Two.")
    assert respond().output_text == "One."
    answer = client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == "Two."


def test_what_was_received_is_shown(fake: FakeAPI, respond: Respond) -> None:
    response = respond(HELLO)
    assert (fake.last.method, fake.last.path, fake.last.status) == ("POST", "/v1/responses", 200)
    assert fake.last.body == {"model": "gpt-5.5", "input": [HELLO]}
    assert fake.last.response is not None
    assert fake.last.response["id"] == response.id
