"""Steps that read what the API has stored, page by page, through the caller's client."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from convo.importers.stored import conversation_of
from convo.intake.answer import as_dict
from convo.steps.effects import call

if TYPE_CHECKING:
    from convo.importers.foreign import ForeignConversation
    from convo.steps.effects import Steps

PAGE = 100
"""Completions, and messages, that are asked for at once: the most that the API gives."""
_WHOLE = "use a client that gives what the API does"


class StoredCompletions:
    """The chat completions that the API has stored, oldest first. What the client raises is raised."""

    def __init__(self, client: Any) -> None:
        self._completions = client.chat.completions
        self._waiting: deque[Any] = deque()
        self._after: str | None = None
        self._more = True
        self._done = 0

    @property
    def progress(self) -> tuple[int, int]:
        """How many are read, and how many are known of: the API does not tell how many there are."""
        return self._done, self._done + len(self._waiting)

    def next(self) -> Steps[ForeignConversation | None]:
        """Give the next one with its messages, None after the last."""
        if not self._waiting and self._more:
            page = yield from _page(self._completions.list, after=self._after)
            self._waiting.extend(page)
            self._more = len(page) == PAGE
            self._after = page[-1].get("id") if page else None
        if not self._waiting:
            return None
        completion = self._waiting.popleft()
        self._done += 1
        return conversation_of(completion, (yield from self._messages(completion["id"])))

    def _messages(self, identifier: str) -> Steps[list[Any]]:
        found: list[Any] = []
        more = True
        while more:
            page = yield from _page(self._completions.messages.list, identifier, after=found[-1].get("id") if found else None)
            found += page
            more = len(page) == PAGE
        return found

    def close(self) -> None:
        """Do nothing: the client is the caller's."""


def _page(listing: Any, *arguments: str, after: str | None) -> Steps[list[dict[str, Any]]]:
    named = {"limit": PAGE, "order": "asc", **({} if after is None else {"after": after})}
    page = yield from call(listing, arguments, named)
    return [dict(as_dict(one, _WHOLE)) for one in page.data]
