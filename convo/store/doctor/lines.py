"""The line of each branch: its positions are 1 to the head without hole or overlap, through all its segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.findings import Finding
from convo.store import tables
from convo.store.doctor.page import execute, following, last_key, rows
from convo.store.doctor.structure import is_open, is_whole
from convo.store.tables import KEPT

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Found, Scope

_B, _S, _M = tables.branch.c, tables.segment.c, tables.message.c
_ROWS = (_M.owner == _S.owner) & (_M.branch == _S.source) & _M.position.between(_S.first, _S.last)
_INSTRUCTIONS = sa.func.max(sa.case((_M.kind == "instructions", _M.position)))
SIZE = 50
"""Branches whose lines are counted in one statement."""


class _Line(NamedTuple):
    """A branch, and what the rows of its line say: their number, how many positions they have, the last, the instructions."""

    owner: str
    branch: UUID
    conversation: UUID
    head: int
    instructions: int | None
    rows: int
    positions: int
    last: int | None
    instructing: int | None


def lines(connection: Connection, scope: Scope, after: After) -> Found:
    """Find lines with holes or overlaps, heads that are not the last position, and wrong positions of instructions."""
    keys = (_B.owner, _B.id)
    branches = sa.select(*keys, _B.conversation, _B.head, _B.instructions).where(
        scope.of(tables.branch), _B.state != KEPT, is_open(), is_whole()
    )
    page = following(branches, keys, after, SIZE).subquery("page")
    joined = page.outerjoin(tables.segment, (_S.owner == page.c.owner) & (_S.branch == page.c.id)).outerjoin(
        tables.message, _ROWS
    )
    sums = (sa.func.count(_M.position), sa.func.count(_M.position.distinct()), sa.func.max(_M.position), _INSTRUCTIONS)
    statement = sa.select(*page.c, *sums).select_from(joined).group_by(*page.c).order_by(page.c.owner, page.c.id)
    found = [_Line(*row) for row in rows(connection, statement)]
    findings = [finding for line in found if (finding := _finding(connection, line)) is not None]
    return findings, last_key(found, len(keys), SIZE)


def _finding(connection: Connection, line: _Line) -> Finding | None:
    last = line.last or 0
    if line.rows > line.positions:
        return _at(line, "line_overlap", "its segments overlap, and messages appear twice; restore them from a backup")
    if line.positions < max(last, line.head):
        lost = max(last, line.head) - line.positions
        remedy = f"{lost:,} of its messages {'is' if lost == 1 else 'are'} missing, from this position on; restore from a backup"
        return _at(line, "line_gap", remedy, position=_first_hole(connection, line))
    if last > line.head:
        remedy = f"its head is {line.head}, and its last message is here; a repair moves the head"
        return _at(line, "head_behind", remedy, position=last, repairable=True)
    if line.instructing != line.instructions:
        remedy = "it takes other instructions for those in force than its last ones; a repair takes the last"
        return _at(line, "instructions_wrong", remedy, position=line.instructing, repairable=True)
    return None


def _at(line: _Line, kind: str, remedy: str, **more: Any) -> Finding:
    message = f"the line of the branch is damaged: {remedy}"
    return Finding(kind, "error", message, owner=line.owner, conversation=line.conversation, branch=line.branch, **more)


def _line_of(owner: str | None, branch: UUID | None) -> tuple[sa.ColumnElement[bool], ...]:
    return (_S.owner == owner, _S.branch == branch, _ROWS)


def _first_hole(connection: Connection, line: _Line) -> int:
    number = sa.func.row_number().over(order_by=_M.position).label("number")
    there = sa.select(_M.position, number).where(*_line_of(line.owner, line.branch)).subquery()
    hole = sa.select(sa.func.min(there.c.number)).where(there.c.position != there.c.number)
    return rows(connection, hole)[0][0] or line.positions + 1


def move_head(connection: Connection, finding: Finding, now: int) -> None:
    """Move the head of a branch to its last message."""
    del now
    _set(connection, finding, "head", sa.func.coalesce(sa.func.max(_M.position), 0))


def find_instructions(connection: Connection, finding: Finding, now: int) -> None:
    """Take the last instructions of a line as those in force."""
    del now
    _set(connection, finding, "instructions", _INSTRUCTIONS)


def _set(connection: Connection, finding: Finding, column: str, value: Any) -> None:
    """Set a column to what the rows of the line say, under the lock of the branch."""
    mine = (_B.owner == finding.owner, _B.id == finding.branch)
    execute(connection, sa.update(tables.branch).where(*mine).values(head=_B.head))
    known = sa.select(value).where(*_line_of(finding.owner, finding.branch)).scalar_subquery()
    execute(connection, sa.update(tables.branch).where(*mine).values({column: known}))
