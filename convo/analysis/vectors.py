"""The same as `convo.analysis.lines` and `arrow` make of rows, of columns that came as Arrow: without a loop over rows."""

from __future__ import annotations

from typing import Any

from convo.analysis.arrow import id_texts, one

_ID = 16
_SECOND = 1_000_000


def columns(table: Any) -> list[Any]:
    """Give the columns of a table, each as one array."""
    import pyarrow as pa

    return [values.chunk(0) if values.num_chunks == 1 else pa.concat_arrays(values.chunks) for values in _chunked(table)]


def _chunked(table: Any) -> Any:
    import pyarrow as pa

    return [values if values.num_chunks else pa.chunked_array([pa.nulls(0, values.type)]) for values in table.columns]


def kept(found: dict[str, Any], within: Any) -> dict[str, Any]:
    """Give columns without the rows that are not wanted."""
    import pyarrow as pa

    mask = within.cast(pa.bool_())
    return found if mask.true_count == len(mask) else {name: values.filter(mask) for name, values in found.items()}


def nothing(count: int) -> Any:
    """Give a column that holds no value."""
    import pyarrow as pa

    return pa.nulls(count)


def places(values: Any) -> Any:
    """Give where a column holds a value."""
    import pyarrow.compute as pc

    return pc.indices_nonzero(values.is_valid())


def converted(values: Any, kind: str, to: Any) -> Any:
    """Give a column in the type of its kind: ids as bytes or text, instants in microseconds, money in 10**-12."""
    import pyarrow as pa

    if kind == "word":
        return values if values.type == to else values.cast(pa.string()).dictionary_encode()
    if kind == "id":
        return _ids(values)
    if kind == "time":
        return values.cast(pa.int64()).cast(to)
    if kind == "money":
        return values.cast(pa.int64()).cast(pa.decimal128(38, 0)).view(to)
    return values if values.type == to else values.cast(to)


def _ids(values: Any) -> Any:
    """Give ids as text. Rows of a conversation follow one another: what is the same as before is written once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_binary(values.type):
        return values.cast(pa.string())
    known = values.drop_null().cast(pa.binary(_ID))
    if not len(known):
        return pa.nulls(len(values), pa.string())
    new = pa.concat_arrays([one(1).cast(pa.bool_()), pc.not_equal(known[1:], known[:-1])])
    different = known.filter(new)
    texts = id_texts(pa, different.buffers()[1].to_pybytes()[: len(different) * _ID])
    texts = texts.take(_numbers(new))
    if not values.null_count:
        return texts
    valid = values.is_valid()
    return texts.take(pc.if_else(valid, _numbers(valid), pa.nulls(1, pa.int64())[0]))


def _numbers(marks: Any) -> Any:
    """Give the number of the last row that is marked, from 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.subtract(pc.cumulative_sum(marks.cast(pa.int64())), one(1)[0])


def seconds(begins: Any, ends: Any) -> Any:
    """Give the seconds from one instant to another, which is later."""
    import pyarrow as pa
    import pyarrow.compute as pc

    took = pc.subtract(ends.cast(pa.int64()), begins.cast(pa.int64()))
    return pc.divide(pc.if_else(pc.greater(took, 0), took, pa.scalar(None, pa.int64())).cast(pa.float64()), float(_SECOND))


def turns(owners: Any, conversations: Any, roles: Any, turn: int, role: str | None) -> Any:
    """Give the turn of each message; see `lines.numbered`. A turn and a role came before the first, in its conversation."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(roles):
        return pa.nulls(0, pa.int64())
    same = pc.and_(pc.equal(owners[1:], owners[:-1]), pc.equal(conversations[1:], conversations[:-1]))
    new = pc.invert(pa.concat_arrays([one(1).cast(pa.bool_()), same]))
    user = pc.equal(roles.cast(pa.string()), one("user")[0])
    before = pa.concat_arrays([one(role == "user"), user[:-1]])
    begins = pc.and_(user, pc.or_(new, pc.invert(before))).cast(pa.int64())
    total = pc.cumulative_sum(begins)
    base = pc.if_else(new, pc.subtract(total, begins), pa.nulls(1, pa.int64())[0])
    base = pa.concat_arrays([one(-turn), base[1:]])
    return pc.subtract(total, pc.fill_null_forward(base))
