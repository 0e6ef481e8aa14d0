"""The fake holds audio, models and formats to the API's rules."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import pytest
from openai.types.chat_model import ChatModel

from convo.audio.sniff import sniff
from convo.testing import FakeAPI
from convo.testing.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

    from convo.testing import FixedClock

    Error = Callable[..., dict[str, Any]]
    Ask = Callable[..., ChatCompletion]

HELLO = {"role": "user", "content": "hello"}
SILENT = "This model requires that either input content or output modality contain audio."
FMT = b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
MP3_FRAME = bytes([0xFF, 0xFB, 0x90, 0xC4]) + bytes(413)


def bad(message: str, param: str | None, code: str | None, status: int = 400) -> dict[str, Any]:
    return {"status": status, "message": message, "type": "invalid_request_error", "param": param, "code": code}


def unsupported(key: str) -> dict[str, Any]:
    return bad(f"Unsupported parameter: '{key}' is not supported with this model.", key, "unsupported_parameter")


def heard(data: str | bytes, claimed: str = "wav") -> dict[str, Any]:
    encoded = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": encoded, "format": claimed}}]}


# --- models ----------------------------------------------------------------------------------------


def test_the_text_models_are_names_that_the_client_knows() -> None:
    assert {name for name, model in MODELS.items() if model.kind == "text"} <= set(get_args(ChatModel))


def test_a_model_is_gone_from_the_day_of_its_shutdown(clock: FixedClock, error_aloud: Error, ask_aloud: Ask) -> None:
    clock.set(datetime(2026, 5, 6, 23, 59, tzinfo=UTC))
    ask_aloud(model="gpt-4o-audio-preview")
    clock.set(datetime(2026, 5, 7, tzinfo=UTC))
    refused = error_aloud(model="gpt-4o-audio-preview")
    assert (refused["status"], refused["code"], refused["param"]) == (404, "model_not_found", None)


def test_models_can_be_added() -> None:
    client = FakeAPI(models={"my-voice": "audio", "my-text": "text"}).client()
    client.chat.completions.create(model="my-text", messages=[{"role": "user", "content": "hello"}])
    with pytest.raises(Exception, match="requires that either input content"):
        client.chat.completions.create(model="my-voice", messages=[{"role": "user", "content": "hello"}])


# --- audio models ----------------------------------------------------------------------------------


def test_an_audio_model_refuses_a_request_without_audio(error: Error) -> None:
    assert error(model="gpt-audio-1.5") == bad(SILENT, "model", "invalid_value")


def test_audio_in_the_input_is_enough(ask: Ask, recording: str) -> None:
    answer = ask(heard(recording), model="gpt-audio-1.5", modalities=["text"])
    assert answer.choices[0].message.content == "I have read 1 message."


def test_an_id_of_past_audio_is_not_enough(ask_aloud: Ask, error: Error) -> None:
    spoken = ask_aloud().choices[0].message.audio
    assert spoken is not None
    past = {"role": "assistant", "audio": {"id": spoken.id}}
    assert error(HELLO, past, HELLO, model="gpt-audio-1.5") == bad(SILENT, "model", "invalid_value")


def test_speech_needs_voice_and_format(error_aloud: Error) -> None:
    assert error_aloud(audio=None) == bad("Missing required parameter: 'audio'.", "audio", "missing_required_parameter")
    for key, other in (("voice", "format"), ("format", "voice")):
        path = f"audio.{key}"
        refused = error_aloud(audio={other: "wav"})
        assert refused == bad(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def test_a_voice_is_any_string_or_an_object(ask_aloud: Ask) -> None:
    ask_aloud(audio={"voice": "somebody", "format": "wav"})
    ask_aloud(audio={"voice": {"id": "voice_1"}, "format": "wav"})


def test_voice_and_format_without_the_modality_are_refused(error_aloud: Error) -> None:
    refused = error_aloud(modalities=["text"])
    assert (refused["status"], refused["param"]) == (400, "audio")


def test_the_audio_modality_alone_is_refused(error_aloud: Error) -> None:
    refused = error_aloud(modalities=["audio"])
    assert (refused["status"], refused["param"], refused["code"]) == (400, "modalities", "invalid_value")


def test_an_unknown_format_is_refused(error_aloud: Error) -> None:
    message = "Invalid value: 'ogg'. Supported values are: 'wav', 'aac', 'mp3', 'flac', 'opus', and 'pcm16'."
    assert error_aloud(audio={"voice": "alloy", "format": "ogg"}) == bad(message, "audio.format", "invalid_value")


@pytest.mark.parametrize("name", ["wav", "mp3", "flac"])
def test_a_stream_takes_pcm16_only(error_aloud: Error, name: str) -> None:
    message = f"Unsupported value: 'audio.format' does not support '{name}' when stream=true. Supported values are: 'pcm16'."
    refused = error_aloud(stream=True, audio={"voice": "alloy", "format": name})
    assert refused == bad(message, "audio.format", "unsupported_value")


@pytest.mark.parametrize("name", ["wav", "aac", "mp3", "flac", "opus"])
def test_it_speaks_in_every_format(client: OpenAI, name: Any) -> None:
    answer = client.chat.completions.create(
        model="gpt-audio-1.5", messages=[{"role": "user", "content": "Hi."}], modalities=["text", "audio"],
        audio={"voice": "alloy", "format": name},
    )  # fmt: skip
    assert answer.choices[0].message.audio is not None
    assert sniff(base64.b64decode(answer.choices[0].message.audio.data)) == name


def test_more_than_one_choice_is_refused_as_the_fakes_own_limit(error: Error) -> None:
    assert error(n=2)["code"] == "not_simulated"


def test_gpt_audio_1_5_refuses_images(error_aloud: Error) -> None:
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.org/dog.png"}}]}
    message = "Invalid content type. image_url is only supported by certain models."
    assert error_aloud(image) == bad(message, "messages[0].content[0].type", "invalid_value")


def test_gpt_audio_1_5_refuses_structured_outputs(error_aloud: Error) -> None:
    refused = error_aloud(response_format={"type": "json_schema", "json_schema": {"name": "dog", "schema": {}}})
    assert (refused["status"], refused["param"]) == (400, "response_format")


def test_control_of_the_cache_is_for_models_that_have_it(ask: Ask, error: Error, error_aloud: Error) -> None:
    options = {"prompt_cache_options": {"mode": "explicit"}}
    ask(model="gpt-5.6-sol", **options)
    assert error_aloud(**options) == unsupported("prompt_cache_options")
    assert error(model="gpt-4.1", **options) == unsupported("prompt_cache_options")


def test_a_cache_breakpoint_is_for_models_that_have_it(ask: Ask, error: Error) -> None:
    marked = {"type": "text", "text": "hello", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ask({"role": "user", "content": [marked]}, model="gpt-5.6-sol")
    refused = error({"role": "user", "content": [marked]})
    assert refused == unsupported("messages[0].content[0].prompt_cache_breakpoint")


# --- text models -----------------------------------------------------------------------------------


@pytest.mark.parametrize("modalities", [["text"], ["text", "audio"], None])
def test_a_text_model_refuses_modalities_of_any_kind(error: Error, modalities: Any) -> None:
    assert error(modalities=modalities) == bad("Unknown parameter: 'modalities'.", "modalities", "unknown_parameter")


def test_a_text_model_refuses_audio_output(error: Error) -> None:
    refused = error(audio={"voice": "alloy", "format": "wav"})
    assert refused == bad("Unknown parameter: 'audio'.", "audio", "unknown_parameter")


def test_a_text_model_refuses_input_audio(error: Error, recording: str) -> None:
    message = "Invalid value: 'input_audio'. Supported values are: 'text', 'image_url', and 'file'."
    assert error(heard(recording)) == bad(message, "messages[0].content[0].type", "invalid_value")


def test_a_text_model_refuses_ids_of_audio(ask_aloud: Ask, error: Error) -> None:
    spoken = ask_aloud().choices[0].message.audio
    assert spoken is not None
    refused = error(HELLO, {"role": "assistant", "audio": {"id": spoken.id}}, HELLO)
    assert refused == bad("Unknown parameter: 'messages[1].audio'.", "messages[1].audio", "unknown_parameter")


# --- recordings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        ("", "wav"),
        ("not base64!", "wav"),
        ("QUJD\nREVG", "wav"),
        (b"OggS" + bytes(100), "wav"),
        (b"RIFF\x24\0\0\0WAVE", "wav"),
        (b"RIFF\x24\0\0\0WAVEdata\x04\0\0\0\0\0\0\0", "wav"),
        (b"RIFF\x24\0\0\0WAVE" + FMT, "wav"),
        (b"RIFF\x24\0\0\0WAVEfmt \x0c\0\0\0" + FMT[8:20] + b"data\x04\0\0\0\0\0\0\0", "wav"),
        (MP3_FRAME, "wav"),
        (b"fLaC" + bytes(100), "mp3"),
        (bytes(100), "mp3"),
        (bytes([0xFF, 0xFB, 0xF0, 0xC4]) + bytes(400), "mp3"),
        (bytes([0xFF, 0xFB, 0x9C, 0xC4]) + bytes(400), "mp3"),
        (bytes([0xFF, 0xFD, 0x90, 0xC4]) + bytes(400), "mp3"),
        (MP3_FRAME[:3], "mp3"),
    ],
)
def test_input_audio_that_is_not_what_it_claims_is_refused(error_aloud: Error, data: str | bytes, claimed: str) -> None:
    message = "This model does not support the format you provided."
    assert error_aloud(heard(data, claimed)) == bad(message, "messages[0].content[0].input_audio", "unsupported_format")


def test_a_wav_that_claims_to_be_longer_than_it_is_is_accepted(ask_aloud: Ask) -> None:
    streamed = b"RIFF\xff\xff\xff\xffWAVE" + FMT + b"data\xff\xff\xff\xff" + bytes(32_000)
    usage = ask_aloud(heard(streamed)).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.audio_tokens == 10


def test_a_wav_that_is_claimed_to_be_mp3_is_refused(error_aloud: Error, recording: str) -> None:
    assert error_aloud(heard(recording, "mp3"))["code"] == "unsupported_format"


def test_another_format_of_input_is_refused(error_aloud: Error, recording: str) -> None:
    message = "Invalid value: 'flac'. Supported values are: 'wav' and 'mp3'."
    path = "messages[0].content[0].input_audio.format"
    assert error_aloud(heard(recording, "flac")) == bad(message, path, "invalid_value")


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        (MP3_FRAME * 100, 27),
        (b"ID3\x04\0\0\0\0\0\x05title" + MP3_FRAME * 100, 27),
        (b"ID3\x04\0\0\0\0\0\0" + bytes(16_000), 10),
        (bytes([0xFF, 0xF3, 0x44, 0xC0]) + bytes(3_996), 10),
    ],
)
def test_mp3_is_known_by_its_tag_or_frame_and_measured_by_its_bit_rate(ask_aloud: Ask, data: bytes, tokens: int) -> None:
    usage = ask_aloud(heard(data, "mp3")).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.audio_tokens == tokens
