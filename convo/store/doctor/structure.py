"""Conversations and their branches: one is shown, each has a line that can grow, and what a line shows is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.findings import Finding
from convo.store import tables
from convo.store.doctor.page import execute, paged, rows
from convo.store.log import END
from convo.store.tables import KEPT, LEFT, NOWHERE, SHOWN

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Found, Scope

_C, _B, _S = tables.conversation.c, tables.branch.c, tables.segment.c
_POINTER = (_B.owner == _C.owner) & (_B.id == _C.branch) & (_B.conversation == _C.id)


def _shown_count(conversation: Any) -> sa.ScalarSelect[int]:
    """How many branches of a conversation are in the state of the one that is shown."""
    other = tables.branch.alias("other")
    states = (other.c.owner == conversation.owner, other.c.conversation == conversation.id, other.c.state == SHOWN)
    return sa.select(sa.func.count()).select_from(other).where(*states).correlate(tables.conversation).scalar_subquery()


# --- which branch is shown -------------------------------------------------------------------------


def missing(connection: Connection, scope: Scope, after: After) -> Found:
    """Find conversations whose branch is not there."""
    keys = (_C.owner, _C.id)
    joined = tables.conversation.outerjoin(tables.branch, _POINTER)
    statement = (
        sa.select(*keys, _C.branch, _shown_count(_C)).select_from(joined).where(scope.of(tables.conversation), _B.id.is_(None))
    )
    found, after = paged(connection, statement, keys, after)
    return [_missing(*row) for row in found], after


def _missing(owner: str, conversation: Any, branch: Any, others: int) -> Finding:
    if branch == NOWHERE:
        message = "the erasure of its owner was interrupted; go on with store.erase(owner), or convo erase"
        return Finding("erasure_unfinished", "error", message, owner=owner, conversation=conversation)
    remedy = "a repair shows the one that it has" if others == 1 else "restore it from a backup, or delete the conversation"
    return Finding(
        "branch_missing", "error", f"the conversation shows a branch that is not there; {remedy}",
        owner=owner, conversation=conversation, branch=branch, repairable=others == 1,
    )  # fmt: skip


def not_shown(connection: Connection, scope: Scope, after: After) -> Found:
    """Find conversations that point to a branch which is not in the state of one that is shown."""
    keys = (_C.owner, _C.id)
    joined = tables.conversation.join(tables.branch, _POINTER)
    statement = sa.select(*keys, _B.id, _B.state).select_from(joined).where(scope.of(tables.conversation), _B.state != SHOWN)
    found, after = paged(connection, statement, keys, after)
    return [_not_shown(*row) for row in found], after


def _not_shown(owner: str, conversation: Any, branch: Any, state: str) -> Finding:
    left = state == LEFT
    remedy = "a repair lets it grow again" if left else "delete the conversation, or switch to another branch"
    return Finding(
        "branch_not_shown", "error", f"the conversation shows a branch that cannot grow, whose state is another; {remedy}",
        owner=owner, conversation=conversation, branch=branch, repairable=left,
    )  # fmt: skip


def shown_twice(connection: Connection, scope: Scope, after: After) -> Found:
    """Find branches in the state of one that is shown, beside the one that their conversation shows."""
    pointed = tables.branch.alias("pointed")
    keys = (_B.owner, _B.id)
    statement = (
        sa.select(*keys, _B.conversation)
        .join_from(tables.branch, tables.conversation, (_C.owner == _B.owner) & (_C.id == _B.conversation))
        .join(pointed, (pointed.c.owner == _C.owner) & (pointed.c.id == _C.branch) & (pointed.c.conversation == _C.id))
        .where(scope.of(tables.branch), _B.state == SHOWN, _B.id != _C.branch, pointed.c.state == SHOWN)
    )
    found, after = paged(connection, statement, keys, after)
    return [_shown_twice(*row) for row in found], after


def _shown_twice(owner: str, branch: Any, conversation: Any) -> Finding:
    return Finding(
        "branch_shown_twice", "warning", "the branch is in the state of the one that is shown, and its conversation shows "
        "another; a repair marks it as left", owner=owner, conversation=conversation, branch=branch, repairable=True,
    )  # fmt: skip


def show_the_only_one(connection: Connection, finding: Finding, now: int) -> None:
    """Let a conversation whose branch is gone show the one that it has."""
    del now
    _lock(connection, finding)
    mine = (_B.owner == finding.owner) & (_B.conversation == finding.conversation)
    there = sa.select(_B.id).where(mine, _B.state == SHOWN)
    found = rows(connection, there)
    pointed = sa.exists(sa.select(_B.id).where(_POINTER).correlate(tables.conversation))
    if len(found) == 1:
        execute(connection, sa.update(tables.conversation).where(*_one(finding), ~pointed).values(branch=found[0][0]))


def show_what_is_pointed_to(connection: Connection, finding: Finding, now: int) -> None:
    """Bring the states of a conversation's branches in line with the one that it shows."""
    del now
    _lock(connection, finding)
    mine = (_B.owner == finding.owner) & (_B.conversation == finding.conversation)
    pointer = sa.select(_C.branch).where(*_one(finding)).scalar_subquery()
    execute(connection, sa.update(tables.branch).where(mine, _B.id == pointer, _B.state == LEFT).values(state=SHOWN))
    execute(connection, sa.update(tables.branch).where(mine, _B.id != pointer, _B.state == SHOWN).values(state=LEFT))


def _one(finding: Finding) -> tuple[sa.ColumnElement[bool], ...]:
    return (_C.owner == finding.owner, _C.id == finding.conversation)


def _lock(connection: Connection, finding: Finding) -> None:
    execute(connection, sa.update(tables.conversation).where(*_one(finding)).values(branch=_C.branch))


# --- branches that nobody needs --------------------------------------------------------------------


def _needed() -> sa.ColumnElement[bool]:
    uses = sa.select(sa.literal(1)).where(_S.owner == _B.owner, _S.source == _B.id, _S.branch != _B.id)
    return sa.exists(uses.correlate(tables.branch))


def unneeded(connection: Connection, scope: Scope, after: After) -> Found:
    """Find branches that are kept for their rows, which no line shows."""
    keys = (_B.owner, _B.id)
    statement = sa.select(*keys, _B.conversation).where(scope.of(tables.branch), _B.state == KEPT, ~_needed())
    found, after = paged(connection, statement, keys, after)
    return [_unneeded(*row) for row in found], after


def _unneeded(owner: str, branch: Any, conversation: Any) -> Finding:
    return Finding(
        "branch_unneeded", "note", "the branch is kept for messages that nothing shows any more; a repair deletes it",
        owner=owner, conversation=conversation, branch=branch, repairable=True,
    )  # fmt: skip


def delete_unneeded(connection: Connection, finding: Finding, now: int) -> None:
    """Delete a branch that is kept and not needed, with its rows."""
    del now
    where = (_B.owner == finding.owner, _B.id == finding.branch, _B.state == KEPT, ~_needed())
    deleted = rows(connection, sa.delete(tables.branch).where(*where).returning(_B.id))
    if not deleted or connection.dialect.name != "sqlite":
        return
    exchanges = sa.select(tables.exchange.c.id).where(*_of_branch(tables.exchange, finding))
    checkpoints = tables.checkpoint.c
    execute(
        connection, sa.delete(tables.checkpoint).where(checkpoints.owner == finding.owner, checkpoints.exchange.in_(exchanges))
    )
    for table in reversed(tables.metadata.sorted_tables):
        if "branch" in table.c and table is not tables.conversation:
            execute(connection, sa.delete(table).where(*_of_branch(table, finding)))


def _of_branch(table: sa.Table, finding: Finding) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.owner == finding.owner, table.c.branch == finding.branch)


# --- segments --------------------------------------------------------------------------------------


def without_source(connection: Connection, scope: Scope, after: After) -> Found:
    """Find segments that show rows of a branch which is not there."""
    source = tables.branch.alias("source")
    keys = (_S.owner, _S.branch, _S.first)
    statement = (
        sa.select(*keys, _B.conversation)
        .join_from(tables.segment, tables.branch, (_B.owner == _S.owner) & (_B.id == _S.branch))
        .outerjoin(source, (source.c.owner == _S.owner) & (source.c.id == _S.source))
        .where(scope.of(tables.segment), source.c.id.is_(None))
    )
    found, after = paged(connection, statement, keys, after)
    return [_without_source(*row) for row in found], after


def _without_source(owner: str, branch: Any, first: int, conversation: Any) -> Finding:
    return Finding(
        "source_missing", "error", "from this position on the branch shows messages of another one that is not there; "
        "restore it from a backup", owner=owner, conversation=conversation, branch=branch, position=first,
    )  # fmt: skip


def _segments_of_branch() -> sa.Select[Any]:
    return sa.select(sa.literal(1)).where(_S.owner == _B.owner, _S.branch == _B.id).correlate(tables.branch)


def is_open() -> sa.ColumnElement[bool]:
    """Whether a branch has a segment that takes its next message."""
    return sa.exists(_segments_of_branch().where(_S.source == _B.id, _S.last == END, _S.first <= _B.head + 1))


def is_whole() -> sa.ColumnElement[bool]:
    """Whether all branches are there whose rows a branch shows."""
    source = tables.branch.alias("source")
    there = sa.exists(
        sa.select(source.c.id).where(source.c.owner == _S.owner, source.c.id == _S.source).correlate(tables.segment)
    )
    return ~sa.exists(_segments_of_branch().where(~there))


def closed(connection: Connection, scope: Scope, after: After) -> Found:
    """Find branches whose next message would not be seen, those without segments among them."""
    keys = (_B.owner, _B.id)
    bare = sa.case(((_B.parent.is_(None)) & ~sa.exists(_segments_of_branch()), 1), else_=0)
    statement = sa.select(*keys, _B.conversation, bare).where(scope.of(tables.branch), _B.state != KEPT, ~is_open())
    found, after = paged(connection, statement, keys, after)
    return [_closed(*row) for row in found], after


def _closed(owner: str, branch: Any, conversation: Any, bare: int) -> Finding:
    remedy = "a repair lets it show its own messages" if bare else "restore its segments from a backup"
    return Finding(
        "line_closed", "error", f"no segment of the branch takes its next message; {remedy}",
        owner=owner, conversation=conversation, branch=branch, repairable=bool(bare),
    )  # fmt: skip


def open_line(connection: Connection, finding: Finding, now: int) -> None:
    """Let a branch without segments, which was made from no other, show its own rows."""
    del now
    where = (_B.owner == finding.owner, _B.id == finding.branch, _B.parent.is_(None), ~sa.exists(_segments_of_branch()))
    one = sa.select(_B.owner, _B.id, sa.literal(1), sa.literal(END, sa.BigInteger), _B.id).where(*where)
    execute(connection, sa.insert(tables.segment).from_select(["owner", "branch", "first", "last", "source"], one))
