"""Bytes that move between the database and blob stores: their rows, page by page, and the switch of one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import CorruptStore
from convo.store import keys, tables
from convo.store.blobs import Held, delete_chunks, put_chunks
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_L, _K, _C = tables.blob.c, tables.blob_chunk.c, tables.conversation.c
PAGE = 200
"""Rows that are read at once."""


def _text(name: str) -> Any:
    return sa.cast(sa.bindparam(name, type_=sa.Text), sa.Text)


_elsewhere = Statement(
    "bytes that are not where they should be",
    lambda: (
        sa.select(_L.digest, _L.size, _L.place, _L.object)
        .where(_L.owner == sa.bindparam("owner"), _L.digest > sa.bindparam("after"), _L.place.is_distinct_from(_text("place")))
        .order_by(_L.digest)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    ),
)
_left = Statement(
    "how many bytes are not where they should be",
    lambda: sa.select(sa.func.count()).where(_L.owner == sa.bindparam("owner"), _L.place.is_distinct_from(_text("place"))),
)
_switch = Statement(
    "say where bytes are, if they still are where they were",
    lambda: (
        sa.update(tables.blob)
        .where(_L.owner == sa.bindparam("key_owner"), _L.digest == sa.bindparam("key_digest"))
        .where(_L.place.is_not_distinct_from(_text("was_place")), _L.object.is_not_distinct_from(_text("was_name")))
        .values(place=sa.bindparam("place", type_=sa.Text), object=sa.bindparam("name", type_=sa.Text))
        .returning(_L.digest)
    ),
)
_delete_chunks = Statement(
    "delete the pieces of bytes that are elsewhere now",
    lambda: sa.delete(tables.blob_chunk).where(_K.owner == sa.bindparam("owner"), _K.digest == sa.bindparam("digest")),
)
_totals = Statement(
    "how many bytes are where",
    lambda: (
        sa.select(_L.place, sa.func.count(), sa.cast(sa.func.sum(_L.size), sa.BigInteger))
        .where(_L.owner == sa.bindparam("owner"))
        .group_by(_L.place)
        .order_by(_L.place)
    ),
)
_totals_of_all = Statement(
    "how many bytes of anyone are where",
    lambda: (
        sa.select(_L.place, sa.func.count(), sa.cast(sa.func.sum(_L.size), sa.BigInteger)).group_by(_L.place).order_by(_L.place)
    ),
)
_home = Statement("what the names of objects begin with", lambda: sa.select(tables.home.c.prefix).order_by(tables.home.c.prefix))
_owners = Statement(
    "the owners of anything",
    lambda: sa.union(sa.select(_C.owner), sa.select(_L.owner)).order_by(sa.literal_column("1")),
)
_has_anything = Statement(
    "say whether an owner has anything",
    lambda: sa.select(sa.literal_column("1")).where(
        sa.exists().where(_C.owner == sa.bindparam("owner")) | sa.exists().where(_L.owner == sa.bindparam("owner"))
    ),
)


def elsewhere(connection: Connection, owner: str, place: str | None, after: str) -> Sequence[Held]:
    """Give the rows of bytes that are not in `place`, in the order of their digests, those behind `after`."""
    return [Held(*row) for row in _elsewhere.rows(connection, owner=owner, place=place, after=after, limit=PAGE)]


def count_elsewhere(connection: Connection, owner: str, place: str | None) -> int:
    """Count the bytes that are not in `place`."""
    row = _left.one(connection, owner=owner, place=place)
    return row[0] if row else 0


def switch(connection: Connection, owner: str, was: Held, now: Held, data: bytes, sealed_by: int | None = None) -> bool:
    """Say where bytes are now; False, and nothing written, when their row is gone or says something else than it did.

    Nor when the key that has sealed their object was destroyed meanwhile. Into the database `data` is written with it, out of
    it the chunks are deleted with it.
    """
    if sealed_by is not None and not keys.holds(connection, owner, sealed_by):
        return False
    row = _switch.one(
        connection, key_owner=owner, key_digest=was.digest, was_place=was.place, was_name=was.name, place=now.place, name=now.name
    )
    if row is None:
        return False
    if now.place is None:
        delete_chunks(connection, owner, was.digest)
        put_chunks(connection, owner, was.digest, data)
    elif was.place is None:
        _delete_chunks(connection, owner=owner, digest=was.digest)
    return True


def totals(connection: Connection, owner: str | None) -> list[tuple[str | None, int, int]]:
    """Give (place, blobs, bytes) for each place that holds any; no place: the database."""
    rows = _totals_of_all.rows(connection) if owner is None else _totals.rows(connection, owner=owner)
    return [(place, number, int(volume or 0)) for place, number, volume in rows]


def home(connection: Connection) -> str:
    """Give what the names of this database's objects begin with. Raises `CorruptStore` where that is not there."""
    row = _home.one(connection)
    if row is None:
        raise CorruptStore
    prefix: str = row[0]
    return prefix


def owners(connection: Connection, owner: str | None) -> list[str]:
    """Give the owners of conversations and of bytes, in order; of one owner that one, or nobody."""
    if owner is not None:
        return [] if _has_anything.one(connection, owner=owner) is None else [owner]
    return [row[0] for row in _owners.rows(connection)]
