"""Filters of conversations as SQL: the same answer on both databases, no value in the text of a statement.

Metadata is canonical JSON. A comparison looks at the kind of a value first, and casts only what that kind can be cast
from, so that other rows raise nothing. What another store has encrypted is no JSON, and is not read as such.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.filters import Absent, Between, OneOf, Present
from convo.sealing.form import SEALED
from convo.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from convo.filters import Filter

    Condition = sa.ColumnElement[bool]

_metadata, _title = tables.conversation.c.metadata, tables.conversation.c.title
INT64 = 1 << 63
DIGITS = 18
"""Characters up to which an integer fits into 64 bits for sure; SQLite reads longer ones as fractions."""


def metadata_conditions(connection: Connection, filters: Mapping[str, Filter], *, sealed: bool) -> Iterable[Condition]:
    """Give what must hold of the metadata of a conversation. Keys are plain words (see `convo.metadata`).

    `sealed` says whether encrypted metadata are found: whoever opens what is found then says that they cannot be read.
    """
    if not filters:
        return []
    kind = _PostgreSQL if connection.dialect.name == "postgresql" else _SQLite
    readable = sa.and_(*(_condition(kind(name), wanted) for name, wanted in filters.items()))
    return [sa.case((is_sealed(_metadata), sa.true() if sealed else sa.false()), else_=readable)]


def is_sealed(column: sa.ColumnElement[Any]) -> Condition:
    """Give that a text is encrypted."""
    return sa.func.substr(column, 1, len(SEALED)) == SEALED


def _condition(value: _SQLite | _PostgreSQL, wanted: Filter) -> Condition:
    match wanted:
        case OneOf(values):
            return value.text.in_(values)
        case Present():
            return value.kind.is_not(None)
        case Absent():
            return value.kind.is_(None)
        case Between(low, high) if isinstance(low if low is not None else high, str):
            return value.texts([(operator, str(bound)) for operator, bound in ((">=", low), ("<=", high)) if bound is not None])
        case Between(low, high):
            whole = [value.whole(operator, bound) for operator, bound in _whole_bounds(low, high)]
            broken = [value.broken(operator, bound) for operator, bound in _broken_bounds(low, high)]
            return value.numbers(sa.and_(sa.true(), *whole), sa.and_(sa.true(), *broken))


def _whole_bounds(low: Any, high: Any) -> Iterable[tuple[str, int]]:
    """The bounds of whole numbers: exact, also where the bounds given are fractions."""
    if low is not None:
        yield ">=", math.ceil(low)
    if high is not None:
        yield "<=", math.floor(high)


def _broken_bounds(low: Any, high: Any) -> Iterable[tuple[str, float]]:
    """The bounds of fractions: the nearest double that is not outside."""
    if low is not None:
        yield ">=", _double(low, upwards=True)
    if high is not None:
        yield "<=", _double(high, upwards=False)


def _double(bound: float, *, upwards: bool) -> float:
    try:
        found = float(bound)
    except OverflowError:
        found = sys.float_info.max if bound > 0 else -sys.float_info.max
    if upwards:
        return found if found >= bound else math.nextafter(found, math.inf)
    return found if found <= bound else math.nextafter(found, -math.inf)


def _compared(operator: str, one: Any, other: Any) -> Condition:
    found: Condition = one >= other if operator == ">=" else one <= other
    return found


class _SQLite:
    """The value of a key on SQLite."""

    def __init__(self, name: str) -> None:
        path = f'$."{name}"'
        self.text: sa.ColumnElement[str] = _metadata.op("->", return_type=sa.Text())(path)
        self.kind: sa.ColumnElement[str] = sa.func.json_type(_metadata, path)
        self._value: sa.ColumnElement[Any] = _metadata.op("->>", return_type=sa.types.NullType())(path)

    def texts(self, bounds: Sequence[tuple[str, str]]) -> Condition:
        """A text within bounds, by its bytes, which are in the order of code points."""
        return (self.kind == "text") & sa.and_(*(_compared(operator, self._value, bound) for operator, bound in bounds))

    def numbers(self, whole: Condition, broken: Condition) -> Condition:
        """A number for which the one or the other holds."""
        return ((self.kind == "integer") & whole) | ((self.kind == "real") & broken)

    def broken(self, operator: str, bound: float) -> Condition:
        """A fraction on the right side of a bound, which is read as SQLite read the value."""
        if math.isinf(bound):
            return sa.true() if (bound > 0) == (operator == "<=") else sa.false()
        return _compared(operator, self._value, sa.cast(sa.literal(repr(bound), sa.Text), sa.REAL))

    def whole(self, operator: str, bound: int) -> Condition:
        """A whole number on the right side of a bound; long ones are compared by their digits."""
        near = sa.literal(min(max(bound, -INT64), INT64 - 1), sa.BigInteger)
        short = _compared(operator, self._value, near)
        return sa.case((sa.func.length(self.text) <= DIGITS, short), else_=self._long(operator, bound))

    def _long(self, operator: str, bound: int) -> Condition:
        digits = str(bound)
        negative = sa.func.substr(self.text, 1, 1) == "-"
        if len(digits) <= DIGITS:
            return ~negative if operator == ">=" else negative
        length, limit = sa.func.length(self.text), len(digits)
        beyond = (length > limit) | ((length == limit) & (self.text >= digits))
        within = (length < limit) | ((length == limit) & (self.text <= digits))
        larger = beyond if (bound > 0) == (operator == ">=") else within
        same_sign = negative if bound < 0 else ~negative
        outer = (bound < 0) == (operator == ">=")
        return (same_sign & larger) | (~same_sign if outer else sa.false())


class _PostgreSQL:
    """The value of a key on PostgreSQL. CASE keeps a cast from values of another kind."""

    def __init__(self, name: str) -> None:
        json = sa.cast(_metadata, sa.JSON)
        value = json.op("->", return_type=sa.JSON())(sa.literal(name, sa.Text))
        self.text: sa.ColumnElement[str] = sa.cast(value, sa.Text)
        self.kind: sa.ColumnElement[str] = sa.func.json_typeof(value)
        self._said: sa.ColumnElement[str] = json.op("->>", return_type=sa.Text())(sa.literal(name, sa.Text))
        self._is_whole: Condition = ~self.text.regexp_match("[.eE]")

    def texts(self, bounds: Sequence[tuple[str, str]]) -> Condition:
        """A text within bounds, by code points."""
        said = sa.collate(self._said, "C")
        return sa.case((self.kind == "string", sa.and_(*(_compared(o, said, bound) for o, bound in bounds))), else_=sa.false())

    def numbers(self, whole: Condition, broken: Condition) -> Condition:
        """A number for which the one or the other holds."""
        inner = sa.case((self._is_whole, whole), else_=broken)
        return sa.case((self.kind == "number", inner), else_=sa.false())

    def broken(self, operator: str, bound: float) -> Condition:
        """A fraction on the right side of a bound."""
        return _compared(operator, sa.cast(self.text, sa.Double), sa.cast(sa.literal(bound, sa.Double), sa.Double))

    def whole(self, operator: str, bound: int) -> Condition:
        """A whole number on the right side of a bound."""
        return _compared(operator, sa.cast(self.text, sa.Numeric), sa.cast(sa.literal(str(bound), sa.Text), sa.Numeric))


# --- titles ----------------------------------------------------------------------------------------


def title_condition(connection: Connection, cases: Sequence[str]) -> Condition:
    """Give that a title holds these characters, each in one of its cases (see `convo.filters.title_cases`), or is encrypted."""
    if connection.dialect.name == "postgresql":
        holds = _title.op("~", is_comparison=True)(sa.literal(_pattern(cases, _regular), sa.Text))
    else:
        holds = _title.op("GLOB", is_comparison=True)(sa.literal(f"*{_pattern(cases, _glob)}*", sa.Text))
    return is_sealed(_title) | holds


def _pattern(cases: Sequence[str], one: Callable[[str], str]) -> str:
    return "".join(character if character.isspace() else one(character) for character in cases)


def _glob(characters: str) -> str:
    """One of the characters; only in brackets `*?[` mean themselves, and only outside of them `]^` do."""
    return characters if characters in ("]", "^") else f"[{characters}]"


def _regular(characters: str) -> str:
    """One of the characters; a backslash makes any sign mean itself."""
    if len(characters) > 1:
        return f"[{characters}]"
    return f"\\{characters}" if characters.isascii() and not characters.isalnum() else characters
