"""What a search gives: turns in which something was said, each with the place and a piece of its best message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.words import placed_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from convo.words import Term

SNIPPET = 160
"""Characters of a message that a hit shows."""
BEFORE = 40
"""Characters of them that stand before the match."""
CUT = "\N{HORIZONTAL ELLIPSIS}"


@attrs.frozen
class Hit:
    """A turn in which the words were found: messages `first` to `last` of what the conversation shows.

    `position`, `role`, `created_at` (aware, UTC) and `snippet` are those of its best message. The snippet is plain
    text around the first match, at most 162 characters long, with an ellipsis where something was cut off.
    """

    conversation: UUID
    owner: str
    title: str | None
    position: int
    first: int
    last: int
    role: str
    snippet: str = attrs.field(repr=False)
    created_at: datetime


def turn_around(roles: Mapping[int, str], position: int, head: int) -> tuple[int, int] | None:
    """Give the first and last position of the turn of a message; None when `roles`, around it, do not tell.

    A turn begins at a message of a user that follows one of somebody else, as in `History.turns`.
    """
    begins = [place for place, role in roles.items() if _begins_turn(roles, place, role)]
    first = max((place for place in begins if place <= position), default=1 if 1 in roles else None)
    after = min((place for place in begins if place > position), default=head + 1 if head in roles else None)
    return None if first is None or after is None else (first, after - 1)


def _begins_turn(roles: Mapping[int, str], place: int, role: str) -> bool:
    return role == "user" and (place == 1 or roles.get(place - 1, "user") != "user")


def snippet(text: str, terms: Sequence[Term]) -> str:
    """Give a piece of a text around the first place where a term stands, on one line."""
    found = _first_match(text, terms)
    start = max(0, found - BEFORE)
    if start:
        space = text.find(" ", start, found)
        start = start if space < 0 else space + 1
    end = start + SNIPPET
    if end < len(text):
        space = text.rfind(" ", found + 1, end)
        end = end if space < 0 else space
    cut = " ".join(text[start:end].split())
    return f"{CUT if start else ''}{cut}{CUT if end < len(text) else ''}"


def _first_match(text: str, terms: Sequence[Term]) -> int:
    """Where a term begins; 0 when none is seen, such as a word whose characters are composed in another way."""
    placed = list(placed_words(text))
    words = tuple(word for word, _ in placed)
    for index, (_, place) in enumerate(placed):
        if any(_stands_at(words, index, term) for term in terms):
            return place
    return 0


def _stands_at(words: tuple[str, ...], index: int, term: Term) -> bool:
    *whole, last = term.words
    end = index + len(whole)
    if end >= len(words) or list(words[index:end]) != whole:
        return False
    return words[end].startswith(last) if term.prefix else words[end] == last
