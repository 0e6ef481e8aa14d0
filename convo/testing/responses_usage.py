"""The tokens of a response, counted as crudely as those of chat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from convo.testing.responses_asked import parts_of
from convo.testing.responses_kinds import type_of
from convo.testing.usage import TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokens_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convo.testing.asked import Json
    from convo.testing.responses_asked import AskedResponse


def input_tokens(asked: AskedResponse) -> int:
    """Count what goes in: instructions, tools, and the items that the model reads, those of its past among them."""
    instructions, tools = asked.body.get("instructions") or "", asked.body.get("tools") or []
    given = tokens_in(instructions) + (tokens_in(json.dumps(tools)) if tools else 0)
    return given + TOKENS_PER_MESSAGE * len(asked.read) + sum(_tokens(item) for item in asked.read)


def output_tokens(items: Iterable[Json]) -> int:
    """Count what comes out beside the reasoning."""
    return sum(_tokens(item) for item in items if type_of(item) != "reasoning")


def usage_of(read: int, reasoning: int, written: int) -> dict[str, Any]:
    """Give the `usage` object of a response."""
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": reasoning + written,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": read + reasoning + written,
    }


def _tokens(item: Json) -> int:
    pieces = [*parts_of(item), *(item["output"] if isinstance(item.get("output"), list) else [])]
    images = [piece for piece in pieces if isinstance(piece, dict) and piece.get("type") == "input_image"]
    return TOKENS_PER_IMAGE * len(images) + sum(tokens_in(text) for text in _texts(item, pieces))


def _texts(item: Json, pieces: list[Any]) -> Iterator[str]:
    """Give every piece of text of an item that a model reads or writes."""
    for key in ("content", "output", "name", "arguments", "input"):
        if isinstance(item.get(key), str):
            yield item[key]
    for piece in pieces:
        for key in ("text", "refusal"):
            if isinstance(piece, dict) and isinstance(piece.get(key), str):
                yield piece[key]
