"""Kinds of JSON values that only requests to the Responses API have: its items, their content, and closed choices.

A type or role that does not exist is refused at the item, a part of another role at the part; so the API was seen to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.testing.kinds import Text
from convo.testing.refusals import unsupported_value, wrong_type
from convo.testing.responses_words import wrong_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convo.testing.kinds import Kind
    from convo.testing.refusals import ApiRefusal

LONGEST_ID = 64
ROLES = ("assistant", "system", "developer", "user")


@attrs.frozen
class Whatever:
    """A value that is not looked at."""

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give nothing."""
        del value, path
        return iter(())


@attrs.frozen
class OneOf:
    """One of some strings; a value of another type is told all of them."""

    choices: tuple[str, ...]

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of a value that is none of them."""
        if not isinstance(value, str):
            yield wrong_type(path, f"one of {either(self.choices)}", value)
        elif value not in self.choices:
            yield unsupported_value(path, value, self.choices)


@attrs.frozen
class Choice:
    """One of some strings, or an object."""

    choices: tuple[str, ...]
    chosen: Kind

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the string or of the object."""
        if isinstance(value, str):
            yield from OneOf(self.choices).misfits(value, path)
        elif isinstance(value, dict):
            yield from self.chosen.misfits(value, path)
        else:
            yield wrong_type(path, f"one of an object or {either(self.choices)}", value)


@attrs.frozen
class Ident:
    """The id of an item, whose beginning tells its type."""

    prefix: str

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of a value that is no such id."""
        yield from Text(longest=LONGEST_ID).misfits(value, path)
        if isinstance(value, str) and not value.startswith(self.prefix):
            yield wrong_id(path, value, self.prefix)


@attrs.frozen
class Content:
    """What a message says: a string, or parts of those kinds that its role has. `said` are the kinds as the API lists them."""

    parts: Mapping[str, Kind]
    said: tuple[str, ...]
    existing: tuple[str, ...]

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the string or of the parts."""
        if isinstance(value, str):
            yield from Text().misfits(value, path)
        elif isinstance(value, list):
            for index, part in enumerate(value):
                yield from self._part_misfits(part, f"{path}[{index}]")
        else:
            yield wrong_type(path, "one of an array of objects or string", value)

    def _part_misfits(self, part: object, path: str) -> Iterator[ApiRefusal]:
        if not isinstance(part, dict):
            yield wrong_type(path, "an object", part)
            return
        kind = part.get("type")
        if not isinstance(kind, str) or kind not in self.existing:
            yield unsupported_value(f"{path}.type", kind if isinstance(kind, str) else "", self.existing)
        elif kind not in self.parts:
            yield unsupported_value(path, kind, self.said)
        else:
            yield from self.parts[kind].misfits(part, path)


@attrs.frozen
class Items:
    """What a request says: a string, or items. Those without a type are messages, or references when they have only an id."""

    messages: Mapping[str, Kind]
    others: Mapping[str, Kind]
    types: tuple[str, ...]

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the string or of the items."""
        if isinstance(value, str):
            yield from Text().misfits(value, path)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._item_misfits(item, f"{path}[{index}]")
        else:
            yield wrong_type(path, "one of a string or array of input items", value)

    def _item_misfits(self, item: object, path: str) -> Iterator[ApiRefusal]:
        if not isinstance(item, dict):
            yield wrong_type(path, "an input item", item)
            return
        kind = type_of(item)
        if kind == "message":
            role = item.get("role")
            if not isinstance(role, str) or role not in self.messages:
                yield unsupported_value(path, role if isinstance(role, str) else "", ROLES)
            else:
                yield from self.messages[role].misfits(item, path)
        elif kind in self.others:
            yield from self.others[kind].misfits(item, path)
        else:
            yield unsupported_value(path, kind, self.types)


def type_of(item: Mapping[str, object]) -> str:
    """Give the type of an item, also of one that does not say it; "" when what it says is no string."""
    kind = item.get("type")
    if kind is None:
        return "item_reference" if item.keys() - {"type"} == {"id"} else "message"
    return kind if isinstance(kind, str) else ""


def either(names: tuple[str, ...]) -> str:
    """Give `'a' or 'b'`, or `'a', 'b', or 'c'`."""
    quoted = [f"'{name}'" for name in names]
    pair = 2
    return " or ".join(quoted) if len(quoted) <= pair else f"{', '.join(quoted[:-1])}, or {quoted[-1]}"
