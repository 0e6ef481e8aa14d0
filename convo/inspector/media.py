"""The bytes of one piece of media, whole or in part: a player asks for ranges to move about in a recording."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from convo.audio.formats import FORMATS
from convo.audio.wave import wav_header
from convo.documents.page import IMAGES
from convo.errors import MessageNotFound
from convo.inspector.asked import ask

if TYPE_CHECKING:
    from convo.audio.formats import AudioFormat
    from convo.inspector.asked import Asked
    from convo.messages import Media

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
HEADERS = {
    "accept-ranges": "bytes",
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
"""Whatever the bytes are, nothing in them is run."""


async def media(asked: Asked) -> Response:
    """Give the bytes of a piece of media of a message, by its index among them; of a type that we know, whatever they are."""
    position, index = _position(asked.request.path_params["position"]), asked.request.path_params["part"]
    chat = await asked.chat()
    found = await ask(chat.history, 1, before=position + 1, branch=asked.query("branch") or None)
    message = found[-1] if len(found) and found[-1].position == position else None
    pieces = {f"{piece.part}": piece for piece in message.media} if message is not None else {}
    if index not in pieces:
        raise MessageNotFound(position)
    piece = await ask(chat.load, pieces[index])
    kind, data = _playable(piece)
    shown = "attachment" if kind == "application/octet-stream" else "inline"
    headers = {**HEADERS, "content-disposition": f'{shown}; filename="message-{position}{_extension(piece)}"'}
    return ranged(data, kind, headers, asked.request.headers.get("range"))


def _position(text: str) -> int:
    """Read the position of a message; what is none is that of no message, however many digits it has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0  # noqa: PLR2004 - as 64 bits have


def _playable(piece: Media) -> tuple[str, bytes]:
    """Give a type that a browser only plays or draws, and the bytes; raw samples get a header."""
    data = piece.data or b""
    if piece.kind == "audio" and piece.format == "pcm16":
        return "audio/wav", wav_header(len(data), piece.sample_rate or 24_000, piece.channels or 1) + data
    if (known := _audio(piece)) is not None:
        return known.mime, data
    if piece.kind == "image" and piece.format in IMAGES:
        return piece.format, data
    return "application/octet-stream", data


def _extension(piece: Media) -> str:
    if (known := _audio(piece)) is not None:
        return ".wav" if known.name == "pcm16" else known.extension
    return f".{piece.format.partition('/')[2]}" if piece.kind == "image" and piece.format in IMAGES else ".bin"


def _audio(piece: Media) -> AudioFormat | None:
    return FORMATS.get(piece.format or "") if piece.kind == "audio" else None


def ranged(data: bytes, kind: str, headers: dict[str, str], wanted: str | None) -> Response:
    """Give bytes, or the one range of them that is asked for (RFC 9110); of several ranges, all."""
    asked = _RANGE.fullmatch(wanted.replace(" ", "")) if wanted is not None else None
    if asked is None or not any(asked.groups()):
        return Response(data, media_type=kind, headers=headers)
    first, last = asked.groups()
    begin = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if first and last and int(last) < int(first):
        return Response(data, media_type=kind, headers=headers)
    if begin >= len(data) or (not first and not int(last)):
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(data)}"})
    told = {**headers, "content-range": f"bytes {begin}-{end}/{len(data)}"}
    return Response(data[begin : end + 1], 206, media_type=kind, headers=told)
