"""A conversation as plain text, in which nobody can speak for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.escapes import safe

if TYPE_CHECKING:
    from convo.history import History
    from convo.messages import Message

_INDENT = "    "
_WHO = {"user": "User", "assistant": "Assistant", "tool": "Tool", "system": "Instructions", "developer": "Instructions"}


def written(history: History) -> str:
    """Give one paragraph a message: who, and what was written or said; what cannot be read is named in brackets.

    Every further line of a message is indented, and control characters are written as escapes.
    """
    return "\n\n".join(_paragraph(message) for message in history if message.kind != "summary")


def _paragraph(message: Message) -> str:
    role = _WHO.get(message.role, message.role.title())
    name = message.raw.get("name")
    who = role if not name else f"{name} ({message.role})" if name in _WHO.values() else name
    said = [message.text] if message.text else []
    calls = [f"[calls {call.name}({call.arguments})]" for call in message.tool_calls]
    media = [f"[{piece.kind}, {_size(piece.duration)}]" for piece in message.media if not piece.transcript and not message.text]
    return safe(_INDENT.join(f"{who}: {' '.join([*said, *calls, *media]) or '[nothing]'}".splitlines(keepends=True)))


def _size(seconds: float | None) -> str:
    return "length unknown" if seconds is None else f"{seconds:.1f} s"
