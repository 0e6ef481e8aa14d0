"""A message that is in the log, with other content: after a barge-in only what was heard of a reply stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from convo.canonical import digest
from convo.store import tables
from convo.store.append import insert_attachments
from convo.store.sealed import keyring_of
from convo.store.statements import Statement

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft

_M = tables.message.c
BODY = "convo_message.body"
_COLUMNS = ("body", "hash", "status", "text", "pieces", "audio_id", "audio_expires_at", "audio_origin")


def _update() -> sa.Update:
    keys = (_M.owner == sa.bindparam("owner"), _M.branch == sa.bindparam("branch"), _M.position == sa.bindparam("key_position"))
    values = {name: sa.bindparam(name, type_=_M[name].type) for name in _COLUMNS}
    return sa.update(tables.message).where(*keys, as_read()).values(values).returning(_M.position)


def as_read() -> sa.ColumnElement[bool]:
    """The body is the one that was read, as it is stored (see `stored`)."""
    return _M.body == sa.bindparam("was", type_=sa.Text)


def stored(connection: Connection, owner: str, branch: UUID, position: int, body: str) -> str:
    """Give what is stored for a body that was read; where it is another by now, something that is not."""
    keyring = keyring_of(connection)
    if not keyring.seals:
        return keyring.seal_text(BODY, owner, (branch, position), body)
    row = _stored.one(connection, owner=owner, branch=branch, position=position)
    same = row is not None and keyring.open_text(BODY, owner, (branch, position), row[0]) == body
    return row[0] if row is not None and same else body


def delete_of_message(table: sa.Table) -> Statement:
    """Give the statement that deletes what a table holds of the message at (owner, branch, position)."""
    keys = [table.c[name] == sa.bindparam(name) for name in ("owner", "branch", "position")]
    return Statement(f"delete what {table.name} holds of a message", lambda: sa.delete(table).where(*keys))


_rewrite = Statement("give a message other content", _update)
_stored = Statement(
    "the body of a message as it is stored",
    lambda: sa.select(sa.func.coalesce(_M.body, "")).where(
        *(_M[name] == sa.bindparam(name) for name in ("owner", "branch", "position"))
    ),
)
_delete_media = delete_of_message(tables.attachment)
forget_words = delete_of_message(tables.search)
"""Have the message at (owner, branch, position) indexed again with the next search."""


def rewrite(connection: Connection, owner: str, branch: UUID, position: int, draft: Draft, was: str) -> bool:
    """Replace the content of the message that a branch holds at a position; what it is found by is derived again later.

    False, and nothing written, when the message is not there any more or its body is not the one that `was` read.
    """
    found = _rewrite.one(
        connection, owner=owner, branch=branch, key_position=position, was=stored(connection, owner, branch, position, was),
        body=draft.body,
        hash=digest(draft.body),
        status=draft.status, text=draft.text, pieces=len(draft.media), audio_id=draft.audio_id,
        audio_expires_at=draft.audio_expires, audio_origin=draft.audio_origin,
    )  # fmt: skip
    if found is None:
        return False
    _delete_media(connection, owner=owner, branch=branch, position=position)
    forget_words(connection, owner=owner, branch=branch, position=position)
    insert_attachments(connection, owner, branch, position, draft.media)
    return True
