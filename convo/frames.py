"""Rows as an Arrow table, for data frames: exact types, null for what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEXTS = ("owner", "model", "voice", "api", "error", "currency", "conversation")
_SECONDS = ("cached_share", "duration", "duration_max", "first_byte", "first_byte_max")
DIGITS, DECIMALS = 38, 12
"""Of an amount of money: all that Arrow has, and picos."""


def table_of(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Give a `pyarrow.Table` of these columns. Raises `MissingDependency`."""
    pa = _arrow("a report as an Arrow table")
    fields = [(name, _type(pa, name)) for name in names]
    columns = [pa.array([_value(row[name]) for row in rows], kind) for name, kind in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def write_table(table: Any, path: str) -> None:
    """Write an Arrow IPC file, which polars, pandas and DuckDB read as Feather. Raises `OSError`."""
    _arrow("an Arrow file")
    import pyarrow.ipc

    with open(path, "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:  # noqa: PTH123 - a path as it was given
        writer.write_table(table)


def _arrow(purpose: str) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingDependency("pyarrow", "analysis", purpose) from error
    return pa


def _type(pa: Any, name: str) -> Any:
    if name in _TEXTS:
        return pa.string()
    if name in _SECONDS:
        return pa.float64()
    if name == "day":
        return pa.date32()
    if name == "voices":
        return pa.map_(pa.string(), pa.int64())
    return pa.decimal128(DIGITS, DECIMALS) if name.split("_", maxsplit=1)[0] == "cost" else pa.int64()


def _value(value: Any) -> Any:
    from uuid import UUID

    if isinstance(value, UUID):
        return str(value)
    return list(value.items()) if isinstance(value, dict) else value
