"""The columns of a message as they are read, and the messages that rows of them are, held against their hashes if asked."""

from __future__ import annotations

import functools
import operator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from convo.errors import CorruptStore, IntegrityError
from convo.messages import BY_MODEL, BY_USER, Facts, Message
from convo.sealing.form import MARK
from convo.sealing.keyring import PLAIN
from convo.store import tables
from convo.store.sealed import keyring_of
from convo.store.statements import Statement, micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.engine import Connection

    from convo.messages import Kind, Status

_M = tables.message.c
_BODY = 2
"""The index of the body among the columns."""
_WITHOUT_HASH = operator.itemgetter(slice(-1))


def message_columns(*, hashed: bool = False) -> tuple[Any, ...]:
    """Give the columns of a message in the order of the fields of `Message`, and the hash of its body behind them."""
    return (
        _M.position, facts(), _M.body, _M.model, micros(_M.created_at), _M.audio_id, micros(_M.audio_expires_at),
        _M.audio_origin, _M.text_tokens, _M.audio_tokens, _M.metadata, *([_M.hash] if hashed else []),
    )  # fmt: skip


def messages_of(rows: Iterable[Sequence[Any]]) -> list[Message]:
    """Give the messages of rows of `message_columns`."""
    return Message.all_of(rows, FACTS)


class Messages:
    """A statement that gives messages, built of their columns: one more of them where bodies are held against their hashes.

    What it reads is then also what is looked at: no second look at the log is needed.
    """

    def __init__(self, purpose: str, build: Callable[[Sequence[Any]], sa.Executable]) -> None:
        self._plain = Statement(purpose, lambda: build(message_columns()))
        self._hashed = Statement(f"{purpose}, with their hashes", lambda: build(message_columns(hashed=True)))

    def __call__(self, connection: Connection, *, verify: bool = False, **where: Any) -> list[Message]:
        """Run it. With `verify`, raises `IntegrityError` at the first message that is not what was written."""
        if not verify:
            return messages_of(self._plain.rows(connection, **where))
        rows = self._hashed.rows(connection, **where)
        check_hashes(connection, where["owner"], rows, _BODY)
        return messages_of(map(_WITHOUT_HASH, rows))


def check_hashes(connection: Connection, owner: str, rows: Iterable[Sequence[Any]], at: int) -> None:
    """Hold the bodies `at` an index of rows against their hashes. Raises `IntegrityError` at the first that differs.

    The position is the first value of a row, the hash the last one. Raises `KeyUnavailable` for a body that is sealed where
    nothing opens it.
    """
    keyring = keyring_of(connection)
    for row in rows:
        body = row[at]
        digest = sha256(body.encode() if isinstance(body, str) else _written(owner, body)).digest()
        if row[-1] != digest and bytes(row[-1]) not in keyring.digests(owner, digest):
            raise IntegrityError(row[0])


def _written(owner: str, body: bytes) -> bytes:
    """Give a body that was read as bytes as it was hashed."""
    if body.startswith(MARK.encode()):
        return PLAIN.open_text("convo_message.body", owner, (), body.decode("utf-8", "replace")).encode()
    return body


# --- what messages share ---------------------------------------------------------------------------


def facts(*also: tuple[Any, Any]) -> sa.Case[Any]:
    """Six columns as one that for most messages says who spoke, or nothing: a cell that is read costs as much as a look at it.

    NULL is `BY_USER`, a role alone stands for what is `BY_USER` otherwise. `also` are conditions that hold of most messages,
    each with the text that is added to what is written of the others.
    """
    usual = sa.and_(
        _M.kind == sa.literal_column("'message'"),
        _M.status == sa.literal_column("'complete'"),
        _M.api == sa.literal_column("'chat'"),
        ~_M.pinned,
        _M.pieces == sa.literal_column("0"),
        *(condition for condition, _ in also),
    )
    flags = (sa.cast(sa.cast(_M.pinned, sa.Integer), sa.Text), sa.cast(_M.pieces, sa.Text), *(text for _, text in also))
    shared = (_M.kind, _M.role, _M.status, _M.api, *flags)
    written = functools.reduce(lambda all_, column: all_ + sa.literal_column("'/'") + column, shared)
    return sa.case((usual, sa.func.nullif(_M.role, sa.literal_column("'user'"))), else_=written)


class _Facts(dict[str | None, Facts]):
    """The facts of messages by what `facts` says of them, each made once."""

    def __missing__(self, written: str) -> Facts:
        """Read them. Raises `CorruptStore`."""
        found = BY_USER._replace(role=written)
        if "/" in written:
            try:
                kind, role, status, api, pinned, pieces = written.split("/")
                found = Facts(cast("Kind", kind), role, cast("Status", status), api, pinned == "1", int(pieces))
            except ValueError:
                raise CorruptStore from None
        self[written] = found
        return found


FACTS = _Facts({None: BY_USER, BY_MODEL.role: BY_MODEL})
