"""Audio that is let go: its row stays, with what is known of it, and says so; its bytes go when nothing else needs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import sqlalchemy as sa

from convo.store import blobs, holds, tables
from convo.store.statements import Statement, micros
from convo.store.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.blobs import Held

_A, _M, _S, _X, _B = tables.attachment.c, tables.message.c, tables.segment.c, tables.exchange.c, tables.branch.c
_LINE = tables.segment.alias("line")
_L, _H = _LINE.c, tables.blob.c
Due = Literal["replies", "answered", "old"]
"""What is let go: the audio of replies; recordings of users that were answered, too; or all audio before a time."""
_CALLS: list[sa.ColumnElement[str]] = [sa.literal_column("'tool_calls'"), sa.literal_column("'function_call'")]
"""Ends of replies that have not answered yet: the next request needs the recording again."""
_REALTIME: sa.ColumnElement[str] = sa.literal_column("'realtime'")
BATCH = 100
"""Recordings that one transaction lets go."""


class LetGo(NamedTuple):
    """What one transaction let go: how many pieces of audio, and the bytes that are gone with them."""

    recordings: int
    gone: list[Held]


def _is_kept() -> sa.ColumnElement[bool]:
    return (_A.kind == sa.literal_column("'audio'")) & _A.dropped_at.is_(None) & ~holds.shows(tables.attachment)


def _message_of() -> sa.ColumnElement[bool]:
    return (_M.owner == _A.owner) & (_M.branch == _A.branch) & (_M.position == _A.position)


def _was_answered() -> sa.ColumnElement[bool]:
    """Whether a reply answers a recording on a line, and on each of the lines that are shown with the recording on them.

    A reply answers it that is whole, asks for no tool, and whose request held the recording: speech that was made of a text
    does not, nor does a message that was added or imported, nor a reply whose request came before the recording.
    """
    shown = (
        sa.select(_L.branch)
        .join(tables.branch, (_B.owner == _L.owner) & (_B.id == _L.branch))
        .where(*_with_recording(_L), _B.state == sa.literal_column(f"'{tables.SHOWN}'"), ~sa.exists(_replies(_L.branch)))
    )
    return sa.exists(_replies(None).correlate(tables.attachment)) & ~sa.exists(shown.correlate(tables.attachment))


def _with_recording(segment: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return (segment.owner == _A.owner, segment.source == _A.branch, _A.position.between(segment.first, segment.last))


def _replies(line: Any) -> sa.Select[Any]:
    """The replies that answer a recording, on a line, or on any that has it."""
    found = (
        sa.select(_X.id)
        .join_from(tables.segment, tables.exchange, (_X.owner == _S.owner) & (_X.branch == _S.source))
        .where(_S.owner == _A.owner, _X.position.between(_S.first, _S.last), _X.position > _A.position)
        .where(_X.seen >= _A.position, _X.status == sa.literal_column("'done'"))
        .where(_X.finish_reason.is_(None) | _X.finish_reason.not_in(_CALLS))
        .where((_X.api != _REALTIME) | _of_session())
    )
    if line is not None:
        return found.where(_S.branch == line).correlate(tables.attachment, _LINE)
    lines = sa.select(_L.branch).where(*_with_recording(_L)).correlate(tables.attachment)
    return found.where(_S.branch.in_(lines))


def _of_session() -> sa.ColumnElement[bool]:
    """A session has heard what its own items brought, and nothing that was added to the log beside it."""
    item = sa.select(_M.position).where(_message_of(), _M.api == _REALTIME)
    return sa.exists(item.correlate(tables.attachment))


@cache
def due(what: Due) -> sa.ColumnElement[bool]:
    """Give the condition that audio of a row of `convo_attachment` is to be let go; `cutoff` is a parameter of "old"."""
    role = {"replies": _M.role == "assistant", "answered": _was_answered() | (_M.role == "assistant"), "old": sa.true()}[what]
    if what == "old":
        role = _M.created_at < sa.bindparam("cutoff", type_=_M.created_at.type)
    message = sa.exists(sa.select(_M.position).where(_message_of(), role).correlate(tables.attachment))
    return sa.and_(_is_kept(), message)


_KEYS = (_A.branch, _A.position, _A.part)


@cache
def _let_go(what: Due) -> Statement:
    def build() -> Any:
        chosen = (
            sa.select(*_KEYS).where(_A.owner == sa.bindparam("owner"), due(what)).limit(sa.bindparam("limit", type_=sa.Integer))
        )
        return _dropping(chosen)

    return Statement("let audio go", build)


def _dropping(chosen: sa.Select[Any]) -> Any:
    inner = chosen.subquery("chosen")
    return (
        sa.update(tables.attachment)
        .where(_A.owner == sa.bindparam("key_owner"), _A.dropped_at.is_(None))
        .where(sa.tuple_(*_KEYS).in_(sa.select(inner)))
        .values(dropped_at=sa.bindparam("now", type_=_A.dropped_at.type))
        .returning(_A.branch, _A.position, _A.digest)
    )


def _select_answered() -> Any:
    line = (
        sa.select(*_KEYS)
        .join_from(tables.segment, tables.attachment, (_A.owner == _S.owner) & (_A.branch == _S.source))
        .join(tables.message, _message_of())
        .where(_S.owner == sa.bindparam("owner"), _S.branch == sa.bindparam("branch"))
        .where(_A.position.between(_S.first, _S.last), _A.position <= sa.bindparam("last", type_=sa.BigInteger))
        .where(_is_kept(), _M.role == sa.literal_column("'user'"), _was_answered())
    )
    return _dropping(line)


_let_answered_go = Statement("let the recordings go that a reply has answered", _select_answered)
_created = Statement(
    "when a message entered the log",
    lambda: sa.select(micros(_M.created_at)).where(
        _M.owner == sa.bindparam("owner"), _M.branch == sa.bindparam("branch"), _M.position == sa.bindparam("position")
    ),
)


def answered(connection: Connection, owner: str, branch: UUID, position: int, now: int) -> LetGo:
    """Let the recordings of users go that a branch shows before its reply at `position`, and that were answered."""
    take_turns(connection, owner)
    rows = _let_answered_go.rows(connection, owner=owner, key_owner=owner, branch=branch, last=position, now=now)
    return _gone(connection, owner, rows, now)


def let_go(connection: Connection, owner: str, what: Due, cutoff: int | None, now: int) -> LetGo:
    """Let some of the audio go that is due, at most `BATCH` pieces of it; none: nothing is due any more."""
    take_turns(connection, owner)
    times: Mapping[str, int | None] = {"cutoff": cutoff} if what == "old" else {}
    rows = _let_go(what).rows(connection, owner=owner, key_owner=owner, limit=BATCH, now=now, **times)
    return _gone(connection, owner, rows, now)


def collect(connection: Connection, owner: str, digests: Sequence[str], now: int) -> list[Held]:
    """Delete bytes that nothing refers to, in turn with others who delete (see `blobs.collect`)."""
    take_turns(connection, owner)
    return blobs.collect(connection, owner, digests, now)


def _gone(connection: Connection, owner: str, rows: Sequence[Sequence[Any]], now: int) -> LetGo:
    """Delete the bytes as far as nothing needs them; those that somebody has put since their message stay a while."""
    uses: dict[str, int] = {}
    for branch, position, digest in rows:
        row = _created.one(connection, owner=owner, branch=branch, position=position)
        uses[digest] = max(uses.get(digest, 0), min(row[0], now) if row else 0)
    return LetGo(len(rows), blobs.drop_unused(connection, owner, uses, now))


# --- before it is done -----------------------------------------------------------------------------


def count_due(connection: Connection, owner: str, what: Due, cutoff: int | None) -> int:
    """Count the audio that is to be let go."""
    statement = sa.select(sa.func.count()).select_from(tables.attachment).where(_A.owner == owner, due(what))
    return int(_run(connection, statement, cutoff, what).scalar_one())


def count_unused(connection: Connection, owner: str, what: Due | None, cutoff: int | None, now: int) -> tuple[int, int]:
    """Count the bytes that would be deleted once what is due was let go: blobs, and their bytes."""
    unreferred = ~blobs.referred_to(due(what) if what is not None else None, owner)
    statement = (
        sa.select(sa.func.count(), sa.cast(sa.func.coalesce(sa.func.sum(_H.size), 0), sa.BigInteger))
        .select_from(tables.blob)
        .where(_H.owner == owner, unreferred, _H.created_at < now - blobs.COLLECTED_AFTER)
    )
    number, volume = _run(connection, statement, cutoff, what).one()
    return int(number), int(volume)


def _run(connection: Connection, statement: Any, cutoff: int | None, what: Due | None) -> Any:
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    return connection.execute(statement, {"cutoff": cutoff} if what == "old" else {}, execution_options=options)
