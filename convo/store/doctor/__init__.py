"""What is looked for in a database, one subject a module: functions of a connection that give findings, and repairs.

A check only reads. A repair is one transaction, begins with a write, and looks again before it changes anything.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from convo.store import tables
from convo.store.doctor import blobs, bodies, exchanges, lines, orphans, references, structure
from convo.store.doctor.page import PAGE, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from convo.findings import Finding
    from convo.store.blobs import Held
    from convo.store.doctor.page import Check, Scope

    Repair = Callable[[Connection, Finding, int], list[Held] | None]


def checks(*, verify: bool) -> list[Check]:
    """Give the checks of rows in the order in which they run; `verify` adds those that read everything."""
    found: list[Check] = [
        *orphans.checks(),
        structure.missing,
        structure.not_shown,
        structure.shown_twice,
        structure.unneeded,
        structure.without_source,
        structure.closed,
        lines.lines,
        exchanges.expired,
        exchanges.waiting_for_nothing,
        exchanges.forgotten,
        exchanges.checkpoints,
        blobs.missing,
        blobs.incomplete,
        blobs.unreferenced,
        references.references,
    ]
    return [*found, bodies.bodies, blobs.changed] if verify else found


def name_of(check: Check) -> str:
    """Give what a check is called in a finding that it failed."""
    function = check.func if isinstance(check, partial) else check
    return f"{function.__module__.rpartition('.')[2]} ({function.__name__.strip('_')})"


def repairs() -> dict[str, Repair]:
    """Give what mends each kind of finding that can be mended; some give the bytes that are gone."""
    return {
        **orphans.repairs(),
        "branch_missing": structure.show_the_only_one,
        "branch_not_shown": structure.show_what_is_pointed_to,
        "branch_shown_twice": structure.show_what_is_pointed_to,
        "branch_unneeded": structure.delete_unneeded,
        "line_closed": structure.open_line,
        "head_behind": lines.move_head,
        "instructions_wrong": lines.find_instructions,
        "exchange_expired": exchanges.give_up,
        "waiting_for_nothing": exchanges.let_go,
        "exchange_forgotten": exchanges.mark_abandoned,
        "checkpoint_left": exchanges.delete_checkpoint,
        "blob_unreferenced": blobs.delete_unreferenced,
        "derived_wrong": bodies.derive,
    }


def pages(connection: Connection, scope: Scope) -> dict[Check, int]:
    """Estimate how many pages the long checks have; all others are taken to have one."""
    count = sa.func.count()
    branches, messages = (
        rows(connection, sa.select(count).select_from(table).where(scope.of(table)))[0][0]
        for table in (tables.branch, tables.message)
    )
    size = sa.cast(sa.func.coalesce(sa.func.sum(tables.blob.c.size), 0), sa.BigInteger)
    number, volume = rows(connection, sa.select(count, size).select_from(tables.blob).where(scope.of(tables.blob)))[0]
    return {
        lines.lines: branches // lines.SIZE + 1,
        bodies.bodies: messages // PAGE + 1,
        blobs.incomplete: number // PAGE + 1,
        blobs.changed: max(number // PAGE, volume // blobs.VOLUME) + 1,
    }
