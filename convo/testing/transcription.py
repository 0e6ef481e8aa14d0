"""Transcriptions and translations: which requests the API would refuse, and what it answers to the others.

Texts of refusals are the API's own where they were published: of a file that is too large, too short, too long, or no audio.
"""

from __future__ import annotations

import base64
import math
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.form import Field, form_of
from convo.testing.refusals import ApiRefusal, invalid, missing_parameter, not_simulated, unknown_parameter, unsupported_value
from convo.testing.sniff import seconds_of
from convo.testing.usage import USER_TOKENS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convo.testing.asked import Json
    from convo.testing.wire import Call

LARGEST = 26_214_400
"""Bytes of a file."""
SHORTEST = 0.1
"""Seconds of a recording."""
FORMATS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
_ENDS = datetime(2027, 2, 26, tzinfo=UTC)
MODELS: Mapping[str, datetime | None] = {
    "gpt-transcribe": None,
    "gpt-4o-transcribe": _ENDS,
    "gpt-4o-mini-transcribe": _ENDS,
    "gpt-4o-mini-transcribe-2025-12-15": _ENDS,
    "gpt-4o-transcribe-diarize": _ENDS,
    "whisper-1": _ENDS,
}
"""Models by the day of their shutdown."""
_LONGEST = 1_400
LONGEST: Mapping[str, int] = {name: _LONGEST for name in MODELS if name.startswith("gpt-4o")}
"""Seconds of a recording, by model: those of the others are not known, or there is no limit."""
TRANSLATIONS = "/v1/audio/translations"
_TRANSLATES = "whisper-1"
"""The only model that translates."""
_BY_LENGTH = "whisper-1"
"""The model that is billed by seconds."""
_NEWEST = "gpt-transcribe"
_FIELDS = (
    "file", "model", "language", "languages[]", "prompt", "response_format", "temperature", "include[]", "keywords[]",
    "chunking_strategy", "timestamp_granularities[]", "stream",
)  # fmt: skip
_OF_TRANSLATIONS = ("file", "model", "prompt", "response_format", "temperature")
_OF_NEWEST = ("languages[]", "keywords[]")
_OTHER_BITRATE = 16_000
"""Bytes a second by which the length of formats is guessed that the fake does not measure."""
_ACCEPTED = f"Supported formats: [{', '.join(repr(name) for name in FORMATS)}]"


@attrs.frozen
class Hearing:
    """What is heard in the next recording that is accepted."""

    text: str


@attrs.frozen
class Translating:
    """What the next recording that is accepted says in English."""

    text: str


def form_body(call: Call) -> Json | ApiRefusal:
    """Give the fields of a form as a body to show: texts, and of the file all but its bytes."""
    form = form_of(call.headers.get("content-type", ""), call.raw)
    if form is None:
        return invalid("Could not parse multipart form", None, None)
    return {name: _shown(field) if name == "file" else field.text for name, field in form.items()}


def _shown(field: Field) -> Json:
    digest = sha256(field.data).hexdigest()
    return {"filename": field.filename, "type": field.type, "size": len(field.data), "sha256": digest}


def refusal_of_recording(call: Call, now: datetime) -> ApiRefusal | None:
    """Give the error with which the API would answer, or None when it would accept the recording."""
    form = form_of(call.headers.get("content-type", ""), call.raw) or {}
    return next(_refusals(form, now, translates=call.path == TRANSLATIONS), None)


def _refusals(form: Mapping[str, Field], now: datetime, *, translates: bool) -> Iterator[ApiRefusal]:
    if "model" not in form:
        yield invalid("you must provide a model parameter", None, None)
    model = form["model"].text
    if (model != _TRANSLATES and translates) or model not in MODELS or ((ends := MODELS[model]) is not None and ends <= now):
        message = f"The model `{model}` does not exist or you do not have access to it."
        yield ApiRefusal(404, message, code="model_not_found")
    yield from (unknown_parameter(name) for name in form if name not in (_OF_TRANSLATIONS if translates else _FIELDS))
    yield from (_only_newest(name) for name in form if name in _OF_NEWEST and model != _NEWEST)
    wanted = form["response_format"].text if "response_format" in form else "json"
    if wanted != "json":
        yield unsupported_value("response_format", wanted, ("json",)) if model != _BY_LENGTH else _not_made(wanted)
    if "stream" in form and form["stream"].text == "true":
        yield not_simulated("streams of transcriptions are not made", "stream")
    if "file" not in form:
        yield missing_parameter("file")
    yield from _file_refusals(form["file"], model)


def _only_newest(name: str) -> ApiRefusal:
    plain = name.removesuffix("[]")
    return invalid(f"Unsupported parameter: '{plain}' is not supported with this model.", plain, "unsupported_parameter")


def _not_made(wanted: str) -> ApiRefusal:
    return not_simulated(f"texts are given as json, not as {wanted}", "response_format")


def _file_refusals(file: Field, model: str) -> Iterator[ApiRefusal]:
    size = len(file.data)
    if size > LARGEST:
        message = f"Maximum content size limit ({LARGEST}) exceeded ({size} bytes read)"
        yield ApiRefusal(413, message, type="server_error")
    if (file.filename or "").rpartition(".")[2].lower() not in FORMATS:
        yield invalid(f"Unrecognized file format. {_ACCEPTED}", "file", None)
    seconds = seconds_heard(file.data)
    if seconds is None:
        yield invalid(f"Invalid file format. {_ACCEPTED}", "file", None)
    elif seconds < SHORTEST and model == _BY_LENGTH:
        yield invalid(f"Audio file is too short. Minimum audio length is {SHORTEST} seconds.", "file", "audio_too_short")
    elif seconds < SHORTEST:
        message = f"audio duration {seconds:.1f} seconds is shorter than {SHORTEST} seconds which is the minimum for this model"
        yield invalid(message, None)
    elif seconds > (longest := LONGEST.get(model, math.inf)):
        message = f"audio duration {seconds} seconds is longer than {longest} seconds which is the maximum for this model"
        yield invalid(message, None)


def seconds_heard(data: bytes) -> float | None:
    """Give the seconds that a recording plays, None for bytes of no format that the API takes."""
    encoded = base64.b64encode(data).decode("ascii")
    for name in ("wav", "mp3"):
        if (seconds := seconds_of({"data": encoded, "format": name})) is not None:
            return seconds
    known = data.startswith((b"fLaC", b"OggS", b"\x1a\x45\xdf\xa3")) or data[4:8] == b"ftyp"
    return len(data) / _OTHER_BITRATE if known else None


def transcription(call: Call, text: str | None) -> Json:
    """Give the answer to a recording that was accepted: `text`, or one that names its bytes.

    A translation says nothing but its text: what it used is not told.
    """
    form = form_of(call.headers.get("content-type", ""), call.raw) or {}
    data, model = form["file"].data, form["model"].text
    said = f"Recording {sha256(data).hexdigest()[:8]}." if text is None else text
    if call.path == TRANSLATIONS:
        return {"text": said}
    answer: Json = {"text": said, "usage": _usage(data, model, said)}
    return answer | ({"languages": [{"code": "en"}] if said else []} if model == _NEWEST else {})


def _usage(data: bytes, model: str, said: str) -> dict[str, Any]:
    seconds = seconds_heard(data) or 0.0
    if model == _BY_LENGTH:
        return {"type": "duration", "seconds": math.ceil(seconds)}
    heard, out = math.ceil(USER_TOKENS_PER_SECOND * seconds), math.ceil(len(said) / 4)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": out,
        "total_tokens": heard + out,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }
