"""Texts of users' recordings: which are missing, and how they come into the database; bodies stay as they are.

A recording has two: its transcript, which is part of what its message says, and its translation into English, which is not.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import attrs
import sqlalchemy as sa

from convo.canonical import decode, printable
from convo.content import TEXT_COLUMN
from convo.errors import InputError, RecordingNotFound
from convo.messages import Media, text_of
from convo.store import branches, exchanges, tables
from convo.store.rewriting import forget_words
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

_A, _M, _B, _S, _C = tables.attachment.c, tables.message.c, tables.branch.c, tables.segment.c, tables.conversation.c
Place = tuple["UUID", int]
"""The branch that holds the row of a message, and its position."""
Text = Literal["transcript", "translation"]
"""The column of a recording that holds one of its texts."""


@attrs.frozen
class Recording:
    """One recording without a text: its bytes by their digest, and the newest place where a conversation shows it.

    `duration` is in seconds, None where it is not known.
    """

    digest: str
    format: str | None
    duration: float | None
    conversation: UUID
    branch: UUID
    position: int


# --- what is missing -------------------------------------------------------------------------------


def missing(
    connection: Connection, owner: str, text: Text = "transcript", *, conversation: UUID | None = None,
    since: int | None = None, until: int | None = None,
) -> list[Recording]:  # fmt: skip
    """Give the recordings without this text that conversations show, newest first, the same bytes once; whose bytes are kept.

    `since` and `until` (not included) are of their messages. Raises `ConversationNotFound`.
    """
    if conversation is not None:
        branches.shown(connection, owner, conversation)
    statement = _select_missing(owner, text)
    for condition in (
        None if conversation is None else _B.conversation == conversation,
        None if since is None else _M.created_at >= since,
        None if until is None else _M.created_at < until,
    ):
        if condition is not None:
            statement = statement.where(condition)
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    found: dict[str, Recording] = {}
    for row in connection.execute(statement, execution_options=options):
        found.setdefault(row[0], Recording(*row))
    return list(found.values())


def _select_missing(owner: str, text: Text) -> sa.Select[Any]:
    on_message = (_M.owner == _A.owner) & (_M.branch == _A.branch) & (_M.position == _A.position)
    on_line = (_S.owner == _A.owner) & (_S.source == _A.branch) & _A.position.between(_S.first, _S.last)
    on_branch = (_B.owner == _S.owner) & (_B.id == _S.branch)
    return (
        sa.select(_A.digest, _A.format, _A.duration, _B.conversation, _B.id, _A.position)
        .join_from(tables.attachment, tables.message, on_message)
        .join(tables.segment, on_line)
        .join(tables.branch, on_branch)
        .where(
            _A.owner == owner,
            _is_recording(),
            _A[text].is_(None),
            _A.dropped_at.is_(None),
            _M.role == "user",
            _B.state == tables.SHOWN,
        )
        .order_by(_M.created_at.desc(), _A.position.desc(), _A.branch, _A.part)
    )


def _is_recording() -> sa.ColumnElement[bool]:
    return (_A.kind == sa.literal_column("'audio'")) & (_A.part >= sa.literal_column("0"))


@cache
def _of_bytes(text: Text) -> Statement:
    def build() -> sa.Select[Any]:
        keys = (_A.owner == sa.bindparam("owner"), _A.digest == sa.bindparam("digest"))
        return sa.select(_A.branch, _A.position, _A[text]).where(*keys, _is_recording()).order_by(_A.branch, _A.position, _A.part)

    return Statement("the recordings of the same bytes", build)


def known(connection: Connection, owner: str, digest: str, text: Text = "transcript") -> tuple[list[Place], str | None]:
    """Give the messages that hold these bytes without this text, and the one that the same bytes have elsewhere."""
    rows = _of_bytes(text).rows(connection, owner=owner, digest=digest)
    texts = [said for _, _, said in rows if said is not None]
    return list(dict.fromkeys((row[0], row[1]) for row in rows if row[2] is None)), texts[0] if texts else None


# --- writing ---------------------------------------------------------------------------------------

_locked_keys = (_M.owner == sa.bindparam("key_owner"), _M.branch == sa.bindparam("key_branch"))
_lock = Statement(
    "lock a message of a user",
    lambda: (
        sa.update(tables.message)
        .where(*_locked_keys, _M.position == sa.bindparam("key_position"), _M.role == sa.literal_column("'user'"))
        .values(text=_M.text)
        .returning(_M.body)
    ),
)


def _lock_of_line() -> Any:
    line = (
        sa.select(_S.source)
        .join_from(tables.conversation, tables.segment, (_S.owner == _C.owner) & (_S.branch == _C.branch))
        .where(_C.owner == sa.bindparam("key_owner"), _C.id == sa.bindparam("conversation"))
        .where(sa.bindparam("key_position", type_=sa.BigInteger).between(_S.first, _S.last))
    )
    keys = (_M.owner == sa.bindparam("key_owner"), _M.position == sa.bindparam("key_position"))
    return (
        sa.update(tables.message)
        .where(*keys, _M.branch == line.scalar_subquery(), _M.role == sa.literal_column("'user'"))
        .values(text=_M.text)
        .returning(_M.branch, _M.body)
    )


_lock_shown = Statement("lock a message that a conversation shows", _lock_of_line)
_at_keys = (
    _A.owner == sa.bindparam("key_owner"), _A.branch == sa.bindparam("key_branch"), _A.position == sa.bindparam("key_position"),
)  # fmt: skip


@cache
def _fill(text: Text) -> Statement:
    def build() -> sa.Update:
        where = (*_at_keys, _A.digest == sa.bindparam("key_digest"), _is_recording(), _A[text].is_(None))
        return sa.update(tables.attachment).where(*where).values({text: sa.bindparam(text, type_=sa.Text)})

    return Statement("give recordings of these bytes their text, unless they have one", build)


_set = Statement(
    "set the transcript of one recording",
    lambda: (
        sa.update(tables.attachment)
        .where(*_at_keys, _A.part == sa.bindparam("key_part"))
        .values(transcript=sa.bindparam("transcript"))
    ),
)
_pieces = Statement(
    "the media of a message", lambda: sa.select(_A.part, _A.kind, _A.digest, _A.transcript).where(*_at_keys).order_by(_A.part)
)
_write_text = Statement(
    "say again what was written or said in a message",
    lambda: (
        sa.update(tables.message)
        .where(*_locked_keys, _M.position == sa.bindparam("key_position"))
        .values(text=sa.bindparam("text"))
    ),
)


def fill(
    connection: Connection, owner: str, digest: str, places: Sequence[Place], said: str, calls: Sequence[Mapping[str, Any]],
    text: Text = "transcript",
) -> None:  # fmt: skip
    """Give the recordings of these bytes that lack this text what is `said`; the first to come stays.

    `calls` are the rows of the calls that gave it, kept whether or not the text is still wanted: they were billed.
    """
    exchanges.keep_calls(connection, calls)
    for branch, position in sorted(places):
        where = {"key_owner": owner, "key_branch": branch, "key_position": position}
        locked = _lock.one(connection, **where)
        if locked is not None:
            _fill(text)(connection, **where, key_digest=digest, **{text: said})
            if text == "transcript":
                _say_again(connection, where, locked[0])


def put(connection: Connection, owner: str, conversation: UUID, position: int, part: int | None, transcript: str | None) -> None:
    """Set the transcript of one recording, or take it away. Raises `RecordingNotFound`, `InputError`, `ConversationNotFound`."""
    locked = _lock_shown.one(connection, key_owner=owner, conversation=conversation, key_position=position)
    if locked is None:
        branches.shown(connection, owner, conversation)
        raise RecordingNotFound(position, part)
    branch, body = locked
    where = {"key_owner": owner, "key_branch": branch, "key_position": position}
    parts = {number: digest for number, kind, digest, _ in _pieces.rows(connection, **where) if kind == "audio"}
    chosen = _one_of([*parts], position, part)
    _set(connection, **where, key_part=chosen, key_digest=parts[chosen], transcript=transcript)
    _say_again(connection, where, body)


def _one_of(parts: Sequence[int], position: int, part: int | None) -> int:
    if not parts or (part is not None and part not in parts):
        raise RecordingNotFound(position, part)
    if part is None and len(parts) > 1:
        reason = f"message {position} holds {len(parts)} recordings; say which: part= one of {', '.join(map(str, parts))}"
        raise InputError(reason)
    return parts[0] if part is None else part


def _say_again(connection: Connection, where: Mapping[str, Any], body: str) -> None:
    """Derive the text of a message anew, and have it indexed again. The message is locked: parts are set one at a time."""
    rows = _pieces.rows(connection, **where)
    media = tuple(Media(part, kind, None, "", 0, transcript=said) for part, kind, _, said in rows)
    _write_text(connection, **where, text=printable(text_of(decode(body), media), TEXT_COLUMN))
    forget_words(connection, **{name.removeprefix("key_"): value for name, value in where.items()})
