"""What a stream has received so far: saved while it runs, read when its worker died, cleared when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.store import exchanges, tables
from convo.store.blobs import CHUNK
from convo.store.statements import Statement

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.exchanges import Begun

_K = tables.checkpoint.c
_of_exchange = (_K.owner == sa.bindparam("owner"), _K.exchange == sa.bindparam("exchange"))


@attrs.frozen
class Checkpoint:
    """What an attempt has received since the last one: the message so far, and the audio from the byte `start` on.

    `until` is the lease that is renewed with it; times are in microseconds.
    """

    body: str
    data: bytes
    start: int
    now: int
    until: int


@attrs.frozen
class Left:
    """What a dead worker left, now ours to end: the exchange with its row, the message so far, and its audio."""

    begun: Begun
    row: dict[str, Any]
    body: str
    audio: bytes


def _upsert() -> Any:
    from sqlalchemy.dialects import postgresql

    insert = postgresql.insert(tables.checkpoint).values({name: sa.bindparam(name, type_=_K[name].type) for name in _K.keys()})  # noqa: SIM118 - a collection of columns is no dict
    changed = {name: insert.excluded[name] for name in ("attempt", "body", "data", "saved_at")}
    return insert.on_conflict_do_update(index_elements=list(tables.checkpoint.primary_key), set_=changed)


_put = Statement("save a piece of what a stream has received", _upsert)
_body = Statement("the message of a stream so far", lambda: sa.select(_K.body).where(*_of_exchange, _K.number == 0))
_audio = Statement(
    "the audio of a stream so far", lambda: sa.select(_K.data).where(*_of_exchange, _K.number > 0).order_by(_K.number)
)
_clear = Statement("forget what a stream had received", lambda: sa.delete(tables.checkpoint).where(*_of_exchange))


def save(connection: Connection, owner: str, begun: Begun, new: Checkpoint) -> bool:
    """Save what has come and renew the lease; False, and nothing written, when the attempt no longer counts."""
    if not exchanges.renew(connection, owner, begun.branch, begun.id, begun.attempt, new.until):
        return False
    if new.start == 0:
        _clear(connection, owner=owner, exchange=begun.id)
    common = {"owner": owner, "exchange": begun.id, "attempt": begun.attempt, "saved_at": new.now}
    _put(connection, number=0, body=new.body, data=None, **common)
    for place in range(0, len(new.data), CHUNK):
        # Numbered by where it begins: what was saved already, and not confirmed, is not there twice.
        _put(connection, number=new.start + place + 1, body=None, data=new.data[place : place + CHUNK], **common)
    return True


def take(connection: Connection, owner: str, branch: UUID, now: int, until: int) -> Left | None:
    """Take over the exchange of a dead worker that saved what it had received, so as to end it.

    None, and nothing written, when the branch waits for none, its worker is alive, or nothing was saved.
    """
    begun = exchanges.outlive(connection, owner, branch, now, until)
    if begun is None:
        return None
    found = _body.one(connection, owner=owner, exchange=begun.id)
    assert found is not None  # noqa: S101 - it was there a moment ago, in this transaction
    pieces = _audio.rows(connection, owner=owner, exchange=begun.id)
    return Left(begun, exchanges.row_of(connection, owner, begun.id), found[0], b"".join(bytes(piece[0]) for piece in pieces))


def clear(connection: Connection, owner: str, exchange: UUID) -> None:
    """Forget what was saved of an exchange."""
    _clear(connection, owner=owner, exchange=exchange)


def give_up(connection: Connection, owner: str, conversation: UUID, exchange: UUID, now: int) -> None:
    """Give an exchange up, with what was saved of it. Raises `ExchangeNotFound`."""
    exchanges.give_up(connection, owner, conversation, exchange, now)
    _clear(connection, owner=owner, exchange=exchange)
