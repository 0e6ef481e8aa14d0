"""How large what callers store may be, checked before a database sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from convo.checks import check_type
from convo.errors import InputError, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from convo.messages import Draft

    Drafts = TypeVar("Drafts", bound=Sequence[Draft])

MOST = 500_000_000
"""Bytes that no limit may pass: at one GB SQLite refuses a value and PostgreSQL ends the connection."""


def _bytes(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance
    name = f"Limits({attribute.name}=)"
    check_type(value, int, name, "a number of bytes")
    if not isinstance(value, int) or not 0 < value <= MOST:
        reason = f"{name} takes 1 to {MOST:,} bytes, not {value!r}"
        raise InputError(reason)


@attrs.frozen
class Limits:
    """How large what is stored may be: `Store(..., limits=convo.Limits(item=1_000_000))`. Past it `TooLarge` is raised.

    Sizes are those of the stored JSON, which is ASCII: a character outside of it takes 6 bytes, an emoji 12. What an API
    answers is always stored. A text of a message, an image, a file and a recording have limits of the API beside these.
    """

    item: int = attrs.field(default=25_000_000, validator=_bytes)
    """The most bytes of one message, without its media. Default 25 MB."""

    turn: int = attrs.field(default=100_000_000, validator=_bytes)
    """The most bytes that one call stores: its messages, their images and files; recordings apart. Default 100 MB."""

    def checked(self, drafts: Drafts) -> Drafts:
        """Give drafts back. Raises `TooLarge`."""
        whole = 0
        for draft in drafts:
            size = len(draft.body)
            if size > self.item:
                raise TooLarge(f"the {draft.role} message, as it is stored,", size, self.item, "bytes")
            whole += size + sum(piece.size for piece in draft.media if piece.kind != "audio")
        if whole > self.turn:
            raise TooLarge("what one call is to store", whole, self.turn, "bytes")
        return drafts


def limits_of(limits: Limits | None) -> Limits:
    """Take what the caller passed as `limits=`. Raises `InputError`."""
    check_type(limits, (Limits, type(None)), "limits", "convo.Limits(item=..., turn=...)")
    return limits or Limits()
