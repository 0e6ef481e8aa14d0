"""JSON as it is stored: ASCII text that we write ourselves, its SHA-256, and back.

A body keeps the key order, the escapes and the numbers that it came with, on every database. `orjson` reads most
bodies in a fraction of the time, but turns integers of more than 64 bits into floats without a word and refuses
lone surrogates and NaN. A body that holds any of these begins with a space, legal JSON that `decode` takes as
the sign to read it with the standard library.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from convo.errors import InvalidContent, InvalidText, TooDeep, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH = 200
"""Nesting that every JSON reader on the way takes: SQLite stops at 1,000, Python's at about as many."""

MAX_VALUES = 1_000_000
"""Numbers, texts, lists and objects in one message."""

_SURROGATE_ESCAPE = re.compile(r"\\ud[89a-f]")
_LONG_NUMBER = re.compile(r"[:,\[]-?\d{19}")

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_BETWEEN = ",\n"
"""Between texts that are read as one: no text of theirs goes on behind a line break, which JSON writes as an escape."""
_AT_ONCE = 100
"""Texts that are read as one: reading takes many times their size of memory."""
_SURROGATE = "[\ud800-\udfff]"


def encode(value: object) -> str:
    """Give the canonical text of a JSON object or array: ASCII, no spaces, keys in their order."""
    text = _encode(value)
    return f" {text}" if _is_for_the_standard_library(text) else text


def _is_for_the_standard_library(text: str) -> bool:
    """Say whether `orjson` might read something else: one pattern for all of it would take three times as long."""
    if "NaN" in text or "Infinity" in text or _LONG_NUMBER.search(text) is not None:
        return True
    return "\\ud" in text and _SURROGATE_ESCAPE.search(text) is not None


def decode(text: str) -> Any:
    """Give the value that `encode` was given."""
    return json.loads(text) if text[:1] == " " else orjson.loads(text)


def decode_all(texts: Sequence[str]) -> list[Any]:
    """Give the values of many canonical texts."""
    return [value for start in range(0, len(texts), _AT_ONCE) for value in _decoded(texts[start : start + _AT_ONCE])]


def _decoded(texts: Sequence[str]) -> list[Any]:
    """Give the values of some texts, which are read as one where that is safe: it takes a quarter less time."""
    if not [text for text in texts if text[:1] == " "]:
        with suppress(ValueError):  # which of them is none says `decode`
            found: list[Any] = orjson.loads(f"[{_BETWEEN.join(texts)}]")
            if len(found) == len(texts):
                return found
    return list(map(decode, texts))


def digest(text: str) -> bytes:
    """Give the SHA-256 (32 bytes) of a canonical text."""
    return hashlib.sha256(text.encode("ascii")).digest()


def check_text(text: str, what: str) -> str:
    """Give `text` back, or raise `InvalidText` at its first lone surrogate."""
    if not text.isascii() and (found := re.search(_SURROGATE, text)):
        raise InvalidText(what, found.start())
    return text


def check_value(value: object, what: str) -> None:
    """Raise unless `value` is JSON of valid text, finite numbers and at most `MAX_DEPTH` levels.

    Raises `InvalidText` for a lone surrogate, `TooDeep`, `TooLarge` for more than `MAX_VALUES` values, which a list that holds
    itself twice soon has, and `InvalidContent` for everything else.
    """
    level = [value]
    seen = 0
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item, what)]
        seen += len(level)
        if seen > MAX_VALUES:
            raise TooLarge(what, seen, MAX_VALUES, "values")
        if not level:
            return
    raise TooDeep(what, MAX_DEPTH)


def _children(item: object, what: str) -> list[object]:
    match item:
        case str():
            check_text(item, what)
        case None | bool() | int():
            pass
        case float():
            if not math.isfinite(item):
                raise InvalidContent(f"{what} holds the number {item}, which JSON does not have", "pass a finite number or null")
        case dict():
            for key in item:
                if not isinstance(key, str):
                    raise InvalidContent(f"{what} has the key {key!r}, which is no text", "use text keys")
                check_text(key, what)
            return list(item.values())
        case list() | tuple():
            return list(item)
        case _:
            raise InvalidContent(f"{what} holds a {type(item).__name__}, which is no JSON", "pass text, numbers, lists and dicts")
    return []


def printable(text: str, limit: int) -> str:
    """Give `text` as every database takes it, for columns to query: NUL and surrogates replaced, capped at `limit`."""
    return re.sub(_SURROGATE, "\N{REPLACEMENT CHARACTER}", text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}"))


def well_formed(value: Any) -> Any:
    """Give a JSON value whose texts every encoding carries: lone surrogates replaced."""
    if isinstance(value, str):
        return re.sub(_SURROGATE, "\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {well_formed(key): well_formed(child) for key, child in value.items()}
    return [well_formed(child) for child in value] if isinstance(value, list) else value
