"""Bytes by their SHA-256, once per owner, in chunks of at most 1 MB so that no driver holds a whole recording twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import BlobNotFound
from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

CHUNK = 1_000_000
"""Bytes in one row: 25 MB in one piece cost psycopg 174 MB of memory."""

_L, _K, _A = tables.blob.c, tables.blob_chunk.c, tables.attachment.c


def _insert_once(table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql

    columns = {column.name: sa.bindparam(column.name, type_=column.type) for column in table.c}
    return postgresql.insert(table).values(columns).on_conflict_do_nothing()


def _insert_or_refresh() -> Any:
    from sqlalchemy.dialects import postgresql

    insert = postgresql.insert(tables.blob).values({c.name: sa.bindparam(c.name, type_=c.type) for c in _L})
    return insert.on_conflict_do_update(index_elements=["owner", "digest"], set_={"created_at": insert.excluded.created_at})


_insert_blob = Statement("say that bytes are here, and since when they are wanted", _insert_or_refresh)
_insert_chunk = Statement("store a piece of bytes", lambda: _insert_once(tables.blob_chunk))
_is_here = Statement(
    "whether bytes are here",
    lambda: sa.select(_L.size).where(_L.owner == sa.bindparam("owner"), _L.digest == sa.bindparam("digest")),
)
_chunks = Statement(
    "bytes in order",
    lambda: sa.select(_K.data).where(_K.owner == sa.bindparam("owner"), _K.digest == sa.bindparam("digest")).order_by(_K.number),
)


GRACE = 600_000_000
"""Microseconds after which whoever has put bytes has stored the message that refers to them, or never will."""


def _unused() -> sa.ColumnElement[bool]:
    used = sa.exists(sa.select(_A.digest).where(_A.owner == _L.owner, _A.digest == _L.digest)).correlate(tables.blob)
    return (_L.owner == sa.bindparam("owner")) & (_L.digest == sa.bindparam("digest")) & ~used


def _delete_unused() -> Any:
    last, cutoff = (sa.bindparam(name, type_=_L.created_at.type) for name in ("last_use", "cutoff"))
    return sa.delete(tables.blob).where(_unused(), (_L.created_at <= last) | (_L.created_at < cutoff)).returning(_L.digest)


_delete = Statement("delete bytes that nothing refers to", _delete_unused)
_delete_chunks = Statement(
    "delete the pieces of bytes",
    lambda: sa.delete(tables.blob_chunk).where(_K.owner == sa.bindparam("owner"), _K.digest == sa.bindparam("digest")),
)


def drop_unused(connection: Connection, owner: str, uses: Mapping[str, int], now: int) -> None:
    """Delete those bytes of an owner to which nothing refers any more; `uses` says by digest when they were last used.

    Bytes that somebody has put after that, and less than ten minutes ago, stay: the message that refers to them may be
    about to be stored. A later collection takes them.
    """
    for digest, last in uses.items():
        gone = _delete.one(connection, owner=owner, digest=digest, last_use=last, cutoff=now - GRACE)
        if gone is not None and connection.dialect.name == "sqlite":
            _delete_chunks(connection, owner=owner, digest=digest)


def referred(answer: str) -> list[str]:
    """Give the digests of the bytes that the record of an answer refers to: only one that came too late does."""
    return re.findall(r'"\$blob":"([0-9a-f]{64})"', answer)


def put(connection: Connection, owner: str, digest: str, data: bytes, now: int) -> None:
    """Store bytes; those that are here already stay, as if put now. One transaction: all of them or none."""
    _insert_blob(connection, owner=owner, digest=digest, size=len(data), created_at=now, place=None, object=None)
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
