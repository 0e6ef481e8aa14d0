"""The conversation of a Realtime session: its items in their order, and the sound that they hold."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import attrs

from convo.testing.sound import RATE

if TYPE_CHECKING:
    from convo.testing.asked import Json

ROOT = "root"
"""The id that stands for the beginning of the conversation."""
BYTES_A_SECOND = 2 * RATE
"""Bytes of pcm16 at 24 kHz, mono."""
_MS = 1_000


def milliseconds(sound: bytes | bytearray) -> float:
    """Give how long pcm16 plays."""
    return len(sound) * _MS / BYTES_A_SECOND


@attrs.define
class Item:
    """An item as the API holds it: `body` as events show it, without sound, and the sound of its parts by their index."""

    body: Json
    sound: dict[int, bytes] = attrs.field(factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The id of the item."""
        given: str = self.body["id"]
        return given

    def whole(self) -> Json:
        """Give the item with its sound in base64, as it is retrieved."""
        if not self.sound:
            return self.body
        parts = [
            {**part, "audio": base64.b64encode(self.sound[index]).decode("ascii")} if index in self.sound else part
            for index, part in enumerate(self.body["content"])
        ]
        return {**self.body, "content": parts}

    def change_part(self, index: int, **changes: object) -> None:
        """Change a content part of the body; the bodies that were shown before stay as they are."""
        parts = [{**part, **changes} if at == index else part for at, part in enumerate(self.body["content"])]
        self.body = {**self.body, "content": parts}


class Conversation:
    """Items by id, in the order in which the model reads them."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._order: list[str] = []

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def __getitem__(self, item_id: str) -> Item:
        return self._items[item_id]

    @property
    def items(self) -> list[Item]:
        """All items in their order."""
        return [self._items[item_id] for item_id in self._order]

    @property
    def last(self) -> str | None:
        """The id of the last item, None of an empty conversation."""
        return self._order[-1] if self._order else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item behind another, at the end or, after `ROOT`, first; give the id of the one before it."""
        at = len(self._order) if after is None else 0 if after == ROOT else self._order.index(after) + 1
        self._items[item.id] = item
        self._order.insert(at, item.id)
        return self.before(item.id)

    def before(self, item_id: str) -> str | None:
        """Give the id of the item in front of another, None for the first and for one that is not here."""
        at = self._order.index(item_id) if item_id in self._items else 0
        return self._order[at - 1] if at else None

    def remove(self, item_id: str) -> None:
        """Take an item out."""
        del self._items[item_id]
        self._order.remove(item_id)


def item_of(given: Json, item_id: str, call_id: str) -> Item:
    """Give the item for what a client sent; `item_id` and `call_id` are taken where it sent none."""
    body = {"id": item_id, "type": given["type"], "status": "completed", **_without_object(given)}
    if given["type"] == "function_call":
        body.setdefault("call_id", call_id)
    if given["type"] != "message":
        return Item(body)
    sound = {
        index: base64.b64decode(part["audio"]) for index, part in enumerate(given["content"]) if part["type"] == "input_audio"
    }
    return Item({**body, "content": [_shown(part) for part in given["content"]]}, sound)


def _without_object(given: Json) -> Json:
    return {key: value for key, value in given.items() if key not in {"object", "status"}}


def _shown(part: Json) -> Json:
    """Give a content part as events show it: without its sound, and of sound with a transcript or null."""
    if part["type"] != "input_audio":
        return part
    return {"type": "input_audio", "transcript": part.get("transcript")}


def heard_item(item_id: str, sound: bytes) -> Item:
    """Give the item for what the user said."""
    content = [{"type": "input_audio", "transcript": None}]
    body = {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}
    return Item(body, {0: sound})
