"""Rows whose parent is gone: foreign keys forbid them, but on a caller's SQLite engine they may be off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.findings import Finding
from convo.store import tables
from convo.store.doctor.page import execute, paged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from convo.store.doctor.page import After, Check, Found, Scope

_S = tables.segment.c


def checks() -> list[Check]:
    """Give a check for each foreign key, parents first, so that what a repair leaves without a parent is found too."""
    return [partial(_orphans, key) for key in _foreign_keys()]


def repairs() -> dict[str, Callable[[Connection, Finding, int], None]]:
    """Give the repair of each kind of orphans: they are deleted."""
    return {_kind(key): partial(_delete, key) for key in _foreign_keys()}


def _foreign_keys() -> Iterator[sa.ForeignKeyConstraint]:
    for table in tables.metadata.sorted_tables:
        yield from table.foreign_key_constraints


def _kind(key: sa.ForeignKeyConstraint) -> str:
    return f"orphan_{_noun(key.table)}"


def _noun(table: sa.FromClause) -> str:
    return str(getattr(table, "name", "")).removeprefix("convo_")


def _link(key: sa.ForeignKeyConstraint) -> sa.Column[Any]:
    """Give the column that, with the owner, names the parent; of a message's parts, the branch."""
    return list(key.columns)[1]


def _orphans(key: sa.ForeignKeyConstraint, connection: Connection, scope: Scope, after: After) -> Found:
    """Find the rows of a table without their parent, together where they had the same."""
    child, link = key.table, _link(key)
    keys = (child.c.owner, link)
    needed = sa.func.max(sa.case((_needed(child), 1), else_=0)) if child is tables.branch else sa.literal(0)
    statement = sa.select(*keys, sa.func.count(), needed).where(scope.of(child), *_conditions(key)).group_by(*keys)
    found, after = paged(connection, statement, keys, after)
    return [_finding(key, *row) for row in found], after


def _conditions(key: sa.ForeignKeyConstraint) -> list[sa.ColumnElement[bool]]:
    """The parent is not there. Messages that other branches show are no orphans: it is their branch that is missing."""
    parent = key.referred_table
    same = [parent.c[element.column.name] == element.parent for element in key.elements]
    conditions = [~sa.exists(sa.select(sa.literal(1)).select_from(parent).where(*same).correlate(key.table))]
    return [*conditions, ~_needed(key.table)] if key.table is tables.message else conditions


def _needed(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether other branches show rows of this one."""
    branch = table.c.id if table is tables.branch else table.c.branch
    uses = sa.select(sa.literal(1)).where(_S.owner == table.c.owner, _S.source == branch, _S.branch != branch)
    return sa.exists(uses.correlate(table))


def _finding(key: sa.ForeignKeyConstraint, owner: str, link: Any, count: int, needed: int) -> Finding:
    rows = f"{count:,} {'row' if count == 1 else 'rows'} of {key.table.name}"
    remedy = "but other branches need it: make the conversation again" if needed else "a repair deletes what is left"
    return Finding(
        _kind(key), "error" if needed else "warning", f"{rows} belong to a {_noun(key.referred_table)} that is gone; {remedy}",
        owner=owner, repairable=not needed, **{_link(key).name: link},
    )  # fmt: skip


def _delete(key: sa.ForeignKeyConstraint, connection: Connection, finding: Finding, now: int) -> None:
    del now
    child, link = key.table, _link(key)
    where = [child.c.owner == finding.owner, link == getattr(finding, link.name), *_conditions(key)]
    if child is tables.branch:
        where.append(~_needed(child))
    execute(connection, sa.delete(child).where(*where))
