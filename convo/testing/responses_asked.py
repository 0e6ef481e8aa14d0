"""A request to the Responses API under judgement, with all that a verdict on it may depend on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from convo.testing.responses_kinds import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from convo.testing.asked import Json, Origin
    from convo.testing.models import FakeModel
    from convo.testing.responses_kept import Kept


@attrs.frozen(slots=False)
class AskedResponse:
    """A request whose shape is known to be right."""

    body: Json
    models: Mapping[str, FakeModel]
    kept: Kept
    origin: Origin
    now: datetime

    @property
    def model(self) -> FakeModel:
        """The model that is asked."""
        return self.models[self.body["model"]]

    @property
    def reasons(self) -> bool:
        """Whether the model thinks before it answers."""
        return self.model.kind == "reasoning"

    def get(self, *path: str) -> object:
        """Give what the request says there, None when it says nothing."""
        value: object = self.body
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    @cached_property
    def said(self) -> tuple[Json, ...]:
        """The items of the request itself, references among them."""
        given = self.body["input"]
        if isinstance(given, str):
            return ({"type": "message", "role": "user", "content": given},) if given else ()
        return tuple(given)

    @cached_property
    def read(self) -> tuple[Json, ...]:
        """The items that the model reads: those of the past that is named, and those of the request, looked up."""
        past = self.get("previous_response_id")
        kept = self.kept.response(past, self.origin, self.now) if isinstance(past, str) else None
        return (*(kept.items if kept else ()), *(self._looked_up(item) for item in self.said))

    def _looked_up(self, item: Json) -> Json:
        kept = self.kept.item(item["id"], self.origin, self.now) if type_of(item) == "item_reference" else None
        return item if kept is None else kept.item

    def parts(self) -> Iterator[tuple[str, Json]]:
        """Give each content part of the request's items with its path."""
        for index, item in enumerate(self.said):
            for at, part in enumerate(parts_of(item)):
                yield f"input[{index}].content[{at}]", part


def parts_of(item: Json) -> list[Json]:
    """Give the parts of an item whose content is an array, and none for any other."""
    content = item.get("content")
    return content if isinstance(content, list) else []
