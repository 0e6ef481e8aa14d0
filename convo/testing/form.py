"""Forms with files, as HTTP carries them (multipart/form-data, RFC 7578)."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_END = b"--"


@attrs.frozen
class Field:
    """One field: its bytes and, of a file, the name and the type that the sender claims."""

    data: bytes = attrs.field(repr=False)
    filename: str | None = None
    type: str | None = None

    @property
    def text(self) -> str:
        """The value as text."""
        return self.data.decode("utf-8", "replace")


def form_of(content_type: str, raw: bytes) -> Mapping[str, Field] | None:
    """Give the fields by name (of one name, the last), None for a body that is no such form."""
    kind = _header(content_type)
    boundary = kind.get_param("boundary")
    if kind.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        return None
    pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) == 1 or not pieces[-1].startswith(_END):
        return None
    fields = {}
    for piece in pieces[1:-1]:
        head, found, data = piece.partition(b"\r\n\r\n")
        if not found:
            return None
        named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in _lines(head))}
        place = _header(named.get("content-disposition", ""))
        name = place.get_param("name")
        filename = place.get_param("filename")
        fields[str(name)] = Field(data, filename if isinstance(filename, str) else None, named.get("content-type"))
    return fields


def _header(value: str) -> Message:
    message = Message()
    message["content-type"] = value
    return message


def _lines(head: bytes) -> list[str]:
    return [line for line in head.decode("utf-8", "replace").split("\r\n") if line]
