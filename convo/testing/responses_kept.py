"""What the API keeps of the responses that it gave: whole ones by their id, their items, and whose encrypted reasoning is.

Responses are kept for 30 days unless they were asked for with `store=False`; so says the guide to conversation state.
Their items can be named while they are kept. Encrypted reasoning is not kept but can be read for ever, by the
organisation that it was made for. A response whose stream broke off is kept like any other; what the API does with those
nobody published.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from convo.testing.responses_kinds import type_of
from convo.testing.responses_schema import keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from convo.testing.asked import Json, Origin

RETENTION = timedelta(days=30)


@attrs.frozen
class KeptResponse:
    """A response, and the items that a model reads which goes on from it."""

    body: Json
    items: tuple[Json, ...]
    origin: Origin
    until: datetime


@attrs.frozen
class KeptItem:
    """An item that was given out, with the reasoning before it and, when it is reasoning, the item after it.

    `response_id` is None of an item whose response is not stored.
    """

    item: Json
    response_id: str | None
    reasoning: str | None
    follower: str | None


class Kept:
    """All that the API keeps."""

    def __init__(self) -> None:
        self._responses: dict[str, KeptResponse] = {}
        self._items: dict[str, KeptItem] = {}
        self._organizations: dict[str, str] = {}
        self._keys: dict[tuple[str, str | None], set[str]] = {}

    def add(self, body: Json, items: Sequence[Json], origin: Origin, now: datetime) -> None:
        """Keep a response to `items`, as far as it wants to be kept."""
        output = body["output"]
        if body["store"]:
            self._responses[body["id"]] = KeptResponse(body, (*items, *output), origin, now + RETENTION)
        for index, item in enumerate(output):
            before, after = output[index - 1] if index else {}, output[index + 1] if index + 1 < len(output) else {}
            thought = type_of(item) == "reasoning"
            self._keys.setdefault(_form(item), set()).update(item)
            self._items[item["id"]] = KeptItem(
                item,
                body["id"] if body["store"] else None,
                reasoning=before["id"] if before.get("type") == "reasoning" and not thought else None,
                follower=after.get("id") if thought else None,
            )
            if item.get("encrypted_content"):
                self._organizations[item["encrypted_content"]] = origin.organization

    def forget(self, response_id: str) -> None:
        """Keep a response no longer; a `KeyError` when it was not kept."""
        del self._responses[response_id]

    def response(self, response_id: str, origin: Origin, now: datetime) -> KeptResponse | None:
        """Give a response that this caller may name."""
        kept = self._responses.get(response_id)
        return kept if kept is not None and kept.origin == origin and now < kept.until else None

    def item(self, item_id: str | None, origin: Origin, now: datetime) -> KeptItem | None:
        """Give an item that this caller may name."""
        kept = self._items.get(item_id) if item_id is not None else None
        if kept is None or kept.response_id is None or self.response(kept.response_id, origin, now) is None:
            return None
        return kept

    def organization_of(self, encrypted: str) -> str | None:
        """Tell for whom reasoning was encrypted; None when the API did not do it."""
        return self._organizations.get(encrypted)

    def recognised(self, item: object) -> object:
        """Give an item of a request as the shape of requests has it: what the API gave out it knows, though no table does.

        That is an item as it was given out, any item of a type that was, and keys that such items had.
        """
        if not isinstance(item, dict) or _form(item) not in self._keys:
            return item
        given = self._items.get(item["id"]) if isinstance(item.get("id"), str) else None
        known = keys_of(*_form(item))
        if not known or (given is not None and given.item == item):
            return _RIGHT
        return {key: value for key, value in item.items() if key in known or key not in self._keys[_form(item)]}


_RIGHT = {"role": "user", "content": ""}
"""What is put in the place of an item that needs no look."""


def _form(item: Json) -> tuple[str, str | None]:
    role = item.get("role")
    return type_of(item), role if isinstance(role, str) else None
