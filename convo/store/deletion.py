"""Deleting a conversation so that those which share its messages keep them.

A branch whose rows are part of another conversation's line is handed over to that conversation, in the state kept: it is
listed nowhere, and holds the rows that are needed and nothing else. When its new conversation is deleted too, it goes on
to the next that needs it, or away.

On PostgreSQL the deletions of one owner take turns; all other writers are kept out by the lock of the branch that is
shown, which they take before they make or show another one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.store import branches, holds, tables
from convo.store.statements import Statement
from convo.store.turns import take_turns
from convo.store.wiping import wiping

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

_C, _B, _S, _X, _K = tables.conversation.c, tables.branch.c, tables.segment.c, tables.exchange.c, tables.checkpoint.c
_owner: Any = sa.bindparam("owner")
_mine = (_B.owner == _owner) & (_B.conversation == sa.bindparam("id"))
_kept: Any = sa.literal_column(f"'{tables.KEPT}'")
ROWS = (tables.search, tables.annotation, tables.attachment, tables.message)
"""Tables with rows of messages, in the order in which they are emptied."""

_lock_all = Statement("lock the branches of a conversation", lambda: sa.update(tables.branch).where(_mine).values(head=_B.head))


def lock_all(connection: Connection, owner: str, id_: UUID) -> None:
    """Lock a conversation with all of its branches. Raises `ConversationNotFound`."""
    take_turns(connection, owner)
    branches.lock(connection, owner, id_)
    _lock_all(connection, owner=owner, id=id_)


# --- handing over ----------------------------------------------------------------------------------


def _select_needed() -> sa.Select[tuple[UUID, UUID, int]]:
    source, other = tables.branch.alias("source"), tables.branch.alias("other")
    return (
        sa.select(_S.source, other.c.conversation, sa.func.max(_S.last))
        .join_from(source, tables.segment, (_S.owner == source.c.owner) & (_S.source == source.c.id))
        .join(other, (other.c.owner == _S.owner) & (other.c.id == _S.branch))
        .where(source.c.owner == _owner, source.c.conversation == sa.bindparam("id"))
        .where(other.c.conversation != sa.bindparam("id"), other.c.state != _kept)
        .group_by(_S.source, other.c.conversation)
    )


_needed = Statement("which rows of a conversation others need", _select_needed)
_hand_over = Statement(
    "hand a branch over to a conversation that needs its rows",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("key_owner"), _B.id == sa.bindparam("key_id"))
        .values(conversation=sa.bindparam("to", type_=_B.conversation.type), head=sa.bindparam("last", type_=sa.BigInteger))
        .values(state=_kept, pending=sa.null(), lease_until=sa.null())
    ),
)


def _trim(table: sa.Table) -> sa.Delete:
    return sa.delete(table).where(
        table.c.owner == _owner, table.c.branch == sa.bindparam("branch"), table.c.position > sa.bindparam("last")
    )


def _strip(table: sa.Table) -> sa.Delete:
    return sa.delete(table).where(table.c.owner == _owner, table.c.branch == sa.bindparam("branch"))


_trims = [Statement(f"delete rows that nobody needs: {table.name}", partial(_trim, table)) for table in ROWS]
_strips = [
    Statement(
        "delete what streams of a branch have received",
        lambda: sa.delete(tables.checkpoint).where(
            _K.owner == _owner,
            _K.exchange.in_(sa.select(_X.id).where(_X.owner == _owner, _X.branch == sa.bindparam("branch"))),
        ),
    ),
    *(
        Statement(f"delete what a kept branch does without: {table.name}", partial(_strip, table))
        for table in (tables.exchange, tables.memory, tables.segment)
    ),
]


def _keep_what_others_need(connection: Connection, owner: str, id_: UUID) -> None:
    wanted: dict[UUID, list[tuple[UUID, int]]] = {}
    for source, by, last in _needed.rows(connection, owner=owner, id=id_):
        wanted.setdefault(source, []).append((by, last))
    for source, uses in wanted.items():
        last = max(last for _, last in uses)
        _hand_over(connection, key_owner=owner, key_id=source, to=min(by for by, _ in uses), last=last)
        for statement in _trims:
            statement(connection, owner=owner, branch=source, last=last)
        for statement in _strips:
            statement(connection, owner=owner, branch=source)


# --- deleting --------------------------------------------------------------------------------------


def _delete_of_branches(table: sa.Table) -> sa.Delete:
    return sa.delete(table).where(table.c.owner == _owner, table.c.branch.in_(sa.select(_B.id).where(_mine)))


def _delete_checkpoints() -> sa.Delete:
    mine = sa.select(_X.id).where(_X.owner == _owner, _X.branch.in_(sa.select(_B.id).where(_mine)))
    return sa.delete(tables.checkpoint).where(_K.owner == _owner, _K.exchange.in_(mine))


_delete_children = [
    Statement("delete what streams of a conversation have received", _delete_checkpoints),
    *(
        Statement(f"delete the rows of the branches of a conversation: {table.name}", partial(_delete_of_branches, table))
        for table in (*ROWS, tables.exchange, tables.memory, tables.segment)
    ),
    Statement("delete the branches of a conversation", lambda: sa.delete(tables.branch).where(_mine)),
]
"""What foreign keys do; on a caller's SQLite engine they may be off."""
_delete = Statement(
    "delete a conversation", lambda: sa.delete(tables.conversation).where(_C.owner == _owner, _C.id == sa.bindparam("id"))
)


def delete(connection: Connection, owner: str, id_: UUID) -> None:
    """Delete a conversation with its branches, messages and exchanges; others keep the messages that they share with it.

    Raises `ConversationNotFound` and `OnHold`.
    """
    lock_all(connection, owner, id_)
    holds.check(connection, owner, id_)
    with wiping(connection):
        remove(connection, owner, id_)


def remove(connection: Connection, owner: str, id_: UUID) -> None:
    """Delete a conversation that is locked with all of its branches."""
    _keep_what_others_need(connection, owner, id_)
    if connection.dialect.name == "sqlite":
        for statement in _delete_children:
            statement(connection, owner=owner, id=id_)
    _delete(connection, owner=owner, id=id_)
