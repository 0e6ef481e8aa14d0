"""The fake speaks what the API would, and refuses the rest with the API's words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openai
import pytest

from convo.audio.sniff import sniff
from convo.audio.value import Audio

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI

    from convo.testing import FakeAPI, FixedClock

    Speak = Callable[..., bytes]

TEXT = "Yes, very good ones."


@pytest.fixture
def speak(client: OpenAI) -> Speak:
    """Have a text spoken."""

    def speaking(text: Any = TEXT, model: str = "gpt-4o-mini-tts", voice: Any = "alloy", **arguments: Any) -> bytes:
        return client.audio.speech.create(input=text, model=model, voice=voice, **arguments).content

    return speaking


def test_wav_and_pcm_are_the_same_sound_as_long_as_the_text(speak: Speak) -> None:
    wav, pcm = Audio.from_bytes(speak(response_format="wav")), Audio.from_bytes(speak(response_format="pcm"), "pcm16")
    assert wav.duration == pcm.duration == pytest.approx(1.6)
    assert wav.data[44:] == pcm.data
    assert len(set(pcm.data)) > 100
    assert len(speak(TEXT * 2, response_format="pcm")) > len(pcm.data)


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav"])
def test_each_format_is_told_by_its_bytes(speak: Speak, name: str) -> None:
    assert sniff(speak(response_format=name)) == name


def test_without_a_format_it_is_mp3(speak: Speak) -> None:
    assert Audio.from_bytes(speak()).format == "mp3"


def test_what_was_asked_and_given_is_shown_without_the_bytes(fake: FakeAPI, speak: Speak) -> None:
    data = speak(response_format="wav", speed=1.5)
    assert fake.last.path == "/v1/audio/speech"
    assert fake.last.body["input"] == TEXT
    assert fake.last.response == {"type": "audio/wav", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_bytes_that_were_queued_come_once(fake: FakeAPI, speak: Speak) -> None:
    fake.will_speak(b"odd")
    assert speak() == b"odd"
    assert speak() != b"odd"


def test_a_voice_of_its_own_is_taken(speak: Speak) -> None:
    assert speak(voice={"id": "voice_1"})


LONG = "a" * 4_097


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ({"text": LONG}, 400, "String should have at most 4096 characters"),
        ({"text": ""}, 400, "String should have at least 1 character"),
        ({"text": "犬" * 2_001}, 400, "Input of 2001 tokens is over the maximum input limit of 2000 tokens."),
        ({"model": "gpt-audio-1.5"}, 404, "does not exist"),
        ({"voice": "nobody"}, 400, "Input should be 'nova', 'shimmer', 'echo'"),
        ({"voice": "cedar", "model": "tts-1"}, 400, "'sage' or 'coral'"),
        ({"response_format": "pcm16"}, 400, "Input should be 'mp3', 'opus', 'aac', 'flac', 'wav' or 'pcm'"),
        ({"speed": 0.1}, 400, "greater than or equal to 0.25"),
        ({"speed": 5}, 400, "less than or equal to 4.0"),
        ({"extra_body": {"zzz": 1}}, 400, "Unknown parameter: 'zzz'."),
        ({"extra_body": {"input": 5}}, 400, "Input should be a valid string"),
        ({"stream_format": "sse"}, 400, "convo.testing"),
    ],
    ids=str,
)
def test_what_the_api_refuses_is_refused(speak: Speak, arguments: dict[str, Any], status: int, words: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        speak(**arguments)
    assert caught.value.status_code == status
    assert words in str(caught.value)


def test_tokens_do_not_count_for_the_older_models(speak: Speak) -> None:
    assert speak("犬" * 4_096, model="tts-1")


def test_the_models_end_on_their_day(speak: Speak, clock: FixedClock) -> None:
    clock.set(datetime(2027, 1, 6, tzinfo=UTC))
    with pytest.raises(openai.NotFoundError):
        speak()


def test_errors_and_breaks_meet_speech_too(fake: FakeAPI, speak: Speak) -> None:
    fake.will_fail(429)
    with pytest.raises(openai.RateLimitError):
        speak()
    fake.will_drop(after=True)
    with pytest.raises(openai.APIConnectionError):
        speak()
    assert speak()


def test_over_http_too(fake: FakeAPI) -> None:
    with fake.serve() as base_url, openai.OpenAI(base_url=base_url, api_key="k", max_retries=0) as client:
        answer = client.audio.speech.create(input=TEXT, model="tts-1", voice="alloy", response_format="wav")
        assert answer.response.headers["content-type"] == "audio/wav"
        assert Audio.from_bytes(answer.content).duration == pytest.approx(1.6)
