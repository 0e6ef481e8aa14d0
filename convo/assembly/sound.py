"""In which form a recording goes: as it was recorded where the target takes that, else converted. Pure.

What is recorded is stored as it is. Forms are named as `convo.audio.codec.Form.name` does; the name stands in the message as
`{"$blob": digest, "form": name}` until the bytes are put in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.audio.rates import BYTES_A_SECOND, INPUT_FORMATS, PCM16_RATE, USER_AUDIO_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.target import Target
    from convo.messages import Media

INPUT_LIMIT = 20_000_000
"""Bytes of a recording in a request, by Azure's documentation of audio completions; OpenAI's names no number."""
SAFE = 10_485_760 * 3 // 4
"""Bytes whose base64 is within the longest string of a request that the API's error message names. Whether that is so for
recordings too nobody published: what is converted keeps within it where it can.
"""
WAV, MP3, PCM16 = "wav/24000/1", "mp3/24000/1/64000", "pcm16/24000/1"
_FORMS = (("wav", WAV, 2 * PCM16_RATE, SAFE), ("mp3", MP3, 8_000, INPUT_LIMIT), ("wav", WAV, 2 * PCM16_RATE, INPUT_LIMIT))
"""What a recording is converted to: format, form, bytes a second, and the bytes up to which it is chosen, in this order."""
SAMPLE_BYTES = 2
"""Bytes of a sample of pcm16."""
HEADER = 44
"""Bytes of the header of a wav. Beside it and the sound there may be a quarter as much: wider samples take half as much more."""


def form_of(piece: Media, target: Target) -> str | None:
    """Give the form in which a recording goes to a target that takes audio: "" as recorded, None where no form fits.

    None fits where its tokens alone fill the context of the model.
    """
    seconds = seconds_of(piece)
    if target.model.context is not None and seconds * USER_AUDIO_RATE >= target.model.context:
        return None
    if target.api == "realtime":
        return "" if is_pcm16(piece) else PCM16
    taken = INPUT_FORMATS if target.server.input_audio is None else target.server.input_audio
    if piece.format in taken and piece.size <= INPUT_LIMIT:
        return ""
    return next((form for name, form, rate, most in _FORMS if name in taken and seconds * rate + HEADER <= most), None)


def format_of(form: str) -> str:
    """Give the format of a form, as the API names it."""
    return form.partition("/")[0]


def seconds_of(piece: Media) -> float:
    """Give the length of a recording; guessed by its bytes where nobody measured it."""
    return piece.size / BYTES_A_SECOND if piece.duration is None else piece.duration


def is_pcm16(piece: Media) -> bool:
    """Say whether a recording is what a Realtime session takes: 24 kHz, mono, 16 bits a sample, raw or as a wav."""
    if piece.format == "pcm16":
        return True
    if piece.format != "wav" or (piece.sample_rate, piece.channels) != (PCM16_RATE, 1) or piece.duration is None:
        return False
    sound = piece.duration * PCM16_RATE * SAMPLE_BYTES
    return sound + HEADER <= piece.size < sound * 1.25 + HEADER


def key_of(place: Mapping[str, str]) -> str:
    """Give what names the bytes that belong at a place of a message: their digest, or `digest/form` where they are converted."""
    return f"{place['$blob']}/{place['form']}" if "form" in place else place["$blob"]


def source_and_form(key: str) -> tuple[str, str]:
    """Give the digest and the form of a key; "" for bytes that are sent as they are."""
    digest, _, form = key.partition("/")
    return digest, form


def in_form(part: dict[str, Any], digest: str, form: str) -> dict[str, Any]:
    """Give the part of a recording that is to be converted, which happens when the bytes are put in."""
    return {**part, "input_audio": {"data": {"$blob": digest, "form": form}, "format": format_of(form)}}


def converted(body: dict[str, Any], forms: Mapping[str, str]) -> dict[str, Any]:
    """Give the body of a message with its recordings in other forms, by their digests; others stay as they are."""
    content = body.get("content")
    if not forms or not isinstance(content, list):
        return body
    return {**body, "content": [_part_in_form(part, forms) for part in content]}


def _part_in_form(part: Any, forms: Mapping[str, str]) -> Any:
    match part:
        case {"type": "input_audio", "input_audio": {"data": {"$blob": str(digest)}}} if digest in forms:
            return in_form(part, digest, forms[digest])
    return part
