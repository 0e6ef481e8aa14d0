"""The time that an export reads again which goes on with another, and which rows of it were written before.

A row has its time before others see it: its transaction may commit after an export that ends later than that time. So the next
one reads some time before its own once more, and leaves out what was written. Digests of keys tell it: they name nobody.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from convo.analysis.arrow import one
from convo.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from convo.analysis.columns import Description

OVERLAP = 3_600_000_000
"""Microseconds that are read again: what a transaction commits that was open for longer is in no export."""
_KEYS: Mapping[str, tuple[str, ...]] = {
    "conversations": ("owner", "conversation"),
    "messages": ("owner", "conversation", "branch", "position"),
    "audio": ("owner", "conversation", "branch", "position", "part"),
    "exchanges": ("owner", "conversation", "exchange"),
    "turns": ("owner", "conversation", "turn"),
}
_DIGEST = 24
"""Hex digits of a digest: two of so many rows as there are in an hour are never the same."""


def recent(described: Description, batch: Any, begin: int) -> dict[str, int]:
    """Give the digests of the keys of rows since then, each with the time of its row."""
    late = batch.filter(_since(described, batch, begin))
    return dict(_keys(described, late)) if late.num_rows else {}


def fresh(described: Description, batch: Any, known: Container[str], since: int) -> Any:
    """Give a batch without the rows before `since` that are known."""
    import pyarrow as pa

    new = _since(described, batch, since)
    if new.true_count == len(new):
        return batch
    left = [is_new or key not in known for is_new, (key, _) in zip(new.to_pylist(), _keys(described, batch), strict=True)]
    return batch.filter(pa.array(left, pa.bool_()))


def _since(described: Description, batch: Any, begin: int) -> Any:
    import pyarrow.compute as pc

    moments = batch.column(described.time)
    return pc.greater_equal(moments, one(begin)[0].cast(moments.type))


def _keys(described: Description, batch: Any) -> Iterator[tuple[str, int]]:
    """Give the digest of the key of each row, and its time. What began anew since is another row: the time is of the key."""
    moments = batch.column(described.time).cast("int64").to_pylist()
    columns = [batch.column(name).to_pylist() for name in _KEYS[described.name]]
    for *key, moment in zip(*columns, moments, strict=True):
        yield hashlib.sha256(encode([*key, moment]).encode()).hexdigest()[:_DIGEST], moment
