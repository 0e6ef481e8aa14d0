"""Messages of other frameworks: each one or several messages of the log, and beside the first what only the framework knows.

The log holds what was said in the API's own shape, so that it is searched, analysed and sent like any other message. The
framework's own JSON stands in the metadata of the first, under the framework's name, as one text: what the bodies say already
is replaced there by where it stands, and base64 by the digest of its bytes, which are stored like all media. Pure.

A message that was edited, cut or redacted since has another body than that JSON was made for: then it no longer counts.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs
import pybase64

from convo.audio.value import Audio
from convo.canonical import MAX_DEPTH, decode, encode, well_formed
from convo.content import message_draft
from convo.errors import EmptyContent, InputError, TooDeep
from convo.extract import described
from convo.media import File, Image
from convo.messages import Draft

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from convo.messages import Media, Message

SAID = 24
"""Characters from which a text that a body holds is not held twice."""
LARGE = 4_096
"""Characters from which base64 is stored as the bytes that it stands for."""
BESIDE = 1_000
"""The first `part` of bytes that are in no content part: no message has so many."""
_AT, _BLOB, _OWN = "$at", "$blob", "$own"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,200};base64,")
_URL_SAFE = str.maketrans("-_", "+/")
_TYPES = ("media_type", "mime_type", "format")
"""Keys that say, beside base64, what it is."""


@attrs.frozen
class Group:
    """Messages of the log that are one of a framework's. `facts` is what was kept with them, None for messages of our own."""

    messages: tuple[Message, ...]
    facts: Mapping[str, Any] | None = attrs.field(default=None, repr=False)

    @property
    def first(self) -> Message:
        """The message that stands for the group."""
        return self.messages[0]

    def own(self, data: Mapping[str, bytes]) -> Any:
        """Give the framework's own JSON, None where there is none, or where bytes of it are kept no longer."""
        if self.facts is None:
            return None
        try:
            return _unpacked(self.facts["own"], [message.raw for message in self.messages], data)
        except (KeyError, IndexError, TypeError):
            return None

    def digests(self) -> set[str]:
        """Give the digests of the bytes that `own` needs, of those that the store still has."""
        if self.facts is None:
            return set()
        held = {piece.digest for message in self.messages for piece in message.media if piece.dropped is None}
        return held & {str(item[_BLOB]) for item in _marks(self.facts["own"], _BLOB)}


# --- to the log ------------------------------------------------------------------------------------


def carried(name: str, own: Any, drafts: Sequence[Draft], **facts: Any) -> tuple[Draft, ...]:
    """Give the drafts of one message of the framework `name`, whose own JSON is `own`, to be stored next to each other.

    Raises `TooDeep`.
    """
    found: dict[str, tuple[bytes, str | None]] = {}
    said: dict[str, list[Any]] = {}
    try:
        for index, draft in enumerate(drafts):
            for path, text in _texts(decode(draft.body), (index,)):
                said.setdefault(text, list(path))
        packed = _packed(own, said, found, None)
        kept = encode({**facts, "count": len(drafts), "of": _digest(draft.body for draft in drafts), "own": packed})
    except RecursionError as error:
        raise TooDeep(f"a message of {name}", MAX_DEPTH) from error
    held = {piece.digest for draft in drafts for piece in draft.media}
    beside = [_piece(data, kind, number) for number, (digest, (data, kind)) in enumerate(found.items()) if digest not in held]
    first, *others = drafts
    first = attrs.evolve(first, metadata=encode({name: kept}), media=(*first.media, *beside))
    followers = (attrs.evolve(draft, metadata=encode({name: number})) for number, draft in enumerate(others, 1))
    return (first, *followers)


def said(role: str, content: Sequence[object], **more: Any) -> Draft:
    """Give the draft of what a framework says; where that is nothing, of a message that no request holds.

    Texts that are no valid Unicode are mended: what the framework keeps beside it is as it was.
    """
    try:
        return message_draft([well_formed(item) for item in content], role=role, **more)
    except EmptyContent:
        return Draft(role=role, body=encode({"role": role, "content": ""}))


def piece_of(data: bytes, mime: str, *, transcript: str | None = None, name: str | None = None) -> Audio | Image | File | None:
    """Give bytes as content of a user's message, None for what no API takes: then they are kept beside the message."""
    found: Audio | Image | File
    try:
        if mime.startswith("image/"):
            found = Image(data=data)
        elif mime.startswith("audio/"):
            found = Audio.from_bytes(data, transcript=transcript)
        else:
            found = File(name=name, data=data, type=mime)
        message_draft([found])
    except InputError:
        return None
    return found


def _packed(value: Any, said: Mapping[str, list[Any]], found: dict[str, tuple[bytes, str | None]], kind: str | None) -> Any:
    if isinstance(value, str):
        return _packed_text(value, said, found, kind) if len(value) >= SAID else value
    if isinstance(value, list | tuple):
        return [_packed(item, said, found, None) for item in value]
    if not isinstance(value, dict):
        return value
    kind = next((value[key] for key in _TYPES if isinstance(value.get(key), str)), None)
    packed = {key: _packed(item, said, found, kind) for key, item in value.items()}
    return {_OWN: packed} if packed.keys() & {_AT, _BLOB, _OWN} else packed


def _packed_text(
    text: str, said: Mapping[str, list[Any]], found: dict[str, tuple[bytes, str | None]], kind: str | None
) -> Any:  # fmt: skip
    if text in said:
        return {_AT: said[text]}
    if len(text) < LARGE:
        return text
    url = _DATA_URL.match(text)
    head = url[0] if url else ""
    data, safe = _bytes_of(text[len(head) :])
    if data is None:
        return text
    digest = sha256(data).hexdigest()
    found.setdefault(digest, (data, url[1] if url else kind))
    return {_BLOB: digest, "head": head, "safe": safe}


def _bytes_of(text: str) -> tuple[bytes | None, bool]:
    """Give the bytes of base64 that comes back as it was, and whether it is that of URLs; None for any other text."""
    safe = "-" in text or "_" in text
    try:
        data = pybase64.b64decode(text.translate(_URL_SAFE) if safe else text, validate=True)
    except ValueError:
        return None, False
    return (data, safe) if _base64(data, safe=safe) == text else (None, False)


def _base64(data: bytes, *, safe: bool) -> str:
    return (urlsafe_b64encode if safe else b64encode)(data).decode("ascii")


def _piece(data: bytes, kind: str | None, number: int) -> Media:
    image = bool(kind) and str(kind).startswith("image/")
    return described("image" if image else "file", kind, data, BESIDE + number)


def _digest(bodies: Iterable[str]) -> str:
    return sha256("\n".join(bodies).encode("ascii")).hexdigest()


def _texts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        if len(value) >= SAID:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


# --- from the log ----------------------------------------------------------------------------------


def groups_of(messages: Sequence[Message], name: str) -> list[Group]:
    """Give messages of a line as the framework's, in their order; summaries, which no framework has, are left out."""
    told = [message for message in messages if message.kind != "summary"]
    groups: list[Group] = []
    index = 0
    while index < len(told):
        facts = _facts(told, index, name)
        count = facts["count"] if facts else 1
        groups.append(Group(tuple(told[index : index + count]), facts))
        index += count
    return groups


def behind(message: Message, name: str) -> int:
    """Give how many messages of its group stand before a message, 0 for the first one and for messages of our own."""
    mark = message.metadata.get(name) if message.labels else None
    return mark if isinstance(mark, int) else 0


def _facts(told: Sequence[Message], index: int, name: str) -> Mapping[str, Any] | None:
    if told[index].labels is None:
        return None
    mark = told[index].metadata.get(name)
    if not isinstance(mark, str):
        return None
    try:
        facts = decode(mark)
        bodies = [message.body for message in told[index : index + facts["count"]]]
        return facts if bodies and facts["of"] == _digest(bodies) and "own" in facts else None
    except (ValueError, TypeError, KeyError):
        return None


def _marks(value: Any, mark: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if mark in value:
            yield value
            return
        for item in _inner(value).values():
            yield from _marks(item, mark)
    elif isinstance(value, list):
        for item in value:
            yield from _marks(item, mark)


def _unpacked(value: Any, bodies: Sequence[Any], data: Mapping[str, bytes]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, bodies, data) for item in value]
    if not isinstance(value, dict):
        return value
    if _AT in value:
        found: Any = bodies
        for step in value[_AT]:
            found = found[step]
        return found
    if _BLOB in value:
        return f"{value['head']}{_base64(data[value[_BLOB]], safe=value['safe'])}"
    return {key: _unpacked(item, bodies, data) for key, item in _inner(value).items()}


def _inner(value: dict[str, Any]) -> dict[str, Any]:
    """Give an object of the framework that has keys like our marks as it was."""
    found = value.get(_OWN)
    return found if isinstance(found, dict) else value
