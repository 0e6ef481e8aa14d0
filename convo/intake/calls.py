"""Tool calls in pieces: parallel ones interleaved, and what servers make of their indexes and ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convo.events import ToolCallDelta
from convo.intake.pieces import merge, plain

_TEXTS = {"function": "arguments", "custom": "input"}
"""By kind of tool, where the text is that the model wrote for it."""


class Calls:
    """The tool calls of one answer, each under its index.

    A piece without an index belongs to the call with its id; one without either, to the call that came last. An
    index that comes again with another id and a name is another call: there are servers that give all calls the index 0.
    """

    __slots__ = ("_calls", "_free", "_last", "_places")

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}
        self._places: dict[Any, int] = {}
        self._last = 0
        self._free = 0

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, piece: Mapping[str, Any]) -> ToolCallDelta:
        """Take a piece of a call."""
        place = self._place(piece)
        told = {key: value for key, value in piece.items() if key != "index"}
        merge(self._calls.setdefault(place, {}), told)
        return _delta(place, piece)

    def whole(self) -> list[dict[str, Any]]:
        """Give the calls so far, in the order of their indexes."""
        return [_whole(self._calls[place]) for place in sorted(self._calls)]

    def _place(self, piece: Mapping[str, Any]) -> int:
        index, call_id = piece.get("index"), _text(piece.get("id"))
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            index = None
        at = self._places.get(call_id) if call_id else None
        if at is None:
            at = self._place_of_index(index, piece) if index is not None else self._place_of_none(call_id)
        if call_id:
            self._places.setdefault(call_id, at)
        if index is not None:
            self._places[index] = at
        self._last = at
        self._free = max(self._free, at + 1)
        return at

    def _place_of_index(self, index: int, piece: Mapping[str, Any]) -> int:
        at = self._places.get(index, index)
        known = self._calls.get(at, {}).get("id")
        another = known and _text(piece.get("id")) and _name(piece)
        return self._free if another or (index not in self._places and at in self._calls) else at

    def _place_of_none(self, call_id: str | None) -> int:
        return self._free if call_id or not self._calls else self._last


def _delta(place: int, piece: Mapping[str, Any]) -> ToolCallDelta:
    written = [inner[text] for kind, text in _TEXTS.items() if isinstance(inner := piece.get(kind), Mapping) and text in inner]
    arguments = "".join(text for text in written if isinstance(text, str))
    return ToolCallDelta(place, _text(piece.get("id")), _name(piece), arguments)


def _whole(call: dict[str, Any]) -> dict[str, Any]:
    kind = "custom" if "custom" in call and "function" not in call else "function"
    return {"id": None, "type": kind, **{key: value for key, value in plain(call).items() if value is not None}}


def _name(piece: Mapping[str, Any]) -> str | None:
    return next((name for kind in _TEXTS if isinstance(at := piece.get(kind), Mapping) and (name := _text(at.get("name")))), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
