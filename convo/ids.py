"""UUIDs of version 7 (RFC 9562): sorted by the time of their making."""

from __future__ import annotations

from uuid import UUID

from convo.errors import BranchNotFound, ConversationNotFound, ExchangeNotFound


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
