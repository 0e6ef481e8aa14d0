"""A Live session: its initial items, text only, the newest that fit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.assembly.responses import plain_of
from convo.forms import as_chat
from convo.tokens import rough_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.render import How
    from convo.messages import Message
    from convo.tokens import Counter

MAX_ITEMS, MAX_TOKENS = 128, 8_192
"""What a session takes at its beginning, by its reference."""
GUESSED = 0.6
"""The part of the tokens that is filled where they are only guessed: a guess may be two thirds too low."""
_ROLES = {"system": "developer", "developer": "developer", "user": "user", "assistant": "assistant"}


def fitting(
    sent: Sequence[tuple[Message, How, str]], wires: Sequence[dict[str, Any]], lead: int, count: Counter
) -> tuple[list[int], dict[int, str]]:  # fmt: skip
    """Give the indexes of the messages that go, and why the others do not.

    Instructions, the summary (`lead` messages) and pinned messages come first, then the newest for as long as they fit.
    """
    texts = [text_of(wire) for wire in wires]
    why = {index: "no words" for index, text in enumerate(texts) if not text}
    room = MAX_TOKENS if count is not rough_tokens else int(MAX_TOKENS * GUESSED)
    standing = [index for index, (message, _, _) in enumerate(sent) if index < lead or message.pinned]
    newest = [index for index in range(len(sent) - 1, -1, -1) if index not in set(standing)]
    kept: list[int] = []
    full = False
    for index in [*standing, *newest]:
        if index in why:
            continue
        tokens = count(texts[index])
        full = full or (index not in standing and (tokens > room or len(kept) == MAX_ITEMS))
        if full or tokens > room or len(kept) == MAX_ITEMS:
            why[index] = "window"
            continue
        room -= tokens
        kept.append(index)
    return sorted(kept), why


def text_of(wire: dict[str, Any]) -> str:
    """Give the words of a message, "" for one that has none: a call, or the result of one."""
    if wire["role"] not in _ROLES:
        return ""
    said = as_chat(wire)
    return "\n".join(piece for piece in (plain_of(said.get("content")), said.get("refusal")) if piece)


def initial_items(wires: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Give the initial item of each message."""
    return [[_item(wire)] for wire in wires]


def _item(wire: dict[str, Any]) -> dict[str, Any]:
    role = _ROLES[wire["role"]]
    part = {"type": "output_text" if role == "assistant" else "input_text", "text": text_of(wire)}
    return {"type": "message", "role": role, "content": [part]}
