"""Speech that was made of a text: media of a reply that is in the log, or a message of its own; bodies stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.errors import MessageNotFound
from convo.store import blobs, branches, exchanges, log, tables
from convo.store.append import Entry, Guard, append, insert_attachments
from convo.store.rewriting import as_read, stored
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Media, Message
    from convo.store.blobs import Held

_M = tables.message.c


def _update() -> sa.Update:
    keys = (_M.owner == sa.bindparam("owner"), _M.branch == sa.bindparam("branch"), _M.position == sa.bindparam("at"))
    unspoken = (as_read(), _M.pieces == sa.literal_column("0"))
    return sa.update(tables.message).where(*keys, *unspoken).values(pieces=sa.literal_column("1")).returning(_M.position)


_count = Statement("count the speech of a message that has no media", _update)


def keep(
    connection: Connection, owner: str, branch: UUID, position: int, was: str, piece: Media, calls: Sequence[Mapping[str, Any]],
    now: int,
) -> tuple[bool, list[Held]]:  # fmt: skip
    """Put speech beside the message that a branch holds at a position; the rows of its calls are kept in any case.

    False when the message is not there any more, its body is not the one that `was` read, or it has media by now; the
    bytes go then, unless others have put them after `now` or refer to them. Gives what is gone, too.
    """
    exchanges.keep_calls(connection, calls)
    if (
        _count.one(connection, owner=owner, branch=branch, at=position, was=stored(connection, owner, branch, position, was))
        is None
    ):
        return False, blobs.drop_unused(connection, owner, {piece.digest: now}, now)
    insert_attachments(connection, owner, branch, position, (piece,))
    return True, []


def at(connection: Connection, owner: str, conversation: UUID, position: int) -> tuple[UUID, UUID, Message]:
    """Give the branch that a conversation shows, the one that holds the row of the message at a position, and the message.

    Raises `ConversationNotFound` and `MessageNotFound`.
    """
    branch, _ = branches.shown(connection, owner, conversation)
    source = log.source_of(connection, owner, branch, position)
    message = None if source is None else log.one(connection, owner, branch, position)
    if source is None or message is None:
        raise MessageNotFound(position)
    return branch, source, message


def say(connection: Connection, entry: Entry, conversation: UUID, others: Sequence[Mapping[str, Any]]) -> tuple[UUID, int] | None:
    """Put a message that was spoken at the end of the line that a conversation shows, whoever waits for a reply there.

    `entry` has the row of the first call, `others` are those of the rest; they are kept in any case. Gives the branch and the
    head; None when the key is taken, or the head is not the expected one. Raises `ConversationNotFound`.
    """
    branch = branches.lock(connection, entry.owner, conversation).id
    assert entry.exchange_id is not None  # noqa: S101 - a call has an id
    before = exchanges.by_id(connection, entry.owner, entry.exchange_id)
    if before is not None:  # our own, whose confirmation was lost
        return None if before.position is None else (before.branch, before.position)
    head = append(connection, Guard.RECORD, attrs.evolve(entry, branch=branch))
    unused = () if head is not None else ({**entry.exchange, "id": entry.exchange_id, "owner": entry.owner, "key": None},)
    exchanges.keep_calls(connection, [{**row, "branch": branch} for row in (*unused, *others)])
    return None if head is None else (branch, head)
