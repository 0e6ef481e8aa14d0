"""The memory of assembly: one row per branch, origin and model family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from convo.memory import Memory
from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

_R = tables.memory.c

_body = Statement(
    "what assembly remembers",
    lambda: sa.select(_R.body).where(
        _R.owner == sa.bindparam("owner"),
        _R.branch == sa.bindparam("branch"),
        _R.origin == sa.bindparam("origin"),
        _R.family == sa.bindparam("family"),
    ),
)


def get(connection: Connection, owner: str, branch: UUID, origin: str, family: str) -> Memory:
    """Give the memory, an empty one where nothing had to be remembered."""
    row = _body.one(connection, owner=owner, branch=branch, origin=origin, family=family)
    return Memory.from_text(row[0] if row else None)
