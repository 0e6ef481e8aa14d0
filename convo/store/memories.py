"""The memory of assembly: one row per branch, origin and model family, whose horizons only grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

_R = tables.memory.c


def growing(insert: Any, larger: Any) -> Any:
    """Give the upsert of an insert of a memory: horizons never go back. `larger` is the greater of two values in SQL."""
    new = insert.excluded
    grown = {name: larger(_R[name], new[name]) for name in ("expired_through", "refused_through", "window_start")}
    return insert.on_conflict_do_update(index_elements=list(tables.memory.primary_key), set_={**grown, "skew": new.skew})


def _upsert_on_sqlite() -> Any:
    from sqlalchemy.dialects import sqlite

    return growing(sqlite.insert(tables.memory), sa.func.max)


def _upsert_on_postgresql() -> Any:
    from sqlalchemy.dialects import postgresql

    return growing(postgresql.insert(tables.memory), sa.func.greatest)


_upserts = {
    "sqlite": Statement("remember what assembly has to", _upsert_on_sqlite),
    "postgresql": Statement("remember what assembly has to", _upsert_on_postgresql),
}


def put(connection: Connection, memory: Mapping[str, Any]) -> None:
    """Store a row of memory; what is there already only grows."""
    _upserts[connection.dialect.name](connection, **memory)
