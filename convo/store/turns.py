"""The turns that work on the rows of an owner takes on PostgreSQL, each kind for itself; SQLite has one writer anyway."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from convo.store.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_take_turns = Statement(
    "wait for others who do the same for an owner",
    lambda: sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger))),
)


def take_turns(connection: Connection, owner: str, what: Literal["deletes", "budgets", "keys"] = "deletes") -> None:
    """Wait for others of the owner until their transactions end.

    "deletes": who deletes, moves or redacts rows that lines may share. "budgets": who begins a call that budgets bind; the
    last lock of a transaction, so that nobody waits for its holder. "keys": who makes the first data key.
    """
    if connection.dialect.name == "postgresql":
        schema = connection.get_execution_options().get("convo_schema") or ""
        hashed = sha256(f"convo {what}\0{schema}\0{owner}".encode()).digest()
        _take_turns(connection, key=int.from_bytes(hashed[:8], signed=True))
