"""From a plan to a request: the bytes go where they belong, as base64. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pybase64

from convo.assembly.request import Request, Seeds
from convo.assembly.sound import key_of
from convo.errors import BlobNotFound
from convo.messages import REPLY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from convo.assembly.plan import Plan
    from convo.messages import Media


DEEPEST = 12
"""Levels below which no body holds bytes: an answer may be nested as deeply as it likes."""


def as_base64(blobs: dict[str, bytes]) -> dict[str, str]:
    """Give bytes as they are written in JSON. Each is taken out of `blobs` as it is written: no two copies of all are held."""
    return {key: pybase64.b64encode_as_string(blobs.pop(key)) for key in list(blobs)}


def fill(plan: Plan, written: Mapping[str, str], converted: Mapping[str, bytes] | None = None) -> Request:
    """Put bytes, `written` as base64, into a request; `converted` are those of them that no store has yet.

    Raises `BlobNotFound` for bytes that `plan.blobs` names and `written` lacks.
    """
    return Request.of(plan, _wires(plan, written), converted)


def fill_seeds(plan: Plan, written: Mapping[str, str]) -> Seeds:
    """Put bytes, `written` as base64, into what a session begins with. Raises `BlobNotFound`."""
    return Seeds.of(plan, _wires(plan, written))


def _wires(plan: Plan, written: Mapping[str, str]) -> list[dict[str, Any]]:
    if missing := set(plan.blobs) - written.keys():
        raise BlobNotFound(min(missing).partition("/")[0])
    messages = list(plan.wires)
    for index in plan.with_media:
        messages[index] = _filled(messages[index], written)
    return messages


def whole(body: Mapping[str, Any], written: Mapping[str, str]) -> dict[str, Any]:
    """Give the body of a stored message with its bytes, `written` as base64, as the API writes it."""
    found: dict[str, Any] = _filled(dict(body), written)
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


def _filled(value: Any, written: Mapping[str, str], depth: int = 0) -> Any:
    """Give JSON with base64 in the places of digests; what an API itself wrote there, or deeper, stays as it is."""
    if not isinstance(value, dict | list) or depth > DEEPEST:
        return value
    if isinstance(value, list):
        return [_filled(child, written, depth + 1) for child in value]
    if not isinstance(value.get("$blob"), str) or key_of(value) not in written:
        return {key: _filled(child, written, depth + 1) for key, child in value.items()}
    text = written[key_of(value)]
    return f"data:{value['type']};base64,{text}" if "type" in value else text
