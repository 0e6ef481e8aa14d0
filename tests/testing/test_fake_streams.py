"""Streams have the shapes and the order that were observed, and add up to a whole answer."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletionChunk

    from convo.testing import FakeAPI

HELLO: Any = {"role": "user", "content": "hello"}
ALOUD: dict[str, Any] = {
    "model": "gpt-audio-1.5",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "pcm16"},
}


def stream(client: OpenAI, **arguments: Any) -> list[ChatCompletionChunk]:
    arguments = {"model": "gpt-4.1", **arguments}
    return list(client.chat.completions.create(messages=[HELLO], stream=True, **arguments))


def deltas(chunks: list[ChatCompletionChunk]) -> list[dict[str, Any]]:
    return [choice.delta.model_dump(exclude_unset=True) for chunk in chunks for choice in chunk.choices]


def response(fake: FakeAPI) -> dict[str, Any]:
    assert fake.last.response is not None
    return dict(fake.last.response)


def test_a_written_stream_is_role_words_and_finish(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_reply("Yes, very good\n ones. ")
    chunks = stream(client)
    first, *words, last = deltas(chunks)
    assert first == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(word["content"] for word in words) == "Yes, very good\n ones. "
    assert last == {}
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.id for chunk in chunks} == {response(fake)["id"]}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


def test_a_spoken_stream_is_role_id_words_sound_and_expiry(fake: FakeAPI, client: OpenAI) -> None:
    role, first, *rest = deltas(stream(client, **ALOUD))
    audio = response(fake)["choices"][0]["message"]["audio"]
    assert role == {"role": "assistant", "content": None, "refusal": None}
    assert first == {"audio": {"id": audio["id"], "transcript": "I"}}
    keys = [tuple(delta["audio"]) for delta in rest]
    assert keys == [("id", "transcript")] * 4 + [("id", "data")] * (len(keys) - 5) + [("expires_at",)]
    assert rest[-1]["audio"]["expires_at"] == audio["expires_at"]


def test_the_pieces_of_a_spoken_stream_add_up(fake: FakeAPI, client: OpenAI) -> None:
    pieces = [delta["audio"] for delta in deltas(stream(client, **ALOUD)) if "audio" in delta]
    audio = response(fake)["choices"][0]["message"]["audio"]
    assert "".join(piece.get("transcript", "") for piece in pieces) == audio["transcript"]
    sound = b"".join(base64.b64decode(piece["data"], validate=True) for piece in pieces if "data" in piece)
    assert sound == base64.b64decode(audio["data"])


def test_sound_is_padded_piece_by_piece_so_that_joined_strings_are_garbage(client: OpenAI) -> None:
    data = [delta["audio"]["data"] for delta in deltas(stream(client, **ALOUD)) if "data" in delta.get("audio", {})]
    assert all(piece.endswith("=") for piece in data[:-1])
    with pytest.raises(binascii.Error):
        base64.b64decode("".join(data), validate=True)


def test_the_last_piece_of_a_spoken_stream_has_no_finish_reason(client: OpenAI) -> None:
    chunks = stream(client, **ALOUD)
    assert all(choice.finish_reason is None for chunk in chunks for choice in chunk.choices)
    assert "finish_reason" not in chunks[-1].choices[0].model_fields_set


def test_usage_comes_last_and_without_choices_when_asked_for(fake: FakeAPI, client: OpenAI) -> None:
    *others, last = stream(client, stream_options={"include_usage": True}, **ALOUD)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == response(fake)["usage"]["total_tokens"]
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in others)


def test_usage_does_not_come_unasked(client: OpenAI) -> None:
    assert all(chunk.usage is None and chunk.choices for chunk in stream(client))


def test_tool_calls_come_in_pieces(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_reply(tool_calls=[("look_up", '{"breed": "golden retriever"}', "call_1"), ("wait", "{}", "call_2")])
    chunks = stream(client)
    pieces = [piece for delta in deltas(chunks) for piece in delta.get("tool_calls", [])]
    assert [(p["index"], p["id"], p["function"]["name"]) for p in pieces if "id" in p] == [
        (0, "call_1", "look_up"),
        (1, "call_2", "wait"),
    ]
    arguments = ["".join(p["function"]["arguments"] for p in pieces if p["index"] == index) for index in (0, 1)]
    assert arguments == ['{"breed": "golden retriever"}', "{}"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_speech_with_tool_calls_ends_with_the_reason(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_reply("One moment.", tool_calls=[("look_up", "{}")])
    chunks = stream(client, **ALOUD)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[-2].choices[0].delta.audio is not None


def test_refusals_and_new_fields_are_streamed_too(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_reply(refusal="I cannot.", extra={"mood": "calm"})
    parts = deltas(stream(client))
    assert parts[0]["mood"] == "calm"
    assert "".join(part.get("refusal") or "" for part in parts) == "I cannot."


def test_the_stream_ends_with_done(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(model="gpt-4.1", messages=[HELLO], stream=True) as raw:
        text = raw.read().decode()
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert text.endswith("\n\ndata: [DONE]\n\n")


def test_a_refused_stream_is_an_error_before_the_first_chunk(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="does not support 'wav' when stream=true"):
        stream(client, **{**ALOUD, "audio": {"voice": "alloy", "format": "wav"}})


def test_a_stream_can_break_in_the_middle(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_drop(chunks=3)
    received: list[Any] = []
    chunks = client.chat.completions.create(model="gpt-4.1", messages=[HELLO], stream=True)
    with pytest.raises(openai.APIConnectionError):
        received.extend(chunks)
    assert len(received) == 3
    assert (fake.last.status, fake.last.dropped) == (200, True)


@pytest.mark.asyncio
async def test_the_async_client_streams(fake: FakeAPI) -> None:
    async with fake.async_client() as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(messages=[HELLO], stream=True, **ALOUD)]
    spoken = [chunk.choices[0].delta.audio for chunk in chunks if chunk.choices[0].delta.audio]
    assert "".join(piece.transcript or "" for piece in spoken) == "I have read 1 message."
