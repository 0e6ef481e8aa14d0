"""The data keys of owners as they are stored: wrapped. What they are is never here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from convo.sealing.keyring import Keyring, KeysWanted
from convo.store import tables
from convo.store.sealed import keyring_of
from convo.store.statements import Statement
from convo.store.turns import take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_K = tables.owner_key.c
_owner = _K.owner == sa.bindparam("owner")
PAGE = 100
"""Keys that are read at once."""


class Wrapped(NamedTuple):
    """A data key of an owner, wrapped by the key of this name."""

    owner: str
    number: int
    wrapped: bytes
    wrapped_by: str


def _select() -> sa.Select[tuple[str, int, bytes, str]]:
    return sa.select(_K.owner, _K.number, _K.wrapped, _K.wrapped_by)


def _insert() -> sa.Insert:
    from sqlalchemy.dialects import postgresql

    values = {column.name: sa.bindparam(column.name, type_=column.type) for column in _K}
    return postgresql.insert(tables.owner_key).values(values).on_conflict_do_nothing()


_put = Statement("keep a data key of an owner", _insert)
_of_owner = Statement("the data keys of an owner", lambda: _select().where(_owner).order_by(_K.number))
_hold = Statement(
    "hold a data key of an owner",
    lambda: (
        sa.select(_K.number)
        .where(_owner, _K.number == sa.bindparam("number", type_=sa.Integer))
        .with_for_update(read=True, key_share=True)
    ),
)
_lock = Statement("lock the data keys of an owner", lambda: sa.select(_K.number).where(_owner).with_for_update())
_delete = Statement("destroy the data keys of an owner", lambda: sa.delete(tables.owner_key).where(_owner).returning(_K.number))


def of_owner(connection: Connection, owner: str) -> list[Wrapped]:
    """Give the data keys of an owner, oldest first."""
    return [_wrapped(row) for row in _of_owner.rows(connection, owner=owner)]


def _wrapped(row: Sequence[object]) -> Wrapped:
    owner, number, wrapped, wrapped_by = row
    return Wrapped(str(owner), int(str(number)), bytes(wrapped), str(wrapped_by))  # type: ignore[call-overload]


def begin(connection: Connection, new: Wrapped, now: int) -> list[Wrapped]:
    """Keep the first data key of an owner; where others were faster, theirs is the one. Gives those that there are then."""
    take_turns(connection, new.owner, "keys")
    return of_owner(connection, new.owner) or put(connection, new, now)


def put(connection: Connection, new: Wrapped, now: int) -> list[Wrapped]:
    """Keep a data key, unless there is one of this number; give those that there are then."""
    _put(connection, **new._asdict(), created_at=now)
    return of_owner(connection, new.owner)


def hold(connection: Connection, owner: str) -> None:
    """See that the key which seals is still there, and stays so until this transaction ends, before an owner's first row.

    An erasure that others have made meanwhile has destroyed it: what is sealed by it could never be read again.
    """
    keyring = keyring_of(connection)
    number = keyring.current(owner)
    if number is not None and not holds(connection, owner, number):
        assert isinstance(keyring, Keyring)  # noqa: S101 - nothing else has numbers
        raise KeysWanted(keyring, owner, None)


def holds(connection: Connection, owner: str, number: int) -> bool:
    """See that a key is still there, and stays so until this transaction ends; one that is gone is forgotten."""
    if _hold.one(connection, owner=owner, number=number) is not None:
        return True
    keyring_of(connection).forget(owner)
    return False


def destroy(connection: Connection, owner: str) -> int:
    """Destroy the data keys of an owner, after which nothing sealed of the owner can be read, in no backup either.

    Gives how many they were. Other transactions that begin something of the owner end first. The keyring of this store
    forgets them at once; other processes that have them at hand can read what is left of the rows until they end.
    """
    _lock.rows(connection, owner=owner)
    destroyed = _delete.rows(connection, owner=owner)
    keyring_of(connection).forget(owner)
    return len(destroyed)


# --- other wrapping --------------------------------------------------------------------------------

_stale = Statement(
    "data keys that another key has wrapped",
    lambda: (
        _select()
        .where(_K.wrapped_by != sa.bindparam("wrapped_by", type_=sa.Text))
        .where(sa.tuple_(_K.owner, _K.number) > sa.tuple_(sa.bindparam("after_owner"), sa.bindparam("after_number")))
        .order_by(_K.owner, _K.number)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    ),
)
_stale_of_owner = Statement(
    "data keys of an owner that another key has wrapped",
    lambda: _select().where(_owner, _K.wrapped_by != sa.bindparam("wrapped_by", type_=sa.Text)).order_by(_K.number),
)
_rewrap = Statement(
    "keep a data key wrapped by another key",
    lambda: (
        sa.update(tables.owner_key)
        .where(_K.owner == sa.bindparam("key_owner"), _K.number == sa.bindparam("key_number"))
        .where(_K.wrapped == sa.bindparam("was", type_=sa.LargeBinary))
        .values(wrapped=sa.bindparam("wrapped"), wrapped_by=sa.bindparam("wrapped_by"))
        .returning(_K.number)
    ),
)
_owners = Statement(
    "owners with data keys",
    lambda: (
        sa.select(_K.owner)
        .where(_K.owner > sa.bindparam("after"))
        .group_by(_K.owner)
        .order_by(_K.owner)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    ),
)


def stale(connection: Connection, owner: str | None, wrapped_by: str, after: tuple[str, int] | None) -> list[Wrapped]:
    """Give a page of the data keys that another key than this has wrapped; of one owner, all."""
    if owner is not None:
        return [_wrapped(row) for row in _stale_of_owner.rows(connection, owner=owner, wrapped_by=wrapped_by)]
    last_owner, last_number = after or ("", -1)
    rows = _stale.rows(connection, wrapped_by=wrapped_by, after_owner=last_owner, after_number=last_number, limit=PAGE)
    return [_wrapped(row) for row in rows]


def rewrap(connection: Connection, was: Wrapped, wrapped: bytes, wrapped_by: str) -> bool:
    """Keep a data key wrapped by another key; False when it is gone, or others have wrapped it anew meanwhile."""
    where = {"key_owner": was.owner, "key_number": was.number, "was": was.wrapped}
    return _rewrap.one(connection, **where, wrapped=wrapped, wrapped_by=wrapped_by) is not None


def owners(connection: Connection, after: str | None) -> list[str]:
    """Give a page of the owners who have data keys; None: the first page."""
    found = [row[0] for row in _owners.rows(connection, after=after or "", limit=PAGE)]
    return found if after is not None else [*_anonymous(connection), *found]


def _anonymous(connection: Connection) -> list[str]:
    """The owner of a store without owners is named by nothing, and stands behind no other."""
    return [""] if of_owner(connection, "") else []
