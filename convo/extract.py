"""Bytes out of the API's JSON: base64 becomes `{"$blob": digest}` in the body, and `Media` beside it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Literal

import pybase64

from convo.audio.formats import FORMATS
from convo.audio.value import Audio
from convo.canonical import check_text
from convo.errors import BadAudio, EmptyContent, InvalidContent, TooLarge
from convo.messages import REPLY, Media

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_MEDIA = 25_000_000
"""Bytes in one image or file, and in the audio of a reply: the largest that any endpoint of the API takes."""
MAX_RECORDING = 250_000_000
"""Bytes in one recording: an hour and a half of wav at 24 kHz. It is in memory as a whole; what is sent of it is smaller."""

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*);base64,(.*)", re.DOTALL)


def recording(audio: Audio, part: int) -> Media:
    """Give the media of a user's recording, which is stored as it was recorded.

    Raises `BadAudio`, `TooLarge`, `InvalidText`.
    """
    if audio.format not in FORMATS:
        raise BadAudio(f"the recording is {audio.format}, which is no format that convo knows", f"use {', '.join(FORMATS)}")
    if audio.transcript is not None:
        check_text(audio.transcript, "the transcript")
    _check_size(audio.data, "the recording", MAX_RECORDING)
    return spoken(audio, part)


def spoken(audio: Audio, part: int) -> Media:
    """Give the media of any audio with its bytes, whatever their number."""
    return Media(
        part=part, kind="audio", format=audio.format, digest=hashlib.sha256(audio.data).hexdigest(), size=len(audio.data),
        duration=audio.duration, sample_rate=audio.sample_rate, channels=audio.channels,
        transcript=audio.transcript and audio.transcript.replace("\0", "\N{REPLACEMENT CHARACTER}"), voice=audio.voice,
        data=audio.data,
    )  # fmt: skip


def bytes_of(kind: Literal["image", "file"], mime: str, data: bytes, part: int) -> Media:
    """Give the media of an image or a file."""
    if not data:
        raise EmptyContent(f"the {kind}")
    _check_size(data, f"the {kind}", MAX_MEDIA)
    return described(kind, mime, data, part)


def described(kind: Literal["image", "file"], mime: str | None, data: bytes, part: int) -> Media:
    """Give the media of an image or a file, whatever the number of its bytes."""
    return Media(part=part, kind=kind, format=mime, digest=hashlib.sha256(data).hexdigest(), size=len(data), data=data)


def placeholder(piece: Media) -> dict[str, str | None]:
    """Give what stands in a body where a data URL was."""
    return {"$blob": piece.digest, "type": piece.format}


def _check_size(data: bytes, what: str, most: int) -> None:
    if len(data) > most:
        raise TooLarge(what, len(data), most, "bytes")


def check_own_bytes(value: object) -> None:
    """Raise `InvalidContent` where JSON of a caller holds what stands for bytes in a stored body: it could name any."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "$blob" in item:
                raise InvalidContent(
                    "the content holds {'$blob': ...}, which stands for stored bytes", "pass the bytes themselves"
                )
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)


def take_bytes_out(body: dict[str, Any], taken: Collection[int] = ()) -> tuple[dict[str, Any], tuple[Media, ...]]:
    """Give a message body without base64, and the media that was in it; the parts in `taken` are as they should be.

    Raises `InvalidContent` for base64 that is not valid and `BadAudio` for bytes that are not audio.
    """
    body, found = _reply_audio(body)
    content = body.get("content")
    if not isinstance(content, list):
        return body, found
    parts = [(part, None) if index in taken else _without_bytes(part, index) for index, part in enumerate(content)]
    found = (*found, *(piece for _, piece in parts if piece is not None))
    return {**body, "content": [part for part, _ in parts]}, found


def _reply_audio(body: dict[str, Any]) -> tuple[dict[str, Any], tuple[Media, ...]]:
    match body:
        case {"audio": {"data": str(data)} as audio}:
            said = audio.get("transcript")
            value = Audio.from_bytes(decode_base64(data, "the audio"), transcript=said if isinstance(said, str) else None)
            _check_size(value.data, "the audio", MAX_MEDIA)
            piece = spoken(value, REPLY)
            return {**body, "audio": {**audio, "data": {"$blob": piece.digest}}}, (piece,)
    return body, ()


def _without_bytes(part: object, index: int) -> tuple[object, Media | None]:
    match part:
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(claimed)} as inner}:
            piece = recording(Audio.from_bytes(decode_base64(data, "the recording"), claimed), index)
            return _replaced(part, "input_audio", inner, "data", {"$blob": piece.digest}), piece
        case {"type": "image_url", "image_url": {"url": str(url)} as inner} if match := DATA_URL.fullmatch(url):
            piece = bytes_of("image", match[1], decode_base64(match[2], "the image"), index)
            return _replaced(part, "image_url", inner, "url", placeholder(piece)), piece
        case {"type": "file", "file": {"file_data": str(url)} as inner} if match := DATA_URL.fullmatch(url):
            piece = bytes_of("file", match[1], decode_base64(match[2], "the file"), index)
            return _replaced(part, "file", inner, "file_data", placeholder(piece)), piece
    return part, None


def _replaced(part: object, key: str, inner: Mapping[str, Any], field: str, value: object) -> dict[str, Any]:
    assert isinstance(part, dict)  # noqa: S101 - the match above saw it, the type checker did not
    return {**part, key: {**inner, field: value}}


def decode_base64(text: str, what: str) -> bytes:
    """Give the bytes of one piece of strict base64. Raises `InvalidContent`."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidContent(f"{what} is not valid base64", "encode its bytes as one piece, without line breaks") from error
