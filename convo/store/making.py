"""Conversations, made and changed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.canonical import encode
from convo.errors import ConversationNotFound
from convo.store import blobs, branches, conversations, keys, tables
from convo.store.append import Entry, Guard, append_in_steps
from convo.store.sealed import keyring_of
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft
    from convo.store.conversations import Found

_C = tables.conversation.c


def _insert() -> Any:
    from sqlalchemy.dialects import postgresql

    columns = {
        column.name: sa.bindparam(column.name, type_=column.type) for column in tables.conversation.c if column.name != "hold"
    }
    return (
        postgresql.insert(tables.conversation)
        .values(columns)
        .on_conflict_do_nothing(index_elements=["owner", "key"])
        .returning(_C.id)
    )


_insert_conversation = Statement("make a conversation, unless its key is taken", _insert)


def create(
    connection: Connection, owner: str, id_: UUID, branch: UUID, now: int, *,
    key: str | None, title: str | None, metadata: str | None, drafts: Sequence[Draft],
) -> Found:  # fmt: skip
    """Make a conversation with its first messages; where the key is taken, give the one that has it, unchanged."""
    if not inserted(connection, owner, id_, branch, now, key=key, title=title, metadata=metadata):
        assert key is not None  # noqa: S101 - only a key can be taken
        return conversations.get(connection, owner, key=key)
    branches.start(connection, owner, branch, id_, now)
    if drafts:
        append_in_steps(connection, Guard.ADD, Entry(owner, branch, now, drafts))
    return conversations.get(connection, owner, id_=id_)


def create_with(
    connection: Connection, owner: str, id_: UUID, branch: UUID, now: int, digests: Sequence[str], *,
    key: str | None, title: str | None, metadata: str | None, drafts: Sequence[Draft],
) -> tuple[Found | None, list[str]]:  # fmt: skip
    """`create`, once all bytes are here; else None, and those that a collector has taken since they were put.

    The bytes count as put now, so that none goes before this transaction ends. `digests` are in order.
    """
    if lacking := [digest for digest in digests if not blobs.refresh(connection, owner, digest, now)]:
        return None, lacking
    return create(connection, owner, id_, branch, now, key=key, title=title, metadata=metadata, drafts=drafts), []


def insert_like(
    connection: Connection, owner: str, other: UUID, id_: UUID, branch: UUID, now: int, *,
    key: str | None, title: str | None, metadata: str | None,
) -> bool:  # fmt: skip
    """Insert the row of a conversation with title and metadata of another where none are given; False: its key is taken."""
    found = conversations.get(connection, owner, id_=other)
    metadata = metadata if metadata is not None else encode(found.metadata) if found.metadata else None
    title = found.title if title is None else title
    return inserted(connection, owner, id_, branch, now, key=key, title=title, metadata=metadata)


def inserted(
    connection: Connection, owner: str, id_: UUID, branch: UUID, now: int, *,
    key: str | None, title: str | None, metadata: str | None,
) -> bool:  # fmt: skip
    """Insert the row of a conversation; False: its key is taken."""
    keys.hold(connection, owner)
    found = _insert_conversation.one(
        connection, owner=owner, id=id_, key=key, branch=branch, title=title, created_at=now,
        metadata=_always(connection, metadata),
    )  # fmt: skip
    return found is not None


def _always(connection: Connection, metadata: str | None) -> str | None:
    """Give metadata that are there even when they say nothing, where content is sealed.

    So whoever finds the conversation opens something of it, and thereby notices when its owner has other keys by now.
    """
    return encode({}) if metadata is None and keyring_of(connection).seals else metadata


def update(connection: Connection, owner: str, id_: UUID, changes: Mapping[str, Any], event: Entry | None) -> Found:
    """Change columns of a conversation, and put an event at the end of the line that it shows, both or neither.

    Gives the conversation as it is then. Raises `ConversationNotFound`.
    """
    if event is not None:
        branch = branches.lock(connection, owner, id_).id
        append_in_steps(connection, Guard.ADD, attrs.evolve(event, branch=branch))
    if "metadata" in changes:
        changes = {**changes, "metadata": _always(connection, changes["metadata"])}
    columns = tuple(sorted(changes))
    if columns and _update(columns).one(connection, key_owner=owner, key_id=id_, **changes) is None:
        raise ConversationNotFound(id_)
    return conversations.get(connection, owner, id_=id_)


@cache
def _update(columns: tuple[str, ...]) -> Statement:
    def build() -> Any:
        keys = (_C.owner == sa.bindparam("key_owner"), _C.id == sa.bindparam("key_id"))
        values = {name: sa.bindparam(name, type_=_C[name].type) for name in columns}
        return sa.update(tables.conversation).where(*keys).values(values).returning(_C.id)

    return Statement("change a conversation", build)
