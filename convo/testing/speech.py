"""Speech made from text: which requests the API would refuse, and the bytes that it answers the others with.

The words of a voice that is none, and of a text of too many tokens, are the API's own; a text of too many characters is
refused in the shape of the former.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.refusals import ApiRefusal, invalid, missing_parameter, not_simulated, unknown_parameter
from convo.testing.sound import speech

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convo.testing.asked import Json

LONGEST = 4_096
"""Characters of a text."""
MOST_TOKENS = 2_000
"""Tokens of a text, for the models that read tokens."""
_BYTES_A_TOKEN = 3
"""Bytes of UTF-8 by which the fake counts the tokens of a text: few for English, about right for Chinese."""
_ENDS = datetime(2027, 1, 6, tzinfo=UTC)
MODELS: Mapping[str, datetime] = {
    "gpt-4o-mini-tts": _ENDS,
    "gpt-4o-mini-tts-2025-03-20": _ENDS,
    "gpt-4o-mini-tts-2025-12-15": _ENDS,
    "tts-1": _ENDS,
    "tts-1-hd": _ENDS,
}
"""Models by the day of their shutdown."""
_OLD_VOICES = ("nova", "shimmer", "echo", "onyx", "fable", "alloy", "ash", "sage", "coral")
VOICES = (*_OLD_VOICES, "ballad", "verse", "marin", "cedar")
MIMES: Mapping[str, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
}  # fmt: skip
"""The formats, and how an answer names them."""
SPEEDS = (0.25, 4.0)
_KEYS = ("input", "model", "voice", "instructions", "response_format", "speed", "stream_format")
_NEEDED = ("input", "model", "voice")


@attrs.frozen
class Voicing:
    """The bytes of the next speech that is made, whatever the text."""

    data: bytes


def refusal_of_speech(body: Json, now: datetime) -> ApiRefusal | None:
    """Give the error with which the API would answer, or None when it would speak."""
    return next(_refusals(body, now), None)


def _refusals(body: Json, now: datetime) -> Iterator[ApiRefusal]:
    yield from (missing_parameter(name) for name in _NEEDED if body.get(name) is None)
    yield from (unknown_parameter(name) for name in body if name not in _KEYS)
    yield from (_wrong("string_type", name, "Input should be a valid string", body[name])
                for name in ("input", "model") if not isinstance(body[name], str))  # fmt: skip
    ends = MODELS.get(body["model"])
    if ends is None or ends <= now:
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        yield ApiRefusal(404, message, code="model_not_found")
    yield from _text_refusals(body["input"], body["model"])
    yield from _voice_refusals(body["voice"], body["model"])
    yield from _other_refusals(body)


def _text_refusals(text: str, model: str) -> Iterator[ApiRefusal]:
    if not text:
        yield _wrong("string_too_short", "input", "String should have at least 1 character", text, min_length=1)
    if len(text) > LONGEST:
        yield _wrong("string_too_long", "input", f"String should have at most {LONGEST} characters", text, max_length=LONGEST)
    tokens = math.ceil(len(text.encode("utf-8", "surrogatepass")) / _BYTES_A_TOKEN)
    if tokens > MOST_TOKENS and not model.startswith("tts-1"):
        message = f"Input of {tokens} tokens is over the maximum input limit of {MOST_TOKENS} tokens. Please shorten your input."
        yield invalid(message, None)


def _voice_refusals(voice: Any, model: str) -> Iterator[ApiRefusal]:
    if isinstance(voice, dict) and isinstance(voice.get("id"), str):
        return
    names = _OLD_VOICES if model.startswith("tts-1") else VOICES
    if voice not in names:
        yield _not_one_of("voice", names, voice)


def _other_refusals(body: Json) -> Iterator[ApiRefusal]:
    wanted = body.get("response_format")
    if wanted is not None and wanted not in MIMES:
        yield _not_one_of("response_format", tuple(MIMES), wanted)
    speed, (slowest, fastest) = body.get("speed"), SPEEDS
    if speed is not None and not (isinstance(speed, int | float) and slowest <= speed <= fastest):
        slow = isinstance(speed, int | float) and speed < slowest
        bound, word, key = (slowest, "greater", "ge") if slow else (fastest, "less", "le")
        yield _wrong(f"{word}_than_equal", "speed", f"Input should be {word} than or equal to {bound}", speed, **{key: bound})
    if body.get("stream_format") == "sse":
        yield not_simulated("speech is given as bytes, not as events", "stream_format")


def _not_one_of(name: str, names: tuple[str, ...], value: object) -> ApiRefusal:
    *most, last = (repr(one) for one in names)
    expected = f"{', '.join(most)} or {last}"
    return _wrong("enum", name, f"Input should be {expected}", value, expected=expected)


def _wrong(kind: str, name: str, message: str, value: object, **context: object) -> ApiRefusal:
    """Refuse in the words of the validation that stands before this endpoint."""
    found = {"type": kind, "loc": ("body", name), "msg": message, "input": value, **({"ctx": context} if context else {})}
    return invalid(str([found]), None, None)


def spoken(body: Json) -> bytes:
    """Give the speech of a text: sound as wav or pcm, else silence of its length; `speed` times as fast."""
    sound, wanted = speech(body["input"]), body.get("response_format") or "mp3"
    speed = body.get("speed") or 1
    return (sound if speed == 1 else sound.at(speed)).encoded("pcm16" if wanted == "pcm" else wanted)


def shown(data: bytes, body: Json) -> Json:
    """Give speech as a test sees it in what the fake answered: all but its bytes."""
    kind = MIMES[body.get("response_format") or "mp3"]
    return {"type": kind, "size": len(data), "sha256": sha256(data).hexdigest()}
