"""Rules on audio and models: what goes in and out of which model, and which audio ids it takes.

Where the API's words are not known, the sentence names the combination; status, `param` and `code` follow its habits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.testing.asked import audio_id_of
from convo.testing.refusals import (
    invalid,
    missing_parameter,
    not_simulated,
    unknown_parameter,
    unsupported_parameter,
    unsupported_value,
)
from convo.testing.sniff import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Asked, IssuedAudio
    from convo.testing.refusals import ApiRefusal


def text_model_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse everything that has to do with audio, when the model only reads and writes."""
    if asked.model.kind == "audio":
        return
    yield from (unknown_parameter(key) for key in asked.body if key in {"audio", "modalities"})
    for path, message in asked.messages():
        if audio_id_of(message) is not None:
            yield unknown_parameter(f"{path}.audio")
    for path, part in asked.parts():
        if part["type"] == "input_audio":
            yield unsupported_value(f"{path}.type", "input_audio", ("text", "image_url", "file"))


def output_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse modalities and audio output that do not belong together."""
    modalities, audio = asked.body.get("modalities"), asked.body.get("audio")
    if modalities and "text" not in modalities:
        yield invalid("Invalid value: ['audio']. Supported values are: ['text'] and ['text', 'audio'].", "modalities")
    if asked.wants_audio and audio is None:
        yield missing_parameter("audio")
    if audio is not None and not asked.wants_audio:
        yield invalid("Invalid value for 'audio': it is only allowed when 'modalities' contains 'audio'.", "audio")
    if audio and asked.body.get("stream") and audio["format"] != "pcm16":
        yield _unstreamable(audio["format"])


def _unstreamable(name: str) -> ApiRefusal:
    message = f"Unsupported value: 'audio.format' does not support '{name}' when stream=true. Supported values are: 'pcm16'."
    return invalid(message, "audio.format", "unsupported_value")


def silence_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse a request to an audio model that has audio neither in its content nor in its output.

    An id of past audio does not count.
    """
    heard = any(part["type"] == "input_audio" for _, part in asked.parts())
    if asked.model.kind == "audio" and not heard and not asked.wants_audio:
        yield invalid("This model requires that either input content or output modality contain audio.", "model")


def ability_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse what this model cannot do though others can: images, structured outputs, control of the cache."""
    if not asked.model.structured and (asked.body.get("response_format") or {}).get("type") == "json_schema":
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        yield invalid(message, "response_format", None)
    if not asked.model.cache_options and "prompt_cache_options" in asked.body:
        yield unsupported_parameter("prompt_cache_options")
    for path, part in asked.parts():
        if not asked.model.images and part["type"] == "image_url":
            yield invalid("Invalid content type. image_url is only supported by certain models.", f"{path}.type")
        if not asked.model.cache_options and "prompt_cache_breakpoint" in part:
            yield unsupported_parameter(f"{path}.prompt_cache_breakpoint")


def recording_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse input audio that is not the wav or mp3 that it is said to be."""
    for path, part in asked.parts():
        if part["type"] == "input_audio" and seconds_of(part["input_audio"]) is None:
            yield invalid("This model does not support the format you provided.", f"{path}.input_audio", "unsupported_format")


def reference_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse ids of audio that the API does not hold, or not for this caller and model."""
    for path, message in asked.messages():
        audio_id = audio_id_of(message)
        if audio_id is not None and not _usable(asked, asked.audio.get(audio_id)):
            yield invalid(f"Assistant audio {audio_id} not found.", f"content.{path}.audio.id", "audio_not_found")


def _usable(asked: Asked, audio: IssuedAudio | None) -> bool:
    return (
        audio is not None
        and not audio.revoked
        and asked.now.timestamp() < audio.expires_at
        and audio.origin == asked.origin
        and audio.model in asked.models
        and asked.models[audio.model].family == asked.model.family
    )


def fake_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse what the API may accept and the fake cannot do."""
    if (asked.body.get("n") or 1) > 1:
        yield not_simulated("the fake gives one choice; leave 'n' out", "n")
