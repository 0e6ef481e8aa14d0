"""Bytes by their SHA-256, once per owner: in chunks of at most 1 MB, or the name of the object that holds them elsewhere.

A chunk is small so that no driver holds a whole recording twice. See `convo.blobs` for the protocol between rows and objects.
"""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.errors import BlobNotFound
from convo.store import keys, tables
from convo.store.direct import streams
from convo.store.sealed import keyring_of
from convo.store.statements import AS_BYTES, Statement, micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

CHUNK = 1_000_000
"""Bytes in one row: 25 MB in one piece cost psycopg 174 MB of memory."""

_L, _K, _A = tables.blob.c, tables.blob_chunk.c, tables.attachment.c
_R, _X = tables.rendition.c, tables.exchange.c
_one = (_L.owner == sa.bindparam("owner"), _L.digest == sa.bindparam("digest"))


class Held(NamedTuple):
    """The row of bytes: their SHA-256 in hex, their size, and where they are; no place: in the database."""

    digest: str
    size: int
    place: str | None
    name: str | None


class Looked(NamedTuple):
    """What was found of the bytes that were asked for: those of the database, and where the others are."""

    data: dict[str, bytes]
    away: list[Held]


# --- put -------------------------------------------------------------------------------------------


def _insert_once(table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql

    columns = {column.name: sa.bindparam(column.name, type_=column.type) for column in table.c}
    return postgresql.insert(table).values(columns).on_conflict_do_nothing()


def _insert_or_refresh() -> Any:
    from sqlalchemy.dialects import postgresql

    insert = postgresql.insert(tables.blob).values({c.name: sa.bindparam(c.name, type_=c.type) for c in _L})
    refreshed = insert.on_conflict_do_update(index_elements=["owner", "digest"], set_={"created_at": insert.excluded.created_at})
    return refreshed.returning(_L.place, _L.object)


_insert_blob = Statement("say that bytes are here, and since when they are wanted", _insert_or_refresh)
_insert_chunk = Statement("store a piece of bytes", lambda: _insert_once(tables.blob_chunk))
_refresh = Statement(
    "say that bytes that are here are wanted",
    lambda: (
        sa.update(tables.blob)
        .where(_L.owner == sa.bindparam("key_owner"), _L.digest == sa.bindparam("key_digest"))
        .values(created_at=sa.bindparam("now", type_=_L.created_at.type))
        .returning(_L.digest)
    ),
)


def put(connection: Connection, owner: str, digest: str, data: bytes, now: int) -> None:
    """Store bytes; those that are here already, or elsewhere, stay, as if put now. One transaction: all of them or none."""
    row = _insert_blob.one(connection, owner=owner, digest=digest, size=len(data), created_at=now, place=None, object=None)
    if row is not None and row[0] is None:
        keys.hold(connection, owner)
        put_chunks(connection, owner, digest, data)


def put_chunks(connection: Connection, owner: str, digest: str, data: bytes) -> None:
    """Store bytes in pieces; those that are here stay."""
    pieces = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    for number, piece in enumerate(pieces):
        _insert_chunk(connection, owner=owner, digest=digest, number=number, data=piece)


def refresh(connection: Connection, owner: str, digest: str, now: int) -> bool:
    """Have bytes count as put now; False when they are nowhere."""
    return _refresh.one(connection, key_owner=owner, key_digest=digest, now=now) is not None


def put_object(connection: Connection, owner: str, one: Held, now: int, sealed_by: int | None = None) -> bool | None:
    """Say in which object bytes are; False when another worker was faster, whose row stays and counts as put now.

    None, and nothing said, when the key that has sealed the object was destroyed meanwhile.
    """
    if sealed_by is not None and not keys.holds(connection, owner, sealed_by):
        return None
    row = _insert_blob.one(
        connection, owner=owner, digest=one.digest, size=one.size, created_at=now, place=one.place, object=one.name
    )
    return row is not None and (row[0], row[1]) == (one.place, one.name)


# --- get -------------------------------------------------------------------------------------------


def _select_bytes() -> sa.Select[Any]:
    held = tables.blob.outerjoin(tables.blob_chunk, (_K.owner == _L.owner) & (_K.digest == _L.digest))
    columns = sa.select(_L.digest, _L.size, _L.place, _L.object, _K.data).prefix_with(AS_BYTES)
    return columns.select_from(held).where(_L.owner == sa.bindparam("owner"))


def _select_bytes_of_all() -> sa.Select[Any]:
    digests = sa.any_(sa.bindparam("digests", type_=sa.ARRAY(sa.Text)))
    return _select_bytes().where(_L.digest == digests).order_by(_L.digest, _K.number)


_bytes = Statement(
    "where bytes are, and those of the database in order",
    lambda: _select_bytes().where(_L.digest == sa.bindparam("digest")).order_by(_K.number),
)
_bytes_of_all = Statement("where several bytes are, and those of the database in order", _select_bytes_of_all)
_dropped = Statement(
    "whether bytes were let go",
    lambda: (
        sa.select(_A.digest)
        .where(_A.owner == sa.bindparam("owner"), _A.digest == sa.bindparam("digest"), _A.dropped_at.is_not(None))
        .limit(sa.literal_column("1"))
    ),
)


def look(connection: Connection, owner: str, digests: Iterable[str]) -> Looked:
    """Give the bytes of the database, and where the others are. Raises `BlobNotFound` at the first that is nowhere."""
    wanted, found = list(dict.fromkeys(digests)), Looked({}, [])
    for _, rows in groupby(_rows_of(connection, owner, wanted), itemgetter(0)):
        _take(found, rows)  # apart, so that nothing of one is kept while the next is read
    known = found.data.keys() | {held.digest for held in found.away}
    for digest in wanted:
        if digest not in known:
            raise BlobNotFound(digest)
    return found


def _take(found: Looked, rows: Iterable[Sequence[Any]]) -> None:
    (digest, size, place, name, first), *others = rows
    if place is not None:
        found.away.append(Held(digest, size, place, name))
        return
    data = b"".join((bytes(first or b""), *(bytes(row[-1]) for row in others)))
    if len(data) == size:
        found.data[digest] = data


def _rows_of(connection: Connection, owner: str, digests: Sequence[str]) -> Iterable[Sequence[Any]]:
    """Give the rows of bytes: where they stream, those of all by one statement, so that nobody waits for anybody.

    The server reads the next then while the driver makes bytes of one: 20 recordings of 1 MB take half as long.
    """
    if len(digests) > 1 and streams(connection) and not keyring_of(connection).seals:
        return _bytes_of_all.stream(connection, owner=owner, digests=digests)
    return chain.from_iterable(_bytes.rows(connection, owner=owner, digest=digest) for digest in digests)


def was_dropped(connection: Connection, owner: str, digest: str) -> bool:
    """Say whether a message had these bytes, and they were let go."""
    return _dropped.one(connection, owner=owner, digest=digest) is not None


# --- what refers to bytes --------------------------------------------------------------------------

GRACE = 600_000_000
"""Microseconds after which whoever has put bytes has stored the message that refers to them, or never will."""


def referred_to(letting_go: sa.ColumnElement[bool] | None = None, owner: Any = None) -> sa.ColumnElement[bool]:
    """Give the condition that something refers to the bytes of a row of `convo_blob`; the one definition of it.

    Media whose bytes are kept do (not those of which `letting_go` holds), recordings that were converted to these bytes,
    and answers that came too late and are kept beside the log. Where the row's `owner` is known, a value that is said again
    has the database look into one partition of each table.
    """
    owner = _L.owner if owner is None else owner
    source = tables.blob.alias("source")
    here = (
        sa.exists()
        .where(source.c.owner == _R.owner, source.c.owner == owner, source.c.digest == _R.source)
        .correlate(tables.rendition)
    )
    media = sa.select(_A.part).where(_A.owner == owner, _A.digest == _L.digest, _A.dropped_at.is_(None))
    if letting_go is not None:
        media = media.where(~letting_go)
    made = sa.select(_R.form).where(_R.owner == owner, _R.digest == _L.digest, here)
    late = sa.select(_X.id).where(_X.owner == owner, _X.status == sa.literal_column("'late'"), _X.raw.contains(_L.digest))
    return sa.or_(*(sa.exists(uses.correlate(tables.blob)) for uses in (media, made, late)))


def referred(answer: str) -> list[str]:
    """Give the digests of the bytes that the record of an answer refers to: only one that came too late does."""
    return re.findall(r'"\$blob":"([0-9a-f]{64})"', answer)


def _goes() -> sa.ColumnElement[bool]:
    last, cutoff = (sa.bindparam(name, type_=_L.created_at.type) for name in ("last_use", "cutoff"))
    return sa.and_(*_one, ~referred_to(owner=sa.bindparam("owner")), (_L.created_at <= last) | (_L.created_at < cutoff))


_forget_renditions = Statement(
    "forget what bytes that go were converted to",
    lambda: (
        sa.delete(tables.rendition)
        .where(_R.owner == sa.bindparam("owner"), _R.source == sa.bindparam("digest"))
        .where(sa.exists(sa.select(_L.digest).where(_goes())))
        .returning(_R.digest, micros(_R.created_at).label("made"))
    ),
)
_delete = Statement(
    "delete bytes that nothing refers to",
    lambda: sa.delete(tables.blob).where(_goes()).returning(_L.digest, _L.size, _L.place, _L.object),
)
_delete_chunks = Statement(
    "delete the pieces of bytes",
    lambda: sa.delete(tables.blob_chunk).where(_K.owner == sa.bindparam("owner"), _K.digest == sa.bindparam("digest")),
)


def drop_unused(
    connection: Connection, owner: str, uses: Mapping[str, int], now: int, grace: int = GRACE
) -> list[Held]:  # fmt: skip
    """Delete those bytes of an owner to which nothing refers any more; `uses` says by digest when they were last used.

    Bytes that somebody has put after that, and less than ten minutes ago, stay: the message that refers to them may be
    about to be stored. A later collection takes them. What the bytes were converted to goes with them. Gives what is
    gone: the objects are to be deleted once this is committed.
    """
    gone: list[Held] = []
    left = dict(uses)
    while left:
        digest = min(left)  # always in the same order, so that two workers do not wait for each other
        where = {"owner": owner, "digest": digest, "last_use": left.pop(digest), "cutoff": now - grace}
        made = _forget_renditions.rows(connection, **where)
        row = _delete.one(connection, **where)
        if row is not None:
            gone.append(Held(*row))
            delete_chunks(connection, owner, digest)
        left.update({found: at for found, at in made if found != digest})
    return gone


def delete_chunks(connection: Connection, owner: str, digest: str) -> None:
    """Delete the pieces of bytes. A foreign key does it where the row goes; on a caller's SQLite engine it may be off."""
    if connection.dialect.name == "sqlite":
        _delete_chunks(connection, owner=owner, digest=digest)


# --- collecting ------------------------------------------------------------------------------------

COLLECTED_AFTER = 3_600_000_000
"""Microseconds for which bytes stay before a collection takes them: a caller's own transaction may last."""
_unused = Statement(
    "bytes that nothing refers to",
    lambda: (
        sa.select(_L.digest, _L.size)
        .where(_L.owner == sa.bindparam("owner"), _L.digest > sa.bindparam("after"), ~referred_to(owner=sa.bindparam("owner")))
        .where(_L.created_at < sa.bindparam("cutoff", type_=_L.created_at.type))
        .order_by(_L.digest)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    ),
)


def unused(connection: Connection, owner: str, after: str, limit: int, now: int) -> Sequence[tuple[str, int]]:
    """Give (digest, size) of bytes that a collection may delete, in the order of their digests, those behind `after`."""
    rows = _unused.rows(connection, owner=owner, after=after, limit=limit, cutoff=now - COLLECTED_AFTER)
    return [(row[0], row[1]) for row in rows]


def collect(connection: Connection, owner: str, digests: Sequence[str], now: int) -> list[Held]:
    """Delete those bytes to which nothing refers, and that nobody has put lately; give what is gone (see `drop_unused`)."""
    return drop_unused(connection, owner, dict.fromkeys(digests, now - COLLECTED_AFTER - 1), now, COLLECTED_AFTER)


# --- what is known of bytes ------------------------------------------------------------------------

_held = Statement("where bytes are", lambda: sa.select(_L.digest, _L.size, _L.place, _L.object).where(*_one))
_row = Statement("whether bytes are anywhere", lambda: sa.select(_L.digest).where(*_one))


def is_known(connection: Connection, owner: str, digest: str) -> bool:
    """Say whether there is a row of these bytes."""
    return _row.one(connection, owner=owner, digest=digest) is not None


def where(connection: Connection, owner: str, digest: str) -> Held | None:
    """Give the row of these bytes, or None."""
    row = _held.one(connection, owner=owner, digest=digest)
    return None if row is None else Held(*row)


def is_intact(digest: str, data: bytes) -> bool:
    """Say whether bytes are those of a digest."""
    return sha256(data).hexdigest() == digest
