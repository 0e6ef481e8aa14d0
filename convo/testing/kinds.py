"""Kinds of JSON values, and what the API says of a value that is not of its kind.

A kind is a value; `misfits` walks a JSON value and gives its faults in the order in which they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

from convo.testing.refusals import (
    ApiRefusal,
    empty_array,
    invalid,
    mismatch,
    missing_parameter,
    out_of_range,
    too_long,
    unknown_parameter,
    unsupported_value,
    wrong_type,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

LONGEST_STRING = 10_485_760


class Kind(Protocol):
    """What a JSON value may be."""

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of a value that stands at `path`."""
        ...


@attrs.frozen
class Anything:
    """A value whose type is checked and whose inside is not."""

    expected: str
    types: tuple[type, ...]

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusal of another JSON type."""
        if type(value) not in self.types:
            yield wrong_type(path, self.expected, value)


@attrs.frozen
class Text:
    """A string: of some choices, up to a length, of a pattern."""

    choices: tuple[str, ...] = ()
    longest: int | None = LONGEST_STRING
    pattern: re.Pattern[str] | None = None

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of a value that is no such string."""
        if not isinstance(value, str):
            yield wrong_type(path, "a string", value)
            return
        if self.choices and value not in self.choices:
            yield unsupported_value(path, value, self.choices)
        if self.longest is not None and len(value) > self.longest:
            yield too_long(path, "string", self.longest, len(value))
        if self.pattern and not self.pattern.fullmatch(value):
            yield mismatch(path, f"^{self.pattern.pattern}$")


@attrs.frozen
class Number:
    """A number between two bounds."""

    name: str = "decimal"
    low: float | None = None
    high: float | None = None

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of a value that is no such number."""
        types = (int,) if self.name == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, types):
            yield wrong_type(path, "an integer" if self.name == "integer" else "a decimal", value)
            return
        if self.low is not None and value < self.low:
            yield out_of_range(path, self.name, value, f">= {self.low}")
        if self.high is not None and value > self.high:
            yield out_of_range(path, self.name, value, f"<= {self.high}")


@attrs.frozen
class Nullable:
    """A value of a kind, or null."""

    kind: Kind

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give what the kind says of a value that is not null."""
        if value is not None:
            yield from self.kind.misfits(value, path)


@attrs.frozen
class Listing:
    """An array of items of one kind."""

    item: Kind
    shortest: int = 0
    longest: int | None = None
    expected: str = "an array of objects"

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the array, then those of its items."""
        if not isinstance(value, list):
            yield wrong_type(path, self.expected, value)
            return
        if len(value) < self.shortest:
            yield empty_array(path)
        if self.longest is not None and len(value) > self.longest:
            yield too_long(path, "array", self.longest, len(value))
        for index, item in enumerate(value):
            yield from self.item.misfits(item, f"{path}[{index}]")


@attrs.frozen
class TextOr:
    """A string, or an array of parts."""

    parts: Listing
    text: Text = Text()

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the string or of the array."""
        if isinstance(value, str):
            yield from self.text.misfits(value, path)
        elif isinstance(value, list):
            yield from self.parts.misfits(value, path)
        else:
            yield wrong_type(path, "one of a string or array of objects", value)


@attrs.frozen
class Record:
    """An object with these keys and no others. Unknown keys are told first, unless `missing_first`."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    missing_first: bool = False

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give unknown and missing keys, then the refusals of the values."""
        if not isinstance(value, dict):
            yield wrong_type(path, "an object", value)
            return
        unknown = (unknown_parameter(_join(path, key)) for key in value if key not in self.fields)
        missing = (missing_parameter(_join(path, key)) for key in self.required if key not in value)
        yield from (*missing, *unknown) if self.missing_first else (*unknown, *missing)
        for key in (key for key in value if key in self.fields):
            yield from self.fields[key].misfits(value[key], _join(path, key))


@attrs.frozen
class Tagged:
    """An object whose keys depend on the value of one of them."""

    tag: str
    cases: Mapping[str, Kind]

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the case that the tag names."""
        if not isinstance(value, dict):
            yield wrong_type(path, "an object", value)
        elif self.tag not in value:
            yield missing_parameter(_join(path, self.tag))
        elif not isinstance(value[self.tag], str):
            yield wrong_type(_join(path, self.tag), "a string", value[self.tag])
        elif value[self.tag] not in self.cases:
            yield unsupported_value(_join(path, self.tag), value[self.tag], tuple(self.cases))
        else:
            yield from self.cases[value[self.tag]].misfits(value, path)


@attrs.frozen
class Labels:
    """Metadata: an object of short strings."""

    MOST: ClassVar[int] = 16
    LONGEST_KEY: ClassVar[int] = 64
    LONGEST_VALUE: ClassVar[int] = 512

    def misfits(self, value: object, path: str) -> Iterator[ApiRefusal]:
        """Give the refusals of the number of keys, then those of the keys and values."""
        if not isinstance(value, dict):
            yield wrong_type(path, "an object", value)
            return
        if len(value) > self.MOST:
            yield _too_many(path, self.MOST, len(value))
        for key, text in value.items():
            yield from Text(longest=self.LONGEST_KEY).misfits(key, f"{path} key")
            yield from Text(longest=self.LONGEST_VALUE).misfits(text, _join(path, key))


def _too_many(path: str, most: int, count: int) -> ApiRefusal:
    message = (
        f"Invalid '{path}': too many properties. Expected an object with at most {most} properties, "
        f"but got an object with {count} properties instead."
    )
    return invalid(message, path, "object_above_max_properties")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
