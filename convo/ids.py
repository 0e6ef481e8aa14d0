"""UUIDs of version 7 (RFC 9562): sorted by the time of their making."""

from __future__ import annotations

import re
from uuid import UUID

from convo.errors import BranchNotFound, ConversationNotFound, ExchangeNotFound

_CURSOR = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{32})")
"""Microseconds since 1970 in hex, until the year 9999 at most 14 digits, and an id."""
MAX_MICROS = 253_402_300_799_999_999
"""The last microsecond of the year 9999, which is the last that Python has."""


def uuid7(milliseconds: int, randomness: int) -> UUID:
    """Give the UUIDv7 of a time (milliseconds since 1970) and at least 74 bits of randomness."""
    low = randomness & ((1 << 62) - 1)
    high = (randomness >> 62) & 0xFFF
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def as_uuid(
    identifier: UUID | str, missing: type[ConversationNotFound | BranchNotFound | ExchangeNotFound] = ConversationNotFound
) -> UUID:
    """Give the UUID of an id in either form. Raises `missing` for text that is none."""
    if isinstance(identifier, UUID):
        return identifier
    try:
        return UUID(identifier)
    except (ValueError, AttributeError, TypeError) as error:
        raise missing(identifier) from error


def cursor_of(created: int, identifier: UUID) -> str:
    """Give the place of a conversation among others, by its time (microseconds since 1970) and id, as text for a link."""
    return f"{max(created, 0):x}-{identifier.hex}"


def place_after(place: UUID | str) -> UUID | tuple[int, UUID]:
    """Give the time and id of a cursor, or the id that stands there alone. Raises `ConversationNotFound` for neither."""
    found = _CURSOR.fullmatch(place) if isinstance(place, str) else None
    if found is None or int(found[1], 16) > MAX_MICROS:
        return as_uuid(place)
    return int(found[1], 16), UUID(found[2])
