"""Lines as other frameworks keep them: read with whose rows they are, and moved on from any point of them under a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import sqlalchemy as sa

from convo.errors import BranchNotFound, ConversationNotFound
from convo.store import branches, conversations, deletion, log, making, tables
from convo.store.append import Entry, Guard, append_in_steps
from convo.store.branches import Locked, Segment
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft, Message
    from convo.store.conversations import Found

_B, _S = tables.branch.c, tables.segment.c
Spot = tuple["UUID", int]
"""A branch, and a position of its line."""

_segments = Statement(
    "whose rows a line shows",
    lambda: (
        sa.select(_S.first, _S.last, _S.source)
        .where(_S.owner == sa.bindparam("owner"), _S.branch == sa.bindparam("branch"))
        .order_by(_S.first)
    ),
)
_one = Statement(
    "a branch, and whose it is",
    lambda: sa.select(_B.id, _B.head, _B.instructions, _B.conversation).where(
        _B.owner == sa.bindparam("owner"), _B.id == sa.bindparam("branch")
    ),
)


@attrs.frozen
class Line:
    """Messages of a line up to a position, and by whose rows: `source` tells of a position the branch that holds its row."""

    messages: tuple[Message, ...]
    segments: tuple[Segment, ...]

    def source(self, position: int) -> UUID:
        """Give the branch that holds the row of a message of the line, wherever it is shown."""
        return next(segment.source for segment in reversed(self.segments) if segment.first <= position)


def line(connection: Connection, owner: str, branch: UUID, since: int = 1, until: int = log.END) -> Line:
    """Read the messages of a line between two positions, with what is known of their media."""
    messages = log.between(connection, owner, branch, since, until, "all")
    segments = tuple(Segment(*row) for row in _segments.rows(connection, owner=owner, branch=branch))
    return Line(messages, segments)


@attrs.frozen
class Change:
    """What a conversation is to show: its line up to `base`, and after it new messages. A base of None is an empty line.

    `branch` is the id of a branch that may have to be made. Nothing happens unless `agrees` with the conversation as it is.
    `metadata` gives those of the conversation, by what it shows then.
    """

    owner: str
    conversation: UUID
    branch: UUID
    now: int
    base: Spot | None
    drafts: Sequence[Draft]
    agrees: Callable[[Found], bool]
    metadata: Callable[[Found], str | None]


def change(connection: Connection, wanted: Change) -> Found | None:
    """Change what a conversation shows; None, and nothing is done, where it is not as the caller thought or the base is gone."""
    owner, conversation = wanted.owner, wanted.conversation
    try:
        locked = branches.lock(connection, owner, conversation)
    except ConversationNotFound:
        return None
    if not wanted.agrees(conversations.get(connection, owner, id_=conversation)):
        return None
    return _noted(connection, wanted) if _led(connection, wanted, locked) else None


def _led(connection: Connection, wanted: Change, locked: Locked) -> bool:
    """Show the line up to the base, and put the messages after it; False: there is no such base."""
    owner, conversation = wanted.owner, wanted.conversation
    if wanted.base == (locked.id, locked.head) or (wanted.base is None and not locked.head):
        _append(connection, wanted, locked.id)
        return True
    base, of, at = Locked(locked.id, 0, None), conversation, 0
    if wanted.base is not None:
        row = _one.one(connection, owner=owner, branch=wanted.base[0])
        if row is None or row[1] < wanted.base[1]:
            return False
        base, of, at = Locked(*row[:3]), row[3], wanted.base[1]
    shown = base.id
    if not at or at < base.head or of != conversation:
        shown = wanted.branch
        branches.derive(connection, owner, base, at, shown, conversation, wanted.now)
    branches.show(connection, owner, conversation, shown, instead_of=locked)
    _append(connection, wanted, shown)
    return True


def _append(connection: Connection, wanted: Change, branch: UUID) -> None:
    if wanted.drafts:
        append_in_steps(connection, Guard.ADD, Entry(wanted.owner, branch, wanted.now, wanted.drafts))


def _noted(connection: Connection, wanted: Change) -> Found:
    """Store the metadata that go with what is shown now."""
    found = conversations.get(connection, wanted.owner, id_=wanted.conversation)
    changes = {"metadata": wanted.metadata(found)}
    return making.update(connection, wanted.owner, wanted.conversation, changes, None)


def make(connection: Connection, wanted: Change, key: str) -> Found | None:
    """Make a conversation that shows what is wanted; None, and nothing is done, where its key is taken.

    Raises `BranchNotFound` where the base is gone; of the conversation that it shares with nothing is deleted meanwhile.
    """
    owner, conversation, now = wanted.owner, wanted.conversation, wanted.now
    if not making.inserted(connection, owner, conversation, wanted.branch, now, key=key, title=None, metadata=None):
        return None
    if wanted.base is None:
        branches.start(connection, owner, wanted.branch, conversation, now)
    else:
        base = _kept_base(connection, owner, *wanted.base)
        branches.derive(connection, owner, base, wanted.base[1], wanted.branch, conversation, now)
    _append(connection, wanted, wanted.branch)
    return _noted(connection, wanted)


def _kept_base(connection: Connection, owner: str, branch: UUID, position: int) -> Locked:
    """Give a branch whose conversation is locked, so that its rows stay. Raises `BranchNotFound`."""
    row = _one.one(connection, owner=owner, branch=branch)
    if row is not None:
        try:
            branches.lock(connection, owner, row[3])
        except ConversationNotFound:
            row = None
        else:
            row = _one.one(connection, owner=owner, branch=branch)
    if row is None or row[1] < position:
        raise BranchNotFound(branch)
    return Locked(*row[:3])


def delete(connection: Connection, owner: str, conversation: UUID, agrees: Callable[[Found], bool]) -> bool:
    """Delete a conversation that is as the caller thought, and say whether it was. Raises `OnHold`."""
    try:
        deletion.lock_all(connection, owner, conversation)
    except ConversationNotFound:
        return False
    if not agrees(conversations.get(connection, owner, id_=conversation)):
        return False
    deletion.delete(connection, owner, conversation)
    return True
