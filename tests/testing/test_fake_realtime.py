"""A Realtime session over a real socket: how it begins, what a response is, how it ends; with the real clients."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, OpenAI
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.exceptions import ConnectionClosed

from convo.testing import FakeAPI, StreamShape
from tests.support.line import MODEL, Line, done, kinds, line
from tests.support.validate import validate_event, validate_server_event

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from convo.testing import FixedClock

QUESTION: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Are dogs good?"}]}
ITEM = [
    "response.output_item.added",
    "conversation.item.added",
]
DONE = ["conversation.item.done", "response.output_item.done"]


@pytest.fixture(autouse=True)
def _all_events_are_the_vendors(fake: FakeAPI) -> Iterator[None]:
    yield
    for session in fake.sessions:
        for event in session.received:
            validate_event(event)
        for event in session.sent:
            validate_server_event(event)


def respond(talk: Line, **response: Any) -> list[dict[str, Any]]:
    """Ask for a response and give its events."""
    talk.send("response.create", **({"response": response} if response else {}))
    return talk.until("rate_limits.updated")


def test_the_sync_client_talks_as_its_documentation_says(base_url: str, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones.")
    words = ""
    with OpenAI(base_url=base_url, api_key="test-key") as client, client.realtime.connect(model=MODEL) as connection:
        connection.conversation.item.create(item=QUESTION)
        connection.response.create()
        for event in connection:
            if event.type == "response.output_audio_transcript.delta":
                words += event.delta
            elif event.type == "response.done":
                break
    assert words == "Very good ones."


async def test_the_async_client_talks_as_its_documentation_says(base_url: str, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones.")
    words = ""
    async with AsyncOpenAI(base_url=base_url, api_key="test-key") as client, client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(item=QUESTION)
        await connection.response.create()
        async for event in connection:
            if event.type == "response.output_text.delta":
                words += event.delta
            elif event.type == "response.done":
                break
    assert words == "Very good ones."


def test_a_session_begins_with_its_defaults(base_url: str, clock: FixedClock) -> None:
    with line(base_url, asynchronous=False) as talk:
        session = talk.next()["session"]
    assert (session["type"], session["object"], session["model"]) == ("realtime", "realtime.session", MODEL)
    assert session["output_modalities"] == ["audio"]
    assert session["expires_at"] == int(clock().timestamp()) + 3_600
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["audio"]["output"]["voice"] == "alloy"


def test_an_update_changes_what_it_names_and_nothing_else(talk: Line) -> None:
    first = talk.update(instructions="Be kind.", audio={"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}})
    assert first["instructions"] == "Be kind."
    assert first["audio"]["input"]["transcription"]["model"] == "gpt-4o-mini-transcribe"
    second = talk.update(audio={"input": {"turn_detection": None}, "output": {"voice": "marin"}})
    assert second["instructions"] == "Be kind."
    assert second["audio"]["input"]["transcription"]["model"] == "gpt-4o-mini-transcribe"
    assert second["audio"]["input"]["turn_detection"] is None
    assert second["audio"]["output"]["voice"] == "marin"
    third = talk.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert third["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_spoken_response_has_all_its_events_in_order(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones.")
    talk.say("Are dogs good?")
    talk.until("conversation.item.done")
    events = respond(talk)
    assert kinds(events) == [
        "response.created", *ITEM, "response.content_part.added",
        "response.output_audio_transcript.delta", "response.output_audio.delta",
        "response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done",
        *DONE, "response.done", "rate_limits.updated",
    ]  # fmt: skip
    sound = b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == "response.output_audio.delta")
    assert len(sound) == 3 * 19_200
    response = done(events)
    assert (response["status"], response["status_details"]) == ("completed", None)
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Very good ones."}]


def test_a_written_response_has_all_its_events_in_order(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones.")
    events = respond(talk, output_modalities=["text"])
    assert kinds(events) == [
        "response.created", *ITEM, "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        *DONE, "response.done", "rate_limits.updated",
    ]  # fmt: skip
    assert done(events)["output"][0]["content"] == [{"type": "output_text", "text": "Very good ones."}]
    assert done(events)["usage"]["output_token_details"]["audio_tokens"] == 0


def test_a_response_may_speak_and_then_call(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply("Let me see.", tool_calls=[("look", '{"at": "dogs"}', "call_1")])
    events = respond(talk)
    at = [event["type"] for event in events].index("response.output_item.done") + 1
    assert kinds(events[at:]) == [
        *ITEM, "response.function_call_arguments.delta", "response.function_call_arguments.done",
        *DONE, "response.done", "rate_limits.updated",
    ]  # fmt: skip
    spoken, called = done(events)["output"]
    assert spoken["role"] == "assistant"
    assert (called["name"], called["arguments"], called["call_id"]) == ("look", '{"at": "dogs"}', "call_1")
    added = [event for event in events if event["type"] == "conversation.item.added"]
    assert [event["previous_item_id"] for event in added] == [None, spoken["id"]]


def test_a_call_alone_has_no_message(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[{"id": "call_1", "type": "custom", "custom": {"name": "look", "input": "dogs"}}])
    assert [item["type"] for item in done(respond(talk))["output"]] == ["function_call"]


def test_without_a_script_a_response_says_what_it_read(talk: Line) -> None:
    talk.say("One.")
    talk.say("Two.")
    assert done(respond(talk))["output"][0]["content"][0]["transcript"] == "I have read 2 items."


def test_words_and_sound_come_in_the_order_of_the_shape(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply("Very good.", stream=StreamShape(words="last", piece=9_601))
    deltas = [event for event in respond(talk) if event["type"].endswith(".delta")]
    assert kinds(deltas) == ["response.output_audio.delta", "response.output_audio_transcript.delta"]
    assert all(len(base64.b64decode(event["delta"])) % 2 == 0 for event in deltas[:4])


def test_a_response_tells_its_tokens_and_what_was_cached(talk: Line, fake: FakeAPI) -> None:
    talk.say("x" * 400)
    fake.will_reply("Very good ones.")
    first = done(respond(talk))["usage"]
    assert first["input_token_details"]["text_tokens"] == first["input_tokens"] == 104
    assert first["input_token_details"]["cached_tokens"] == 0
    assert first["output_token_details"] == {"text_tokens": 4, "audio_tokens": 24}
    assert first["total_tokens"] == 104 + 28
    second = done(respond(talk))["usage"]
    assert second["input_token_details"]["cached_tokens_details"] == {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}
    assert second["input_token_details"]["audio_tokens"] == 24
    talk.update(instructions="Be brief.")
    assert done(respond(talk))["usage"]["input_token_details"]["cached_tokens"] == 0


def test_the_usage_can_be_given(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply("Yes.", usage={"input_tokens": 7})
    assert done(respond(talk))["usage"]["input_tokens"] == 7


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_response_may_be_incomplete(talk: Line, fake: FakeAPI, finish: str, reason: str) -> None:
    fake.will_reply("Very good", finish_reason=finish)
    response = done(respond(talk))
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": reason}
    assert response["output"][0]["status"] == "incomplete"


def test_a_response_beside_the_conversation_leaves_it_as_it_was(talk: Line, fake: FakeAPI) -> None:
    talk.say("Are dogs good?", event_id="e1")
    talk.until("conversation.item.done")
    (question,) = fake.sessions[0].items
    fake.will_reply("A question about dogs.")
    talk.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"topic": "label"},
            "input": [{"type": "item_reference", "id": question["id"]}, QUESTION],
        },
    )
    events = talk.until("response.done")
    assert not any(event["type"].startswith("conversation.") for event in events)
    assert done(events)["metadata"] == {"topic": "label"}
    assert done(events)["conversation_id"] is None
    assert [item["id"] for item in fake.sessions[0].items] == [question["id"]]


def test_sessions_know_nothing_of_each_other(base_url: str, fake: FakeAPI) -> None:
    with line(base_url, asynchronous=False) as first, line(base_url, asynchronous=True) as second:
        first.say("One.")
        first.until("conversation.item.done")
        second.until("session.created")
        respond(second)
    assert [len(session.items) for session in fake.sessions] == [1, 1]
    assert [event["type"] for event in fake.received_events] == ["conversation.item.create", "response.create"]
    assert len({session.id for session in fake.sessions}) == 2


def test_what_was_said_is_shown(talk: Line, fake: FakeAPI) -> None:
    talk.say("One.", event_id="mine")
    events = talk.until("conversation.item.done")
    (session,) = fake.sessions
    assert session.model == MODEL
    assert session.headers["authorization"] == "Bearer test-key"
    assert [event["event_id"] for event in session.received] == ["mine"]
    assert list(session.sent[1:]) == events
    assert not session.ended


def test_a_session_ends_after_an_hour(talk: Line, clock: FixedClock, fake: FakeAPI) -> None:
    clock.advance(3_599)
    talk.say("One.")
    talk.until("conversation.item.done")
    clock.advance(1)
    error = talk.error("response.create")
    assert (error["code"], error["message"]) == ("session_expired", "Your session hit the maximum duration of 60 minutes.")
    with pytest.raises(ConnectionClosed, match="1001"):
        talk.next()
    assert [event["type"] for event in fake.received_events] == ["conversation.item.create"]


def test_the_client_takes_the_end_of_a_session_for_an_end(base_url: str, clock: FixedClock) -> None:
    with OpenAI(base_url=base_url, api_key="test-key") as client, client.realtime.connect(model=MODEL) as connection:
        assert connection.recv().type == "session.created"
        clock.advance(3_600)
        connection.response.create()
        assert [event.type for event in connection] == ["error"]


@pytest.mark.parametrize(
    ("options", "code", "closed"),
    [
        ({"model": "gpt-nope"}, "invalid_model", 4000),
        ({"model": "gpt-audio-1.5"}, "invalid_model", 4000),
        ({"model": ""}, "missing_model", 4000),
        ({"extra_headers": {"OpenAI-Beta": "realtime=v1"}}, "beta_api_shape_disabled", 4000),
        ({"extra_headers": {"Authorization": "Bearer "}}, None, 3000),
    ],
)
def test_who_may_not_talk_is_told_and_sent_away(
    base_url: str, fake: FakeAPI, options: dict[str, Any], code: str | None, closed: int
) -> None:
    with line(base_url, asynchronous=False, **options) as talk:
        assert talk.next()["error"]["code"] == code
        with pytest.raises(ConnectionClosed, match=str(closed)):
            talk.next()
    assert fake.sessions[0].id == ""


def test_a_model_that_was_shut_down_is_gone(base_url: str, clock: FixedClock) -> None:
    clock.advance(90 * 86_400)
    with line(base_url, asynchronous=False, model="gpt-realtime") as talk:
        assert talk.next()["error"]["code"] == "invalid_model"


def test_a_model_can_be_added() -> None:
    fake = FakeAPI(models={"gpt-realtime-9": "realtime"})
    with fake.serve() as url, line(url, asynchronous=False, model="gpt-realtime-9") as talk:
        assert talk.next()["session"]["model"] == "gpt-realtime-9"
    assert "gpt-realtime-9" not in [model.id for model in fake.client().models.list()]


@pytest.fixture
def mounted(fake: FakeAPI) -> Callable[..., Coroutine[Any, Any, list[Any]]]:
    """Talk to the fake where it is mounted; give what the application sends until it was left."""
    application = Starlette(routes=[Mount("/openai", fake.asgi())])
    headers = [(b"authorization", b"Bearer test-key")]
    scope = {"type": "websocket", "path": "/openai/v1/realtime", "query_string": f"model={MODEL}".encode(), "headers": headers}

    async def talk() -> list[Any]:
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "websocket.send":
                incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})

        await application(scope, incoming.get, send)
        return sent

    return talk


async def test_the_application_can_be_mounted(mounted: Callable[..., Coroutine[Any, Any, list[Any]]]) -> None:
    accepted, created = await mounted()
    assert accepted["type"] == "websocket.accept"
    assert json.loads(created["text"])["type"] == "session.created"


async def test_a_mounted_application_breaks_lines_by_failing(
    mounted: Callable[..., Coroutine[Any, Any, list[Any]]], fake: FakeAPI
) -> None:
    fake.will_drop(events=0)
    with pytest.raises(ConnectionResetError, match="as it was told to"):
        await mounted()
    assert fake.sessions[0].ended
