"""The turns in which whatever deletes, moves or redacts rows of an owner goes on PostgreSQL; SQLite has one writer anyway."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import sqlalchemy as sa

from convo.store.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_take_turns = Statement(
    "wait for the other deletions of an owner",
    lambda: sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger))),
)


def take_turns(connection: Connection, owner: str) -> None:
    """Wait for what else deletes, moves or redacts rows that the lines of this owner may share."""
    if connection.dialect.name == "postgresql":
        schema = connection.get_execution_options().get("convo_schema") or ""
        hashed = sha256(f"convo deletes\0{schema}\0{owner}".encode()).digest()
        _take_turns(connection, key=int.from_bytes(hashed[:8], signed=True))
