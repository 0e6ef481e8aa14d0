"""Answers have the API's shape, real sound, and usage that adds up."""

from __future__ import annotations

import array
import base64
import io
import math
import wave
from typing import TYPE_CHECKING, Any

import pytest
from openai.types.chat import ChatCompletion

from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI

    from convo.testing import FixedClock

    Ask = Callable[..., ChatCompletion]

HELLO: Any = {"role": "user", "content": "hello"}


def sound_of(answer: ChatCompletion) -> bytes:
    spoken = answer.choices[0].message.audio
    assert spoken is not None
    return base64.b64decode(spoken.data, validate=True)


def details(answer: ChatCompletion) -> tuple[dict[str, Any], dict[str, Any]]:
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    return usage.prompt_tokens_details.model_dump(), usage.completion_tokens_details.model_dump()


def test_a_written_answer_has_the_shape_of_the_api(fake: FakeAPI, clock: FixedClock, ask: Ask) -> None:
    answer = ask(HELLO)
    ChatCompletion.model_validate(fake.last.response, strict=True)
    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model, answer.created) == ("chat.completion", "gpt-4.1", int(clock().timestamp()))
    assert fake.last.response is not None
    assert fake.last.response["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "I have read 1 message.",
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_a_spoken_answer_has_audio_and_no_content(fake: FakeAPI, clock: FixedClock, ask_aloud: Ask) -> None:
    message = ask_aloud(HELLO).choices[0].message
    ChatCompletion.model_validate(fake.last.response, strict=True)
    assert message.content is None
    assert message.audio is not None
    assert message.audio.id.startswith("audio_")
    assert message.audio.transcript == "I have read 1 message."
    assert message.audio.expires_at == int(clock().timestamp()) + 3600


def test_wav_is_real_sound_as_long_as_the_usage_says(ask_aloud: Ask) -> None:
    answer = ask_aloud(HELLO)
    with wave.open(io.BytesIO(sound_of(answer))) as reader:
        assert reader.getparams()[:3] == (1, 2, 24_000)
        seconds = reader.getnframes() / reader.getframerate()
        samples = array.array("h", reader.readframes(reader.getnframes()))
    assert seconds == details(answer)[1]["audio_tokens"] / 20 == 2.0
    assert max(samples) > 3_000
    assert min(samples) < -3_000


def test_pcm16_is_the_same_sound_without_header(ask_aloud: Ask) -> None:
    wav, raw = (sound_of(ask_aloud(HELLO, audio={"voice": "alloy", "format": name})) for name in ("wav", "pcm16"))
    assert wav[44:] == raw


def test_mp3_is_whole_frames_as_long_as_the_usage_says(ask_aloud: Ask) -> None:
    answer = ask_aloud(HELLO, audio={"voice": "alloy", "format": "mp3"})
    sound = sound_of(answer)
    frames = [sound[start : start + 96] for start in range(0, len(sound), 96)]
    assert all(frame[:4] == bytes([0xFF, 0xFB, 0x14, 0xC0]) and len(frame) == 96 for frame in frames)
    assert len(frames) == math.ceil(details(answer)[1]["audio_tokens"] / 20 / 0.024)


def test_longer_texts_sound_longer_and_different_texts_differ(fake: FakeAPI, ask_aloud: Ask) -> None:
    sounds = []
    for text in ("Yes.", "No.", "Yes, very good ones indeed."):
        fake.will_reply(text)
        sounds.append(sound_of(ask_aloud(HELLO)))
    short, other, long = sounds
    assert len(long) - 44 == 5 * (len(short) - 44)
    assert short != other


def test_usage_adds_up(fake: FakeAPI, ask_aloud: Ask, recording: str) -> None:
    fake.will_reply("Yes, very good ones.", tool_calls=[("look_up", '{"breed": "golden retriever"}')])
    part = {"type": "input_audio", "input_audio": {"data": recording, "format": "wav"}}
    answer = ask_aloud({"role": "user", "content": [part, {"type": "text", "text": "Is it so?"}]})
    went_in, came_out = details(answer)
    usage = answer.usage
    assert usage is not None
    assert went_in == {
        "audio_tokens": 10, "cached_tokens": 0, "text_tokens": 7, "image_tokens": 0, "cache_write_tokens": None,
    }  # fmt: skip
    assert came_out["audio_tokens"] == 4 * 8
    assert usage.prompt_tokens == went_in["audio_tokens"] + went_in["text_tokens"]
    assert usage.completion_tokens == came_out["audio_tokens"] + came_out["text_tokens"]
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_past_audio_costs_what_it_cost_when_it_was_made(ask_aloud: Ask) -> None:
    first = ask_aloud(HELLO)
    assert first.choices[0].message.audio is not None
    past = {"role": "assistant", "audio": {"id": first.choices[0].message.audio.id}}
    second = ask_aloud(HELLO, past, HELLO)
    assert details(second)[0]["audio_tokens"] == details(first)[1]["audio_tokens"]


def test_tools_and_calls_cost_text(ask: Ask) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "description": "Looks it up. " * 10}}]
    assert details(ask(HELLO, tools=tools))[0]["text_tokens"] > details(ask(HELLO))[0]["text_tokens"] + 30


def test_answers_are_the_same_in_every_run() -> None:
    def run() -> list[Any]:
        fake = FakeAPI()
        client = fake.client()
        for _ in range(2):
            client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
        return [received.response for received in fake.received]

    first, second = run(), run()
    assert first == second
    assert first[0]["id"] != first[1]["id"]


def test_every_answer_says_who_was_asked_when_and_under_which_id(client: OpenAI, fake: FakeAPI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4.1", messages=[HELLO])
    assert raw.headers["date"] == "Sun, 01 Nov 2026 12:00:00 GMT"
    assert raw.headers["openai-organization"] == "org-fake"
    assert raw.headers["openai-processing-ms"].isdigit()
    other = fake.client(organization="org-mine").chat.completions.with_raw_response.create(model="gpt-4.1", messages=[HELLO])
    assert other.headers["openai-organization"] == "org-mine"
    assert raw.request_id != other.request_id


def test_models_are_listed_while_they_live(client: OpenAI, clock: FixedClock) -> None:
    names = {model.id for model in client.models.list()}
    assert "gpt-audio-1.5" in names
    assert "gpt-4o-audio-preview" not in names
    clock.advance(-365 * 24 * 3600)
    assert "gpt-4o-audio-preview" in {model.id for model in client.models.list()}


@pytest.mark.asyncio
async def test_the_async_client_gets_the_same_answers(fake: FakeAPI) -> None:
    async with fake.async_client() as client:
        answer = await client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert answer.choices[0].message.content == "I have read 1 message."
