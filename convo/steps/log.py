"""Steps on the log of a conversation: add, tool results, instructions, history, audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.audio.value import Audio
from convo.checks import check_type
from convo.content import message_draft, message_drafts, tool_draft
from convo.errors import (
    AudioNotLoaded,
    BranchNotFound,
    ConflictError,
    ConversationNotFound,
    InputError,
    KeyMismatch,
    StaleHead,
    ToolCallNotFound,
)
from convo.ids import as_uuid
from convo.keeping import as_kept
from convo.messages import Media
from convo.metadata import UNSET, check_title, encode_metadata
from convo.protocol import check_key, hash_of
from convo.steps import blobs
from convo.steps.effects import read, unless_taken, write, write_one
from convo.steps.measuring import measured
from convo.store import branches, conversations, exchanges, log, making
from convo.store.append import Entry, Guard, append, append_in_steps
from convo.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.history import History
    from convo.messages import Draft, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place

RECENT = 50
"""Messages at the end of a log in which a call is looked for before all the others."""
AT_ONCE = 16
"""Messages that enter in one statement on PostgreSQL: each of them makes it longer, and one of its own."""
AGAIN = "the log was changed by others again and again; try once more"


def add(
    place: Place, content: Sequence[object], *, role: str, name: str | None, key: str | None, created_at: datetime | None,
    metadata: Mapping[str, Any] | None, pinned: bool, expected_head: int | None,
) -> Steps[Message]:  # fmt: skip
    """Store one message; with a key, once."""
    created = None if created_at is None else to_micros(created_at, "created_at")
    draft = message_draft(content, role=role, name=name, pinned=pinned, metadata=metadata, created=created)
    (message,) = yield from added(place, (yield from measured(place.tools.limits.checked([draft]))), key, expected_head)
    return message


def extend(
    place: Place, messages: Iterable[object], *, key: str | None, expected_head: int | None
) -> Steps[tuple[Message, ...]]:  # fmt: skip
    """Store several messages, all or none; with a key, once. No messages: nothing happens."""
    drafts = place.tools.limits.checked(message_drafts(messages))
    if not drafts:
        place.tools.check_writable()
        return ()
    return (yield from added(place, (yield from measured(drafts)), key, expected_head))


def add_drafts(place: Place, drafts: Sequence[Draft]) -> Steps[tuple[Message, ...]]:
    """Store drafts that somebody else has made, all or none."""
    drafts = place.tools.limits.checked(drafts)
    return (yield from added(place, (yield from measured(drafts)), None, None))


def tool_output(place: Place, call_id: str, output: object, *, error: bool, key: str | None) -> Steps[Message]:
    """Store the result of a tool call. Raises `ToolCallNotFound` for a call that the log does not hold."""
    (draft,) = place.tools.limits.checked([tool_draft(call_id, output, error=error)])
    for last in (RECENT, None):
        history = yield from read(load_shown, place.owner, place.found.id, last=last, media="user")
        if any(call.id == call_id for message in history if message.role == "assistant" for call in message.tool_calls):
            (message,) = yield from added(place, [draft], key, None)
            return message
    raise ToolCallNotFound(call_id)


def added(place: Place, drafts: Sequence[Draft], key: str | None, expected: int | None) -> Steps[tuple[Message, ...]]:
    """Store drafts, all or none, next to each other; with a key, once. There must be one at least."""
    place.tools.check_writable()
    check_key(key)
    check_head(expected)
    now = place.tools.now()
    drafts = yield from put_media(place, drafts, now)
    entry = Entry(place.owner, place.found.branch, now, drafts, expected=expected, head=place.head)
    if key is not None:
        entry = attrs.evolve(entry, exchange_id=place.tools.new_id(), exchange=_added(place, drafts, key, now))
    unexplained = 0
    while (head := (yield from _entered(entry))) is None:
        if not (yield from followed(place, expected)):
            before = yield from _added_before(place, drafts, key, expected)
            if before:
                return before
            unexplained += 1  # its line was left for another one, and is shown again by now
            if unexplained == branches.TRIES:
                raise ConflictError(AGAIN)
        entry = attrs.evolve(entry, branch=place.found.branch, head=place.head)
    place.moved(head)
    return tuple(draft.at(position, now) for position, draft in enumerate(drafts, head - len(drafts) + 1))


def _entered(entry: Entry) -> Steps[int | None]:
    """Append what enters: in one statement, or in a transaction where that would be long."""
    many = len(entry.drafts) > AT_ONCE
    work = append_in_steps if many else append
    if entry.exchange:
        return (yield from unless_taken(work, Guard.ADD, entry, whole=many))
    return (yield from (write if many else write_one)(work, Guard.ADD, entry))


def followed(place: Place, expected: int | None = None) -> Steps[bool]:
    """Go on with the branch that the conversation shows now; False when it is the same.

    Raises `StaleHead` when the caller has seen the head of the other one, `ConversationNotFound`.
    """
    before = place.found
    place.now_found((yield from read(conversations.get, place.owner, id_=before.id)))
    if place.found.branch == before.branch:
        return False
    if expected is not None:
        raise StaleHead(expected, place.found.head)
    return True


def must_follow(place: Place, expected: int | None) -> Steps[None]:
    """Go on with the branch that the conversation shows now. Raises `ConflictError` when there is no other."""
    if not (yield from followed(place, expected)):
        raise ConflictError(AGAIN)


def shown_branch(place: Place) -> Steps[UUID]:
    """Give the branch that the conversation shows now."""
    branch, _ = yield from read(branches.shown, place.owner, place.found.id)
    return branch


def load_shown(
    connection: Connection,
    owner: str,
    conversation: UUID,
    *,
    last: int | None,
    media: Literal["all", "user"] = "all",
    verify: bool = False,
    before: int | None = None,
    branch: UUID | None = None,
) -> History:
    """Give the history of a branch of a conversation, by default of the one that it shows.

    Raises `ConversationNotFound`, `BranchNotFound`, and with `verify` `IntegrityError`.
    """
    shown, _ = branches.shown(connection, owner, conversation)
    line = shown if branch is None else branches.one(connection, owner, conversation, branch).id
    return log.load(connection, owner, line, last=last, media=media, before=before, verify=verify)


def _added(place: Place, drafts: Sequence[Draft], key: str, now: int) -> dict[str, Any]:
    """The columns under which keyed messages are known: an exchange without a call."""
    return {
        "conversation": place.found.id, "key": key, "hash": hash_of(drafts), "status": "added", "attempt": 0,
        "api": "none", "model": "", "origin": "", "started_at": now, "finished_at": now,
    }  # fmt: skip


def _added_before(
    place: Place, drafts: Sequence[Draft], key: str | None, expected: int | None
) -> Steps[tuple[Message, ...]]:  # fmt: skip
    """Give the messages that the key has already; none where nothing tells why they were not added.

    Raises `KeyMismatch`, `StaleHead` and `ConversationNotFound` where that is why.
    """
    known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
    if known is not None and key is not None:
        if known.status != "added" or known.hash != hash_of(drafts):
            raise KeyMismatch(key)
        stored = yield from read(log.between, place.owner, known.branch, known.asked_first, known.asked_last, "all")
        if stored:
            return stored
    head = yield from read(log.head_of, place.owner, place.found.branch)
    if head is None:
        raise ConversationNotFound(place.found.id)
    if expected is not None and head != expected:
        raise StaleHead(expected, head)
    return ()


def check_head(expected: int | None) -> None:
    """Raise `InputError` for an expected head that is no position."""
    check_type(expected, (int, type(None)), "expected_head", "the position of a message")


def put_media(place: Place, drafts: Iterable[Draft], now: int) -> Steps[list[Draft]]:
    """Store the bytes of drafts, each in a transaction of its own, before anything refers to them; warn of what is wrong.

    Gives the drafts as they are to be stored: of audio that the store does not keep they say that it was let go.
    """
    kept = [as_kept(draft, place.tools.keep, now) for draft in drafts]
    for piece in (piece for draft in kept for piece in draft.media):
        for problem in piece.problems:
            place.tools.watch.problem(place, problem)
            place.tools.warn(f"{problem.__class__.__name__} {piece.digest}", problem)
    pieces: dict[str, Media] = {piece.digest: piece for draft in kept for piece in draft.media if piece.dropped is None}
    for piece in pieces.values():
        yield from put_piece(place, piece, now)
    return kept


def put_piece(place: Place, piece: Media, now: int) -> Steps[None]:
    """Store the bytes of one piece of media, before anything refers to them."""
    if piece.data is not None:
        yield from blobs.put(place.tools, place.owner, piece.digest, piece.data, now)


def update(place: Place, title: str | None, metadata: Mapping[str, Any] | None, instructions: str | None) -> Steps[None]:
    """Change what a conversation is called, its metadata, or its instructions, which become a new event of the log."""
    place.tools.check_writable()
    changes: dict[str, Any] = {}
    if title is not UNSET:
        changes["title"] = check_title(title)
    if metadata is not UNSET:
        changes["metadata"] = encode_metadata(metadata)
    drafts = () if instructions is UNSET else place.tools.limits.checked((instructions_draft(instructions or ""),))
    event = Entry(place.owner, place.found.branch, place.tools.now(), drafts) if drafts else None
    place.now_found((yield from write(making.update, place.owner, place.found.id, changes, event)))


def instructions_draft(text: str) -> Draft:
    """Give the event that puts instructions in force. Raises `EmptyContent` for none."""
    return message_draft([text], role="system", kind="instructions")


def history(
    place: Place, last: int | None, *, verify: bool = False, before: int | None = None,
    branch: branches.Branch | UUID | str | None = None,
) -> Steps[History]:  # fmt: skip
    """Read the log, or its last messages. Raises `IntegrityError` with `verify`, `BranchNotFound`."""
    for name, number in (("last", last), ("before", before)):
        check_type(number, (int, type(None)), name, "a number of messages" if name == "last" else "the position of a message")
        if number is not None and number < 0:
            reason = f"{name}={number} is negative; pass a number of messages, or a position"
            raise InputError(reason)
    line = None if branch is None else as_uuid(branch.id if isinstance(branch, branches.Branch) else branch, BranchNotFound)
    return (yield from read(load_shown, place.owner, place.found.id, last=last, verify=verify, before=before, branch=line))


def load(place: Place, audio: Audio | Media) -> Steps[Audio | Media]:
    """Fetch the bytes of stored media. Raises `AudioDropped` for what the store no longer keeps, `BlobNotFound`."""
    check_type(audio, (Audio, Media), "load()", "the audio of a message, or one of its media")
    if isinstance(audio, Media):
        if audio.data is not None:
            return audio
        return attrs.evolve(audio, data=(yield from blobs.get(place.tools, place.owner, audio.digest)))
    if audio.loaded:
        return audio
    if audio.digest is None:
        raise AudioNotLoaded("audio that is not in the store")
    data = yield from blobs.get(place.tools, place.owner, audio.digest)
    return attrs.evolve(audio, data=data)
