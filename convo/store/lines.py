"""The lines of a conversation: taken back, edited, switched, forked; each a transaction under the lock of the branch shown.

The branch that is left keeps its rows, and a turn that waits for its answer there ends there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import sqlalchemy as sa

from convo.errors import ConflictError, KeyMismatch, MessageNotFound, StaleHead
from convo.messages import Draft
from convo.protocol import in_progress, is_alive
from convo.store import branches, conversations, exchanges, log, making, tables
from convo.store.append import Entry, Guard, append_in_steps, insert_exchange
from convo.store.statements import Statement
from convo.summary import column_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Message
    from convo.protocol import Known
    from convo.store.branches import Branch, Locked
    from convo.store.conversations import Found

    Last = tuple[Message, dict[str, Any], Draft | None]

_M, _S = tables.message.c, tables.segment.c
ANSWERS = ("assistant", "tool", "function")
"""Roles of what follows a question and is taken back with its answer."""


@attrs.frozen
class Press:
    """A call that starts a branch, whose id is `branch`: when, by whom, with what key, and what its caller has seen.

    `key` is the text under which it is known among the keys of the conversation, `hash` of what it asks. `seen` is the
    branch that the caller's handle has read, `expected` the head.
    """

    owner: str
    conversation: UUID
    branch: UUID
    exchange: UUID
    now: int
    hash: bytes
    key: str | None
    seen: UUID
    expected: int | None


# --- what every press does -------------------------------------------------------------------------


def known_press(connection: Connection, owner: str, conversation: UUID, key: str | None, hash_: bytes) -> Known | None:
    """Give what was recorded under the key of a press, or None. Raises `KeyMismatch` when it asked for something else."""
    known = exchanges.by_key(connection, owner, conversation, key)
    if known is not None and known.hash != hash_:
        raise KeyMismatch((key or "")[1:])
    return known


def _check_seen(locked: Locked, press: Press) -> None:
    if press.expected is not None and (locked.id, locked.head) != (press.seen, press.expected):
        raise StaleHead(press.expected, locked.head)


def _note_key(connection: Connection, press: Press, branch: UUID, first: int, last: int) -> None:
    """Record what became of a press, as an exchange without a call."""
    if press.key is None:
        return
    row = {
        "owner": press.owner, "id": press.exchange, "conversation": press.conversation, "branch": branch, "key": press.key,
        "hash": press.hash, "status": "added", "attempt": 0, "api": "none", "model": "", "origin": "",
        "started_at": press.now, "finished_at": press.now, "asked_first": first, "asked_last": last,
    }  # fmt: skip
    insert_exchange(tuple(sorted(row)))(connection, **row)


def _started(connection: Connection, press: Press, locked: Locked, at: int, drafts: Sequence[Draft]) -> None:
    """Start the branch, show it, and put messages after those that it shares."""
    branches.derive(connection, press.owner, locked, at, press.branch, press.conversation, press.now)
    branches.show(connection, press.owner, press.conversation, press.branch, instead_of=locked)
    if drafts:
        append_in_steps(connection, Guard.ADD, Entry(press.owner, press.branch, press.now, drafts))


def draft_of(message: Message) -> Draft:
    """Give the draft of a message without media, as it would be written again."""
    return Draft(
        role=message.role, body=message.body, kind=message.kind, status=message.status, api=message.api, model=message.model,
        text=column_text(message.text, message.kind), pinned=message.pinned, metadata=message.labels, created=message.created,
    )  # fmt: skip


# --- another answer --------------------------------------------------------------------------------

_last_question = Statement(
    "the last message of a user in a line",
    lambda: sa.select(sa.func.max(_M.position)).where(
        log.in_line(tables.message),
        _M.role == "user",
    ),
)


def regenerate(connection: Connection, press: Press) -> tuple[Found, Branch]:
    """Start a branch that ends before the last answer; the shown one is given where there is no answer to take back.

    Messages of other roles that came after the answer began, instructions above all, are written again on it. Raises
    `ConversationNotFound`, `StaleHead`, `TurnInProgress`, `KeyMismatch`, and `ConflictError` for an empty log.
    """
    owner, conversation = press.owner, press.conversation
    locked = branches.lock(connection, owner, conversation)
    known = known_press(connection, owner, conversation, press.key, press.hash)
    branch = known.branch if known is not None else _without_answer(connection, press, locked)
    return conversations.get(connection, owner, id_=conversation), branches.one(connection, owner, conversation, branch)


def _without_answer(connection: Connection, press: Press, locked: Locked) -> UUID:
    _check_seen(locked, press)
    if not locked.head:
        reason = f"conversation {press.conversation} holds no message: there is no reply to take back; send one first"
        raise ConflictError(reason)
    pending = exchanges.pending_on(connection, press.owner, locked.id)
    if pending is not None and is_alive(pending, press.now):
        raise in_progress(pending, press.now)
    found = _last_question.one(connection, owner=press.owner, branch=locked.id)
    tail = log.between(connection, press.owner, locked.id, ((found and found[0]) or 0) + 1)
    answer = next((message.position for message in tail if message.role in ANSWERS), None)
    if answer is None:
        _note_key(connection, press, locked.id, locked.head + 1, locked.head)
        return locked.id
    later = [draft_of(m) for m in tail if m.position > answer and m.role not in ANSWERS and m.covers < answer]
    _started(connection, press, locked, answer - 1, later)
    _note_key(connection, press, press.branch, answer, answer - 1)
    return press.branch


# --- another question ------------------------------------------------------------------------------


@attrs.frozen
class Editing:
    """What an edit starts from: the branch that is shown, its message at the position, and what has the key already."""

    branch: UUID
    message: Message
    known: Known | None


def before_edit(connection: Connection, owner: str, conversation: UUID, position: int, key: str | None) -> Editing:
    """Read what an edit starts from; where the key is known, the message that it made. Raises `MessageNotFound`."""
    shown, _ = branches.shown(connection, owner, conversation)
    known = exchanges.by_key(connection, owner, conversation, key)
    branch = shown if known is None else known.branch
    message = log.one(connection, owner, branch, position) if 0 < position <= log.END else None
    if message is None and known is not None:
        raise KeyMismatch((key or "")[1:])
    if message is None:
        raise MessageNotFound(position)
    return Editing(shown, message, known)


def edit(connection: Connection, press: Press, position: int, draft: Draft) -> tuple[Found, Message] | None:
    """Start a branch that shares what comes before `position` and has `draft` there; None when another one is shown by now.

    Instructions that came into force later stay in force: they are written again behind it.
    """
    owner, conversation = press.owner, press.conversation
    locked = branches.lock(connection, owner, conversation)
    known = known_press(connection, owner, conversation, press.key, press.hash)
    branch = known.branch if known is not None else press.branch
    if known is None:
        _check_seen(locked, press)
        if locked.id != press.seen:
            return None
        later = _instructions_after(connection, owner, locked, position) if draft.kind != "instructions" else []
        _started(connection, press, locked, position - 1, [draft, *later])
        _note_key(connection, press, press.branch, position, position)
    message = log.one(connection, owner, branch, position)
    assert message is not None  # noqa: S101 - the log only grows
    return conversations.get(connection, owner, id_=conversation), message


def _instructions_after(connection: Connection, owner: str, locked: Locked, position: int) -> list[Draft]:
    if locked.instructions is None or locked.instructions <= position:
        return []
    found = log.one(connection, owner, locked.id, locked.instructions)
    return [] if found is None else [draft_of(found)]


# --- less of the line ------------------------------------------------------------------------------

TAIL = 20
"""Messages at the end of a line in which the last item is looked for before all the others."""


def cut(connection: Connection, press: Press, last: Callable[[Sequence[Message]], Last | None]) -> tuple[Found, Last] | None:
    """Start a branch without the last of what messages hold; None, and nothing done, where they hold nothing.

    `last` gives it with its message, and what is left of that without it. Instructions that came later are written again.
    """
    owner, conversation = press.owner, press.conversation
    locked = branches.lock(connection, owner, conversation)
    history = log.load(connection, owner, locked.id, last=TAIL)
    found = last(history.messages)
    if found is None and history.messages and history.messages[0].position > 1:
        found = last(log.load(connection, owner, locked.id).messages)
    if found is None:
        return None
    message, _, rest = found
    later = _instructions_after(connection, owner, locked, message.position)
    _started(connection, press, locked, message.position - 1, [*([] if rest is None else [rest]), *later])
    return conversations.get(connection, owner, id_=conversation), found


def clear(connection: Connection, press: Press) -> Found:
    """Start a branch that shares nothing; only the instructions in force are written again. An empty line stays."""
    owner, conversation = press.owner, press.conversation
    locked = branches.lock(connection, owner, conversation)
    kept = _instructions_after(connection, owner, locked, 0)
    if locked.head > len(kept):
        _started(connection, press, locked, 0, kept)
    return conversations.get(connection, owner, id_=conversation)


# --- other lines -----------------------------------------------------------------------------------


def switch(connection: Connection, owner: str, conversation: UUID, branch: UUID) -> Found:
    """Show another branch of the conversation. Raises `ConversationNotFound`, `BranchNotFound`."""
    locked = branches.lock(connection, owner, conversation)
    if not branches.one(connection, owner, conversation, branch).shown:
        branches.show(connection, owner, conversation, branch, instead_of=locked)
    return conversations.get(connection, owner, id_=conversation)


def fork(
    connection: Connection, owner: str, source: UUID, at: int | None, id_: UUID, branch: UUID, now: int, *,
    key: str | None, title: str | None, metadata: str | None,
) -> Found:  # fmt: skip
    """Make a conversation that shares the line of another up to `at`; where the key is taken, give the one that has it.

    Title and metadata are those of the other where none are given. Raises `ConversationNotFound`, and `MessageNotFound`
    for a position that the line does not have.
    """
    locked = branches.lock(connection, owner, source)
    end = locked.head if at is None else at
    made = making.insert_like(connection, owner, source, id_, branch, now, key=key, title=title, metadata=metadata)
    if not made:
        return conversations.get(connection, owner, key=key)
    if end > locked.head:
        raise MessageNotFound(end)
    branches.derive(connection, owner, locked, end, branch, id_, now)
    return conversations.get(connection, owner, id_=id_)
