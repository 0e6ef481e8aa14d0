"""What the API says when it refuses: an error as a value, and one function for each kind of sentence.

The wording is the API's own where a capture of it was published. Where nobody published one, the sentence
is built like those that were, and status and code are what a program can rely on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_SIMULATED = "not_simulated"
"""The code of refusals that are the fake's own: the real API may well accept the request."""


@attrs.frozen
class ApiRefusal:
    """An error answer of the API: the HTTP status and the four fields of its `error` object."""

    status: int
    message: str
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The error as the API sends it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def invalid(message: str, param: str | None, code: str | None = "invalid_value") -> ApiRefusal:
    """Give a 400 with these words."""
    return ApiRefusal(400, message, param=param, code=code)


def unknown_parameter(path: str) -> ApiRefusal:
    """Refuse a key that the API does not know, or that the model does not take."""
    return invalid(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def unsupported_parameter(path: str) -> ApiRefusal:
    """Refuse a key that exists, for other models."""
    return invalid(f"Unsupported parameter: '{path}' is not supported with this model.", path, "unsupported_parameter")


def missing_parameter(path: str) -> ApiRefusal:
    """Refuse an object that lacks a key."""
    return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def wrong_type(path: str, expected: str, value: object) -> ApiRefusal:
    """Refuse a value of another JSON type than expected."""
    message = f"Invalid type for '{path}': expected {expected}, but got {_type_of(value)} instead."
    return invalid(message, path, "invalid_type")


def unsupported_value(path: str, value: object, supported: Sequence[str]) -> ApiRefusal:
    """Refuse a value that is none of the supported ones."""
    return invalid(f"Invalid value: '{value}'. Supported values are: {_listed(supported)}.", path)


def empty_array(path: str) -> ApiRefusal:
    """Refuse an array without items."""
    message = f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return invalid(message, path, "empty_array")


def too_long(path: str, what: str, longest: int, length: int) -> ApiRefusal:
    """Refuse a string or an array that is longer than its limit."""
    message = (
        f"Invalid '{path}': {what} too long. Expected {_article(what)} with maximum length {longest}, "
        f"but got {_article(what)} with length {length} instead."
    )
    return invalid(message, path, f"{what}_above_max_length")


def mismatch(path: str, pattern: str) -> ApiRefusal:
    """Refuse a string that does not look as it should."""
    message = f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern '{pattern}'."
    return invalid(message, path)


def out_of_range(path: str, what: str, value: float, bound: str) -> ApiRefusal:
    """Refuse a number past `bound`, which reads `<= 2` or `>= 0`."""
    side, limit = ("above", "maximum") if bound.startswith("<") else ("below", "minimum")
    message = f"Invalid '{path}': {what} {side} {limit} value. Expected a value {bound}, but got {value} instead."
    return invalid(message, path, f"{what}_{side}_{limit[:3]}_value")


def not_simulated(message: str, param: str) -> ApiRefusal:
    """Refuse what the fake cannot do and the API perhaps can; the words say so."""
    return ApiRefusal(400, f"convo.testing: {message}", type="convo_testing", param=param, code=NOT_SIMULATED)


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _listed(names: Sequence[str]) -> str:
    """Give `'a'`, `'a' and 'b'`, or `'a', 'b', and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    pair = 2
    if len(quoted) <= pair:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _type_of(value: object) -> str:
    """Name the JSON type of a value as the API does."""
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), "null")
