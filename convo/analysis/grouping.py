"""Rows by what they have in common: numbers for groups, sums and quantiles of them, whole columns at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.analysis.arrow import arrow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Groups:
    """Numbers of groups, from 0, in the order in which they were met; a group is a tuple of values, null among them."""

    def __init__(self, keys: int) -> None:
        self._known: dict[tuple[Any, ...], int] = {} if keys else {(): 0}

    def __len__(self) -> int:
        """Count them."""
        return len(self._known)

    def of(self, columns: Sequence[Any], rows: int) -> Any:
        """Give the number of the group of each row, as an Arrow array."""
        pa = arrow()
        if not columns:
            return pa.nulls(rows, pa.int64()).fill_null(0)
        places, combined = _combined(columns)
        tuples = zip(*(values.to_pylist() for values in combined), strict=True)
        numbers = [self._known.setdefault(one, len(self._known)) for one in tuples]
        return pa.array(numbers, pa.int64()).take(places)

    def columns(self) -> list[list[Any]]:
        """Give the values of each key, by the numbers of the groups."""
        return [list(values) for values in zip(*self._known, strict=True)]


def _combined(columns: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Give, of each row, the place of its combination of values, and the values of the combinations."""
    pc = compute()
    coded = [encoded(column) for column in columns]
    whole, sizes = None, [max(1, len(one.dictionary)) for one in coded]
    for one, size in zip(coded, sizes, strict=True):
        code = one.indices.cast("int64")
        whole = code if whole is None else pc.add(pc.multiply(whole, size), code)
    distinct = encoded(whole)
    codes, values = distinct.dictionary, []
    for one, size in zip(reversed(coded), reversed(sizes), strict=True):
        rest = pc.divide(codes, size)
        values.append(one.dictionary.take(pc.subtract(codes, pc.multiply(rest, size))))
        codes = rest
    return distinct.indices, values[::-1]


def compute() -> Any:
    """Give `pyarrow.compute`."""
    arrow()
    import pyarrow.compute as pc

    return pc


def encoded(column: Any) -> Any:
    """Give a column as its different values and, for each row, the place of its value; null is a value."""
    pa = arrow()
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.dictionary_encode(null_encoding="encode")


def sums(table: Any, group: str, wanted: Mapping[str, tuple[str, str]], count: int) -> dict[str, Any]:
    """Give aggregates for each of so many groups: by their names a column and a function of Arrow's; null where no row is."""
    pa, pc = arrow(), compute()
    found = table.group_by(group, use_threads=False).aggregate(list(dict.fromkeys(wanted.values())))
    places = pc.index_in(pa.array(range(count), pa.int64()), found[group].combine_chunks())
    return {name: found[f"{column}_{how}"].take(places).combine_chunks() for name, (column, how) in wanted.items()}


def quantiles(groups: Any, values: Any, shares: Sequence[float], count: int) -> list[Any]:
    """Give quantiles of the values of each of so many groups, between two values in proportion; null where there is none.

    Definition 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), which NumPy, R and Excel use, too.
    """
    pa, pc = arrow(), compute()
    table = pa.table({"g": groups, "v": values}).filter(pc.is_valid(pa.chunked_array([values])))
    table = table.sort_by([("g", "ascending"), ("v", "ascending")])
    found = sums(table, "g", {"n": ("v", "count")}, count)["n"]
    sizes = pc.fill_null(found, 0)
    begins = pc.subtract(pc.cumulative_sum(sizes), sizes)
    ordered = pa.concat_arrays([*(chunk.cast("double") for chunk in table["v"].chunks), pa.array([], "double")])
    return [_at(ordered, begins, pc.if_else(pc.greater(sizes, 0), sizes, None), share) for share in shares]


def _at(ordered: Any, begins: Any, sizes: Any, share: float) -> Any:
    pc = compute()
    place = pc.multiply(pc.cast(pc.subtract(sizes, 1), "double"), share)
    low, high = pc.floor(place), pc.ceil(place)
    one, other = (ordered.take(pc.add(begins, pc.cast(end, "int64"))) for end in (low, high))
    return pc.add(one, pc.multiply(pc.subtract(other, one), pc.subtract(place, low)))


def ratio(of: Any, to: Any) -> Any:
    """Give one column divided by another, as doubles; null where one is null, or the second is 0."""
    pc = compute()
    divisor = pc.cast(to, "double")
    return pc.divide(pc.cast(of, "double"), pc.if_else(pc.equal(divisor, 0.0), None, divisor))
