"""Summaries in the log: the newest one of a line, what is to be summarised, and storing one. Redaction takes them along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.errors import ConflictError
from convo.store import branches, log, tables
from convo.store.append import Guard, append
from convo.store.columns import message_columns, messages_of
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Message
    from convo.store.append import Entry

_M, _S = tables.message.c, tables.segment.c


@attrs.frozen
class Older:
    """What a summary is to be made of: the branch, the newest summary there is, and the messages that come after it."""

    branch: UUID
    head: int
    earlier: Message | None
    messages: Sequence[Message]


_newest = Statement(
    "the newest summary of a line before a position",
    lambda: (
        sa.select(*message_columns())
        .where(log.in_line(tables.message), _M.position < sa.bindparam("until", type_=sa.BigInteger), sa.text(log.SUMMARY))
        .order_by(_M.position.desc())
        .limit(1)
    ),
)
_redacted = Statement(
    "how many messages of a part of a line were redacted",
    lambda: sa.select(sa.func.count()).where(
        log.in_line(tables.message),
        _M.position.between(sa.bindparam("first", type_=sa.BigInteger), sa.bindparam("last", type_=sa.BigInteger)),
        _M.status == sa.literal_column("'redacted'"),
    ),
)


def newest(connection: Connection, owner: str, branch: UUID, until: int = log.END) -> Message | None:
    """Give the newest summary of a line before a position, None where there is none."""
    row = _newest.one(connection, owner=owner, branch=branch, until=until)
    return None if row is None else messages_of([row])[0]


def older(connection: Connection, owner: str, conversation: UUID, limit: int) -> Older:
    """Give the messages of the line that is shown after its newest summary, at most `limit` of them.

    Raises `ConversationNotFound`.
    """
    branch, head = branches.shown(connection, owner, conversation)
    earlier = newest(connection, owner, branch)
    since = 1 if earlier is None else earlier.covers + 1
    messages = log.between(connection, owner, branch, since, min(since + limit - 1, head))
    return Older(branch, head, earlier, messages)


def put(connection: Connection, entry: Entry, source: Older) -> int:
    """Store a summary of messages; gives its position.

    Raises `ConflictError`, and stores nothing, when one of them was redacted meanwhile, another summary came first, or
    another line is shown.
    """
    head = append(connection, Guard.ADD, entry)
    if head is None:
        reason = "another line of the conversation is shown by now; make the summary of that one"
        raise ConflictError(reason)
    owner, branch, (first, *_) = entry.owner, entry.branch, source.messages
    known = sum(message.status == "redacted" for message in source.messages)
    where = {"owner": owner, "branch": branch, "first": first.position, "last": source.messages[-1].position}
    counted = _redacted.one(connection, **where)
    if (counted and counted[0]) != known or newest(connection, owner, branch, head) != source.earlier:
        reason = "the messages were summarised or redacted by another at the same time; make the summary again"
        raise ConflictError(reason)
    return head


# --- redaction -------------------------------------------------------------------------------------


def _select_covering() -> Any:
    lines = sa.select(_S.branch).where(
        _S.owner == sa.bindparam("owner"),
        _S.source == sa.bindparam("source"),
        sa.bindparam("position", type_=sa.BigInteger).between(_S.first, _S.last),
    )
    other = tables.segment.alias("other")
    shown = (_M.branch == other.c.source) & _M.position.between(other.c.first, other.c.last)
    return (
        sa.select(_M.branch, *message_columns())
        .join_from(other, tables.message, shown)
        .where(
            other.c.owner == sa.bindparam("owner"),
            other.c.branch.in_(lines),
            _M.owner == sa.bindparam("owner"),
            _M.position > sa.bindparam("position", type_=sa.BigInteger),
            sa.text(log.SUMMARY),
        )
    )


_covering = Statement("the summaries after a message, in each line that shows it", _select_covering)


def covering(connection: Connection, owner: str, source: UUID, position: int) -> list[tuple[UUID, Message]]:
    """Give the summaries that stand for a message, among others, each with the branch that holds it.

    Only those of a line that shows it: other lines have another message at its position.
    """
    rows = _covering.rows(connection, owner=owner, source=source, position=position)
    read = zip((row[0] for row in rows), messages_of(row[1:] for row in rows), strict=True)
    found = {(branch, message.position): message for branch, message in read}
    return [(branch, message) for (branch, _), message in found.items() if message.covers >= position]
