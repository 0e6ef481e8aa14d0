"""The items with which a Live session may begin: whether the API would take them.

Limits and shapes are those of the SDK's types; the sentences are built like those of the other APIs, and the fake counts a
token for every four characters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from convo.testing.kinds import Listing, Nullable, Record, Tagged, Text
from convo.testing.refusals import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from convo.testing.refusals import ApiRefusal

MOST_ITEMS = 128
MOST_TOKENS = 8_192
_CHARACTERS_PER_TOKEN = 4
_PATH = "session.input"
_TEXT = Text()


def _message(*parts: str) -> Record:
    part = Record({"type": Text(choices=parts), "text": _TEXT}, required=("text",))
    return Record(
        {
            "role": _TEXT,
            "type": Text(choices=("message",)),
            "id": Nullable(_TEXT),
            "status": Nullable(Text(choices=("incomplete", "completed"))),
            "content": Listing(part, shortest=1, longest=1),
        },
        required=("content",),
    )


_ITEMS = Listing(
    Tagged(
        "role",
        {"developer": _message("input_text"), "user": _message("input_text"), "assistant": _message("text", "output_text")},
    ),
    longest=MOST_ITEMS,
)


def refusal_of_live_items(items: Sequence[Mapping[str, Any]]) -> ApiRefusal | None:
    """Give the error with which the API would answer a Live session that begins with these items, None when it takes them."""
    return next(_refusals(list(items)), None)


def _refusals(items: list[Any]) -> Iterator[ApiRefusal]:
    yield from _ITEMS.misfits(items, _PATH)
    tokens = sum(math.ceil(len(item["content"][0]["text"]) / _CHARACTERS_PER_TOKEN) for item in items)
    if tokens > MOST_TOKENS:
        yield invalid(f"Invalid '{_PATH}': expected at most {MOST_TOKENS} tokens, but got {tokens} tokens instead.", _PATH)
