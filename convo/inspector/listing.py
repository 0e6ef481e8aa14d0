"""The pages on which conversations are found: the newest, by filters, a page at a time; and by what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from convo.errors import InputError
from convo.inspector.asked import ask

if TYPE_CHECKING:
    from starlette.responses import Response

    from convo.inspector.asked import Asked

PAGE = 50
_FILTERS = ("title", "metadata", "since", "until")


async def conversations(asked: Asked) -> Response:
    """Give a page of conversations, newest first. An id is asked for directly."""
    if asked.query("id"):
        chat = await ask(asked.store.get, asked.query("id"))
        return asked.see(f"c/{chat.id}")
    found = await ask(
        asked.store.conversations, title=asked.query("title") or None, metadata=_pairs(asked.query("metadata")),
        since=asked.day("since"), until=asked.day("until", after=1), limit=PAGE + 1, after=asked.query("after") or None,
    )  # fmt: skip
    chats, more = found[:PAGE], len(found) > PAGE
    kept = {name: asked.query(name) for name in _FILTERS}
    following = asked.link("", **kept, after=chats[-1].cursor) if more else None
    first = not any((*kept.values(), asked.query("after")))
    return asked.page(
        "conversations.html", chats=chats, following=following, kept=kept, first=first,
        live=asked.link("state") if first else None, state=_state(chats),
    )  # fmt: skip


async def newest(asked: Asked) -> Response:
    """Tell which conversation is the newest, so that a page knows when it is out of date."""
    return asked.text(_state(await ask(asked.store.conversations, limit=1)))


def _state(chats: list[Any]) -> str:
    return f"{chats[0].id}.{chats[0].head}" if chats else "none"


def _pairs(text: str) -> dict[str, Any] | None:
    """Read `key=value`, several with commas between them; a value is JSON where it is a number, true, false or null."""
    pairs = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not key or not equals:
            reason = "the filter by metadata is written key=value, with commas between several"
            raise InputError(reason)
        pairs[key] = _value(value)
    return pairs or None


def _value(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if found is None or isinstance(found, str | int | float) else text


async def search(asked: Asked) -> Response:
    """Give the turns in which words were said."""
    words = asked.query("words")
    hits = await ask(asked.store.search, words, limit=PAGE) if words else []
    return asked.page("search.html", words=words, hits=hits)
