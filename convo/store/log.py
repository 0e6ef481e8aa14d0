"""Reading the log of a branch: messages in the order of their positions, and what is known of their media."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import attrs
import sqlalchemy as sa

from convo.errors import CorruptStore, IntegrityError
from convo.history import History
from convo.messages import USUAL, Media
from convo.store import tables
from convo.store.columns import Messages, check_hashes
from convo.store.sealed import keyring_of
from convo.store.statements import Statement, micros, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Message

END = (1 << 63) - 1
"""The last position of a segment whose line still grows: the largest bigint."""
SUMMARY = "convo_message.kind = 'summary' AND convo_message.status = 'complete'"
"""A summary that counts, written as the partial index has it, so that both databases see that it serves."""

_M, _S, _A, _B = tables.message.c, tables.segment.c, tables.attachment.c, tables.branch.c
_HELD = tables.segment.alias("held").c


def in_line(source: sa.Table, branch: sa.Column[Any] | None = None) -> sa.ColumnElement[bool]:
    """The rows of `source` that belong to the line of a branch: the one that is asked for, unless another is named.

    The branches that hold rows of a line are looked up first, so that no statistics are needed to begin there.
    """
    line_of: sa.ColumnElement[Any] = sa.bindparam("branch") if branch is None else branch
    sources = sa.select(_HELD.source).where(_HELD.owner == sa.bindparam("owner"), _HELD.branch == line_of)
    if branch is not None:
        sources = sources.correlate(branch.table)
    return sa.and_(
        _S.owner == sa.bindparam("owner"),
        _S.branch == line_of,
        source.c.owner == _S.owner,
        source.c.branch == _S.source,
        one_of(source.c.branch, sources),
        source.c.position.between(_S.first, _S.last),
    )


def line(source: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of `source` that belong to the line of a branch, between two positions; other segments are not looked into."""
    since, until = (sa.bindparam(name, type_=sa.BigInteger) for name in ("since", "until"))
    return sa.and_(in_line(source), _S.first <= until, _S.last >= since, source.c.position.between(since, until))


def _select_messages(columns: Sequence[Any]) -> sa.Select[Any]:
    return sa.select(*columns).where(line(tables.message)).order_by(_S.first, _M.position)


def _select_media() -> sa.Select[Any]:
    columns = (
        _A.position, _A.part, _A.kind, _A.format, _A.digest, _A.size, _A.duration, _A.sample_rate, _A.channels,
        _A.transcript, _A.voice, _A.made_by, _A.translation, micros(_A.dropped_at),
    )  # fmt: skip
    return sa.select(*columns).where(line(tables.attachment)).order_by(_S.first, _A.position, _A.part)


def _select_user_media() -> sa.Select[Any]:
    return _select_media().where(_A.part >= 0)


def _select_hashes(body: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return sa.select(_M.position, body, _M.hash).where(line(tables.message)).order_by(_S.first, _M.position)


_messages = Messages("the messages of a line", _select_messages)
_media = Statement("what is known of the media of a line", _select_media)
_user_media = Statement("what is known of the media that users sent", _select_user_media)
_spoken = Statement(
    "how large the sound of the spoken replies of a line is, and how long",
    lambda: sa.select(_A.position, _A.size, _A.duration).where(line(tables.attachment), _A.part < 0, _A.made_by.is_(None)),
)
_hashes = Statement("the bodies of a line with their hashes", lambda: _select_hashes(_M.body))
_hashes_of_bytes = Statement(
    "the bodies of a line, which may be no text any more, with their hashes",
    lambda: _select_hashes(sa.cast(_M.body, sa.LargeBinary)),
)
_source = Statement("the branch that holds a message of a line", lambda: sa.select(_M.branch).where(line(tables.message)))
_head = Statement(
    "the head of a branch", lambda: sa.select(_B.head).where(_B.owner == sa.bindparam("owner"), _B.id == sa.bindparam("branch"))
)


def head_of(connection: Connection, owner: str, branch: UUID) -> int | None:
    """Give the position of the last message of a branch, None when there is no such branch."""
    found = _head.one(connection, owner=owner, branch=branch)
    return None if found is None else int(found[0])


def load(
    connection: Connection, owner: str, branch: UUID, *, last: int | None = None, media: Literal["all", "user"] = "all",
    before: int | None = None, verify: bool = False,
) -> History:  # fmt: skip
    """Give the history of a branch, or its last messages, or those before a position.

    `media="user"` leaves out what is known of spoken replies. `verify` holds all messages of the line against their hashes.
    """
    part = last is not None or before is not None
    if verify and part:
        check(connection, owner, branch)
    head = 0 if not part else head_of(connection, owner, branch) or 0
    until = END if before is None else min(before - 1, END)
    since = 1 if last is None else max(1, min(head, until) - last + 1)
    messages = between(connection, owner, branch, since, until, media, verify=verify and not part)
    return History(messages, messages[-1].position if messages and before is None else head, branch)


def spoken(connection: Connection, owner: str, branch: UUID, since: int, until: int) -> dict[int, tuple[int, float | None]]:
    """Give the bytes and the seconds of the sound of spoken replies between two positions of a line, kept or let go."""
    rows = _spoken.rows(connection, owner=owner, branch=branch, since=since, until=until)
    return {position: (size, seconds) for position, size, seconds in rows}


def one(connection: Connection, owner: str, branch: UUID, position: int) -> Message | None:
    """Give the message at a position of the line of a branch, with what is known of its media, or None."""
    found = between(connection, owner, branch, position, position, "all")
    return found[0] if found else None


def source_of(connection: Connection, owner: str, branch: UUID, position: int) -> UUID | None:
    """Give the branch that holds the row of a message of a line; None where the line has no such position."""
    at = max(0, min(position, END))
    found = _source.one(connection, owner=owner, branch=branch, since=at, until=at)
    return None if found is None else found[0]


def between(
    connection: Connection, owner: str, branch: UUID, since: int, until: int = END, media: Literal["all", "user"] = "user", *,
    verify: bool = False,
) -> tuple[Message, ...]:  # fmt: skip
    """Give the messages of a line from a position on, or up to another; `media="user"` is that of `load`.

    With `verify`, raises `IntegrityError` at the first that is not what was written.
    """
    where = {"owner": owner, "branch": branch, "since": since, "until": until}
    with named(connection, owner, branch, since, until, verify=verify):
        messages = _messages(connection, verify=verify, **where)
    return described(connection, where, messages, media)


def described(
    connection: Connection, where: dict[str, Any], messages: Sequence[Message], media: str = "user"
) -> tuple[Message, ...]:
    """Give messages with what is known of their media; `where` holds what `line` asks for."""
    if not [m for m in messages if m.facts not in USUAL and m.pieces and (media == "all" or m.role == "user")]:
        return tuple(messages)
    known = _by_position(connection, where, media)
    return tuple(attrs.evolve(m, media=tuple(known[m.position])) if m.position in known else m for m in messages)


def _by_position(connection: Connection, found: dict[str, Any], media: str) -> dict[int, list[Media]]:
    known: dict[int, list[Media]] = {}
    for position, *facts in (_media if media == "all" else _user_media).rows(connection, **found):
        known.setdefault(position, []).append(_piece(*facts))
    return known


def _piece(
    part: int, kind: Any, format_: str | None, digest_: str, size: int, duration: float | None, sample_rate: int | None,
    channels: int | None, transcript: str | None, voice: str | None, made_by: str | None,
    translation: str | None, dropped: int | None,
) -> Media:  # fmt: skip
    return Media(part, kind, format_, digest_, size, duration, sample_rate, channels, transcript, voice, made_by,
        translation, dropped,
    )  # fmt: skip


def check(connection: Connection, owner: str, branch: UUID, since: int = 1, until: int = END) -> int:
    """Give the number of messages of a line whose bodies match their hashes, of all or of those between two positions.

    Raises `IntegrityError` at the first that does not.
    """
    statement = _hashes_of_bytes if connection.dialect.name == "sqlite" and not keyring_of(connection).seals else _hashes
    where = {"owner": owner, "branch": branch, "since": since, "until": until}
    try:
        rows = statement.rows(connection, **where)
    except CorruptStore:
        _name_no_text(connection, where)
        raise
    check_hashes(connection, owner, rows, 1)
    return len(rows)


def _name_no_text(connection: Connection, where: dict[str, Any]) -> None:
    """Raise `IntegrityError` for the first sealed body of a line that is no text any more."""
    for position, body, _ in _hashes_of_bytes.rows(connection, **where):
        try:
            body.decode()
        except UnicodeDecodeError:
            raise IntegrityError(position) from None


@contextmanager
def named(connection: Connection, owner: str, branch: UUID, since: int, until: int, *, verify: bool) -> Iterator[None]:
    """With `verify`, have `IntegrityError` name a message that is no text any more, which keeps all others from being read."""
    try:
        yield
    except CorruptStore:
        if verify:
            check(connection, owner, branch, since, until)
        raise
