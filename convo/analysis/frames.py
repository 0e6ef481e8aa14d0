"""Arrow tables as the frames of other tools, with exact types; each needs its own package and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convo.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Callable


class Frame(NamedTuple):
    """A tool that has frames: what imports it, which raises `MissingDependency`, and what makes one of a `pyarrow.Table`."""

    imported: Callable[[], Any]
    of: Callable[[Any], Any]


def _polars() -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise MissingDependency("polars", "frames", "a polars frame") from error
    return pl


def polars_of(table: Any) -> Any:
    """Give a `polars.DataFrame`: words are categories, amounts decimals. Raises `MissingDependency`."""
    return _polars().from_arrow(table, rechunk=False)  # a copy of all of it less


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependency("pandas", "frames", "a pandas frame") from error
    return pd


def pandas_of(table: Any) -> Any:
    """Give a `pandas.DataFrame`: words are categories, all else has Arrow's own types. Raises `MissingDependency`.

    Whole numbers stay whole beside what is not known, and amounts stay decimals: NumPy's types can hold neither.
    """
    pd = _pandas()
    import pyarrow as pa

    def exact(kind: Any) -> Any:
        return None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind)

    return table.to_pandas(types_mapper=exact)


POLARS, PANDAS = Frame(_polars, polars_of), Frame(_pandas, pandas_of)


def duckdb_connection() -> Any:
    """Give a connection to a DuckDB of its own, in memory. Raises `MissingDependency`."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependency("duckdb", "frames", "a DuckDB relation") from error
    return duckdb.connect()


def create_table(connection: Any, name: str, schema: Any) -> None:
    """Make a table of these columns. Raises DuckDB's own error where there is one of that name."""
    connection.from_arrow(schema.empty_table()).create(name)


def insert(connection: Any, name: str, batch: Any) -> None:
    """Add the rows of a record batch."""
    import pyarrow as pa

    connection.from_arrow(pa.Table.from_batches([batch])).insert_into(name)


def drop_table(connection: Any, name: str) -> None:
    """Take back a table that was not filled to its end."""
    connection.execute(f"DROP TABLE {name}")
