"""What readers share: JSON of strangers, their times, ids and notes, made into what is stored. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from convo.canonical import MAX_DEPTH, encode, well_formed
from convo.metadata import MAX_CHARACTERS, MAX_TITLE
from convo.times import to_micros

LONGEST_ID = 200
"""Characters of a foreign id that are kept as they are; of a longer one, or one that cannot be printed, its SHA-256 is."""
_MAX_ID = 1_000
_ROOM = MAX_CHARACTERS - 5_000
"""Characters of notes that are kept of one message or conversation; the rest is for their names."""
_MILLISECONDS = 100_000_000_000
"""Seconds since 1970 of the year 5138: a larger time is one of milliseconds."""


class Unreadable(Exception):  # noqa: N818 - within readers: it ends as a `Skipped`
    """What should be a conversation is none."""


def json_of(text: str | bytes) -> Any:
    """Give a JSON value whose texts every encoding carries. Raises `Unreadable`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        found = json.loads(text, parse_constant=_refused)  # lone surrogates, which orjson takes for no JSON
        return well_formed(found)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON, or is nested too deeply") from error


def _refused(name: str) -> Any:
    raise ValueError(name)


def fingerprint(*values: object) -> str:
    """Give what tells JSON values from others: 32 hex digits. Raises `Unreadable` for what is too deep to be written."""
    try:
        return hashlib.sha256(encode(list(values)).encode("ascii")).hexdigest()[:32]
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error


def known_by(identifier: object) -> str:
    """Give a foreign id as it may stand in a key."""
    text = str(identifier)
    if 0 < len(text) <= LONGEST_ID and text.isprintable():
        return text
    return f"sha256-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def moment(value: object) -> int | None:
    """Give a time in microseconds since 1970: of seconds, milliseconds, a datetime (UTC where it has no zone) or ISO text.

    None for what is no time.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, datetime):
            return to_micros(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            return None
        seconds = value / 1_000 if value >= _MILLISECONDS else value
        return to_micros(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def text_of(value: object) -> str | None:
    """Give a value if it is a text that says something."""
    return value if isinstance(value, str) and value else None


def title_of(value: object) -> str | None:
    """Give a title as it is stored."""
    return well_formed(value).replace("\0", "")[:MAX_TITLE] or None if isinstance(value, str) else None


def without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what says something of an object: no nulls, no empty texts, lists and objects."""
    return {key: value for key, value in values.items() if value is not None and value not in ("", [], {})}


def notes(source: str, identifier: str, rest: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give metadata: the id in the source, what has no other place, and apart the names of what is too large or too deep."""
    kept = {str(key): _plain(value) for key, value in rest.items() if _depth(value) < MAX_DEPTH - 5}
    dropped = [str(key) for key in rest if str(key) not in kept]
    sizes = {key: len(encode([key, value])) for key, value in kept.items()}
    total = sum(sizes.values())
    for largest in sorted(sizes, key=lambda key: sizes[key], reverse=True):
        if total <= _ROOM:
            break
        total -= sizes[largest]
        del kept[largest]
        dropped.append(largest)
    found: dict[str, Any] = {"source_id": _plain(identifier)[:_MAX_ID]}
    return {**found, source: kept} if kept else found, dropped


def _plain(value: Any) -> Any:
    """Give JSON without what metadata refuse: NUL, numbers that are none."""
    if isinstance(value, str):
        return well_formed(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return value if isinstance(value, int | None) else str(value)


def is_too_deep(value: object) -> bool:
    """Say whether JSON is nested deeper than what is stored, or than what Python prints."""
    return _depth(value) >= MAX_DEPTH


def _depth(value: object) -> int:
    """Give how deep JSON is nested, or `MAX_DEPTH` for any depth from there on."""
    level: list[object] = [value]
    for depth in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return depth
    return MAX_DEPTH


def _children(item: object) -> list[object]:
    if isinstance(item, Mapping):
        return list(item.values())
    return list(item) if isinstance(item, list | tuple) else []
