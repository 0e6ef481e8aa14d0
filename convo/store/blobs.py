"""Bytes by their SHA-256, once per owner, in chunks of at most 1 MB so that no driver holds a whole recording twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import BlobNotFound
from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

CHUNK = 1_000_000
"""Bytes in one row: 25 MB in one piece cost psycopg 174 MB of memory."""

_L, _K = tables.blob.c, tables.blob_chunk.c


def _insert_once(table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql

    columns = {column.name: sa.bindparam(column.name, type_=column.type) for column in table.c}
    return postgresql.insert(table).values(columns).on_conflict_do_nothing()


_insert_blob = Statement("say that bytes are here", lambda: _insert_once(tables.blob))
_insert_chunk = Statement("store a piece of bytes", lambda: _insert_once(tables.blob_chunk))
_is_here = Statement(
    "whether bytes are here",
    lambda: sa.select(_L.size).where(_L.owner == sa.bindparam("owner"), _L.digest == sa.bindparam("digest")),
)
_chunks = Statement(
    "bytes in order",
    lambda: sa.select(_K.data).where(_K.owner == sa.bindparam("owner"), _K.digest == sa.bindparam("digest")).order_by(_K.number),
)


def put(connection: Connection, owner: str, digest: str, data: bytes, now: int) -> None:
    """Store bytes; those that are here already stay as they are. One transaction: all of them or none."""
    _insert_blob(connection, owner=owner, digest=digest, size=len(data), created_at=now)
    pieces = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    for number, piece in enumerate(pieces):
        _insert_chunk(connection, owner=owner, digest=digest, number=number, data=piece)


def get(connection: Connection, owner: str, digest: str) -> bytes:
    """Give the bytes. Raises `BlobNotFound` when they, or a part of them, are not here."""
    known = _is_here.one(connection, owner=owner, digest=digest)
    if known is None:
        raise BlobNotFound(digest)
    data = b"".join(bytes(row[0]) for row in _chunks.rows(connection, owner=owner, digest=digest))
    if len(data) != known[0]:
        raise BlobNotFound(digest)
    return data


def get_all(connection: Connection, owner: str, digests: Iterable[str]) -> dict[str, bytes]:
    """Give the bytes of each digest. Raises `BlobNotFound` at the first that is not here."""
    return {digest: get(connection, owner, digest) for digest in digests}
