"""What is old: conversations in which nothing has happened for long, and messages that were written long ago.

What a conversation on hold shows stays, what one shows that waits for a reply, instructions that are in force, and tool calls
that wait for a result with the results that they have.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.canonical import decode, encode
from convo.errors import ConversationNotFound
from convo.functions import open_calls
from convo.store import blobs, branches, deletion, holds, log, tables
from convo.store.columns import message_columns, messages_of
from convo.store.redaction import facts_of
from convo.store.redaction import take_out as redact
from convo.store.statements import Statement, micros
from convo.store.turns import take_turns
from convo.store.wiping import wiping

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Message
    from convo.store.blobs import Held

_C, _B, _M, _X, _S = (table.c for table in (tables.conversation, tables.branch, tables.message, tables.exchange, tables.segment))
_owner: Any = sa.bindparam("owner")
_kept: Any = sa.literal_column(f"'{tables.KEPT}'")
PAGE = 100
"""Conversations, or answers, that are looked at at once."""
ROWS = 50
"""Messages of which one transaction takes out what they said."""
BYTES = 16_000_000
"""Bytes of media after which a transaction takes out nothing more."""
TAIL = 300
"""Messages at the end of a line among which a call that waits for its result stands: the API takes no more calls at once."""
After = tuple["UUID", int] | None
"""The branch and position behind which it goes on; None: from the beginning, or there is no more."""


def _time(name: str) -> Any:
    return sa.bindparam(name, type_=_M.created_at.type)


def _id(name: str) -> Any:
    return sa.bindparam(name, type_=_C.id.type)


# --- conversations ---------------------------------------------------------------------------------


def _is_idle() -> sa.ColumnElement[bool]:
    of_branch = (_B.owner == _C.owner) & (_B.conversation == _C.id) & (_B.state != _kept)
    busy = (_B.created_at >= _time("before")) | (_B.pending.is_not(None) & (_B.lease_until > _time("now")))
    written = sa.select(_M.position).join_from(tables.branch, tables.message, (_M.owner == _B.owner) & (_M.branch == _B.id))
    called = sa.select(_X.id).where(_X.owner == _C.owner, _X.conversation == _C.id)
    happened = (
        sa.select(_B.id).where(of_branch, busy),
        written.where(of_branch, _M.created_at >= _time("before")),
        called.where((_X.started_at >= _time("before")) | (_X.finished_at >= _time("before"))),
    )
    return sa.and_(_C.created_at < _time("before"), *(~sa.exists(one.correlate(tables.conversation)) for one in happened))


@cache
def _idle(*, first: bool) -> Statement:
    def build() -> sa.Select[Any]:
        found = sa.select(_C.id).where(_C.owner == _owner, _C.hold.is_(None), _is_idle()).order_by(_C.id).limit(PAGE)
        return found if first else found.where(_C.id > _id("after"))

    return Statement("conversations in which nothing happens any more", build)


_still_idle = Statement(
    "whether nothing happens in a conversation any more",
    lambda: sa.select(_C.id).where(_C.owner == _owner, _C.id == _id("id"), _C.hold.is_(None), _is_idle()),
)


def idle(connection: Connection, owner: str, before: int, now: int, after: UUID | None) -> list[UUID]:
    """Give conversations, in the order of their ids, in which nothing has happened since `before`; none is on hold."""
    where: dict[str, Any] = {} if after is None else {"after": after}
    rows = _idle(first=after is None).rows(connection, owner=owner, before=before, now=now, **where)
    return [row[0] for row in rows]


def delete_idle(connection: Connection, owner: str, id_: UUID, before: int, now: int) -> bool:
    """Delete a conversation, unless something has happened in it since, or it was put on hold; False then."""
    try:
        deletion.lock_all(connection, owner, id_)
    except ConversationNotFound:
        return False
    if _still_idle.one(connection, owner=owner, id=id_, before=before, now=now) is None:
        return False
    with wiping(connection):
        deletion.remove(connection, owner, id_)
    return True


# --- messages --------------------------------------------------------------------------------------


class TakenOut(NamedTuple):
    """What one transaction did: messages that were redacted, where it goes on, and the bytes that are gone."""

    messages: int
    after: After
    gone: list[Held]


def _is_old() -> sa.ColumnElement[bool]:
    return sa.and_(_M.created_at < _time("before"), _M.status != sa.literal_column("'redacted'"))


def _stays() -> sa.ColumnElement[bool]:
    """Whether a line shows a message that is on hold, or waits for a reply, or has it as its instructions."""
    in_force = (_B.instructions == _M.position) & (_B.state != _kept)
    waits = _B.pending.is_not(None) & (_B.lease_until > _time("now"))
    lines = holds.lines_with(_M.owner, _M.branch, _M.position).where(_C.hold.is_not(None) | in_force | waits)
    return sa.exists(lines.correlate(tables.message))


@cache
def _with_old(*, first: bool) -> Statement:
    def build() -> sa.Select[Any]:
        found = (
            sa.select(_B.conversation)
            .join_from(tables.message, tables.branch, (_B.owner == _M.owner) & (_B.id == _M.branch))
            .where(_M.owner == _owner, _is_old())
            .distinct()
            .order_by(_B.conversation)
            .limit(PAGE)
        )
        return found if first else found.where(_B.conversation > _id("after"))

    return Statement("conversations with old messages", build)


@cache
def _old(*, first: bool) -> Statement:
    def build() -> sa.Select[Any]:
        found = (
            sa.select(_M.branch, *message_columns())
            .join_from(tables.branch, tables.message, (_M.owner == _B.owner) & (_M.branch == _B.id))
            .where(_B.owner == _owner, _B.conversation == _id("id"), _is_old(), ~_stays())
            .order_by(_M.branch, _M.position)
            .limit(ROWS)
        )
        if first:
            return found
        behind = _M.position > sa.bindparam("position", type_=sa.BigInteger)
        return found.where((_M.branch > _id("branch")) | ((_M.branch == _id("branch")) & behind))

    return Statement("old messages of a conversation", build)


_lines = Statement(
    "the lines that show a message",
    lambda: (
        sa.select(_S.branch)
        .join_from(tables.segment, tables.branch, (_B.owner == _S.owner) & (_B.id == _S.branch))
        .where(_S.owner == _owner, _S.source == _id("source"), _B.state != _kept)
        .where(sa.bindparam("position", type_=sa.BigInteger).between(_S.first, _S.last))
    ),
)


def with_old(connection: Connection, owner: str, before: int, after: UUID | None) -> list[UUID]:
    """Give conversations with messages that are older than `before`, in the order of their ids."""
    where: dict[str, Any] = {} if after is None else {"after": after}
    return [row[0] for row in _with_old(first=after is None).rows(connection, owner=owner, before=before, **where)]


def old(
    connection: Connection, owner: str, conversation: UUID, before: int, now: int, after: After
) -> tuple[list[tuple[UUID, Message]], After]:  # fmt: skip
    """Give some of the old messages that a conversation holds, each with its branch, and where it goes on."""
    where: dict[str, Any] = {} if after is None else {"branch": after[0], "position": after[1]}
    rows = _old(first=after is None).rows(connection, owner=owner, id=conversation, before=before, now=now, **where)
    found = list(zip([row[0] for row in rows], messages_of(row[1:] for row in rows), strict=True))
    known: dict[UUID, int | None] = {}
    due = [(branch, one) for branch, one in found if not _waits(connection, owner, branch, one, known)]
    last = (found[-1][0], found[-1][1].position) if len(found) == ROWS else None
    return due, last


def _waits(connection: Connection, owner: str, source: UUID, message: Message, known: dict[UUID, int | None]) -> bool:
    """Say whether a message is a call that waits for a result, or a result of a turn with another such call."""
    if message.role != "tool" and not message.tool_calls:
        return False
    for (line,) in _lines.rows(connection, owner=owner, source=source, position=message.position):
        if line not in known:
            known[line] = _open_since(connection, owner, line)
        since = known[line]
        if since is not None and message.position >= since:
            return True
    return False


def _open_since(connection: Connection, owner: str, line: UUID) -> int | None:
    """Give the position of the calls at the end of a line that wait for results."""
    tail = log.load(connection, owner, line, last=TAIL, media="user").messages
    if not open_calls(tail):
        return None
    return max(message.position for message in tail if message.role == "assistant")


def take_out(
    connection: Connection, owner: str, conversation: UUID, before: int, now: int, after: After
) -> TakenOut:  # fmt: skip
    """Take out what some old messages of a conversation said, under its lock."""
    take_turns(connection, owner)
    try:
        branches.lock(connection, owner, conversation)
    except ConversationNotFound:
        return TakenOut(0, None, [])
    due, last = old(connection, owner, conversation, before, now, after)
    gone: list[Held] = []
    with wiping(connection):
        for number, (branch, message) in enumerate(due, 1):
            gone += redact(connection, owner, branch, message, now)
            if sum(one.size for one in gone) >= BYTES:
                return TakenOut(number, (branch, message.position), gone)
    return TakenOut(len(due), last, gone)


# --- answers beside the log ------------------------------------------------------------------------


class Forgotten(NamedTuple):
    """What one transaction did: the answer behind which it goes on, and the bytes that are gone."""

    after: UUID | None
    gone: list[Held]


@cache
def _beside(*, first: bool) -> Statement:
    def build() -> sa.Select[Any]:
        held = sa.select(_C.id).where(_C.owner == _X.owner, _C.id == _X.conversation, _C.hold.is_not(None))
        found = (
            sa.select(_X.id, _X.raw, micros(_X.finished_at))
            .where(_X.owner == _owner, _X.finished_at < _time("before"), _X.raw.is_not(None))
            .where(_X.status.in_([sa.literal_column("'late'"), sa.literal_column("'failed'")]))
            .where(~sa.exists(held.correlate(tables.exchange)))
            .order_by(_X.id)
            .limit(PAGE)
        )
        return found if first else found.where(_X.id > _id("after"))

    return Statement("old answers that are kept beside the log", build)


_set_raw = Statement(
    "forget what an answer said that is kept beside the log",
    lambda: (
        sa.update(tables.exchange)
        .where(_X.owner == sa.bindparam("key_owner"), _X.id == sa.bindparam("key_id"), _X.raw == sa.bindparam("was"))
        .values(raw=sa.bindparam("raw", type_=sa.Text))
    ),
)


def forget_answers(connection: Connection, owner: str, before: int, now: int, after: UUID | None) -> Forgotten:
    """Take out what some old answers said that came too late, or could not be read; what they used and cost stays."""
    take_turns(connection, owner)
    where: dict[str, Any] = {} if after is None else {"after": after}
    rows: Sequence[Any] = _beside(first=after is None).rows(connection, owner=owner, before=before, **where)
    uses: dict[str, int] = {}
    with wiping(connection):
        for identifier, was, ended in rows:
            raw = encode(facts_of(decode(was)))
            if raw != was:
                uses |= dict.fromkeys(blobs.referred(was), ended or 0)
                _set_raw(connection, key_owner=owner, key_id=identifier, was=was, raw=raw)
        gone = blobs.drop_unused(connection, owner, uses, now)
    return Forgotten(rows[-1][0] if len(rows) == PAGE else None, gone)
