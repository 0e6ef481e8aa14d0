"""Branches: the lines of a conversation, each a flat list of segments of rows that may belong to other branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.errors import BranchNotFound, ConflictError, ConversationNotFound
from convo.store import tables
from convo.store.log import END, in_line
from convo.store.statements import Statement, micros
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.engine import Connection

_C, _B, _S, _M, _R = tables.conversation.c, tables.branch.c, tables.segment.c, tables.message.c, tables.memory.c
TRIES = 20
"""How often the branch that is shown is looked for while others switch to another one at the same time."""


@attrs.frozen
class Branch:
    """One line of messages of a conversation. `head` is the position of its last message, 0 for none.

    `parent` is the branch that it was made from, and `forked_at` the last position that it shares with it; both are None
    for a line of its own. The parent of a fork's first branch belongs to the other conversation, which may be gone.
    """

    id: UUID
    head: int
    parent: UUID | None
    forked_at: int | None
    created_at: datetime
    shown: bool
    conversation: UUID
    """Whose branch it is."""


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


# --- the lock of a conversation's lines ------------------------------------------------------------


@attrs.frozen
class Locked:
    """The branch that a conversation shows, locked until the end of the transaction: nobody shows another one meanwhile."""

    id: UUID
    head: int
    instructions: int | None


def _shown_one() -> Any:
    pointed = sa.select(_C.branch).where(_C.owner == sa.bindparam("owner"), _C.id == sa.bindparam("conversation"))
    return (_B.owner == sa.bindparam("owner")) & (_B.id == pointed.scalar_subquery()) & (_B.state == _word(tables.SHOWN))


def _word(state: str) -> Any:
    return sa.literal_column(f"'{state}'")


_lock = Statement(
    "lock the branch that a conversation shows",
    lambda: sa.update(tables.branch).where(_shown_one()).values(head=_B.head).returning(_B.id, _B.head, _B.instructions),
)


def lock(connection: Connection, owner: str, conversation: UUID) -> Locked:
    """Lock the branch that a conversation shows. Raises `ConversationNotFound`.

    Whoever shows another branch holds this lock, so that waiting for it may end at a branch that was left: once more then.
    Each try is a savepoint: PostgreSQL would keep the lock of the branch that was left, for which others may wait.
    """
    for _ in range(TRIES):
        with connection.begin_nested() as attempt:
            row = _lock.one(connection, owner=owner, conversation=conversation)
            if row is not None:
                return Locked(*row)
            attempt.rollback()
        shown(connection, owner, conversation)
    reason = "the conversation was switched to other branches again and again; try once more"
    raise ConflictError(reason)


# --- branches made from others ---------------------------------------------------------------------


def _share() -> sa.Insert:
    at = sa.bindparam("at", type_=sa.BigInteger)
    columns = (
        _S.owner,
        sa.cast(sa.bindparam("id", type_=_S.branch.type), _S.branch.type),
        _S.first,
        sa.case((_S.last > at, at), else_=_S.last),
        _S.source,
    )
    shared = sa.select(*columns).where(_S.owner == sa.bindparam("owner"), _S.branch == sa.bindparam("branch"), _S.first <= at)
    return sa.insert(tables.segment).from_select(["owner", "branch", "first", "last", "source"], shared)


def _remember() -> sa.Insert:
    names = list(_R.keys())
    new = sa.cast(sa.bindparam("id", type_=_R.branch.type), _R.branch.type)
    begin = sa.case((_R.window_start > sa.bindparam("at", type_=sa.BigInteger), sa.literal(0)), else_=_R.window_start)
    rows = sa.select(*({"branch": new, "window_start": begin}.get(name, _R[name]) for name in names))
    rows = rows.where(_R.owner == sa.bindparam("owner"), _R.branch == sa.bindparam("branch"))
    return sa.insert(tables.memory).from_select(names, rows)


_insert_shared = Statement("share the rows of a line up to a position", _share)
_copy_memory = Statement("remember for a new branch what assembly remembers for the other", _remember)
_instructions = Statement(
    "the instructions in force at a position of a line",
    lambda: sa.select(sa.func.max(_M.position)).where(
        in_line(tables.message),
        _S.first <= sa.bindparam("at", type_=sa.BigInteger),
        _M.position <= sa.bindparam("at", type_=sa.BigInteger),
        _M.kind == "instructions",
    ),
)


def derive(connection: Connection, owner: str, locked: Locked, at: int, id_: UUID, conversation: UUID, now: int) -> None:
    """Make a branch that is shown and shares the line of another up to the position `at`; no row of a message is copied.

    What assembly remembers for the other is remembered for it too, so that shared messages go on being sent the same way,
    but for a window that begins after them.
    """
    instructions = locked.instructions
    if instructions is not None and instructions > at:
        found = _instructions.one(connection, owner=owner, branch=locked.id, at=at)
        instructions = found[0] if found else None
    start(connection, owner, id_, conversation, now, head=at, instructions=instructions, parent=locked.id)
    _insert_shared(connection, owner=owner, id=id_, branch=locked.id, at=at)
    _copy_memory(connection, owner=owner, id=id_, branch=locked.id, at=at)


_set_state = Statement(
    "say whether a branch is shown",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("key_owner"), _B.id == sa.bindparam("key_id"))
        .values(state=sa.bindparam("state", type_=sa.Text))
    ),
)
_point = Statement(
    "say which branch a conversation shows",
    lambda: (
        sa.update(tables.conversation)
        .where(_C.owner == sa.bindparam("key_owner"), _C.id == sa.bindparam("key_id"))
        .values(branch=sa.bindparam("branch", type_=_C.branch.type))
    ),
)


def show(connection: Connection, owner: str, conversation: UUID, branch: UUID, *, instead_of: Locked) -> None:
    """Show a branch instead of the one that is locked."""
    _set_state(connection, key_owner=owner, key_id=instead_of.id, state=tables.LEFT)
    _set_state(connection, key_owner=owner, key_id=branch, state=tables.SHOWN)
    _point(connection, key_owner=owner, key_id=conversation, branch=branch)


# --- look-ups --------------------------------------------------------------------------------------


_COLUMNS = (_B.id, _B.head, _B.parent, _B.forked_at, micros(_B.created_at), _B.state, _B.conversation)


def _listed() -> sa.Select[Any]:
    where = (_B.owner == sa.bindparam("owner"), _B.conversation == sa.bindparam("conversation"), _B.state != _word(tables.KEPT))
    return sa.select(*_COLUMNS).where(*where).order_by(_B.created_at, _B.id)


def _related() -> sa.Select[Any]:
    """Whoever shares rows has a segment with the same source, whether the rows are its own or another's."""
    owner: Any = sa.bindparam("owner")
    conversation: Any = sa.bindparam("conversation")
    own = sa.select(_B.id).where(_B.owner == owner, _B.conversation == conversation)
    sources = sa.select(_S.source).where(_S.owner == owner, _S.branch.in_(own))
    sharing = sa.select(_S.branch).where(_S.owner == owner, _S.source.in_(sources))
    where = (_B.owner == owner, _B.id.in_(sharing), _B.conversation != conversation, _B.state != _word(tables.KEPT))
    return sa.select(*_COLUMNS).where(*where).order_by(_B.created_at, _B.id).limit(sa.bindparam("limit", type_=sa.BigInteger))


_branches = Statement("the branches of a conversation", _listed)
_others = Statement("the branches of other conversations that share messages with one", _related)
_branch = Statement("one branch of a conversation", lambda: _listed().where(_B.id == sa.bindparam("branch")))


def listed(connection: Connection, owner: str, conversation: UUID) -> list[Branch]:
    """Give the branches of a conversation, oldest first. Raises `ConversationNotFound`."""
    shown(connection, owner, conversation)
    return [_value(row) for row in _branches.rows(connection, owner=owner, conversation=conversation)]


def related(connection: Connection, owner: str, conversation: UUID, limit: int) -> list[Branch]:
    """Give branches of other conversations that share messages with one, oldest first. Raises `ConversationNotFound`."""
    shown(connection, owner, conversation)
    return [_value(row) for row in _others.rows(connection, owner=owner, conversation=conversation, limit=limit)]


def one(connection: Connection, owner: str, conversation: UUID, branch: UUID) -> Branch:
    """Give one branch of a conversation. Raises `BranchNotFound`."""
    row = _branch.one(connection, owner=owner, conversation=conversation, branch=branch)
    if row is None:
        raise BranchNotFound(branch)
    return _value(row)


def _value(row: Sequence[Any]) -> Branch:
    id_, head, parent, forked_at, created, state, conversation = row
    return Branch(id_, head, parent, forked_at, from_micros(created), state == tables.SHOWN, conversation)
