"""The one way in which messages enter the log: the row of the branch is moved under a guard, and all else follows it.

On PostgreSQL everything is one statement, so that it needs no transaction around it and the rows of a reply are
never split by another writer. SQLite has one writer at a time anyway: there it is one statement after the other.
"""

from __future__ import annotations

from enum import Enum
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.canonical import digest
from convo.store import memories, tables
from convo.store.log import END, head_of
from convo.store.sealed import keyring_of, seal_row
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.budget import Spending
    from convo.messages import Draft, Media


class Guard(Enum):
    """What must hold of the branch for the messages to enter, and what happens to its pending exchange."""

    ADD = "the branch is shown; the pending exchange stays; with a key, not known yet"
    BEGIN = "the branch is shown, no exchange pending; this one becomes pending"
    COMPLETE = "this attempt of this exchange is pending; nothing is afterwards"
    DURING = "this attempt of this exchange is pending, and stays so"
    RECORD = "its conversation is there; the exchange is done at once"


@attrs.frozen
class Entry:
    """What enters: drafts with their time, and the rows that go with them.

    `exchange` holds columns of `convo_exchange`; for BEGIN and RECORD a new row, for COMPLETE what changes.
    `memory` holds a whole row of `convo_memory`. `expected` is the head that the caller has seen.
    `spending` is what the exchange that begins needs, where there are budgets.
    """

    owner: str
    branch: UUID
    now: int
    drafts: Sequence[Draft]
    exchange_id: UUID | None = None
    attempt: int = 0
    lease_until: int | None = None
    exchange: Mapping[str, Any] = attrs.field(factory=dict)
    memory: Mapping[str, Any] | None = None
    expected: int | None = None
    spending: Spending | None = None
    head: int | None = None
    """How far the log is known to be: where content is sealed, that is done for the positions behind it."""


def append(connection: Connection, guard: Guard, entry: Entry) -> int | None:
    """Append the drafts and give the new head; None, and nothing written, when the guard does not hold."""
    if connection.dialect.name != "postgresql":
        return append_in_steps(connection, guard, entry)
    if keyring_of(connection).seals and entry.drafts:
        return _append_sealed(connection, guard, entry)
    return _append_at_once(connection, guard, entry)


# --- the guarded move of the branch ----------------------------------------------------------------

_B, _M, _A, _X = tables.branch.c, tables.message.c, tables.attachment.c, tables.exchange.c


def _move(guard: Guard, *, keyed: bool, expecting: bool, instructs: bool) -> sa.Update:
    count = sa.bindparam("count", type_=sa.BigInteger)
    statement = sa.update(tables.branch).where(_B.owner == sa.bindparam("owner"), _B.id == sa.bindparam("branch"))
    if guard in (Guard.ADD, Guard.BEGIN):
        statement = statement.where(_B.state == sa.literal_column(f"'{tables.SHOWN}'"))
    if guard is Guard.RECORD:
        statement = statement.where(_B.state != sa.literal_column(f"'{tables.KEPT}'"))
    if guard is Guard.BEGIN:
        begun: dict[str, Any] = {
            "pending": sa.bindparam("exchange_id"),
            "attempt": sa.literal_column("1"),
            "lease_until": sa.bindparam("lease_until"),
        }
        statement = statement.where(_B.pending.is_(None)).values(**begun)
    elif guard is Guard.COMPLETE:
        statement = statement.where(_B.pending == sa.bindparam("exchange_id"), _B.attempt == sa.bindparam("attempt"))
        statement = statement.values(pending=sa.null(), lease_until=sa.null())
    elif guard is Guard.DURING:
        statement = statement.where(_B.pending == sa.bindparam("exchange_id"), _B.attempt == sa.bindparam("attempt"))
    if instructs:
        statement = statement.values(instructions=_B.head + sa.bindparam("instructing", type_=sa.BigInteger))
    if expecting:
        statement = statement.where(_B.head == sa.bindparam("expected"))
    if keyed:
        statement = statement.where(~_key_is_known())
    return statement.values(head=_B.head + count).returning(_B.head)


def _key_is_known() -> sa.Exists:
    return sa.exists(
        sa.select(_X.id)
        .where(_X.owner == sa.bindparam("owner"), _X.conversation == sa.bindparam("conversation"), _X.key == sa.bindparam("key"))
        .correlate(None)
    )


def _values_of_move(entry: Entry) -> dict[str, Any]:
    return {
        "owner": entry.owner, "branch": entry.branch, "count": len(entry.drafts), "exchange_id": entry.exchange_id,
        "attempt": entry.attempt, "lease_until": entry.lease_until, "expected": min(entry.expected or 0, END),
        "conversation": entry.exchange.get("conversation"), "key": entry.exchange.get("key"),
        "instructing": _instructing(entry),
    }  # fmt: skip


def _instructing(entry: Entry) -> int:
    """The place, from 1, of the last instructions among the drafts; 0 for none."""
    return max((place for place, draft in enumerate(entry.drafts, 1) if draft.kind == "instructions"), default=0)


def _is_keyed(guard: Guard, entry: Entry) -> bool:
    return guard is not Guard.COMPLETE and entry.exchange.get("key") is not None


# --- rows ------------------------------------------------------------------------------------------


def _message_row(entry: Entry, draft: Draft) -> dict[str, Any]:
    """The columns of a message but for its position."""
    return {
        "owner": entry.owner, "branch": entry.branch, "kind": draft.kind, "role": draft.role, "body": draft.body,
        "hash": digest(draft.body), "status": draft.status, "api": draft.api, "model": draft.model, "text": draft.text,
        "created_at": entry.now if draft.created is None else draft.created, "exchange": entry.exchange_id,
        "pinned": draft.pinned, "pieces": len(draft.media), "audio_id": draft.audio_id,
        "audio_expires_at": draft.audio_expires, "audio_origin": draft.audio_origin,
        "text_tokens": draft.text_tokens, "audio_tokens": draft.audio_tokens, "metadata": draft.metadata,
    }  # fmt: skip


def _not_null(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row without its null columns, for each column makes a statement longer."""
    return {name: value for name, value in row.items() if value is not None}


def _attachment_rows(entry: Entry) -> list[tuple[int, dict[str, Any]]]:
    """Rows of the media, each with the place of its message among the drafts, from 1."""
    return [
        (place, _attachment_row(entry.owner, entry.branch, piece))
        for place, draft in enumerate(entry.drafts, 1)
        for piece in draft.media
    ]


def _attachment_row(owner: str, branch: UUID, piece: Media) -> dict[str, Any]:
    return {
        "owner": owner, "branch": branch, "part": piece.part, "kind": piece.kind, "format": piece.format,
        "digest": piece.digest, "size": piece.size, "duration": piece.duration, "sample_rate": piece.sample_rate,
        "channels": piece.channels, "transcript": piece.transcript, "voice": piece.voice, "made_by": piece.made_by,
        "translation": piece.translation, "dropped_at": piece.dropped,
    }  # fmt: skip


def _exchange_row(guard: Guard, entry: Entry) -> dict[str, Any]:
    row = dict(entry.exchange)
    if guard is not Guard.COMPLETE:
        row |= {"owner": entry.owner, "id": entry.exchange_id, "branch": entry.branch}
    return row


# --- SQLite ----------------------------------------------------------------------------------------


def append_in_steps(connection: Connection, guard: Guard, entry: Entry) -> int | None:
    """Append in a transaction, one statement after the other: on SQLite, and on PostgreSQL where many messages enter."""
    keyring_of(connection).current(entry.owner)  # wanted before anything is written
    move = _step_move(guard, _is_keyed(guard, entry), entry.expected is not None, _instructing(entry) > 0)
    moved = move.one(connection, **_values_of_move(entry))
    if moved is None:
        return None
    head: int = moved[0]
    before = head - len(entry.drafts)
    rows = ({**_message_row(entry, draft), "position": position} for position, draft in enumerate(entry.drafts, before + 1))
    _insert_message.many(connection, rows)
    for position, draft in enumerate(entry.drafts, before + 1):
        insert_attachments(connection, entry.owner, entry.branch, position, draft.media)
    _step_exchange(connection, guard, entry, head)
    if entry.memory is not None:
        memories.put(connection, entry.memory)
    return head


def insert_attachments(connection: Connection, owner: str, branch: UUID, position: int, media: Sequence[Media]) -> None:
    """Store what is known of the media of a message."""
    _insert_attachment.many(connection, ({**_attachment_row(owner, branch, piece), "position": position} for piece in media))


def _step_exchange(connection: Connection, guard: Guard, entry: Entry, head: int) -> None:
    if not entry.exchange:
        return
    row = _exchange_row(guard, entry)
    if guard in (Guard.ADD, Guard.BEGIN):
        row |= {"asked_first": head - len(entry.drafts) + 1, "asked_last": head}
    else:
        row["position"] = head
    if guard is Guard.COMPLETE:
        update_exchange(tuple(sorted(row)))(connection, key_owner=entry.owner, key_id=entry.exchange_id, **row)
    else:
        insert_exchange(tuple(sorted(row)))(connection, **row)


@cache
def _step_move(guard: Guard, keyed: bool, expecting: bool, instructs: bool) -> Statement:  # noqa: FBT001 - keys of the cache
    return Statement("move the head of a branch", lambda: _move(guard, keyed=keyed, expecting=expecting, instructs=instructs))


_insert_message = Statement("store a message", lambda: sa.insert(tables.message))
_insert_attachment = Statement("store what is known of a piece of media", lambda: sa.insert(tables.attachment))


@cache
def insert_exchange(columns: tuple[str, ...]) -> Statement:
    """Give the statement that stores these columns of an exchange."""
    return Statement(
        "begin or record an exchange",
        lambda: sa.insert(tables.exchange).values({c: sa.bindparam(c, type_=_X[c].type) for c in columns}),
    )


@cache
def update_exchange(columns: tuple[str, ...]) -> Statement:
    """Give the statement that changes these columns of an exchange, by `key_owner` and `key_id`."""

    def build() -> sa.Update:
        keys = (_X.owner == sa.bindparam("key_owner"), _X.id == sa.bindparam("key_id"))
        return sa.update(tables.exchange).where(*keys).values({c: sa.bindparam(c, type_=_X[c].type) for c in columns})

    return Statement("end an exchange", build)


# --- PostgreSQL ------------------------------------------------------------------------------------


def _append_sealed(connection: Connection, guard: Guard, entry: Entry) -> int | None:
    """Append what is sealed for its positions, so under the guard that the head is where it was thought to be.

    Where others have moved it since, it is sealed anew for where it is by now: one of those who meet always goes on.
    """
    if entry.expected is not None:
        return _append_at_once(connection, guard, entry, min(entry.expected, END))
    head = entry.head
    while True:
        tried = head if head is not None else head_of(connection, entry.owner, entry.branch)
        if tried is None:
            return None
        appended = _append_at_once(connection, guard, attrs.evolve(entry, expected=tried), tried)
        if appended is not None:
            return appended
        head = head_of(connection, entry.owner, entry.branch)
        if head is None or head == tried:
            return None  # it was not the head that stood in the way


def _append_at_once(connection: Connection, guard: Guard, entry: Entry, head: int = 0) -> int | None:
    messages = [
        _not_null(seal_row(connection, tables.message, _message_row(entry, draft), position=head + place))
        for place, draft in enumerate(entry.drafts, 1)
    ]
    attachments = [(place, seal_row(connection, tables.attachment, row)) for place, row in _attachment_rows(entry)]
    exchange = _exchange_row(guard, entry) if entry.exchange else {}
    exchange = seal_row(connection, tables.exchange, exchange, owner=entry.owner, id=entry.exchange_id)
    shape = _Shape(
        guard, _is_keyed(guard, entry), entry.expected is not None, _instructing(entry) > 0,
        tuple(tuple(row) for row in messages), tuple((place, tuple(row)) for place, row in attachments),
        tuple(exchange), tuple(entry.memory or ()),
    )  # fmt: skip
    values = _values_of_move(entry)
    rows = (*messages, *(row for _, row in attachments), exchange, entry.memory or {})
    values.update(zip(_names(shape), chain.from_iterable(row.values() for row in rows), strict=True))
    found = _whole(shape).one(connection, **values)
    return None if found is None else int(found[0])


SHAPES = 256
"""Statements that are kept: they differ by what messages hold, and by how many pieces of media."""


@attrs.frozen
class _Shape:
    """What the text of the statement depends on: the columns of each row, and to which message media belong."""

    guard: Guard
    keyed: bool
    expecting: bool
    instructs: bool
    messages: tuple[tuple[str, ...], ...]
    media: tuple[tuple[int, tuple[str, ...]], ...]
    exchange: tuple[str, ...]
    memory: tuple[str, ...]


@lru_cache(SHAPES)
def _names(shape: _Shape) -> tuple[str, ...]:
    """Give the parameters of all rows in their order; a value that rows share comes again under the same name."""
    return tuple(
        _name(prefix, column)
        for prefix, columns in (
            *((f"m{place}_", columns) for place, columns in enumerate(shape.messages, 1)),
            *((f"a{number}_", columns) for number, (_, columns) in enumerate(shape.media)),
            ("x_", shape.exchange),
            ("r_", shape.memory),
        )
        for column in columns
    )


@lru_cache(SHAPES)
def _whole(shape: _Shape) -> Statement:
    def build() -> Any:
        moved = _move(shape.guard, keyed=shape.keyed, expecting=shape.expecting, instructs=shape.instructs).cte("moved")
        before = moved.c.head - len(shape.messages)
        parts: list[Any] = [
            _row(tables.message, columns, f"m{place}_", before + place, moved).cte(f"message_{place}")
            for place, columns in enumerate(shape.messages, 1)
        ]
        parts += [
            _row(tables.attachment, columns, f"a{number}_", before + place, moved).cte(f"attachment_{number}")
            for number, (place, columns) in enumerate(shape.media)
        ]
        if shape.exchange:
            parts.append(_exchange_part(shape, moved).cte("exchanged"))
        if shape.memory:
            parts.append(_memory_part(shape, moved).cte("remembered"))
        return sa.select(moved.c.head).add_cte(*parts)

    return Statement("append to the log, whole", build)


_SHARED = {"owner": "owner", "branch": "branch", "exchange": "exchange_id", "id": "exchange_id"}
"""Columns of several rows that hold the same value: one parameter each."""


def _name(prefix: str, column: str) -> str:
    return _SHARED.get(column) or f"{prefix}{column}"


def _bind(prefix: str, column: sa.Column[Any]) -> Any:
    return sa.cast(sa.bindparam(_name(prefix, column.name), type_=column.type), column.type)


def _row(table: sa.Table, columns: Sequence[str], prefix: str, position: Any, moved: sa.CTE) -> sa.Insert:
    values = [_bind(prefix, table.c[name]).label(name) for name in columns]
    source = sa.select(position.label("position"), *values).select_from(moved)
    return sa.insert(table).from_select(["position", *columns], source)


def _exchange_part(shape: _Shape, moved: sa.CTE) -> Any:
    values: dict[str, Any] = {name: _bind("x_", _X[name]) for name in shape.exchange}
    if shape.guard in (Guard.ADD, Guard.BEGIN):
        values |= {"asked_first": moved.c.head - len(shape.messages) + 1, "asked_last": moved.c.head}
    else:
        values["position"] = moved.c.head
    if shape.guard is Guard.COMPLETE:
        keys = (_X.owner == sa.bindparam("owner"), _X.id == sa.bindparam("exchange_id"), moved.c.head.is_not(None))
        return sa.update(tables.exchange).where(*keys).values(values)
    source = sa.select(*(value.label(name) for name, value in values.items())).select_from(moved)
    return sa.insert(tables.exchange).from_select(list(values), source)


def _memory_part(shape: _Shape, moved: sa.CTE) -> Any:
    from sqlalchemy.dialects import postgresql

    values = [_bind("r_", tables.memory.c[name]).label(name) for name in shape.memory]
    insert = postgresql.insert(tables.memory).from_select(list(shape.memory), sa.select(*values).select_from(moved))
    return memories.growing(insert, sa.func.greatest)
