"""Conversations, found and listed; `making` makes and changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.canonical import decode
from convo.errors import ConversationNotFound, SearchUnavailable
from convo.messages import text_of
from convo.store import tables
from convo.store.sealed import keyring_of, run
from convo.store.statements import Statement, micros

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.filters import Filter

_C, _B, _S, _M = tables.conversation.c, tables.branch.c, tables.segment.c, tables.message.c


class Found(NamedTuple):
    """A conversation as the database has it. `created` and `lease_until` are in microseconds since 1970.

    `waits_for` is the exchange that the branch which is shown waits for, `lease_until` when its worker is taken to be dead.
    """

    owner: str
    id: UUID
    branch: UUID
    key: str | None
    title: str | None
    metadata: Mapping[str, Any]
    instructions: str | None
    head: int
    created: int
    waits_for: UUID | None = None
    lease_until: int | None = None
    hold: str | None = None


def _select(owner: Any = None) -> sa.Select[Any]:
    columns = (
        _C.owner,
        _C.id,
        _C.branch,
        _C.key,
        _C.title,
        _C.metadata,
        _instructions(_B.owner if owner is None else owner),
        _B.head,
        micros(_C.created_at),
        _B.pending,
        micros(_B.lease_until),
        _C.hold,
    )
    found = sa.select(*columns).join_from(tables.conversation, tables.branch, (_B.owner == _C.owner) & (_B.id == _C.branch))
    return found if owner is None else found.where(_C.owner == owner)


def _instructions(owner: Any) -> Any:
    """The text in force. An owner that is a value, and not a column, has the database look into one partition."""
    source = sa.select(_S.source).where(_S.owner == owner, _S.branch == _B.id, _B.instructions.between(_S.first, _S.last))
    holder = source.correlate(tables.branch).scalar_subquery()
    row = (_M.owner == owner) & (_M.branch == holder) & (_M.position == _B.instructions)
    shown = _M.status != sa.literal_column("'redacted'")
    return sa.select(_M.body).where(row & shown).correlate(tables.branch).scalar_subquery()


def _found(row: Sequence[Any]) -> Found:
    owner, id_, branch, key, title, metadata, instructions, head, created, waits_for, lease_until, hold = row
    body = text_of(decode(instructions)) if instructions else None
    return Found(
        owner, id_, branch, key, title, decode(metadata) if metadata else {}, body, head, created, waits_for, lease_until, hold
    )


_owner: Any = sa.bindparam("owner")
_by_id = Statement("one conversation of an owner", lambda: _select(_owner).where(_C.id == sa.bindparam("id")))
_by_key = Statement("the conversation of an application's key", lambda: _select(_owner).where(_C.key == sa.bindparam("key")))
_anyones = Statement("one conversation of anyone", lambda: _select().where(_C.id == sa.bindparam("id")))


def get(connection: Connection, owner: str | None, *, id_: UUID | None = None, key: str | None = None) -> Found:
    """Give a conversation by its id or key; an owner of None is anyone. Raises `ConversationNotFound`."""
    if id_ is None:
        row = _by_key.one(connection, owner=owner, key=key)
    elif owner is None:
        row = _anyones.one(connection, id=id_)
    else:
        row = _by_id.one(connection, owner=owner, id=id_)
    if row is None:
        raise ConversationNotFound(id_ if key is None else key)
    return _found(row)


def exists(connection: Connection, owner: str, id_: UUID) -> bool:
    """Say whether the owner has a conversation with this id."""
    return _by_id.one(connection, owner=owner, id=id_) is not None


def has_key(connection: Connection, owner: str, key: str) -> bool:
    """Say whether the owner has a conversation of this key."""
    return _by_key.one(connection, owner=owner, key=key) is not None


def find(
    connection: Connection, owner: str | None, *, filters: Mapping[str, Filter], title: Sequence[str] | None,
    since: int | None, until: int | None, limit: int, after: UUID | tuple[int, UUID] | None,
) -> list[Found]:  # fmt: skip
    """Give a page of conversations, newest first, those after `after` in that order; every filter must hold.

    `after` is the time and id of a conversation, which need not be there any more, or the id of one that is.
    Raises `KeyUnavailable` where one that nobody can look into without its key stands among them.
    """
    from convo.store.conditions import metadata_conditions, title_condition

    if keyring_of(connection).seals and (filters or title is not None):
        reason = "titles and metadata are encrypted, and no database can look into them"
        raise SearchUnavailable(reason, "find a conversation by its key= or id, by time, or compare what conversations() lists")
    statement = _select(owner).order_by(_C.created_at.desc(), _C.id.desc()).limit(limit)
    if since is not None:
        statement = statement.where(_C.created_at >= since)
    if until is not None:
        statement = statement.where(_C.created_at < until)
    if title is not None:
        statement = statement.where(title_condition(connection, title))
    if after is not None:
        created, id_ = after if isinstance(after, tuple) else _place_of(connection, owner, after)
        before = sa.tuple_(sa.literal(created, _C.created_at.type), sa.literal(id_, _C.id.type))
        statement = statement.where(sa.tuple_(_C.created_at, _C.id) < before)
    statement = statement.where(*metadata_conditions(connection, filters, sealed=True))
    return [_found(row) for row in run(connection, statement)]


def _place_of(connection: Connection, owner: str | None, id_: UUID) -> tuple[int, UUID]:
    return get(connection, owner, id_=id_).created, id_
