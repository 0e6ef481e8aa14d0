"""A conversation of another program as rows: all of it, or what it has gained since it was last imported, or nothing.

Each message is known by its foreign id, as one that was added with a key is by its key; so it is imported once, however often
its source is, and also when it was redacted since. Where somebody has gone on with the conversation here, what the source has
gained becomes a branch.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.canonical import digest
from convo.errors import ConflictError
from convo.store import blobs, branches, log, making, tables
from convo.store.append import Entry, Guard, append_in_steps, insert_exchange
from convo.store.branches import Locked
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft
    from convo.store.conversations import Found

_X = tables.exchange.c
OWN = "\x1d"
"""Before the foreign id of a message: no caller's key is unprintable."""
_LONGEST = 240
"""Characters of a foreign id in a key; of a longer one its SHA-256 is."""
Spot = tuple["UUID", int]
"""The branch that has the row of a message, and its position."""


@attrs.frozen
class Arriving:
    """One message of the tree: what it is known by, the one that it follows (None: none), and what it says."""

    id: str
    parent: str | None
    draft: Draft


@attrs.frozen
class Arrival:
    """A conversation as it arrives. Every message comes after its parent; `tip` is the last of the line to show.

    `created` is when it began, `now` when it arrives, in microseconds since 1970. `digests` are those of its bytes, in order.
    """

    owner: str
    key: str
    title: str | None
    metadata: str | None
    created: int
    now: int
    messages: Sequence[Arriving]
    tip: str | None
    digests: Sequence[str]
    new_id: Callable[[], UUID]


@attrs.frozen
class Arrived:
    """What became of it: whether the conversation is new, and how many messages and branches are.

    `lacking` are digests of bytes that are not here: nothing was written then. `changed` are the ids of messages that say
    something else in the source by now.
    """

    created: bool = False
    messages: int = 0
    branches: int = 0
    changed: Sequence[str] = ()
    lacking: Sequence[str] = ()


def arrive(connection: Connection, arrival: Arrival) -> Arrived:
    """Store what is new of a conversation."""
    owner, now = arrival.owner, arrival.now
    if lacking := [one for one in arrival.digests if not blobs.refresh(connection, owner, one, now)]:
        return Arrived(lacking=lacking)
    id_ = arrival.new_id()
    found = making.create(
        connection, owner, id_, arrival.new_id(), arrival.created, key=arrival.key, title=arrival.title,
        metadata=arrival.metadata, drafts=(),
    )  # fmt: skip
    locked = branches.lock(connection, owner, found.id)
    placing = _Placing(connection, arrival, found, locked)
    for message in arrival.messages:
        placing.place(message)
    placing.finish()
    return Arrived(found.id == id_, placing.added, placing.branches, placing.changed)


def key_of(identifier: str) -> str:
    """Give the key under which a message is known."""
    if len(identifier) <= _LONGEST and "\0" not in identifier:
        return f"{OWN}{identifier}"
    return f"{OWN}{hashlib.sha256(identifier.encode()).hexdigest()}"


def _select_known() -> sa.Select[Any]:
    mine = (_X.owner == sa.bindparam("owner"), _X.conversation == sa.bindparam("conversation"))
    ours = sa.func.substr(_X.key, 1, 1) == sa.bindparam("mark", type_=sa.Text)  # an order of texts may pass such marks over
    return sa.select(_X.key, _X.branch, _X.asked_first, _X.hash).where(*mine, ours)


_known = Statement("the messages that were imported before", _select_known)


class _Placing:
    """Puts the messages of a tree where they belong, line by line: each behind its parent, on its branch or on a new one."""

    def __init__(self, connection: Connection, arrival: Arrival, found: Found, locked: Locked) -> None:
        self._connection = connection
        self._arrival = arrival
        self._conversation = found.id
        self._first = locked.id
        self._shown = locked
        self._heads: dict[UUID, int] = {locked.id: locked.head}
        self._spots: dict[str, Spot] = {}
        self._hashes: dict[str, bytes] = {}
        self._waiting: list[Draft] = []
        self._waiting_on: UUID = locked.id
        self._rows: list[dict[str, Any]] = []
        self.added = 0
        self.branches = 0
        self.changed: list[str] = []
        where = {"owner": arrival.owner, "conversation": found.id, "mark": OWN}
        for key, branch, position, hash_ in _known.rows(connection, **where):
            self._spots[key] = (branch, position)
            self._hashes[key] = bytes(hash_)
        self._followed = not locked.head or self._is_ours(locked)

    def _is_ours(self, locked: Locked) -> bool:
        """Say whether the line that is shown ends with a message that was imported: nobody has gone on with it here."""
        source = log.source_of(self._connection, self._arrival.owner, locked.id, locked.head)
        return (source, locked.head) in self._spots.values()

    def place(self, message: Arriving) -> None:
        """Put a message behind its parent, unless it is there."""
        key = key_of(message.id)
        hash_ = digest(message.draft.body)
        if key in self._spots:
            if key in self._hashes and self._hashes[key] != hash_:
                self.changed.append(message.id)
            return
        branch, position = (self._first, 0) if message.parent is None else self._spots[key_of(message.parent)]
        if self._head(branch) != position:
            branch = self._derive(branch, position)
        if branch != self._waiting_on:
            self._flush()
            self._waiting_on = branch
        self._waiting.append(message.draft)
        self._heads[branch] = position + 1
        self._spots[key] = (branch, position + 1)
        self._rows.append(self._row(key, hash_, branch, position + 1))
        self.added += 1

    def _head(self, branch: UUID) -> int:
        if branch not in self._heads:
            self._heads[branch] = log.head_of(self._connection, self._arrival.owner, branch) or 0
        return self._heads[branch]

    def _row(self, key: str, hash_: bytes, branch: UUID, position: int) -> dict[str, Any]:
        now = self._arrival.now
        return {
            "owner": self._arrival.owner, "id": self._arrival.new_id(), "conversation": self._conversation, "branch": branch,
            "key": key, "hash": hash_, "status": "added", "attempt": 0, "api": "none", "model": "", "origin": "",
            "started_at": now, "finished_at": now, "asked_first": position, "asked_last": position,
        }  # fmt: skip

    def _flush(self) -> None:
        """Append what waits. Whether its branch is shown is no matter: it is the conversation's."""
        if not self._waiting:
            return
        entry = Entry(self._arrival.owner, self._waiting_on, self._arrival.now, self._waiting)
        head = append_in_steps(self._connection, Guard.RECORD, entry)
        if head != self._heads[self._waiting_on]:
            reason = f"the conversation {self._arrival.key!r} was changed by others meanwhile; import once more"
            raise ConflictError(reason)
        self._waiting = []

    def _derive(self, branch: UUID, at: int) -> UUID:
        """Start a branch that shares a line up to a position, and show it."""
        self._flush()
        owner, new = self._arrival.owner, self._arrival.new_id()
        line = Locked(branch, self._head(branch), at + 1)  # so that the instructions in force there are looked for
        branches.derive(self._connection, owner, line, at, new, self._conversation, self._arrival.now)
        self._show(new)
        self._heads[new] = at
        self.branches += 1
        return new

    def _show(self, branch: UUID) -> None:
        if branch != self._shown.id:
            branches.show(self._connection, self._arrival.owner, self._conversation, branch, instead_of=self._shown)
            self._shown = Locked(branch, 0, None)

    def finish(self) -> None:
        """Write what waits, and show the line that the source shows, or the one that somebody here has gone on with."""
        self._flush()
        if not self.added:
            return
        insert_exchange(tuple(sorted(self._rows[0]))).many(self._connection, self._rows)
        tip = None if self._arrival.tip is None else self._spots.get(key_of(self._arrival.tip))
        if not self._followed or tip is None:
            self._show(self._first)
            return
        branch, position = tip
        self._show(branch if self._head(branch) == position else self._derive(branch, position))
