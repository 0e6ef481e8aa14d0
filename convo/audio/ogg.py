"""Ogg pages, as far as they tell whether a file ends within one. Layout: RFC 3533."""

from __future__ import annotations

_HEADER = 27
_COUNT = 26


def ends_within_page(data: bytes) -> bool:
    """Say whether the last page of an Ogg file is cut off."""
    at = data.rfind(b"OggS")
    table = at + _HEADER
    if at < 0 or table > len(data):
        return at >= 0
    sizes = data[table : table + data[at + _COUNT]]
    return len(sizes) < data[at + _COUNT] or table + len(sizes) + sum(sizes) > len(data)
