"""Output items of a streamed Response: each whole once it is done, and until then the texts of its parts in pieces.

Which item an event is about, and which piece of it comes first, is told by ids, indexes and numbers that servers fill in oddly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.events import Delta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta
from convo.intake.pieces import Text, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTS = {"output_text": "text", "refusal": "refusal"}
"""By kind of content part of a message, the field that holds its text."""
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""By type of a call, the field that holds the text that the model wrote for it."""
_SHOWN: dict[str, type[TextDelta | RefusalDelta | ReasoningDelta]] = {
    "output_text": TextDelta, "refusal": RefusalDelta, "summary": ReasoningDelta, "reasoning": ReasoningDelta,
}  # fmt: skip
Key = tuple[str, int]
"""A text of an item: its kind, and the index of the part that holds it."""


class _Written:
    """A text that comes in pieces, each under the number of its event; once it is told whole, that is what it is."""

    __slots__ = ("_pieces", "_text", "_whole")

    def __init__(self) -> None:
        self._pieces: dict[int, str] = {}
        self._text = Text()
        self._whole: str | None = None

    def add(self, number: int, piece: str) -> str:
        """Take a piece, and give what can be shown of it."""
        if self._whole is not None or number in self._pieces:
            return ""
        self._pieces[number] = piece
        return self._text.add(piece)

    def settle(self, text: str) -> str:
        """Take the whole text, and give what can be shown of what had not come in pieces."""
        before = self.whole()
        if not text and before:
            return ""
        self._whole = text
        return self._text.add(text[len(before) :]) if text.startswith(before) else ""

    def whole(self) -> str:
        """Give the text so far, its pieces in the order of their numbers."""
        if self._whole is not None:
            return self._whole
        return Text(*(self._pieces[number] for number in sorted(self._pieces))).whole()


class Item:
    """One output item: as it was announced, what has come of its texts, and as it was in the end."""

    __slots__ = ("_announced", "_call", "_named", "_parts", "_texts", "whole")

    def __init__(self) -> None:
        self.whole: dict[str, Any] | None = None
        self._announced: dict[str, Any] = {}
        self._texts: dict[Key, _Written] = {}
        self._parts: dict[int, dict[str, Any]] = {}
        self._call: int | None = None
        self._named = False

    @property
    def id(self) -> str | None:
        """The id of the item, None where it has not been told."""
        found = (self.whole or self._announced).get("id")
        return found if isinstance(found, str) and found else None

    def announce(self, item: Mapping[str, Any]) -> None:
        """Take what is known of it when it begins."""
        self._announced = {**self._announced, **plain(item)}

    def text(self, key: Key) -> _Written:
        """Give one of its texts."""
        return self._texts.setdefault(key, _Written())

    def part_done(self, index: int, part: Mapping[str, Any]) -> None:
        """Take a content part that is done: its text, and what stands beside it."""
        self._parts[index] = plain(part)

    def call(self, free: int) -> int:
        """Give its index among the calls; `free` is the first that none has."""
        self._call = free if self._call is None else self._call
        return self._call

    def name(self) -> tuple[str | None, str | None]:
        """Give the id and the name of a call, once: a second time, and where they are not known, None."""
        found = self.whole or self._announced
        if self._named or type_of(found) not in CALLS:
            return None, None
        self._named = True
        told = (found.get(key) for key in ("call_id", "name"))
        first, second = (value if isinstance(value, str) and value else None for value in told)
        return first, second

    def built(self, *, ended: bool) -> dict[str, Any] | None:
        """Give the item as far as it can be kept: a message with its texts, and where the Response has `ended` a call too."""
        if self.whole is not None:
            return self.whole
        kind = type_of(self._announced)
        if content := self._content():
            message = {"type": "message", "role": "assistant", **self._announced, "content": content}
            return {**message, "status": "completed" if ended else "incomplete"}
        if ended and kind in CALLS:
            written = self._texts[kind, 0].whole() if (kind, 0) in self._texts else self._announced.get(CALLS[kind], "")
            return {**self._announced, CALLS[kind]: written, **({"status": "completed"} if "status" in self._announced else {})}
        return None

    def _content(self) -> list[dict[str, Any]]:
        texts = {(index, kind): text.whole() for (kind, index), text in self._texts.items() if kind in PARTS}
        return [self._part(index, kind, text) for (index, kind), text in sorted(texts.items()) if text]

    def _part(self, index: int, kind: str, text: str) -> dict[str, Any]:
        beside: dict[str, Any] = {"annotations": []} if kind == "output_text" else {}
        return {"type": kind, PARTS[kind]: text, **beside, **self._parts.get(index, {})}


class Items:
    """The items by their place in the output.

    An item is known by its id, else by its index. There are servers whose ids change from event to event, and such
    that give all items the index 0: the one that begins last under an index is the one that is meant then.
    """

    __slots__ = ("_at", "_ids", "_items", "_last")

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._at: dict[int, int] = {}
        self._ids: dict[str, int] = {}
        self._last: int | None = None

    def __getitem__(self, place: int) -> Item:
        return self._items[place]

    def in_order(self) -> list[Item]:
        """Give the items in the order of the output."""
        return [self._items[place] for place in sorted(self._items)]

    def place(self, index: int | None, identifier: str | None, *, begins: bool | None = None) -> int:
        """Give the place of an item, a new one where it has none yet.

        `begins` says whether one may begin here; where that is not known, one does if the one that is here is done.
        """
        found = self._ids.get(identifier) if identifier else None
        if found is None:
            found = self._at.get(index) if index is not None else None if begins else self._last
            if found is not None and self._is_another(found, identifier, begins=begins):
                found = None
        if found is None:
            found = index if index is not None and index not in self._items else max(self._items, default=-1) + 1
            self._items[found] = Item()
        if identifier:
            self._ids.setdefault(identifier, found)
        if index is not None:
            self._at[index] = found
        self._last = found
        return found

    def _is_another(self, place: int, identifier: str | None, *, begins: bool | None) -> bool:
        here = self._items[place]
        may = here.whole is not None if begins is None else begins
        return may and identifier is not None and here.id not in (None, identifier)


class Numbers:
    """The numbers of events. One that comes again with the same event is a repetition, as after a resumed connection.

    There are servers that give many events one number: then the order of arrival counts, from the first such event on.
    """

    __slots__ = ("_next", "_seen", "_trusted")

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, ...]] = {}
        self._next = 0
        self._trusted = True

    def of(self, body: Mapping[str, Any]) -> int | None:
        """Give the number to order an event by, None for one that has come before."""
        number = index_of(body, "sequence_number")
        if self._trusted and number is not None:
            told = tuple(body.get(key) for key in ("type", "item_id", "output_index", "content_index", "summary_index", "delta"))
            known = self._seen.setdefault(number, told)
            if known is told:
                self._next = max(self._next, number + 1)
                return number
            if known == told:
                return None
            self._trusted = False
        self._next += 1
        return self._next - 1


def texts_of(item: Mapping[str, Any]) -> list[tuple[Key, str]]:
    """Give the texts of a whole item."""
    kind = type_of(item)
    if kind in CALLS:
        found = [((kind, 0), item.get(CALLS[kind]))]
    elif kind == "reasoning":
        found = [(("summary", index), part.get("text")) for index, part in _objects(item.get("summary"))]
        found += [(("reasoning", index), part.get("text")) for index, part in _objects(item.get("content"))]
    else:
        parts = [(index, part, type_of(part)) for index, part in _objects(item.get("content"))]
        found = [((kind, index), part.get(PARTS[kind])) for index, part, kind in parts if kind in PARTS]
    return [(key, text) for key, text in found if isinstance(text, str)]


def type_of(item: Mapping[str, Any]) -> str:
    """Give the type of an item or a part, "" where it has none."""
    found = item.get("type")
    return found if isinstance(found, str) else ""


def shown(kind: str, text: str) -> Delta:
    """Give the delta of a text of a message or of reasoning."""
    return _SHOWN[kind](text)


def delta_of_call(item: Item, free: int, text: str) -> ToolCallDelta:
    """Give the delta of a call, with its id and its name the first time that they are known."""
    identifier, name = item.name()
    return ToolCallDelta(item.call(free), identifier, name, text)


def index_of(body: Mapping[str, Any], key: str) -> int | None:
    """Give an index that an event tells, None where it is none."""
    found = body.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _objects(parts: object) -> list[tuple[int, dict[str, Any]]]:
    return [(index, part) for index, part in enumerate(parts) if isinstance(part, dict)] if isinstance(parts, list) else []
