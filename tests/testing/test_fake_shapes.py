"""Streams go in every shape that servers give them, break where a test wants it, and stand still until it lets them go."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import TYPE_CHECKING, Any

import attrs
import openai
import pytest

from convo.testing import FakeAPI, StreamShape

if TYPE_CHECKING:
    from openai import OpenAI

HELLO: Any = {"role": "user", "content": "hello"}
ALOUD: dict[str, Any] = {
    "model": "gpt-audio-1.5",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "pcm16"},
    "messages": [HELLO],
    "stream": True,
}
CALLS: Any = [("f", '{"a": 1}', "call_1"), {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x y"}}]


def chunks(client: OpenAI, **arguments: Any) -> list[dict[str, Any]]:
    return [chunk.to_dict() for chunk in client.chat.completions.create(**{**ALOUD, **arguments})]


def pieces(found: list[dict[str, Any]], key: str = "audio") -> list[Any]:
    return [choice["delta"][key] for chunk in found for choice in chunk["choices"] if choice["delta"].get(key)]


def raw(client: OpenAI, **arguments: Any) -> str:
    with client.chat.completions.with_streaming_response.create(**{**ALOUD, **arguments}) as response:
        text: str = response.read().decode()
    return text


def shaped(fake: FakeAPI, *, text: str = "Yes, very good ones.", **shape: Any) -> None:
    fake.will_reply(text, stream=StreamShape(**shape))


# --- shapes ----------------------------------------------------------------------------------------


def test_the_audio_id_stands_in_the_first_piece_alone(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, audio_id="first")
    assert ["id" in piece for piece in pieces(chunks(client))][:3] == [True, False, False]


@pytest.mark.parametrize(("words", "first", "last"), [("first", "transcript", "data"), ("last", "data", "transcript")])
def test_words_come_before_or_after_the_sound(fake: FakeAPI, client: OpenAI, words: Any, first: str, last: str) -> None:
    shaped(fake, words=words)
    *found, _expiry = pieces(chunks(client))
    assert (first in found[0], last in found[-1]) == (True, True)


def test_words_come_mixed_with_the_sound(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, words="mixed")
    assert [("transcript" in piece) for piece in pieces(chunks(client))[:4]] == [True, False, True, False]


def test_sound_comes_in_pieces_of_a_size(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, piece=1001)
    sizes = [len(base64.b64decode(piece["data"])) for piece in pieces(chunks(client)) if "data" in piece]
    assert set(sizes[:-1]) == {1001}


def test_base64_is_cut_anywhere(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, base64="cut", piece=1001)
    data = [piece["data"] for piece in pieces(chunks(client)) if "data" in piece]
    assert {len(piece) for piece in data[:-1]} == {1001}
    assert fake.last.response is not None
    assert "".join(data) == fake.last.response["choices"][0]["message"]["audio"]["data"]


@pytest.mark.parametrize(
    ("shape", "reasons", "expires"),
    [
        ({}, [None], True),
        ({"expiry": "with_reason"}, ["stop"], True),
        ({"expiry": "never"}, ["stop"], False),
        ({"end": "no_reason"}, [None], True),
        ({"end": "no_reason", "expiry": "with_reason"}, [None], True),
        ({"end": "cut"}, [None], False),
    ],
)
def test_speech_ends_as_wanted(fake: FakeAPI, client: OpenAI, shape: Any, reasons: list[Any], expires: bool) -> None:
    shaped(fake, **shape)
    found = chunks(client)
    assert [choice.get("finish_reason") for choice in found[-1]["choices"]] == reasons
    assert any("expires_at" in piece for piece in pieces(found)) is expires


def test_a_clean_cut_has_no_end_at_all(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, end="cut")
    text = raw(client, stream_options={"include_usage": True})
    assert "[DONE]" not in text
    assert '"expires_at"' not in text
    assert '"choices":[]' not in text
    assert fake.last.dropped


def test_a_written_answer_without_a_reason_is_done_all_the_same(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, end="no_reason")
    text = raw(client, model="gpt-4.1", modalities=openai.omit, audio=openai.omit)
    assert '"finish_reason":"' not in text
    assert text.endswith("data: [DONE]\n\n")


def test_parallel_calls_come_one_after_the_other_or_mixed(fake: FakeAPI, client: OpenAI) -> None:
    for mixed, order in ((False, [0, 0, 0, 1, 1, 1]), (True, [0, 1, 0, 1, 0, 1])):
        fake.will_reply("One moment.", tool_calls=CALLS, stream=StreamShape(mixed_calls=mixed))
        found = [call for calls in pieces(chunks(client), "tool_calls") for call in calls]
        assert [call["index"] for call in found] == order
        assert "".join(call["custom"]["input"] for call in found if "custom" in call) == "x y"


def test_azures_first_chunk_has_no_choices(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, filters=True)
    first = chunks(client)[0]
    assert (first["id"], first["choices"], first["prompt_filter_results"][0]["prompt_index"]) == ("", [], 0)


def test_several_choices_are_streamed(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, choices=2)
    assert [chunk["choices"][0]["index"] for chunk in chunks(client)[:4]] == [0, 1, 0, 1]


def test_keep_alives_are_comments(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, keep_alives=True)
    shaped(fake, keep_alives=True)
    assert raw(client).startswith(": keep-alive\n\ndata: {")
    assert pieces(chunks(client))


def test_an_error_comes_in_the_middle(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, error_after=3)
    found: list[Any] = []
    with pytest.raises(openai.APIError, match="The server had an error"):
        found.extend(client.chat.completions.create(**ALOUD))
    assert (len(found), fake.last.dropped) == (3, True)


def test_characters_beyond_ascii_go_as_they_are_and_halves_as_escapes(fake: FakeAPI, client: OpenAI) -> None:
    for text, wire in (("Żółw", "Żółw"), ("\ud83d!", r"\ud83d!")):
        fake.will_reply(content=text, spoken=False)
        assert wire in raw(client)


def test_a_shape_says_nothing_to_an_answer_that_is_no_stream(fake: FakeAPI, client: OpenAI) -> None:
    shaped(fake, end="cut", choices=2)
    answer = client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert answer.choices[0].message.content == "Yes, very good ones."
    assert not fake.last.dropped


@pytest.mark.parametrize("wrong", [{"words": "never"}, {"end": "soon"}, {"piece": 0}, {"choices": 0}])
def test_a_shape_that_does_not_exist_is_an_error(wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StreamShape(**wrong)


# --- broken inside a chunk -------------------------------------------------------------------------


def broken_bytes(client: OpenAI) -> bytes:
    found: list[bytes] = []
    with (
        client.chat.completions.with_streaming_response.create(**ALOUD) as response,
        pytest.raises(Exception, match="broke the connection"),
    ):
        found.extend(response.iter_bytes())
    return b"".join(found)


def test_a_stream_breaks_in_the_middle_of_base64(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_drop(chunks=6, inside=True)
    whole, _, rest = broken_bytes(client).rpartition(b"\n\n")
    assert whole.count(b"data: ") == 6
    assert b'"data":"' in rest
    assert not rest.endswith(b"}")


def test_a_stream_breaks_in_the_middle_of_a_character(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_drop(chunks=1, inside=True)
    shaped(fake, text="Żółw")
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        broken_bytes(client).decode()


def test_a_stream_breaks_in_the_middle_of_its_first_chunk(fake: FakeAPI, client: OpenAI) -> None:
    fake.will_drop(inside=True)
    found = broken_bytes(client)
    assert found.startswith(b"data: {")
    assert b"\n\n" not in found


# --- held ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", [False, True], ids=["in-process", "http"])
def test_a_stream_stands_still_until_it_is_released(fake: FakeAPI, served: bool) -> None:
    hold = fake.hold(after=3)
    found: list[Any] = []
    with fake.serve() as url, fake.client() as near, openai.OpenAI(base_url=url, api_key="k", max_retries=0) as far:
        client = far if served else near
        thread = threading.Thread(target=lambda: found.extend(client.chat.completions.create(**ALOUD)))
        thread.start()
        hold.wait_until_held()
        assert hold.held
        assert len(found) <= 3
        hold.release()
        thread.join()
    assert pieces([chunk.to_dict() for chunk in found])[-1]["expires_at"]


@pytest.mark.parametrize("served", [False, True], ids=["in-process", "http"])
@pytest.mark.asyncio
async def test_a_task_that_waits_for_a_held_stream_can_be_cancelled(fake: FakeAPI, served: bool) -> None:
    hold = fake.hold(after=2)
    found: list[Any] = []

    async def read(client: openai.AsyncOpenAI) -> None:
        async for chunk in await client.chat.completions.create(**ALOUD):
            found.append(chunk)  # noqa: PERF401 - what came before the cancellation counts

    with fake.serve() as url:
        async with fake.async_client() as near, openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as far:
            task = asyncio.create_task(read(far if served else near))
            await hold.async_wait_until_held()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert len(found) <= 2
    hold.release()


@pytest.mark.asyncio
async def test_a_held_stream_goes_on_in_a_task(fake: FakeAPI) -> None:
    hold = fake.hold(after=2)
    async with fake.async_client() as client:
        stream = await client.chat.completions.create(**ALOUD)
        task = asyncio.create_task(anext_all(stream))
        await hold.async_wait_until_held()
        hold.release()
        await hold.async_wait_until_held()
        assert len(await task) > 2


async def anext_all(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def test_other_answers_are_held_too_and_each_hold_holds_one(fake: FakeAPI, client: OpenAI) -> None:
    hold = fake.hold()
    hold.release()
    for _ in range(2):
        client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert hold.held


def test_a_hold_beyond_the_last_chunk_holds_the_end(fake: FakeAPI, client: OpenAI) -> None:
    hold = fake.hold(after=10_000)
    hold.release()
    raw(client)
    assert hold.held


def test_who_waits_in_vain_is_told(fake: FakeAPI) -> None:
    with pytest.raises(TimeoutError, match="was a stream asked for"):
        fake.hold().wait_until_held(timeout=0)


def test_a_shape_is_a_value() -> None:
    assert attrs.evolve(StreamShape(), words="mixed") == StreamShape(words="mixed")
