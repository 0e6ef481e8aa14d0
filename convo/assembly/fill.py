"""From a plan to a request: the bytes go where they belong, as base64. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pybase64

from convo.assembly.request import Request, Seeds
from convo.assembly.sound import key_of
from convo.errors import BlobNotFound
from convo.extract import REPLY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from convo.assembly.plan import Plan
    from convo.messages import Media


DEEPEST = 12
"""Levels below which no body holds bytes: an answer may be nested as deeply as it likes."""


def fill(plan: Plan, blobs: Mapping[str, bytes], converted: Mapping[str, bytes] | None = None) -> Request:
    """Put the bytes into a request; `converted` are those of them that no store has yet.

    Raises `BlobNotFound` for bytes that `plan.blobs` names and `blobs` lacks.
    """
    return Request.of(plan, _wires(plan, blobs), converted)


def fill_seeds(plan: Plan, blobs: Mapping[str, bytes]) -> Seeds:
    """Put the bytes into what a session begins with. Raises `BlobNotFound`."""
    return Seeds.of(plan, _wires(plan, blobs))


def _wires(plan: Plan, blobs: Mapping[str, bytes]) -> list[dict[str, Any]]:
    if missing := set(plan.blobs) - blobs.keys():
        raise BlobNotFound(min(missing).partition("/")[0])
    messages = list(plan.wires)
    for index in plan.with_media:
        messages[index] = _filled(messages[index], blobs)
    return messages


def whole(body: Mapping[str, Any], blobs: Mapping[str, bytes]) -> dict[str, Any]:
    """Give the body of a stored message with its bytes, as the API writes it."""
    found: dict[str, Any] = _filled(dict(body), blobs)
    return found


def in_words(body: dict[str, Any], media: Sequence[Media], mute: Collection[str] = ()) -> dict[str, Any]:
    """Give the body of a message with words in the place of audio whose bytes were let go, or whose digest is in `mute`."""
    dropped = {piece.part: piece for piece in media if piece.dropped is not None or piece.digest in mute}
    if not dropped:
        return body
    spoken, content = body.get("audio"), body.get("content")
    if REPLY in dropped and isinstance(spoken, dict):
        body = {**body, "audio": {name: value for name, value in spoken.items() if name != "data"}}
    if isinstance(content, list):
        body = {**body, "content": [_words(dropped[n]) if n in dropped else part for n, part in enumerate(content)]}
    return body


def _words(piece: Media) -> dict[str, Any]:
    return {"type": "text", "text": piece.transcript or "[recording that was not kept]"}


def _filled(value: Any, blobs: Mapping[str, bytes], depth: int = 0) -> Any:
    """Give JSON with bytes in the places of their digests; what an API itself wrote there, or deeper, stays as it is."""
    if not isinstance(value, dict | list) or depth > DEEPEST:
        return value
    if isinstance(value, list):
        return [_filled(child, blobs, depth + 1) for child in value]
    if not isinstance(value.get("$blob"), str) or key_of(value) not in blobs:
        return {key: _filled(child, blobs, depth + 1) for key, child in value.items()}
    text = pybase64.b64encode_as_string(blobs[key_of(value)])
    return f"data:{value['type']};base64,{text}" if "type" in value else text
