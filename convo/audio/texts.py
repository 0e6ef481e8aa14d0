"""Recordings that come as text: base64, and data URLs (RFC 2397) as browsers make them."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pybase64

from convo.audio.formats import format_of_mime, mime_parameters
from convo.audio.sniff import sniff
from convo.errors import BadAudio

SHORTEST_BASE64 = 100
"""Characters from which a text may be base64 of a recording: 0.1 s of the smallest format has more."""
_DATA_URL = re.compile(r"data:([^\n,]{0,300}),", re.IGNORECASE)
# A recorder of video and sound writes `codecs=vp8,opus` with a comma of its own, before the one that ends the head.
_BASE64_URL = re.compile(r"data:([^\n]{0,300}?);\s*base64\s*,", re.IGNORECASE)
_ANY_TYPE = ("", "application/octet-stream", "binary/octet-stream")
"""MIME types that say nothing."""


class Source(NamedTuple):
    """Bytes of a recording, and what came with them says of its format; None where it says nothing."""

    data: bytes
    format: str | None = None
    sample_rate: int | None = None
    channels: int | None = None


def from_base64(text: str) -> bytes:
    """Give the bytes of base64; white space and line breaks are passed over. Raises `BadAudio` for anything else."""
    try:
        return pybase64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise BadAudio(f"the text is not valid base64 ({error})", "pass all of it, with its padding") from error


def recording_in(text: str) -> bytes | None:
    """Give the bytes of a text that is base64 of a recording with a header; None for any other text, such as a path."""
    if len(text) < SHORTEST_BASE64:
        return None
    try:
        data = from_base64(text)
    except BadAudio:
        return None
    return data if sniff(data) is not None else None


def from_data_url(url: str) -> Source:
    """Give the bytes of a data URL and what it says of them, base64 or percent-encoded. Raises `BadAudio`."""
    head = _BASE64_URL.match(url) or _DATA_URL.match(url)
    if head is None:
        raise BadAudio("the data URL has no comma after its type", "write data:audio/wav;base64, and the bytes")
    body, mime = url[head.end() :], head[1].strip()
    if head.re is _BASE64_URL:
        data = from_base64(unquote_to_bytes(body).decode("latin-1") if "%" in body else body)
    else:
        data = unquote_to_bytes(body)
    return _described(data, mime)


def _described(data: bytes, mime: str) -> Source:
    kind, parameters = mime.partition(";")[0].strip().lower(), mime_parameters(mime)
    claimed = None if kind in _ANY_TYPE else format_of_mime(kind) or kind
    if claimed != "pcm16":
        return Source(data, claimed)
    return Source(data, claimed, _number(parameters.get("rate")), _number(parameters.get("channels")))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - digits
