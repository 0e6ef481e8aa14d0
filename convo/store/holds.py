"""Conversations on hold: no row that they show is deleted, redacted, or let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import ConversationNotFound, OnHold
from convo.store import branches, tables
from convo.store.statements import Statement
from convo.store.turns import take_turns

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

_C, _B, _S = tables.conversation.c, tables.branch.c, tables.segment.c
_owner: Any = sa.bindparam("owner")


def lines_with(owner: Any, source: Any, position: Any) -> sa.Select[Any]:
    """Give the lines that show a row of a message, whatever conversation they are of: `convo_segment` with its branch."""
    joined = tables.segment.join(tables.branch, (_B.owner == _S.owner) & (_B.id == _S.branch)).join(
        tables.conversation, (_C.owner == _B.owner) & (_C.id == _B.conversation)
    )
    return (
        sa.select(_C.id)
        .select_from(joined)
        .where(_S.owner == owner, _S.source == source, sa.type_coerce(position, sa.BigInteger).between(_S.first, _S.last))
    )


def shows(table: sa.Table) -> sa.ColumnElement[bool]:
    """Give the condition that a conversation on hold shows the message of a row (owner, branch, position) of a table."""
    found = lines_with(table.c.owner, table.c.branch, table.c.position).where(_C.hold.is_not(None))
    return sa.exists(found.correlate(table))


_of_conversation = Statement(
    "whether a conversation is on hold",
    lambda: sa.select(_C.id).where(_C.owner == _owner, _C.id == sa.bindparam("id"), _C.hold.is_not(None)),
)
_of_row = Statement(
    "the conversations on hold that show a message",
    lambda: (
        lines_with(_owner, sa.bindparam("source", type_=_S.source.type), sa.bindparam("position", type_=sa.BigInteger))
        .where(_C.hold.is_not(None))
        .distinct()
        .order_by(_C.id)
    ),
)
_of_owner = Statement(
    "the conversations of an owner that are on hold",
    lambda: sa.select(_C.id).where(_C.owner == _owner, _C.hold.is_not(None)).order_by(_C.id),
)
_put = Statement(
    "put a conversation on hold, or release it",
    lambda: (
        sa.update(tables.conversation)
        .where(_C.owner == sa.bindparam("key_owner"), _C.id == sa.bindparam("key_id"))
        .values(hold=sa.bindparam("reason", type_=sa.Text))
        .returning(_C.id)
    ),
)


def put(connection: Connection, owner: str, id_: UUID, reason: str | None) -> None:
    """Put a conversation on hold, or with None release it. Raises `ConversationNotFound`."""
    take_turns(connection, owner)
    branches.lock(connection, owner, id_)
    if _put.one(connection, key_owner=owner, key_id=id_, reason=reason) is None:
        raise ConversationNotFound(id_)


def check(connection: Connection, owner: str, id_: UUID) -> None:
    """Raise `OnHold` for a conversation that is."""
    if _of_conversation.one(connection, owner=owner, id=id_) is not None:
        raise OnHold([id_])


def check_row(connection: Connection, owner: str, source: UUID, position: int) -> None:
    """Raise `OnHold` for a message that a conversation on hold shows."""
    if found := _of_row.rows(connection, owner=owner, source=source, position=position):
        raise OnHold([row[0] for row in found])


def check_owner(connection: Connection, owner: str) -> None:
    """Raise `OnHold` where conversations of an owner are on hold."""
    if found := of_owner(connection, owner):
        raise OnHold(found)


def of_owner(connection: Connection, owner: str) -> list[UUID]:
    """Give the conversations of an owner that are on hold."""
    return [row[0] for row in _of_owner.rows(connection, owner=owner)]
