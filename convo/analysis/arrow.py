"""Columns of values as Arrow record batches, with the types of `convo.analysis.columns`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from convo.errors import CorruptStore, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.analysis.columns import Column, Description, Kind

DIGITS, DECIMALS = 38, 12
"""Of an amount of money: all that Arrow has, and picos."""
_ID = 16
_HEX, _DASHED = 32, 36
_DASHES = (8, 13, 18, 23)


def arrow() -> Any:
    """Give the package `pyarrow`. Raises `MissingDependency`."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingDependency("pyarrow", "analysis", "a conversation as a table") from error
    return pa


def type_of(kind: Kind) -> Any:
    """Give the Arrow type of a kind of column."""
    pa = arrow()
    text = pa.string()
    if kind == "calls":
        return pa.list_(pa.struct([("id", text), ("name", text), ("arguments", text)]))
    return {
        "word": pa.dictionary(pa.int32(), text), "time": pa.timestamp("us", "UTC"), "count": pa.int64(), "flag": pa.bool_(),
        "ratio": pa.float64(), "day": pa.date32(), "seconds": pa.float64(), "money": pa.decimal128(DIGITS, DECIMALS),
    }.get(kind, text)  # fmt: skip


def schema_of(description: Description) -> Any:
    """Give the Arrow schema of a table; what each column holds stands in its metadata."""
    pa = arrow()
    return pa.schema([pa.field(one.name, type_of(one.kind), metadata={"comment": one.says}) for one in description])


def batch_of(description: Description, values: Mapping[str, Sequence[Any]]) -> Any:
    """Give a record batch of columns of values: ids as bytes or text, instants in microseconds, money in 10**-12."""
    pa = arrow()
    return pa.RecordBatch.from_arrays([_array(pa, one, values[one.name]) for one in description], schema=schema_of(description))


def one(value: bool | int | str) -> Any:  # noqa: FBT001 - a value like the others
    """Give an array of one value, of its bytes: to make one of Python's values imports pandas, which takes longer than pages."""
    pa = arrow()
    if isinstance(value, bool):
        return pa.Array.from_buffers(pa.bool_(), 1, [None, pa.py_buffer(bytes([value]))])
    if isinstance(value, int):
        return pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(array("q", [value]))])
    data = value.encode()
    return pa.StringArray.from_buffers(1, pa.py_buffer(array("i", [0, len(data)])), pa.py_buffer(data))


def _array(pa: Any, column: Column, values: Any) -> Any:
    if isinstance(values, pa.Array):
        from convo.analysis import vectors

        return vectors.converted(values, column.kind, type_of(column.kind))
    if (maker := _MAKERS.get(column.kind)) is not None:
        return maker(pa, values)
    return pa.array(values, type_of(column.kind))


def _words(pa: Any, values: Sequence[Any]) -> Any:
    return pa.array(values, pa.string()).dictionary_encode()


def _times(pa: Any, values: Sequence[Any]) -> Any:
    return pa.array(values, pa.int64()).cast(type_of("time"))


def _flags(pa: Any, values: Sequence[Any]) -> Any:
    return pa.array([value if value is None else bool(value) for value in values], pa.bool_())


def _money(pa: Any, values: Sequence[Any]) -> Any:
    return pa.array(values, pa.decimal128(DIGITS, 0)).view(type_of("money"))


def _ids(pa: Any, values: Sequence[Any]) -> Any:
    """Give ids as text, whichever way they came; of bytes, all at once."""
    known = [value for value in values if value is not None]
    if not known or isinstance(known[0], str):
        return pa.array(values, pa.string())
    data = b"".join(known)
    if len(data) != _ID * len(known):
        raise CorruptStore
    texts = id_texts(pa, data)
    if len(known) == len(values):
        return texts
    places = iter(range(len(known)))
    return texts.take(pa.array([None if value is None else next(places) for value in values], pa.int32()))


_MAKERS = {"word": _words, "id": _ids, "time": _times, "flag": _flags, "money": _money}


def id_texts(pa: Any, data: bytes) -> Any:
    """Give the texts of ids that follow one another, as `str(uuid)` writes them."""
    count = len(data) // _ID
    digits, text = data.hex().encode(), bytearray(b"-" * (_DASHED * count))
    places = [place for place in range(_DASHED) if place not in _DASHES]
    for number, place in enumerate(places):
        text[place::_DASHED] = digits[number::_HEX]
    return pa.Array.from_buffers(pa.binary(_DASHED), count, [None, pa.py_buffer(text)]).cast(pa.string())
