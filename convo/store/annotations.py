"""Notes beside the log: they may change, belong to a message, and are seen by every line that shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.canonical import decode
from convo.errors import MessageNotFound
from convo.metadata import encode_metadata
from convo.store import branches, tables
from convo.store.log import END, line, source_of
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from sqlalchemy.engine import Connection

_N = tables.annotation.c
_KEY = ("owner", "branch", "position", "name")


def _upsert() -> Any:
    from sqlalchemy.dialects import postgresql

    insert = postgresql.insert(tables.annotation).values({c.name: sa.bindparam(c.name, type_=c.type) for c in _N})
    changed = {"value": insert.excluded.value, "changed_at": insert.excluded.changed_at}
    return insert.on_conflict_do_update(index_elements=list(_KEY), set_=changed)


_put = Statement("write a note of a message", _upsert)
_remove = Statement(
    "remove a note of a message", lambda: sa.delete(tables.annotation).where(*(_N[name] == sa.bindparam(name) for name in _KEY))
)
_of_message = Statement(
    "the notes of a message",
    lambda: sa.select(_N.name, _N.value).where(*(_N[name] == sa.bindparam(name) for name in _KEY[:3])).order_by(_N.name),
)
_of_line = Statement(
    "the notes of the messages of a line",
    lambda: sa.select(_N.position, _N.name, _N.value).where(line(tables.annotation)).order_by(_N.position, _N.name),
)


def put(
    connection: Connection, owner: str, conversation: UUID, position: int, notes: Mapping[str, str | None], now: int
) -> dict[str, Any]:
    """Write notes (canonical text, None to remove) of a message of the line that is shown; give all that it has then.

    Raises `ConversationNotFound`, `MessageNotFound`, and `InvalidMetadata` when the message would have too many.
    """
    shown = branches.lock(connection, owner, conversation)
    source = source_of(connection, owner, shown.id, position)
    if source is None:
        raise MessageNotFound(position)
    message = {"owner": owner, "branch": source, "position": position}
    for name, value in notes.items():
        if value is None:
            _remove(connection, **message, name=name)
        else:
            _put(connection, **message, name=name, value=value, changed_at=now)
    found = {name: decode(value) for name, value in _of_message.rows(connection, **message)}
    encode_metadata(found)
    return found


def of_line(connection: Connection, owner: str, conversation: UUID) -> dict[int, dict[str, Any]]:
    """Give the notes of each message of the line that is shown, by position. Raises `ConversationNotFound`."""
    shown, _ = branches.shown(connection, owner, conversation)
    found: dict[int, dict[str, Any]] = {}
    for position, name, value in _of_line.rows(connection, owner=owner, branch=shown, since=1, until=END):
        found.setdefault(position, {})[name] = decode(value)
    return found
