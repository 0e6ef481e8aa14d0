"""Streams of responses: the events in their order, cut and held after any of them, in process and over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from convo.testing import StreamShape
from convo.testing.wire import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI

ASKED: dict[str, Any] = {
    "model": "gpt-5.5",
    "input": "hello",
    "reasoning": {"summary": "auto"},
    "tools": [{"type": "function", "name": "look_up", "parameters": {}, "strict": True}],
}
EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
]


def script(fake: FakeAPI, **more: Any) -> None:
    fake.will_reply("Yes, good.", reasoning="Well.", tool_calls=[("look_up", "{}", "call_1")], **more)


def raw_events(fake: FakeAPI, **arguments: Any) -> list[dict[str, Any]]:
    """Ask for a stream and give the data of its events."""
    body = json.dumps({**ASKED, "stream": True, **arguments}).encode()
    wire = fake.answer(Call("POST", "/v1/responses", {"authorization": "Bearer k"}, body))
    told = []
    for piece in wire.pieces:
        name, data = piece.decode().strip().split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
    return told


def test_the_events_come_in_the_order_of_the_api_and_are_numbered(fake: FakeAPI) -> None:
    script(fake)
    told = raw_events(fake)
    assert [one["type"] for one in told] == EVENTS
    assert [one["sequence_number"] for one in told] == list(range(len(EVENTS)))


def test_every_event_is_what_the_library_says_it_is(fake: FakeAPI) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    text = {"type": "output_text", "text": "a b", "annotations": [note], "logprobs": []}
    fake.will_reply(
        output=[
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "a b"}]},
            {
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [text, {"type": "refusal", "refusal": "No, no."}],
            },
            {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "ls -l", "status": "completed"},
            {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AA=="},
        ]
    )
    told = raw_events(fake)
    for one in told:
        assert adapter.validate_python(one).type == one["type"]
    types = {one["type"].removeprefix("response.") for one in told}
    assert types > {
        "reasoning_text.delta",
        "reasoning_text.done",
        "output_text.annotation.added",
        "refusal.delta",
        "refusal.done",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
    }
    added = [one["item"] for one in told if one["type"] == "response.output_item.added"]
    assert [item.get("content") for item in added] == [[], [], None, None]
    assert [item.get("result") for item in added] == [None] * 4


def test_what_is_not_finished_is_not_told_before(fake: FakeAPI) -> None:
    script(fake)
    told = raw_events(fake)
    begun = told[0]["response"]
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    added = [one["item"] for one in told if one["type"] == "response.output_item.added"]
    assert [item.get("summary", item.get("content", item.get("arguments"))) for item in added] == [[], [], ""]
    assert told[-1]["response"] == fake.last.response


@pytest.mark.parametrize(
    ("finish", "last"),
    [("length", "response.incomplete"), ("content_filter", "response.incomplete"), ("failed", "response.failed")],
)
def test_the_last_event_tells_how_it_ended(fake: FakeAPI, finish: str, last: str) -> None:
    fake.will_reply("Yes.", finish_reason=finish)
    assert raw_events(fake)[-1]["type"] == last


def test_the_client_adds_the_events_up(fake: FakeAPI, client: OpenAI) -> None:
    script(fake)
    with client.responses.stream(**ASKED) as stream:
        final = stream.get_final_response()
    assert final.output_text == "Yes, good."
    assert final.to_dict(exclude_unset=True)["id"] == (fake.last.response or {})["id"]
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]


def test_an_error_in_the_stream_reaches_the_caller(fake: FakeAPI, client: OpenAI) -> None:
    script(fake, stream=StreamShape(error_after=4))
    told = list(client.responses.create(stream=True, **ASKED))
    assert [one.type for one in told] == [*EVENTS[:4], "error"]
    assert told[-1].sequence_number == 4
    assert fake.last.dropped


def test_a_stream_may_end_without_its_end(fake: FakeAPI, client: OpenAI) -> None:
    script(fake, stream=StreamShape(end="cut", keep_alives=True))
    assert [one.type for one in client.responses.create(stream=True, **ASKED)] == EVENTS[:-1]
    assert fake.last.dropped


@pytest.mark.parametrize("chunks", range(1, len(EVENTS) + 1))
def test_a_stream_breaks_after_any_event(fake: FakeAPI, client: OpenAI, chunks: int) -> None:
    fake.will_drop(chunks=chunks)
    script(fake)
    stream = client.responses.create(stream=True, **ASKED)
    assert [next(stream).type for _ in range(chunks)] == EVENTS[:chunks]
    with pytest.raises(openai.APIConnectionError):
        next(stream)
    assert fake.last.dropped
    assert fake.last.response is not None


def test_a_stream_breaks_inside_an_event(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_drop(chunks=11, inside=True)
    script(fake)
    stream = client.responses.create(stream=True, **ASKED)
    assert [next(stream).type for _ in range(11)] == EVENTS[:11]
    with pytest.raises(openai.APIConnectionError):
        next(stream)


@pytest.mark.parametrize("after", [0, 1, 11, len(EVENTS), 1_000])
def test_a_stream_is_held_after_any_event(fake: FakeAPI, client: OpenAI, after: int) -> None:
    hold = fake.hold(after=after)
    script(fake)
    seen: list[str] = []

    def read() -> None:
        seen.extend(one.type for one in client.responses.create(stream=True, **ASKED))

    reader = threading.Thread(target=read)
    reader.start()
    hold.wait_until_held()
    assert len(seen) <= after
    hold.release()
    reader.join()
    assert seen == EVENTS


@pytest.mark.asyncio
async def test_an_asynchronous_stream_is_held_and_goes_on(fake: FakeAPI) -> None:
    hold = fake.hold(after=11)
    script(fake)
    seen: list[str] = []
    async with fake.async_client() as client:

        async def read() -> None:
            seen.extend([one.type async for one in await client.responses.create(stream=True, **ASKED)])

        reader = asyncio.create_task(read())
        await hold.async_wait_until_held()
        assert hold.held
        hold.release()
        await reader
    assert seen == EVENTS


def test_errors_and_breaks_meet_responses_too(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_fail(429, headers={"retry-after": "1"})
    with pytest.raises(openai.RateLimitError) as caught:
        client.responses.create(**ASKED)
    assert caught.value.response.headers["retry-after"] == "1"
    for after in (False, True):
        fake.will_drop(after=after)
        with pytest.raises(openai.APIConnectionError):
            client.responses.create(**ASKED)
        assert fake.last.status == (200 if after else None)
    assert client.responses.create(**ASKED).status == "completed"


def test_what_was_queued_waits_while_a_kept_response_is_asked_for(fake: FakeAPI, client: OpenAI) -> None:
    response = client.responses.create(**ASKED)
    fake.will_fail(500)
    assert client.responses.retrieve(response.id).id == response.id
    with pytest.raises(openai.InternalServerError):
        client.responses.create(**ASKED)


# --- over HTTP --------------------------------------------------------------------------------------


@pytest.fixture
def base_url(fake: FakeAPI) -> Iterator[str]:
    with fake.serve() as url:
        yield url


@pytest.fixture
def remote(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=base_url, api_key="test-key", max_retries=0) as client:
        yield client


def test_over_http_the_events_are_the_same(fake: FakeAPI, remote: OpenAI) -> None:
    script(fake)
    assert [one.type for one in remote.responses.create(stream=True, **ASKED)] == EVENTS


def test_over_http_a_response_is_kept_and_deleted(remote: OpenAI) -> None:
    response = remote.responses.create(**ASKED)
    assert remote.responses.retrieve(response.id).output_text == response.output_text
    assert remote.responses.create(**ASKED, previous_response_id=response.id).previous_response_id == response.id
    remote.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        remote.responses.retrieve(response.id)
    with pytest.raises(openai.BadRequestError) as caught:
        remote.responses.create(**ASKED, previous_response_id=response.id)
    assert caught.value.code == "previous_response_not_found"


def test_over_http_a_stream_breaks_and_is_held(fake: FakeAPI, remote: OpenAI) -> None:
    fake.will_drop(chunks=3)
    script(fake)
    with pytest.raises(openai.APIConnectionError):
        list(remote.responses.create(stream=True, **ASKED))
    hold = fake.hold(after=4)
    script(fake)
    stream = remote.responses.create(stream=True, **ASKED)
    assert [next(stream).type for _ in range(4)] == EVENTS[:4]
    hold.wait_until_held()
    hold.release()
    assert [one.type for one in stream] == EVENTS[4:]


@pytest.mark.asyncio
async def test_over_http_the_asynchronous_client_gets_them_too(fake: FakeAPI, base_url: str) -> None:
    script(fake)
    async with AsyncOpenAI(base_url=base_url, api_key="test-key", max_retries=0) as client:
        stream = await client.responses.create(stream=True, **ASKED)
        assert [one.type async for one in stream] == EVENTS
        with pytest.raises(openai.BadRequestError, match="not supported with the Responses API"):
            await client.responses.create(model="gpt-audio", input="hello")
