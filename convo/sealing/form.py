"""What a sealed value looks like in a row or in an object, and what is associated with it."""

from __future__ import annotations

import re
from typing import NamedTuple
from uuid import UUID

import pybase64

MARK = "convo-sealed:"
"""What a text begins with that is sealed, or that looked so and was not."""
SEALED, VERBATIM = MARK + "1:", MARK + "0:"
MAGIC = b"\0convo-sealed"
"""The same of bytes; a byte follows that says which, the number of the key, and the nonce."""
NONCE, TAG = 12, 16
OVERHEAD = len(MAGIC) + 1 + 4 + NONCE + TAG
"""Bytes by which sealed bytes are longer."""
_REFERENCE = re.compile(r'"\$blob":"[0-9a-f]{64}"')


class Box(NamedTuple):
    """A sealed value: the number of the key, the nonce, what it became, and the references that stand beside it."""

    number: int
    nonce: bytes
    content: bytes
    beside: str = ""


def associated(column: str, owner: str, keys: tuple[object, ...], beside: str = "") -> bytes:
    """Give what binds a value to its place: no owner, id or digest holds the separator, and a name is the last key."""
    where = [column, owner]
    for key in keys:
        if isinstance(key, UUID):
            where.append(key.hex)
        elif isinstance(key, bytes):
            where.append(key.hex())  # an id, as some databases have it
        else:
            where.append(str(key))
    where.append(beside)
    return "\x1f".join(where).encode("utf-8", "surrogatepass")


# --- texts -----------------------------------------------------------------------------------------


def references_of(text: str) -> str:
    """Give the references to bytes in a record, as they stand beside it so that a query finds them: they hold digests."""
    return "".join(f" {found}" for found in sorted(set(_REFERENCE.findall(text))))


def text_of(box: Box) -> str:
    """Write a box as text."""
    return f"{SEALED}{box.number}:{pybase64.b64encode_as_string(box.nonce + box.content)}{box.beside}"


def split(text: str) -> tuple[str, bytes, str]:
    """Give the number of the key as text, the nonce with what follows it, and what stands beside. Raises `ValueError`."""
    number, _, rest = text[len(SEALED) :].partition(":")
    content, space, beside = rest.partition(" ")
    return number, pybase64.b64decode(content, validate=True), space + beside


def number_of(text: str) -> int:
    """Give the number of a key. Raises `ValueError` for a text that is none."""
    if not text.isascii() or not text.isdecimal() or len(text) > len("4294967295"):
        raise ValueError
    return int(text)


# --- bytes -----------------------------------------------------------------------------------------


def bytes_of(box: Box) -> bytes:
    """Write a box as bytes."""
    return b"".join((MAGIC, b"\1", box.number.to_bytes(4, "big"), box.nonce, box.content))


def bytes_box(data: bytes) -> Box:
    """Read a box of bytes. Raises `ValueError` for one that was cut."""
    start = len(MAGIC) + 1
    if len(data) < OVERHEAD:
        raise ValueError
    return Box(int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 4 + NONCE], data[start + 4 + NONCE :])


def is_sealed_text(value: str) -> bool:
    """Say whether a text is sealed."""
    return value.startswith(SEALED)


def is_sealed_bytes(value: bytes) -> bool:
    """Say whether bytes are sealed."""
    return value.startswith(MAGIC + b"\1")


def verbatim_text(value: str) -> str:
    """Give a text that nothing seals as it is stored: one that looks sealed is marked as what it is."""
    return VERBATIM + value if value.startswith(MARK) else value


def verbatim_bytes(value: bytes) -> bytes:
    """Give bytes that nothing seals as they are stored; those that look sealed are marked, and as long as if they were."""
    return MAGIC + b"\0" + bytes(OVERHEAD - len(MAGIC) - 1) + value if value.startswith(MAGIC) else value


def plain_text(value: str) -> str:
    """Give a text that is not sealed as it was."""
    return value.removeprefix(VERBATIM)


def plain_bytes(value: bytes) -> bytes:
    """Give bytes that are not sealed as they were."""
    return value[OVERHEAD:] if value.startswith(MAGIC + b"\0") else value
