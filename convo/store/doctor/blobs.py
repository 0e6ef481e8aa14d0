"""Bytes: what messages refer to is here, whole and unchanged, and what is here is referred to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.errors import SealBroken
from convo.findings import Finding
from convo.sealing.form import MAGIC, OVERHEAD
from convo.store import tables
from convo.store.blobs import COLLECTED_AFTER, Held, collect, referred_to
from convo.store.doctor.page import following, last_key, paged, rows
from convo.store.sealed import keyring_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Found, Scope

VOLUME = 16_000_000
"""Bytes after which a transaction that reads bytes ends."""

_A, _B, _L, _K = tables.attachment.c, tables.branch.c, tables.blob.c, tables.blob_chunk.c


def missing(connection: Connection, scope: Scope, after: After) -> Found:
    """Find media whose bytes are not here."""
    keys = (_A.owner, _A.branch, _A.position, _A.part)
    statement = (
        sa.select(*keys, _A.digest, _B.conversation)
        .outerjoin_from(tables.attachment, tables.blob, (_L.owner == _A.owner) & (_L.digest == _A.digest))
        .outerjoin(tables.branch, (_B.owner == _A.owner) & (_B.id == _A.branch))
        .where(scope.of(tables.attachment), _L.digest.is_(None), _A.dropped_at.is_(None))
    )
    found, after = paged(connection, statement, keys, after)
    return [_missing(*row) for row in found], after


def _missing(owner: str, branch: Any, position: int, part: int, digest: str, conversation: Any) -> Finding:
    what = "the audio of the reply" if part < 0 else f"what its content part {part} refers to"
    return Finding(
        "blob_missing", "error", f"the bytes of the message are not here ({what}); restore them from a backup",
        owner=owner, conversation=conversation, branch=branch, position=position, digest=digest,
    )  # fmt: skip


def incomplete(connection: Connection, scope: Scope, after: After) -> Found:
    """Find bytes of which a part is missing."""
    keys = (_L.owner, _L.digest)
    here = sa.select(*keys, _L.size).where(scope.of(tables.blob), _L.place.is_(None))
    page = following(here, keys, after).subquery("page")
    joined = page.outerjoin(tables.blob_chunk, (_K.owner == page.c.owner) & (_K.digest == page.c.digest))
    held = sa.cast(sa.func.coalesce(sa.func.sum(_length()), 0), sa.BigInteger)
    pieces = (sa.func.count(_K.number), sa.func.coalesce(sa.func.max(_K.number) + 1, 0))
    statement = sa.select(*page.c, held, *pieces).select_from(joined).group_by(*page.c).order_by(page.c.owner, page.c.digest)
    found = rows(connection, statement)
    wrong = [row for row in found if row[2] != row[3] or row[4] != row[5]]
    return [_incomplete(*row[:4]) for row in wrong], last_key(found, len(keys))


def _length() -> sa.ColumnElement[int]:
    """The bytes of a piece without what sealing adds to them."""
    sealed = sa.func.substr(_K.data, 1, len(MAGIC)) == sa.literal(MAGIC, sa.LargeBinary)
    return sa.func.length(_K.data) - sa.case((sealed, OVERHEAD), else_=0)


def _incomplete(owner: str, digest: str, size: int, held: int) -> Finding:
    return Finding(
        "blob_incomplete", "error", f"of {size:,} bytes {held:,} are here, in pieces that do not fit; restore them from a backup",
        owner=owner, digest=digest,
    )  # fmt: skip


# --- bytes that nothing refers to ------------------------------------------------------------------


def unreferenced(connection: Connection, scope: Scope, after: After) -> Found:
    """Find bytes that nothing refers to, and that no writer is about to refer to."""
    keys = (_L.owner, _L.digest)
    old = _L.created_at < scope.now - COLLECTED_AFTER
    statement = sa.select(*keys, _L.size).where(scope.of(tables.blob), old, ~referred_to())
    found, after = paged(connection, statement, keys, after)
    return [_unneeded(*row) for row in found], after


def _unneeded(owner: str, digest: str, size: int) -> Finding:
    message = f"nothing refers to these {size:,} bytes; a repair deletes them"
    return Finding("blob_unreferenced", "note", message, owner=owner, digest=digest, repairable=True)


def delete_unreferenced(connection: Connection, finding: Finding, now: int) -> list[Held]:
    """Delete bytes that nothing refers to; give what is gone."""
    return collect(connection, finding.owner or "", [finding.digest or ""], now)


# --- bytes that changed ----------------------------------------------------------------------------


def changed(connection: Connection, scope: Scope, after: After) -> Found:
    """Find bytes whose SHA-256 is not the one under which they are stored. One piece is in memory at a time."""
    keys = (_L.owner, _L.digest)
    findings: list[Finding] = []
    here = sa.select(*keys, _L.size).where(scope.of(tables.blob), _L.place.is_(None))
    found = rows(connection, following(here, keys, after))
    volume = 0
    for owner, digest, size in found:
        if not _is_as_written(connection, owner, digest, size):
            findings.append(_changed(owner, digest))
        volume += size
        if volume > VOLUME:
            return findings, (owner, digest)
    return findings, last_key(found, len(keys))


def _is_as_written(connection: Connection, owner: str, digest: str, size: int) -> bool:
    """Whether bytes match their digest; those that are incomplete, or deleted meanwhile, are no matter of this check."""
    keyring = keyring_of(connection)
    sha, held, number = hashlib.sha256(), 0, 0
    while held < size:
        piece = rows(connection, sa.select(_K.data).where(_K.owner == owner, _K.digest == digest, _K.number == number))
        if not piece or not piece[0][0]:
            return True
        if keyring.cannot_open(owner, data := bytes(piece[0][0])):
            return True
        try:
            data = keyring.open_bytes("convo_blob_chunk.data", owner, (digest, number), data)
        except SealBroken:
            return False
        sha.update(data)
        held, number = held + len(data), number + 1
    return held > size or sha.hexdigest() == digest


def _changed(owner: str, digest: str) -> Finding:
    message = "the bytes are not those that were written: their SHA-256 is another; restore them from a backup"
    return Finding("blob_changed", "error", message, owner=owner, digest=digest)


# --- bytes in blob stores --------------------------------------------------------------------------


class Row(NamedTuple):
    """Bytes of an owner in a blob store."""

    owner: str
    digest: str
    size: int
    place: str
    name: str


def placed(connection: Connection, scope: Scope, after: After) -> tuple[list[Row], After]:
    """Give a page of the bytes in blob stores."""
    keys = (_L.owner, _L.digest)
    statement = sa.select(*keys, _L.size, _L.place, _L.object).where(scope.of(tables.blob), _L.place.is_not(None))
    found, after = paged(connection, statement, keys, after)
    return [Row(*row) for row in found], after


def still(connection: Connection, row: Row) -> bool:
    """Say whether bytes are still said to be in that object."""
    return row.name in named(connection, row.owner, row.place, [row.digest])


def named(connection: Connection, owner: str, place: str, digests: Sequence[str]) -> set[str]:
    """Give the names of the objects in a blob store that hold any of these bytes of an owner, as the rows say."""
    statement = sa.select(_L.object).where(_L.owner == owner, _L.place == place, _L.digest.in_(digests))
    return {row[0] for row in rows(connection, statement)}
