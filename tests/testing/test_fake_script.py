"""The fake says what it is told to, fails when it is told to, and shows what it received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

    from convo.testing import FakeAPI

    Ask = Callable[..., ChatCompletion]
    Error = Callable[..., dict[str, Any]]

HELLO: Any = {"role": "user", "content": "hello"}


# --- replies ---------------------------------------------------------------------------------------


def test_queued_replies_come_in_order_and_then_the_usual_one(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply("one")
    fake.will_reply("two")
    said = [ask(HELLO).choices[0].message.content for _ in range(3)]
    assert said == ["one", "two", "I have read 1 message."]


def test_a_queued_reply_is_spoken_when_audio_was_asked_for(fake: FakeAPI, ask_aloud: Ask) -> None:
    fake.will_reply("Yes, very good ones.")
    message = ask_aloud(HELLO).choices[0].message
    assert message.content is None
    assert message.audio is not None
    assert message.audio.transcript == "Yes, very good ones."


def test_a_reply_can_be_written_although_audio_was_asked_for(fake: FakeAPI, ask_aloud: Ask) -> None:
    fake.will_reply("Only text.", spoken=False)
    message = ask_aloud(HELLO).choices[0].message
    assert (message.content, message.audio) == ("Only text.", None)


def test_content_is_written_beside_speech(fake: FakeAPI, ask_aloud: Ask) -> None:
    fake.will_reply("spoken", content="written")
    message = ask_aloud(HELLO).choices[0].message
    assert message.audio is not None
    assert (message.audio.transcript, message.content) == ("spoken", "written")


def test_tool_calls_get_ids_and_a_finish_reason(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply(tool_calls=[("look_up", '{"a": 1}'), ("look_up", "{}", "call_mine")])
    choice = ask(HELLO).choices[0]
    assert fake.last.response is not None
    made, mine = fake.last.response["choices"][0]["message"]["tool_calls"]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert made["id"].startswith("call_")
    assert len(made["id"]) <= 40
    assert made["function"] == {"name": "look_up", "arguments": '{"a": 1}'}
    assert mine["id"] == "call_mine"


def test_custom_tool_calls_are_passed_as_they_are(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply(tool_calls=[{"type": "custom", "custom": {"name": "run", "input": "ls"}}])
    (call,) = ask(HELLO).choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("run", "ls")


def test_a_refusal_of_the_model_and_a_finish_reason_can_be_queued(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply(refusal="I cannot help with that.")
    fake.will_reply("cut", finish_reason="length")
    refused, cut = ask(HELLO).choices[0], ask(HELLO).choices[0]
    assert (refused.message.refusal, refused.message.content) == ("I cannot help with that.", None)
    assert cut.finish_reason == "length"


def test_usage_can_be_replaced_in_part(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply("x", usage={"prompt_tokens": 1000, "prompt_tokens_details": None})
    usage = ask(HELLO).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.prompt_tokens_details, usage.completion_tokens) == (1000, None, 1)


def test_fields_of_a_newer_api_can_be_added_to_a_message(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply("x", extra={"mood": "calm"})
    assert ask(HELLO).choices[0].message.model_extra == {"mood": "calm"}


def test_a_reply_waits_for_a_request_that_is_accepted(fake: FakeAPI, ask: Ask, error: Error) -> None:
    fake.will_reply("later")
    error(zzz=1)
    assert ask(HELLO).choices[0].message.content == "later"


# --- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (409, openai.ConflictError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_a_queued_error_raises_what_its_status_means(fake: FakeAPI, ask: Ask, status: int, raised: type[Exception]) -> None:
    fake.will_fail(status)
    with pytest.raises(raised):
        ask(HELLO)
    ask(HELLO)


def test_a_queued_error_is_as_it_was_described(fake: FakeAPI, error: Error) -> None:
    fake.will_fail(400, code="odd", type="odd_error", message="Odd.", param="model")
    assert error(HELLO) == {"status": 400, "message": "Odd.", "type": "odd_error", "param": "model", "code": "odd"}


def test_usual_errors_have_their_usual_bodies(fake: FakeAPI, error: Error) -> None:
    fake.will_fail(500)
    fake.will_fail(400, code="context_length_exceeded")
    assert error(HELLO)["message"] == "The server had an error while processing your request. Sorry about that!"
    too_long = error(HELLO)
    assert too_long["param"] == "messages"
    assert too_long["message"].startswith("This model's maximum context length is 128000 tokens.")


def test_a_queued_error_brings_its_headers(fake: FakeAPI, ask: Ask) -> None:
    fake.will_fail(429, headers={"Retry-After": "7"})
    with pytest.raises(openai.RateLimitError) as caught:
        ask(HELLO)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.code == "rate_limit_exceeded"


def test_the_clients_own_retries_see_every_error(fake: FakeAPI) -> None:
    fake.will_fail(500, times=2, headers={"retry-after-ms": "1"})
    answer = fake.client(max_retries=2).chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert answer.choices[0].message.content == "I have read 1 message."
    assert [received.status for received in fake.received] == [500, 500, 200]


# --- broken connections ----------------------------------------------------------------------------


def test_a_connection_that_breaks_first_leaves_nothing_behind(fake: FakeAPI, ask_aloud: Ask) -> None:
    fake.will_drop()
    with pytest.raises(openai.APIConnectionError):
        ask_aloud(HELLO)
    assert (fake.last.status, fake.last.response, fake.last.dropped) == (None, None, True)
    assert fake.audio_ids == {}
    ask_aloud(HELLO)


def test_a_connection_that_breaks_afterwards_loses_the_answer_only(fake: FakeAPI, ask_aloud: Ask) -> None:
    fake.will_drop(after=True)
    fake.will_reply("lost")
    with pytest.raises(openai.APIConnectionError):
        ask_aloud(HELLO)
    assert (fake.last.status, fake.last.dropped) == (200, True)
    assert fake.last.response is not None
    assert fake.last.response["choices"][0]["message"]["audio"]["transcript"] == "lost"
    assert len(fake.audio_ids) == 1


def test_connections_break_as_often_as_queued(fake: FakeAPI, ask: Ask) -> None:
    fake.will_drop(2)
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError):
            ask(HELLO)
    ask(HELLO)


def test_faults_and_replies_come_in_the_order_in_which_they_were_queued(fake: FakeAPI, ask: Ask) -> None:
    fake.will_reply("first")
    fake.will_fail(500)
    fake.will_reply("third")
    assert ask(HELLO).choices[0].message.content == "first"
    with pytest.raises(openai.InternalServerError):
        ask(HELLO)
    assert ask(HELLO).choices[0].message.content == "third"


@pytest.mark.asyncio
async def test_the_async_client_sees_errors_and_breaks(fake: FakeAPI) -> None:
    fake.will_fail(429)
    fake.will_drop()
    async with fake.async_client() as client:
        for raised in (openai.RateLimitError, openai.APIConnectionError):
            with pytest.raises(raised):
                await client.chat.completions.create(model="gpt-4.1", messages=[HELLO])


# --- what was received -----------------------------------------------------------------------------


def test_the_fake_shows_what_it_received_and_gave(fake: FakeAPI, ask: Ask, error: Error) -> None:
    ask(HELLO, temperature=0)
    error(zzz=1)
    good, bad = fake.received
    assert good.body == {"model": "gpt-4.1", "messages": [HELLO], "temperature": 0}
    assert (good.method, good.path, good.status) == ("POST", "/v1/chat/completions", 200)
    assert good.headers["authorization"] == "Bearer test-key"
    assert bad.status == 400
    assert bad.response == {
        "error": {
            "message": "Unknown parameter: 'zzz'.",
            "type": "invalid_request_error",
            "param": "zzz",
            "code": "unknown_parameter",
        }
    }
    assert fake.last == bad


def test_there_is_no_last_request_before_the_first(fake: FakeAPI) -> None:
    with pytest.raises(LookupError, match="has received no request"):
        _ = fake.last


def test_any_other_url_is_refused_in_the_shape_of_the_api(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="text-embedding-3-small", input="hello")
    assert caught.value.response.json() == {
        "error": {
            "message": "Invalid URL (POST /v1/embeddings)",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


def test_a_call_without_key_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError, match="You didn't provide an API key"):
        client.models.list(extra_headers={"Authorization": openai.Omit()})


@pytest.mark.parametrize("raw", [b"{", b"", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_is_refused(client: OpenAI, raw: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match="We could not parse the JSON body of your request"):
        client.post("/chat/completions", content=raw, cast_to=object)


def test_the_environment_does_not_reach_the_clients(fake: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-machine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-machine")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.org")
    fake.client().models.list()
    assert {"openai-organization", "openai-project"}.isdisjoint(fake.last.headers)


def test_options_of_the_client_are_passed_on(fake: FakeAPI) -> None:
    client = fake.client(api_key="mine", base_url="https://eu.example/v1", default_headers={"x-mine": "1"})
    client.models.list()
    assert fake.last.headers["authorization"] == "Bearer mine"
    assert fake.last.headers["host"] == "eu.example"
    assert fake.last.headers["x-mine"] == "1"
