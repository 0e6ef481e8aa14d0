"""A conversation that moves to another owner, in one transaction: all of it is written for the new one, then deleted.

Bytes in blob stores have to be there for the new owner before: their objects carry the owner in their names.

Rows that it shares with others are written as kept branches of the moved conversation; forks of the old owner keep theirs,
as they do when a conversation is deleted. A branch keeps its id, unless an earlier move has brought one with the same id.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.errors import KeyTaken, KeyUnavailable
from convo.protocol import in_progress, is_alive
from convo.store import blobs, conversations, deletion, exchanges, keys, resealing, tables
from convo.store.blobs import Held
from convo.store.log import END
from convo.store.sealed import keyring_of
from convo.store.statements import Statement, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.conversations import Found

_C, _B, _S, _M = tables.conversation.c, tables.branch.c, tables.segment.c, tables.message.c
_A, _X, _L = tables.attachment.c, tables.exchange.c, tables.blob.c
_owner: Any = sa.bindparam("owner")


@attrs.frozen
class _Moved:
    """A branch that is written for the new owner: under which id, in which state, with its rows up to `last`."""

    id: UUID
    new_id: UUID
    state: str
    last: int


def move(
    connection: Connection, owner: str, id_: UUID, new_owner: str, now: int, new_id: Callable[[], UUID]
) -> tuple[Found | None, list[Held]]:  # fmt: skip
    """Move a conversation with all that it needs; give it as the new owner has it, and the bytes that are gone.

    None, and nothing written, where bytes in blob stores are not there for the new owner yet: those are given then.
    Raises `ConversationNotFound`, `TurnInProgress`, and `KeyTaken`.
    """
    deletion.lock_all(connection, owner, id_)
    _check_idle(connection, owner, id_, now)
    _check_free(connection, owner, id_, new_owner)
    _check_opens(connection, owner)
    uses: dict[str, int] = {row[0]: row[1] for row in _uses.rows(connection, owner=owner, id=id_)}
    moved = _branches_of(connection, owner, id_, new_owner, new_id)
    for one in moved.values():
        uses = {**_late_bytes(connection, owner, one), **uses}
    if lacking := _lacking(connection, owner, new_owner, moved):
        return None, lacking
    _write_conversation(connection, owner, id_, new_owner, moved)
    for one in moved.values():
        _write_branch(connection, owner, id_, new_owner, one, moved)
    for one in moved.values():
        _write_rows(connection, owner, new_owner, one, now)
    deletion.remove(connection, owner, id_)
    gone = blobs.drop_unused(connection, owner, uses, now)
    return conversations.get(connection, new_owner, id_=id_), gone


def _lacking(connection: Connection, owner: str, new_owner: str, moved: Mapping[UUID, _Moved]) -> list[Held]:
    """Give the bytes in blob stores that the new owner has not; those of the database are kept there meanwhile."""
    found: dict[str, Held] = {}
    for one in moved.values():
        rows = [*_held.rows(connection, owner=owner, branch=one.id, last=one.last)]
        for digest in _late_bytes(connection, owner, one):
            rows += _held_one.rows(connection, owner=owner, digest=digest)
        found |= {row[0]: Held(*row) for row in rows if row[2] is not None}
    return [held for held in found.values() if _held_one.one(connection, owner=new_owner, digest=held.digest) is None]


def _check_idle(connection: Connection, owner: str, id_: UUID, now: int) -> None:
    for row in exchanges.waiting(connection, owner, id_):
        known = exchanges.by_id(connection, owner, row[0])
        if known is not None and is_alive(known, now):
            raise in_progress(known, now)


def _check_free(connection: Connection, owner: str, id_: UUID, new_owner: str) -> None:
    """Raise `KeyTaken` before any bytes are copied; others may take the key meanwhile, so the insert looks again."""
    key = conversations.get(connection, owner, id_=id_).key
    if conversations.exists(connection, new_owner, id_):
        raise KeyTaken("id", id_)
    if key is not None and conversations.has_key(connection, new_owner, key):
        raise KeyTaken("key", key)


def _check_opens(connection: Connection, owner: str) -> None:
    """Raise `KeyUnavailable` where what is encrypted could not be sealed for another owner: nobody could read it any more."""
    if not keyring_of(connection).seals and keys.of_owner(connection, owner):
        reason = "its content is encrypted, and this store was given no cipher"
        raise KeyUnavailable(reason, "pass cipher= as the store that wrote it has", owner=owner)


# --- what moves ------------------------------------------------------------------------------------

_uses = Statement(
    "the bytes of a conversation, and when they were last used",
    lambda: (
        sa.select(_A.digest, micros(sa.func.max(_M.created_at)))
        .join_from(
            tables.attachment,
            tables.message,
            (_M.owner == _A.owner) & (_M.branch == _A.branch) & (_M.position == _A.position),
        )
        .join(tables.branch, (_B.owner == _A.owner) & (_B.id == _A.branch))
        .where(_B.owner == _owner, _B.conversation == sa.bindparam("id"))
        .group_by(_A.digest)
    ),
)
_own = Statement(
    "the lines of a conversation, and whose rows they are made of",
    lambda: (
        sa.select(_B.id, _B.state, _S.source, _S.last)
        .join_from(tables.branch, tables.segment, (_S.owner == _B.owner) & (_S.branch == _B.id))
        .where(_B.owner == _owner, _B.conversation == sa.bindparam("id"))
        .where(_B.state != sa.literal_column(f"'{tables.KEPT}'"))
    ),
)


def _select_held(*conditions: Any) -> sa.Select[Any]:
    """The rows of bytes, locked: nobody moves the bytes or deletes them before this transaction ends."""
    columns = (_L.digest, _L.size, _L.place, _L.object)
    return sa.select(*columns).where(_L.owner == _owner, *conditions).order_by(_L.digest).with_for_update()


def _select_held_of_branch() -> sa.Select[Any]:
    used = sa.select(_A.digest).where(
        _A.owner == _owner, _A.branch == sa.bindparam("branch"), _A.position <= sa.bindparam("last", type_=sa.BigInteger)
    )
    return _select_held(_L.digest.in_(used.where(_A.dropped_at.is_(None))))


_held = Statement("where the bytes of a branch are", _select_held_of_branch)
_held_one = Statement("where bytes are", lambda: _select_held(_L.digest == sa.bindparam("digest")))
_is_taken = Statement(
    "whether an owner has a branch", lambda: sa.select(_B.id).where(_B.owner == _owner, _B.id == sa.bindparam("id"))
)


def _branches_of(connection: Connection, owner: str, id_: UUID, new_owner: str, new_id: Callable[[], UUID]) -> dict[UUID, _Moved]:
    """Give the branches to write, by their ids: the lines of the conversation, and those that hold rows of them."""
    rows = _own.rows(connection, owner=owner, id=id_)
    states: dict[UUID, str] = {branch: state for branch, state, _, _ in rows}
    lasts: dict[UUID, int] = {}
    for _, _, source, last in rows:
        lasts[source] = END if source in states else max(last, lasts.get(source, 0))
    return {
        source: _Moved(
            source,
            source if _is_taken.one(connection, owner=new_owner, id=source) is None else new_id(),
            states.get(source, tables.KEPT),
            last,
        )
        for source, last in lasts.items()
    }


# --- how it is written -----------------------------------------------------------------------------


def _copy(table: sa.Table, replaced: tuple[str, ...], where: Callable[[sa.Table], Any]) -> Any:
    """Give the insert of rows again, with columns in `replaced` from the parameters of the names `new_<column>`."""
    from sqlalchemy.dialects import postgresql

    columns = [column for column in table.c if column.autoincrement is not True]
    values = [_new(column) if column.name in replaced else column for column in columns]
    return postgresql.insert(table).from_select([column.name for column in columns], sa.select(*values).where(where(table)))


def _new(column: sa.Column[Any]) -> Any:
    return sa.cast(sa.bindparam(f"new_{column.name}", type_=column.type), column.type)


def _of_conversation(table: sa.Table) -> Any:
    return (table.c.owner == _owner) & (table.c.id == sa.bindparam("id"))


def _of_branch(table: sa.Table) -> Any:
    return (table.c.owner == _owner) & (table.c.branch == sa.bindparam("branch"))


def _up_to(table: sa.Table) -> Any:
    return _of_branch(table) & (table.c.position <= sa.bindparam("last", type_=sa.BigInteger))


def _of_exchanges(table: sa.Table) -> Any:
    own = sa.select(_X.id).where(_X.owner == _owner, _X.branch == sa.bindparam("branch"))
    return (table.c.owner == _owner) & table.c.exchange.in_(own)


def _of_attachments(table: sa.Table) -> Any:
    used = sa.select(_A.digest).where(_A.owner == sa.bindparam("new_owner"), _A.branch == sa.bindparam("new_branch"))
    return (table.c.owner == _owner) & table.c.digest.in_(used.where(_A.dropped_at.is_(None)))


def _of_digest(table: sa.Table) -> Any:
    return (table.c.owner == _owner) & (table.c.digest == sa.bindparam("digest"))


def _copy_blobs(where: Callable[[sa.Table], Any]) -> Any:
    """Bytes that the new owner has already are as if put now, so that nobody drops them before this transaction ends."""
    changed = {"created_at": sa.bindparam("now", type_=tables.blob.c.created_at.type)}
    return _copy(tables.blob, ("owner",), where).on_conflict_do_update(index_elements=["owner", "digest"], set_=changed)


def _copy_chunks(where: Callable[[sa.Table], Any]) -> Any:
    """Not of bytes that the new owner has elsewhere."""
    mine = tables.blob.alias("mine")
    new_owner = sa.bindparam("new_owner", type_=sa.Text)
    here = sa.select(mine.c.digest).where(mine.c.owner == new_owner, mine.c.place.is_(None))

    def needed(table: sa.Table) -> Any:
        return where(table) & table.c.digest.in_(here)

    return _copy(tables.blob_chunk, ("owner",), needed).on_conflict_do_nothing()


_copy_conversation = Statement(
    "write a conversation for another owner",
    lambda: _copy(tables.conversation, ("owner", "branch"), _of_conversation).on_conflict_do_nothing().returning(_C.id),
)
_copy_branch = Statement(
    "write a branch for another owner",
    lambda: _copy(tables.branch, ("owner", "id", "conversation", "state", "parent"), _of_conversation),
)
_settle = Statement(
    "let a kept branch wait for nothing",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("key_owner"), _B.id == sa.bindparam("key_id"))
        .values(head=sa.bindparam("last", type_=sa.BigInteger), pending=sa.null(), lease_until=sa.null())
    ),
)
_parent = Statement(
    "from which branch another was made",
    lambda: sa.select(_B.parent).where(_B.owner == _owner, _B.id == sa.bindparam("id")),
)
_segments = Statement("the segments of a line", lambda: sa.select(_S.first, _S.last, _S.source).where(_of_branch(tables.segment)))
_insert_segment = Statement("say whose rows a moved branch shows", lambda: sa.insert(tables.segment))
_ROW_TABLES = (tables.message, tables.attachment, tables.annotation)
_RECORD_TABLES = ((tables.exchange, _of_branch), (tables.checkpoint, _of_exchanges))
_ROWS = [
    Statement(f"write rows of a branch for another owner: {table.name}", partial(_copy, table, ("owner", "branch"), _up_to))
    for table in _ROW_TABLES
]
_RECORDS = [
    Statement(f"write records of a branch for another owner: {table.name}", partial(_copy, table, replaced, where))
    for table, replaced, where in (
        (tables.exchange, ("owner", "branch"), _of_branch),
        (tables.checkpoint, ("owner",), _of_exchanges),
        (tables.memory, ("owner", "branch"), _of_branch),
    )
]
_BYTES, _BYTES_OF_LATE = (
    [
        Statement("say that another owner has bytes", partial(_copy_blobs, where)),
        Statement("write bytes for another owner", partial(_copy_chunks, where)),
    ]
    for where in (_of_attachments, _of_digest)
)
_digests = Statement(
    "the bytes that messages of a branch have",
    lambda: (
        sa.select(_A.digest).where(_A.owner == _owner, _A.branch == sa.bindparam("branch"), _A.dropped_at.is_(None)).distinct()
    ),
)
_late = Statement(
    "the answers to a branch that came too late",
    lambda: sa.select(_X.raw, micros(_X.finished_at)).where(
        _X.owner == _owner, _X.branch == sa.bindparam("branch"), _X.status == "late", _X.raw.is_not(None)
    ),
)


def _write_conversation(connection: Connection, owner: str, id_: UUID, new_owner: str, moved: Mapping[UUID, _Moved]) -> None:
    found = conversations.get(connection, owner, id_=id_)
    branch = moved[found.branch].new_id
    keys.hold(connection, new_owner)
    if _copy_conversation.one(connection, owner=owner, id=id_, new_owner=new_owner, new_branch=branch) is None:
        taken = conversations.exists(connection, new_owner, id_)
        raise KeyTaken("id" if taken else "key", id_ if taken else found.key)
    if keyring_of(connection).seals:
        where = {"owner": owner, "id": id_}
        resealing.copied(connection, tables.conversation, _of_conversation, where, {"owner": new_owner})


def _write_branch(
    connection: Connection, owner: str, id_: UUID, new_owner: str, one: _Moved, moved: Mapping[UUID, _Moved]
) -> None:
    row = _parent.one(connection, owner=owner, id=one.id)
    parent: Any = row[0] if row else None
    _copy_branch(
        connection, owner=owner, id=one.id, new_owner=new_owner, new_id=one.new_id, new_conversation=id_, new_state=one.state,
        new_parent=moved[parent].new_id if parent in moved else parent,
    )  # fmt: skip
    if one.state == tables.KEPT:
        _settle(connection, key_owner=new_owner, key_id=one.new_id, last=one.last)
        return
    for first, last, source in _segments.rows(connection, owner=owner, branch=one.id):
        _insert_segment(connection, owner=new_owner, branch=one.new_id, first=first, last=last, source=moved[source].new_id)


def _write_rows(connection: Connection, owner: str, new_owner: str, one: _Moved, now: int) -> None:
    where = {"owner": owner, "branch": one.id, "new_owner": new_owner, "new_branch": one.new_id}
    for statement in _ROWS:
        statement(connection, **where, last=one.last)
    if one.state != tables.KEPT:
        for statement in _RECORDS:
            statement(connection, **where)
    if keyring_of(connection).seals:
        _write_sealed(connection, where, one, now)
        return
    for statement in _BYTES:
        statement(connection, **where, now=now)
    for digest in _late_bytes(connection, owner, one):
        for statement in _BYTES_OF_LATE:
            statement(connection, owner=owner, new_owner=new_owner, digest=digest, now=now)


def _write_sealed(connection: Connection, where: Mapping[str, Any], one: _Moved, now: int) -> None:
    """Seal with the keys of the new owner what was copied, and the bytes."""
    owner, new_owner = where["owner"], where["new_owner"]
    mine = {"owner": owner, "branch": one.id}
    for table in _ROW_TABLES:
        fresh = {"owner": new_owner, "branch": one.new_id}
        resealing.copied(connection, table, _up_to, {**mine, "last": one.last}, fresh)
    for table, of_branch in _RECORD_TABLES if one.state != tables.KEPT else ():
        resealing.copied(connection, table, of_branch, mine, {"owner": new_owner})
    rows, _ = _BYTES
    rows(connection, **where, now=now)
    for (digest,) in _digests.rows(connection, owner=new_owner, branch=one.new_id):
        resealing.bytes_copied(connection, owner, new_owner, digest)
    rows, _ = _BYTES_OF_LATE
    for digest in _late_bytes(connection, owner, one):
        rows(connection, owner=owner, new_owner=new_owner, digest=digest, now=now)
        resealing.bytes_copied(connection, owner, new_owner, digest)


def _late_bytes(connection: Connection, owner: str, one: _Moved) -> dict[str, int]:
    """Give the bytes of answers that came too late and move beside the log, and when they came."""
    found: dict[str, int] = {}
    for raw, ended in _late.rows(connection, owner=owner, branch=one.id) if one.state != tables.KEPT else ():
        found |= dict.fromkeys(blobs.referred(raw), ended or 0)
    return found
