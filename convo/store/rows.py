"""The rows behind the tables of `convo.analysis`: the statement of each, for a span of conversations.

Values come as the driver gives them: instants in microseconds, money in 10**-12, ids as bytes (SQLite) or text. A
cursor of the driver is read, past the types of SQLAlchemy: at a million rows they take longer than all else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.errors import CorruptStore
from convo.sealing.form import SEALED
from convo.sealing.keyring import PLAIN
from convo.store import quick, quick_columns, tables
from convo.store.columns import FACTS, facts
from convo.store.faults import code_of
from convo.store.sealed import keyring_of, open_rows, opening
from convo.store.spans import (
    at_positions,
    conditions,
    has_exchange,
    has_message,
    in_schema,
    inside,
    is_made,
    is_shared,
    line_of,
    shown,
)
from convo.store.statements import micros
from convo.store.totals import USAGE_COLUMNS
from convo.store.types import Id, Instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from convo.store.background import Coming
    from convo.store.spans import Span, Wanted

    Rows = Sequence[Sequence[Any]]

_C, _B, _S, _M = tables.conversation.c, tables.branch.c, tables.segment.c, tables.message.c
_A, _X = tables.attachment.c, tables.exchange.c


class Found(NamedTuple):
    """Rows with the names of their columns, and other rows that go with them."""

    names: tuple[str, ...]
    rows: Rows
    beside: Mapping[str, Rows]


class Asked(NamedTuple):
    """What is asked for: the names of columns, and a statement; and the same for `quick`, where values may be as they are stored.

    With a last column `number`, its rows may come in any order, and are put in that of `number` and `position`.
    """

    names: tuple[str, ...]
    statement: sa.Select[Any]
    raw: sa.Select[Any]


class Ahead(NamedTuple):
    """What was asked for, and its rows, which come."""

    asked: Asked
    rows: Coming


def ahead(connection: Connection, table: str, wanted: Wanted, span: Span) -> Ahead | None:
    """Have the rows of a span come, where they do while something else is done; None where they do not."""
    source = SOURCES[table]
    if source.asked is None:
        return None
    asked = source.asked(connection, wanted, span)
    coming = quick.ahead(connection, asked.raw)
    return None if coming is None else Ahead(asked, coming)


def fetched_many(connection: Connection, asked: Asked, span: Span, coming: Ahead | None) -> Any:
    """Give rows as `fetched` does, or as a `pyarrow.Table` where that is faster and possible."""
    found = quick.fetched(connection, asked.raw, span.rows, None if coming is None else coming.rows)
    return fetched(connection, asked.statement) if found is None else found


def fetched(connection: Connection, statement: sa.Select[Any]) -> Rows:
    """Run a statement and give its rows as the driver has them, sealed values opened. Raises `CorruptStore`."""
    keyring = keyring_of(connection)
    how = opening(statement, keyring)
    result = connection.execute(how.statement, execution_options=in_schema(connection))
    cursor: Any = result.cursor
    try:
        rows: Rows = cursor.fetchall()
    except connection.dialect.loaded_dbapi.Error as error:
        if code_of(error):
            raise
        raise CorruptStore from None  # SQLite read what is no text any more; its error would tell the text
    finally:
        result.close()
    return open_rows(keyring, how, rows) if how.reads else rows


def _plain(connection: Connection, column: Any) -> Any:
    """Give an id or an instant as it is cheapest to read."""
    if isinstance(column.type, Id):
        return sa.cast(column, sa.Text) if connection.dialect.name == "postgresql" else sa.type_coerce(column, sa.types.NullType)
    return micros(column) if isinstance(column.type, Instant) else column


def _stored(column: Any) -> Any:
    """Give a value of PostgreSQL with nothing to be worked out by the server: an id in its bytes, an instant as it is."""
    return sa.func.uuid_send(column, type_=sa.LargeBinary) if isinstance(column.type, Id) else column


def _named(connection: Connection, columns: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Any]]:
    return tuple(columns), [_plain(connection, column).label(name) for name, column in columns.items()]


# --- conversations ---------------------------------------------------------------------------------


def conversations(connection: Connection, wanted: Wanted, span: Span, coming: Ahead | None) -> Found:
    """Give conversations."""
    asked = _conversations(connection, wanted, span) if coming is None else coming.asked
    return Found(asked.names, fetched_many(connection, asked, span, coming), {})


def _conversations(connection: Connection, wanted: Wanted, span: Span) -> Asked:
    origin, source = tables.branch.alias("origin"), tables.branch.alias("source")
    forks = (
        sa.select(origin.c.forked_at)
        .join_from(origin, source, (source.c.owner == origin.c.owner) & (source.c.id == origin.c.parent))
        .where(origin.c.owner == _C.owner, origin.c.conversation == _C.id, origin.c.state != sa.literal_column(_KEPT))
        .where(source.c.conversation != _C.id)
        .order_by(origin.c.created_at, origin.c.id)
        .limit(1)
        .correlate(tables.conversation)
    )
    of = forks.with_only_columns(_plain(connection, source.c.conversation))
    names, columns = _named(
        connection,
        {
            "owner": _C.owner, "conversation": _C.id, "key": _C.key, "title": _C.title, "created_at": _C.created_at,
            "messages": _B.head, "branch": _C.branch, "forked_from": of.scalar_subquery(), "forked_at": forks.scalar_subquery(),
            "hold": _C.hold, "metadata": _C.metadata,
        },
    )  # fmt: skip
    statement = (
        sa.select(*columns)
        .join_from(tables.conversation, tables.branch, (_B.owner == _C.owner) & (_B.id == _C.branch))
        .where(*inside(span), *conditions(connection, wanted), *wanted.within(_C.created_at))
        .order_by(_C.owner, _C.id)
    )
    return Asked(names, statement, statement)


_KEPT = f"'{tables.KEPT}'"


# --- messages --------------------------------------------------------------------------------------


def messages(connection: Connection, wanted: Wanted, span: Span, coming: Ahead | None) -> Found:
    """Give messages. `body` is there where something of it is needed: all of it in an encrypted store, else calls of tools.

    Beside them: the roles of all messages of the span, where the rows are not all; transcripts, where texts are encrypted.
    Where only what is younger is not wanted, that is little: it is there, marked, and turns are counted in the same pass.
    """
    asked = _messages(connection, wanted, span) if coming is None else coming.asked
    rows = fetched_many(connection, asked, span, coming)
    beside: dict[str, Rows] = {}
    if wanted.since is not None:  # after the rows: of what is written meanwhile there is a role, too
        line = shown(connection, wanted, span)
        place = {"owner": line.c.owner, "conversation": line.c.id, "branch": _M.branch, "position": _M.position}
        columns = _named(connection, {**place, "role": _M.role})[1]
        beside["roles"] = fetched(connection, line_of(connection, line, span, *columns))
    if keyring_of(connection).seals:
        beside["transcripts"] = _transcripts(connection, wanted, span)
    elif isinstance(rows, list):
        _check_readable(rows, asked.names.index("body"))
    else:
        rows = quick_columns.spread(rows, _FACTS, _said, asked.names)
    return Found(asked.names, rows, beside)


def _messages(connection: Connection, wanted: Wanted, span: Span) -> Asked:
    line = shown(connection, wanted, span)
    whole = wanted.since is None and wanted.until is not None
    columns = {
        "owner": line.c.owner, "conversation": line.c.id, "position": _M.position, "role": _M.role, "kind": _M.kind,
        "status": _M.status, "text": _M.text, "created_at": _M.created_at, "model": _M.model, "api": _M.api,
        "exchange": _M.exchange, "media": _M.pieces, "text_tokens": _M.text_tokens, "audio_tokens": _M.audio_tokens,
        "pinned": _M.pinned, "branch": _M.branch, "shared": is_shared(line), "metadata": _M.metadata,
        "body": _M.body if keyring_of(connection).seals else _needed_body(connection),
        **({"within": _M.created_at < wanted.until} if whole else {}),
    }  # fmt: skip
    names, plain = _named(connection, columns)
    shared = sa.case((is_shared(line), sa.literal_column("'1'")), else_=sa.literal_column("'0'"))
    said = facts((line.c.source == line.c.branch, shared))
    light = {_FACTS: said, **{name: column for name, column in columns.items() if name not in _AS_FACTS}}
    statement, raw = line_of(connection, line, span, *plain), line_of(connection, line, span, *_named(connection, light)[1])
    if wanted.since is not None:
        within = wanted.within(_M.created_at)
        return Asked(names, statement.where(*within), raw.where(*within))
    if connection.dialect.name == "postgresql":
        stored = [_stored(column).label(name) for name, column in light.items()]
        raw = line_of(connection, line, span, *stored, line.c.number).order_by(None)
    return Asked(names, statement, raw)


_FACTS = "facts"
_AS_FACTS = ("role", "kind", "status", "api", "media", "pinned", "shared")
"""What most messages have in common: for `quick`, which is faster the fewer cells there are, one column says it."""


def _said(written: str | None) -> dict[str, str | int | bool]:
    """Give the columns that `_AS_FACTS` names. Raises `CorruptStore`."""
    shared = "0"
    if written is not None and "/" in written:
        written, _, shared = written.rpartition("/")
    found = FACTS[written]
    values = (found.role, found.kind, found.status, found.api, found.pieces, found.pinned, shared == "1")
    return dict(zip(_AS_FACTS, values, strict=True))


def _check_readable(rows: Rows, at: int) -> None:
    """Raise `KeyUnavailable` for a message that is encrypted where nothing opens it."""
    for row in rows:
        if row[at] is not None and row[at].startswith(SEALED):
            PLAIN.open_text("convo_message.body", row[0], (), row[at])


def _needed_body(connection: Connection) -> Any:
    """The body of a message that calls a tool, or answers one; and one that is encrypted, so that it is noticed."""
    if connection.dialect.name == "postgresql":
        calls: sa.ColumnElement[bool] = _M.body.like(sa.literal_column(f"'%\\{_CALL}%'"))
        sealed: sa.ColumnElement[bool] = _M.body.like(sa.literal_column(f"'{SEALED}%'"))
    else:
        calls = sa.func.instr(_M.body, sa.literal_column(f"'{_CALL}'")) > sa.literal_column("0")
        sealed = sa.func.substr(_M.body, 1, len(SEALED)) == sa.literal_column(f"'{SEALED}'")
    needed = (_M.role == sa.literal_column("'tool'")) | sa.and_(_M.role == sa.literal_column("'assistant'"), calls)
    return sa.case((needed | sealed, _M.body))


_CALL = "_call"
"""What both `tool_calls` and `function_call` hold: a body is searched once."""


def _transcripts(connection: Connection, wanted: Wanted, span: Span) -> Rows:
    _, columns = _named(
        connection,
        {
            "owner": _M.owner, "branch": _M.branch, "position": _M.position, "part": _A.part, "kind": _A.kind,
            "format": _A.format, "digest": _A.digest, "size": _A.size, "transcript": _A.transcript,
        },
    )  # fmt: skip
    return fetched(
        connection,
        _with_media(line_of(connection, shown(connection, wanted, span), span, *columns)).where(_A.transcript.is_not(None)),
    )


def _with_media(statement: sa.Select[Any]) -> sa.Select[Any]:
    same = (_A.owner == _M.owner) & (_A.branch == _M.branch) & (_A.position == _M.position)
    return statement.join(tables.attachment, same).order_by(_A.part)


# --- audio -----------------------------------------------------------------------------------------


def audio(connection: Connection, wanted: Wanted, span: Span, coming: Ahead | None) -> Found:
    """Give recordings and speech."""
    asked = _audio(connection, wanted, span) if coming is None else coming.asked
    return Found(asked.names, fetched_many(connection, asked, span, coming), {})


def _audio(connection: Connection, wanted: Wanted, span: Span) -> Asked:
    line = shown(connection, wanted, span)
    reply = (_A.part < 0) & _A.made_by.is_(None)
    source = sa.case((_A.made_by.is_not(None), "speech"), (_A.part < 0, "reply"), else_="recording")
    names, columns = _named(
        connection,
        {
            "owner": line.c.owner, "conversation": line.c.id, "position": _M.position, "part": _A.part, "source": source,
            "role": _M.role, "created_at": _M.created_at, "duration_seconds": _A.duration, "format": _A.format,
            "sample_rate_hz": _A.sample_rate, "channels": _A.channels, "size_bytes": _A.size, "transcript": _A.transcript,
            "translation": _A.translation, "voice": _A.voice, "model": _M.model, "made_by": _A.made_by,
            "audio_id": sa.case((reply, _M.audio_id)), "expires_at": micros(sa.case((reply, _M.audio_expires_at))),
            "dropped_at": _A.dropped_at, "digest": _A.digest, "exchange": _M.exchange, "branch": _M.branch,
            "shared": is_shared(line),
        },
    )  # fmt: skip
    statement = _with_media(line_of(connection, line, span, *columns))
    statement = statement.where(_A.kind == sa.literal_column("'audio'"), *wanted.within(_M.created_at))
    return Asked(names, statement, statement)


# --- exchanges -------------------------------------------------------------------------------------


def exchanges(connection: Connection, wanted: Wanted, span: Span, coming: None) -> Found:
    """Give calls, in each conversation in the order of their begin."""
    del coming
    same = (
        "branch", "started_at", "status", "api", "model", "answered_by", "instead_of", "origin", "key", "attempt", "asked_first",
        "asked_last", "seen", "position", "first_byte_at", "finished_at", "finish_reason", "error", "retries", "recoveries",
        "asked_speech", "spoken", "voice", "format", "estimated_tokens", *USAGE_COLUMNS, "cost", "currency",
        *(f"cost_{kind}" for kind in tables.COST_KINDS), "price_table", "sent_references", "sent_transcripts", "saved_bytes",
        "saved_tokens", "request_id",
    )  # fmt: skip
    names, columns = _named(
        connection,
        {"owner": _X.owner, "conversation": _X.conversation, "exchange": _X.id, **{name: _X[name] for name in same}},
    )
    return Found(names, fetched(connection, _calls(connection, wanted, span, columns).where(*wanted.within(_X.started_at))), {})


def _calls(connection: Connection, wanted: Wanted, span: Span, columns: Sequence[Any]) -> sa.Select[Any]:
    """Calls of conversations; of a part of a long one, those that asked at its positions."""
    statement = (
        sa.select(*columns)
        .join_from(tables.exchange, tables.conversation, (_C.owner == _X.owner) & (_C.id == _X.conversation))
        .where(*inside(span, _X.owner, _X.conversation), *conditions(connection, wanted))
        .where(_X.status != sa.literal_column("'added'"))
        .order_by(_X.owner, _X.conversation, _X.started_at, _X.id)
    )
    return statement.where(*at_positions(span, _X.asked_first))


# --- turns -----------------------------------------------------------------------------------------

TURN_MESSAGE = ("owner", "conversation", "position", "role", "status", "created_at", "model", "branch", "shared")
TURN_CALL = (
    "owner", "conversation", "branch", "asked_first", "asked_last", "seen", "position", "status", "started_at", "first_byte_at",
    "input_tokens", "output_tokens", "cost", "currency",
)  # fmt: skip


def turns(connection: Connection, wanted: Wanted, span: Span, coming: None) -> Found:
    """Give what turns are made of: messages without what they say, beside them the seconds of audio, and the calls."""
    del coming
    line = shown(connection, wanted, span)
    place = {"owner": line.c.owner, "conversation": line.c.id, "position": _M.position, "role": _M.role}
    more = {"status": _M.status, "created_at": _M.created_at, "model": _M.model, "branch": _M.branch}
    _, light = _named(connection, {**place, **more, "shared": is_shared(line)})
    own = sa.case((_A.made_by.is_(None), _A.duration))
    _, heard = _named(connection, {**place, "own": own, "made": _A.duration})
    _, calls = _named(connection, {"owner": _X.owner, **{name: _X[name] for name in TURN_CALL[1:]}})
    audible = _with_media(line_of(connection, line, span, *heard)).where(_A.kind == sa.literal_column("'audio'"))
    beside = {
        "audio": fetched(connection, audible),
        "calls": fetched(connection, _calls(connection, wanted, span, calls)),
    }
    return Found(TURN_MESSAGE, fetched(connection, line_of(connection, line, span, *light)), beside)


class Source(NamedTuple):
    """How a table is read.

    `rows` are those of a span, and `asked` what is asked for where they may come ahead; `held` tells which conversations
    have any, `weighs` what a page weighs, and `splits` whether it may be a part of a conversation.
    """

    rows: Any
    asked: Any
    held: Any
    weighs: bool
    splits: bool


SOURCES: Mapping[str, Source] = {
    "conversations": Source(conversations, _conversations, is_made, weighs=False, splits=False),
    "messages": Source(messages, _messages, has_message, weighs=True, splits=True),
    "audio": Source(audio, _audio, has_message, weighs=True, splits=True),
    "exchanges": Source(exchanges, None, has_exchange, weighs=True, splits=True),
    "turns": Source(turns, None, has_message, weighs=True, splits=False),
}
