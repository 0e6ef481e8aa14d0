"""Branches: the lines of a conversation, each a flat list of segments of rows that may belong to other branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import sqlalchemy as sa

from convo.errors import ConversationNotFound
from convo.store import tables
from convo.store.log import END
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

_C, _B, _S = tables.conversation.c, tables.branch.c, tables.segment.c


@attrs.frozen
class Segment:
    """The positions from `first` to `last` of a line are rows of the branch `source`."""

    first: int
    last: int
    source: UUID


_insert_branch = Statement(
    "start a branch",
    lambda: sa.insert(tables.branch).values(
        {
            name: sa.bindparam(name, type_=_B[name].type)
            for name in ("owner", "id", "conversation", "head", "instructions", "attempt", "created_at", "parent", "forked_at")
        }
    ),
)
_insert_segment = Statement("say whose rows a branch shows", lambda: sa.insert(tables.segment))
_shown = Statement(
    "the branch that a conversation shows",
    lambda: (
        sa.select(_C.branch, _B.head)
        .join_from(tables.conversation, tables.branch, (_B.owner == _C.owner) & (_B.id == _C.branch))
        .where(_C.owner == sa.bindparam("owner"), _C.id == sa.bindparam("conversation"))
    ),
)


def start(
    connection: Connection, owner: str, id_: UUID, conversation: UUID, now: int, *,
    head: int = 0, instructions: int | None = None, parent: UUID | None = None, shared: Sequence[Segment] = (),
) -> None:  # fmt: skip
    """Start a branch that is shown, after the rows that it shares with others; further rows are its own."""
    _insert_branch(
        connection, owner=owner, id=id_, conversation=conversation, head=head, instructions=instructions, attempt=0,
        created_at=now, parent=parent, forked_at=None if parent is None else head,
    )  # fmt: skip
    for segment in (*shared, Segment(head + 1, END, id_)):
        _insert_segment(connection, owner=owner, branch=id_, first=segment.first, last=segment.last, source=segment.source)


def shown(connection: Connection, owner: str, conversation: UUID) -> tuple[UUID, int]:
    """Give the branch that a conversation shows, and its head. Raises `ConversationNotFound`."""
    row = _shown.one(connection, owner=owner, conversation=conversation)
    if row is None:
        raise ConversationNotFound(conversation)
    return row[0], int(row[1])
