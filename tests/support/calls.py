"""Rows of calls as a test wants them, written past the API."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from convo.store import tables
from convo.times import to_micros
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import convo

PICOS = 10**12
_ids = itertools.count(1 << 100)


def call(chat: convo.Conversation, at: datetime | int = 0, **columns: Any) -> dict[str, Any]:
    """Give the row of a call that was answered with "done"; `cost` and its parts are in picos."""
    return {
        "owner": chat.owner, "id": UUID(int=next(_ids)), "conversation": chat.id, "branch": chat._place.found.branch,
        "hash": b"", "status": "done", "attempt": 1, "api": "chat", "model": "m", "origin": "", "asked_first": 1, "asked_last": 0,
        "started_at": at if isinstance(at, int) else to_micros(at), **columns,
    }  # fmt: skip


def tokens(**counts: int) -> dict[str, int]:
    """Give the columns of a usage."""
    return Usage(**counts).to_dict()


def write(store: convo.Store, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of calls, of any columns each."""
    names = dict.fromkeys(name for row in rows for name in row)

    def fill(connection: Any) -> None:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        whole = [{name: row.get(name) for name in names} for row in rows]
        connection.execute(sa.insert(tables.exchange), whole, execution_options=options)

    if rows:
        store._driver.runner.run(fill, mode="write")
