"""What a list of conversations is filtered by: values that metadata may hold, and the case of titles.

Where a filter stands for a value, `store.conversations(metadata={"turns": convo.Between(3, None)})`, it says which
values will do. Numbers compare with numbers and text with text, by code points; True and False are no numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from convo.canonical import encode
from convo.errors import InvalidMetadata
from convo.metadata import MAX_KEYS, check_pair, check_title, encode_metadata

MAX_CHOICES = 1_000


@attrs.frozen
class Between:
    """Numbers from `low` to `high`, or text from one to the other, the bounds included; None is no bound.

    Whole numbers compare exactly, however large, with others and with fractions.
    """

    low: float | str | None
    high: float | str | None


@attrs.frozen(init=False)
class OneOf:
    """One of these values, each exactly: 1 is neither 1.0, True nor "1"."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        self.__attrs_init__(values)


@attrs.frozen
class Present:
    """The key is there, whatever its value; None is a value."""


@attrs.frozen
class Absent:
    """The key is not there."""


Filter = Between | OneOf | Present | Absent


def checked_filters(metadata: Mapping[str, Any] | None) -> dict[str, Filter]:
    """Give what each key must be. Raises `InvalidMetadata`, which names the key."""
    if not isinstance(metadata, Mapping):
        encode_metadata(metadata)
        return {}
    if len(metadata) > MAX_KEYS:
        raise InvalidMetadata(None, f"metadata has {len(metadata):,} keys; at most {MAX_KEYS} are looked at")
    encode_metadata({key: value for key, value in metadata.items() if not isinstance(value, Filter)})
    return {key: _checked(key, value) for key, value in metadata.items()}


def _checked(key: object, value: object) -> Filter:
    match value:
        case Between(low, high):
            bounds = [bound for bound in (low, high) if bound is not None]
            _check_bounds(key, bounds)
        case OneOf(values):
            if not 0 < len(values) <= MAX_CHOICES:
                raise InvalidMetadata(key, f"OneOf takes 1 to {MAX_CHOICES:,} values")
            for choice in values:
                check_pair(key, choice)
            return OneOf(*(encode(choice).lstrip() for choice in values))
        case Present() | Absent():
            check_pair(key, None)
        case _:
            return OneOf(encode(value).lstrip())
    return value


def _check_bounds(key: object, bounds: list[Any]) -> None:
    for bound in bounds:
        check_pair(key, bound)
    kinds = {str if isinstance(bound, str) else int for bound in bounds if _is_ordered(bound)}
    if len(kinds) != 1 or not all(map(_is_ordered, bounds)):
        raise InvalidMetadata(key, "Between takes two numbers or two texts, one of which may be None")


def _is_ordered(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def title_cases(title: str | None) -> tuple[str, ...] | None:
    """Give, for each character of a part of a title, the characters that are the same but for their case.

    Raises `InvalidMetadata` for what is no title.
    """
    if check_title(title) is None:
        return None
    return tuple("".join(sorted(_cases(character))) for character in title or "")


def _cases(character: str) -> set[str]:
    forms = {character, character.lower(), character.upper(), character.casefold()}
    forms |= {form.lower() for form in forms} | {form.upper() for form in forms}
    return {form for form in forms if len(form) == 1}
