"""Values that arrive in pieces: texts, sound, and JSON objects; each is joined once, when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pybase64

from convo.canonical import MAX_DEPTH, well_formed

_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH_SURROGATE = re.compile("[\ud800-\udbff]$")
_UNIT = re.compile("[^=]+=*|=+")
"""Base64 up to its padding, where a value ends."""
_SAID_ONCE = frozenset({"id", "name", "role", "type"})
"""Texts that servers send whole, and some of them in every piece."""
_MAX_MERGE = 20
"""Levels of unknown objects that are merged; below them the last piece wins."""


class Text:
    """A text in pieces."""

    __slots__ = ("_held", "_pieces")

    def __init__(self, *pieces: str) -> None:
        self._pieces = list(pieces)
        self._held = ""

    def add(self, piece: str) -> str:
        """Take a piece, and give what can be shown now: valid text, without the first half of a character at its end.

        A half that no other half follows is shown as a replacement character; `whole` keeps it.
        """
        self._pieces.append(piece)
        text = self._held + piece
        if text.isascii():
            return text
        cut = _HIGH_SURROGATE.search(text)
        self._held = cut[0] if cut else ""
        shown: str = well_formed(_paired(text[: cut.start()] if cut else text))
        return shown

    def whole(self) -> str:
        """Give the text so far."""
        return _paired("".join(self._pieces))


def _paired(text: str) -> str:
    """Give a text in which two halves of a character that stand together are that character."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class Sound:
    """Bytes in pieces of base64: each a value of its own, or one value cut anywhere.

    Both are known by their padding. Where none has shown yet which it is, what is left of a piece (its length is no
    multiple of four) waits for the next one. A piece that is no base64 becomes silence of its length: what follows
    keeps its time, and pcm16 its samples.
    """

    __slots__ = ("_data", "_left", "_own")

    def __init__(self) -> None:
        self._data = bytearray()
        self._left = ""
        self._own = False

    def __len__(self) -> int:
        return len(self._data)

    def add(self, piece: str) -> bytes:
        """Take a piece of base64, and give its bytes."""
        data = b"".join([self._unit(unit) for unit in _UNIT.findall("".join(piece.split()))])
        if self._own:
            data += _decoded(_closed(self._left))
            self._left = ""
        self._data += data
        return data

    def since(self, start: int) -> bytes:
        """Give the bytes from an offset on."""
        with memoryview(self._data) as view:
            return bytes(view[start:])

    def _unit(self, unit: str) -> bytes:
        before = b""
        if self._left.endswith("=") and not unit.startswith("="):
            before, self._left = _decoded(_closed(self._left)), ""
        text, self._left = self._left + unit, ""
        if not text.endswith("="):
            whole = len(text) - len(text) % 4
            self._left = text[whole:]
            return before + _decoded(text[:whole])
        if (len(text) + 1) % 4 == 0 and not text.endswith("=="):  # cut between two signs of padding
            self._left = text[-3:]
            return before + _decoded(text[:-3])
        self._own = True
        if len(text) % 4 and not len(unit) % 4:
            text = unit
        return before + _decoded(_closed(text))


def _closed(text: str) -> str:
    """Give base64 with the padding that it should have; a single character that is left over holds no byte."""
    bare = text.rstrip("=")
    return bare[: len(bare) - (len(bare) % 4 == 1)] + "=" * (-len(bare) % 4 % 3)


def _decoded(text: str) -> bytes:
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return bytes(len(text.rstrip("=")) * 3 // 4)


def merge(into: dict[str, Any], piece: Mapping[str, Any], depth: int = 0) -> None:
    """Merge a piece of an object: texts are joined, lists extended, objects merged; of everything else the last wins."""
    for key, value in piece.items():
        into[key] = _merged(key, into.get(key), value, depth)


def _merged(key: str, old: Any, new: Any, depth: int) -> Any:
    if new is None:
        return old
    if isinstance(new, str) and isinstance(old, str | Text):
        return (old or new) if key in _SAID_ONCE else _joined(old, new)
    if isinstance(new, list) and isinstance(old, list):
        old.extend(plain(new))
        return old
    if isinstance(new, Mapping) and isinstance(old, dict) and depth < _MAX_MERGE:
        merge(old, new, depth + 1)
        return old
    return plain(new)


def _joined(old: str | Text, new: str) -> Text:
    text = Text(old) if isinstance(old, str) else old
    text.add(new)
    return text


def plain(value: Any) -> Any:
    """Give what was merged as plain JSON values, which share nothing with the pieces."""
    if isinstance(value, Text):
        return value.whole()
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, list | tuple) else value


def is_json(value: object) -> bool:
    """Tell whether a value is JSON of at most `MAX_DEPTH` levels; its texts and numbers may be any."""
    level = [value]
    for _ in range(MAX_DEPTH):
        children: list[object] = []
        for item in level:
            if isinstance(item, Mapping):
                if not all(isinstance(key, str) for key in item):
                    return False
                children.extend(item.values())
            elif isinstance(item, list | tuple):
                children.extend(item)
            elif not isinstance(item, str | int | float | None):
                return False
        if not children:
            return True
        level = children
    return False
