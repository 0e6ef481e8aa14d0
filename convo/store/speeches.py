"""Speech that was made of a reply's text: media of a message that is in the log; its body stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.store import blobs, exchanges, tables
from convo.store.append import insert_attachments
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Media
    from convo.store.blobs import Held

_M = tables.message.c


def _update() -> sa.Update:
    keys = (_M.owner == sa.bindparam("owner"), _M.branch == sa.bindparam("branch"), _M.position == sa.bindparam("at"))
    as_read = (_M.body == sa.bindparam("was", type_=sa.Text), _M.pieces == sa.literal_column("0"))
    return sa.update(tables.message).where(*keys, *as_read).values(pieces=sa.literal_column("1")).returning(_M.position)


_count = Statement("count the speech of a message that has no media", _update)


def keep(
    connection: Connection, owner: str, branch: UUID, position: int, was: str, piece: Media, calls: Sequence[Mapping[str, Any]],
    now: int,
) -> tuple[bool, list[Held]]:  # fmt: skip
    """Put speech beside the message that a branch holds at a position; the rows of its calls are kept in any case.

    False when the message is not there any more, its body is not the one that `was` read, or it has media by now; the
    bytes go then, unless others have put them after `now` or refer to them. Gives what is gone, too.
    """
    exchanges.keep_calls(connection, owner, branch, calls)
    if _count.one(connection, owner=owner, branch=branch, at=position, was=was) is None:
        return False, blobs.drop_unused(connection, owner, {piece.digest: now}, now)
    insert_attachments(connection, owner, branch, position, (piece,))
    return True, []
