"""Columns of Arrow that were read as one, of which each row is one of a few things: they are made without a loop over rows."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Value = str | int | bool


def spread(found: Any, name: str, said: Callable[[str | None], Mapping[str, Value]], names: Sequence[str]) -> Any:
    """Give a `pyarrow.Table` of these columns: those that a column of texts stands for, by what `said` gives for a text.

    Texts come dictionary-encoded.
    """
    import pyarrow as pa

    encoded = found.column(name).cast(pa.string()).combine_chunks().dictionary_encode(null_encoding="encode")
    values = [said(text) for text in encoded.dictionary.to_pylist()] or [said(None)]
    columns = {one: _taken([value[one] for value in values], encoded.indices) for one in values[0]}
    columns |= {one: found.column(one) for one in found.column_names if one != name}
    return pa.table([columns[one] for one in names], names=list(names))


def _taken(values: list[Any], indices: Any) -> Any:
    """Give an array of the values at these indices. It is made of bytes: an array of Python's values imports pandas."""
    import pyarrow as pa

    if isinstance(values[0], str):
        words = list(dict.fromkeys(values))
        data = [word.encode() for word in words]
        ends = [sum(map(len, data[:count])) for count in range(len(data) + 1)]
        texts = pa.StringArray.from_buffers(len(data), pa.py_buffer(array("i", ends)), pa.py_buffer(b"".join(data)))
        return pa.DictionaryArray.from_arrays(_numbers("i", map(words.index, values)).take(indices), texts)
    found = _numbers("q", map(int, values)).take(indices)
    return found.cast(pa.bool_()) if isinstance(values[0], bool) else found


def _numbers(code: str, values: Any) -> Any:
    import pyarrow as pa

    numbers = array(code, values)
    return pa.Array.from_buffers(pa.int32() if code == "i" else pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])
