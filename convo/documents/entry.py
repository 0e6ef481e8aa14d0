"""What all documents of a conversation are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.errors import InputError
from convo.escapes import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from convo.history import History
    from convo.messages import Media, Message

WHO = {"user": "User", "assistant": "Assistant", "tool": "Tool", "system": "Instructions", "developer": "Instructions"}


@attrs.frozen
class Subject:
    """A conversation: its history, and the bytes of media that are to be in the document, by their digests."""

    id: UUID
    title: str | None
    created_at: datetime
    history: History
    data: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)
    said: Callable[[str], str] | None = None
    """Gives what is to stand for a text."""

    @property
    def messages(self) -> list[Message]:
        """The messages, without summaries, which say nothing new."""
        return [message for message in self.history if message.kind != "summary"]

    def text(self, text: str) -> str:
        """Give what is to stand for a text. Raises `InputError` where the hook gives none."""
        found = text if self.said is None or not text else self.said(text)
        if not isinstance(found, str):
            reason = f"redact() gave a {type(found).__name__} for a text; it gives the text that is to stand there"
            raise InputError(reason)
        return found

    def shown(self, text: str) -> str:
        """Give what is to stand for a text, control characters as escapes."""
        return safe(self.text(text))

    def heading(self) -> str:
        """Give the title, or else which conversation it is, on one line."""
        return " ".join(self.shown(self.title or "").split()) or f"Conversation {self.id}"

    def who(self, message: Message) -> str:
        """Give who speaks, on one line, such that nobody is taken for another."""
        role = WHO.get(message.role, safe(message.role).title())
        name = message.raw.get("name")
        if not isinstance(name, str) or not name.strip():
            return role
        return f"{' '.join(self.shown(name).split())} ({message.role})"


def length_of(piece: Media) -> str:
    """Give how long a piece of media is, for people."""
    return "length unknown" if piece.duration is None else f"{piece.duration:.1f} s"


def moment(time: datetime) -> str:
    """Give a time for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
