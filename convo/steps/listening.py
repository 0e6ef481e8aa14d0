"""Steps while a Realtime session is listened to: each item enters the log once, whoever else listens to the same session."""

from __future__ import annotations

from collections import deque
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import printable
from convo.checks import check_type
from convo.errors import ConflictError, ConflictingArguments, ConversationNotFound, ListenerClosed, StoreFailed
from convo.intake.answer import NAME_COLUMN
from convo.intake.realtime import RealtimeFold
from convo.intake.realtime_items import heard_of, is_unfinished, with_transcript
from convo.intake.realtime_outcomes import Ended, Final, Transcript, Truncated
from convo.intake.seeds import seeded_position
from convo.protocol import hash_of
from convo.reply import reply_of
from convo.steps.beside import used
from convo.steps.effects import read, unless_taken, write
from convo.steps.ending import persisted
from convo.steps.letting import let_answered_go
from convo.steps.log import AGAIN, put_media, shown_branch
from convo.steps.requests import target_of
from convo.steps.truncating import cut_to, truncated
from convo.store import exchanges, log
from convo.store.append import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from convo.intake.realtime_outcomes import Outcome
    from convo.messages import Draft, Message
    from convo.models import Model
    from convo.reply import Reply
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.usage import Usage

Place_ = tuple["UUID", int]
"""The branch on which an item was recorded, and its position there."""


class Listening:
    """A session on its way into the log: what is known of it, and what waits to be stored."""

    def __init__(self, place: Place, model: str, client: Any, origin: str | None, session: str | None) -> None:
        place.tools.check_writable()
        check_type(session, (str, type(None)), "session", "the id of a session, such as 'sess_1'")
        self.place = place
        self.target = target_of(place, model, "realtime", client, origin, {})
        _check_speaks_realtime(self.target.model)
        self.fold = RealtimeFold(model=model, session=session)
        self.waiting: deque[Outcome] = deque()
        self.branch: UUID | None = None
        self.places: dict[tuple[str, str], Place_] = {}
        self.messages: dict[str, Message] = {}
        """The last message of each response that goes on, with its bytes."""
        self.found: list[Message | Reply] = []
        """What was made of the log and not given yet."""
        self.over = False
        self.times: dict[str, tuple[int, int | None]] = {}
        """When a response that goes on was first heard of, and when the first of it came (microseconds)."""

    def timed(self) -> None:
        """Note when a response begins, and when the first of it comes."""
        newest = self.fold.newest
        if newest is None:
            return
        response, came = newest
        known = self.times.get(response)
        if known is not None and (known[1] is not None or not came):
            return
        now = self.place.tools.now()
        self.times[response] = (now if known is None else known[0], now if came else None)

    def position_of(self, item_id: str) -> int | None:
        """Give the position of an item's message."""
        if (position := seeded_position(item_id)) is not None:
            return position
        found = self.places.get((self.fold.session or "", item_id))
        return None if found is None else found[1]


def _check_speaks_realtime(model: Model) -> None:
    """Raise `ConflictingArguments` for a model of another API, whose events would tell nothing here: all would be lost."""
    if model.apis and "realtime" not in model.apis:
        raise ConflictingArguments(
            f"{model.name} is a model of api={model.apis[0]!r}, and listen() records Realtime sessions only; "
            "store what was said elsewhere by extend()"
        )


def fed(listening: Listening, event: object) -> Steps[list[Message | Reply]]:
    """Take an event, and give what it made of the log. What an earlier event could not store is stored first.

    An error of the store leaves what was not stored waiting. Raises `AnswerError`, and `ListenerClosed`.
    """
    if listening.over:
        raise ListenerClosed(listening.fold.session)
    yield from _stored(listening)
    outcomes = listening.fold.feed(event)
    listening.timed()
    listening.waiting.extend(outcomes)
    yield from _stored(listening)
    return _given(listening)


def closed(listening: Listening) -> Steps[list[Message | Reply]]:
    """Store what is left, as interrupted where it was not over."""
    if not listening.over:
        listening.waiting.extend(listening.fold.close())
        listening.over = True
    yield from _stored(listening)
    return _given(listening)


def _given(listening: Listening) -> list[Message | Reply]:
    found, listening.found = listening.found, []
    return found


def _stored(listening: Listening) -> Steps[None]:
    while listening.waiting:
        outcome = listening.waiting[0]
        entered = yield from persisted(partial(_one, listening, outcome))
        listening.waiting.popleft()
        listening.found += [entered] if entered is not None else []


def _one(listening: Listening, outcome: Outcome) -> Steps[Message | Reply | None]:
    if listening.branch is None:
        listening.branch = yield from shown_branch(listening.place)
    match outcome:
        case Final():
            return (yield from _recorded(listening, outcome))
        case Truncated():
            return (yield from _cut(listening, outcome))
        case Transcript():
            return (yield from _heard(listening, outcome))
        case Ended():
            return (yield from _billed(listening, outcome))


# --- items -----------------------------------------------------------------------------------------


def _recorded(listening: Listening, found: Final) -> Steps[Message | None]:
    """Store an item; None where it is in the log already, as it is."""
    place, now = listening.place, listening.place.tools.now()
    key = _key(found.session, "item", found.item)
    known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
    if known is None:
        (draft,) = yield from put_media(place, [found.draft], now)
        found = attrs.evolve(found, draft=draft)
        message = yield from _appended(listening, found, key, now)
        if message is not None:
            return message
        known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
        if known is None:
            raise ConflictError(AGAIN)
    assert known.position is not None  # noqa: S101 - it was stored with its message
    listening.branch = known.branch
    listening.places[found.session, found.item] = known.branch, known.position
    return (yield from _known(listening, found, known.branch, known.position))


def _appended(listening: Listening, found: Final, key: str, now: int) -> Steps[Message | None]:
    place, draft, branch = listening.place, found.draft, _branch(listening)
    row = {
        "conversation": place.found.id, "key": key, "hash": hash_of([draft]), "status": "added", "attempt": 0, "api": "none",
        "model": "", "origin": "", "asked_first": 1, "asked_last": 0, "started_at": now, "finished_at": now,
    }  # fmt: skip
    entry = Entry(place.owner, branch, now, (draft,), exchange_id=place.tools.new_id(), exchange=row)
    head = yield from unless_taken(exchanges.record, entry)
    if head is None:
        return None
    place.moved(head, branch)
    listening.places[found.session, found.item] = branch, head
    message = draft.at(head, now)
    if found.response is not None:
        listening.messages[found.response] = message
    return message


def _known(listening: Listening, found: Final, branch: UUID, position: int) -> Steps[Message | None]:
    """What is stored stays; but what another listener had stored of an item that went on is completed, and given."""
    place = listening.place
    stored = yield from read(log.one, place.owner, branch, position)
    if stored is None:
        raise ConversationNotFound(place.found.id)
    completed = None
    draft = _completing(stored, found) if stored.status == "interrupted" and is_unfinished(stored.raw) else None
    if draft is not None:
        stored = completed = (yield from _rewritten(place, stored, branch, draft)) or stored
    if found.response is not None:
        listening.messages[found.response] = stored
    return completed


def _completing(stored: Message, found: Final) -> Draft | None:
    """Give the whole of an item of which a part is stored, cut where that is known to be; None where less of it has come."""
    message = found.draft.at(stored.position, stored.created)
    if is_unfinished(message.raw):
        return None
    seconds = heard_of(stored.raw)
    if seconds is None:
        return found.draft
    sound = next((piece.data for piece in message.media if piece.kind == "audio"), None)
    return (cut_to(message, sound, seconds) or found.draft) if found.begun else None


def _rewritten(place: Place, stored: Message, branch: UUID, draft: Draft) -> Steps[Message | None]:
    """Give a stored message other content; None where others have changed it since it was read."""
    from convo.store import rewriting

    draft = attrs.evolve(draft, pinned=stored.pinned, metadata=stored.labels, created=stored.created)
    (draft,) = yield from put_media(place, [draft], place.tools.now())
    if (yield from write(rewriting.rewrite, place.owner, branch, stored.position, draft, stored.body)):
        return draft.at(stored.position, stored.created)
    return None


# --- corrections -----------------------------------------------------------------------------------


def _cut(listening: Listening, found: Truncated) -> Steps[Message | Reply | None]:
    """Leave of a reply what was heard of it; nothing where it is not in the log."""
    where = yield from _place_of(listening, found.session, found.item)
    if where is None:
        return None
    branch, position = where
    stored = yield from read(log.one, listening.place.owner, branch, position)
    if stored is not None and stored.role == "assistant" and isinstance(stored.raw.get("audio"), dict):
        cut = yield from truncated(listening.place, position, found.seconds, branch=branch)
        return cut if cut.body != stored.body else None
    return None


def _heard(listening: Listening, found: Transcript) -> Steps[Message | Reply | None]:
    """Keep the call that made a transcript, for what it cost; and the words, where the message came without them."""
    place = listening.place
    model = printable(found.model or "", NAME_COLUMN)
    if found.error is not None:
        call = _call(listening, found.session, f"no transcript of {found.item} {found.part}", found.raw)
        error = {"api": "transcriptions", "model": model, "status": "failed", "error": printable(found.error, 100), "raw": None}
        yield from _kept(call | error)
        return None
    call = _call(listening, found.session, f"transcript of {found.item}", found.raw) | {
        "api": "transcriptions", "model": model, "status": "done", **_usage(listening, found.usage, found.model or ""),
    }  # fmt: skip
    if (yield from _kept(call)):
        place.tools.watch.billed(call)
    where = yield from _place_of(listening, found.session, found.item)
    return (yield from _with_words(place, found, *where)) if where is not None else None


def _with_words(place: Place, found: Transcript, branch: UUID, position: int) -> Steps[Message | None]:
    """Give a message its words, and give it as it is then; None where it has words already, or is redacted."""
    from convo.store import transcripts

    stored = yield from read(log.one, place.owner, branch, position)
    if stored is None or stored.role != "user":
        return None
    piece = next((p for p in stored.media if p.part == found.part and p.kind == "audio"), None)
    if piece is None:
        draft = with_transcript(stored.raw, found.text) if stored.status != "redacted" else None
        return None if draft is None else (yield from _rewritten(place, stored, branch, draft))
    if piece.transcript is not None:
        return None
    text = printable(found.text, len(found.text))
    yield from write(transcripts.fill, place.owner, piece.digest, [(branch, position)], text, ())
    return (yield from read(log.one, place.owner, branch, position))


def _place_of(listening: Listening, session: str, item: str) -> Steps[Place_ | None]:
    """Give where an item was recorded, by this listener or another."""
    found = listening.places.get((session, item))
    if found is not None:
        return found
    place = listening.place
    known = yield from read(exchanges.by_key, place.owner, place.found.id, _key(session, "item", item))
    if known is None or known.position is None:
        return None
    return listening.places.setdefault((session, item), (known.branch, known.position))


# --- responses -------------------------------------------------------------------------------------


def _billed(listening: Listening, found: Ended) -> Steps[Reply | None]:
    """Store what a response used and cost, once; give its reply where it has a message."""
    message = listening.messages.get(found.response)
    where = [listening.places[found.session, item] for item in found.items if (found.session, item) in listening.places]
    model = listening.target.model
    interrupted = found.status != "completed"
    row = _call(listening, found.session, found.response, found.raw) | {
        "api": "realtime", "model": model.name, "answered_by": found.model and printable(found.model, NAME_COLUMN),
        "status": "failed" if not where and interrupted else "interrupted" if interrupted else "done",
        "position": max((position for _, position in where), default=None), "seen": _heard_before(message, where),
        "finish_reason": printable(found.finish_reason, 100), "error": found.error and printable(found.error, 100),
        "voice": found.voice and printable(found.voice, 100), "format": found.format and printable(found.format, 100),
        "spoken": message is not None and isinstance(message.raw.get("audio"), dict),
        **_usage(listening, found.usage, model.name, found.model),
    }  # fmt: skip
    if (times := listening.times.get(found.response)) is not None:
        row["started_at"], row["first_byte_at"] = times
    if fresh := (yield from _kept(row)):
        listening.place.tools.watch.billed(row)
    listening.messages.pop(found.response, None)
    listening.times.pop(found.response, None)
    if fresh and message is not None:
        yield from let_answered_go(listening.place, _branch(listening), message.position)
    return reply_of(message, row, replayed=not fresh) if message is not None and fresh else None


def _heard_before(message: Message | None, where: Sequence[Place_]) -> int | None:
    """Give the position up to which a response has heard the session: what came while it spoke stands after its items.

    None where it has said nothing, or calls a tool, and has answered nothing yet.
    """
    if message is None or message.tool_calls:
        return None
    return min(position for _, position in where) - 1 if where else None


def _call(listening: Listening, session: str, name: str, raw: str) -> dict[str, Any]:
    """Give the columns that every call of a session has."""
    place, now = listening.place, listening.place.tools.now()
    return {
        "owner": place.owner, "id": place.tools.new_id(), "conversation": place.found.id, "branch": _branch(listening),
        "key": _key(session, "call", name), "hash": sha256(raw.encode()).digest(), "attempt": 1,
        "origin": listening.target.origin, "asked_first": 1, "asked_last": 0, "started_at": now, "finished_at": now, "raw": raw,
    }  # fmt: skip


def _usage(listening: Listening, usage: Usage, model: str, answered: str | None = None) -> dict[str, Any]:
    return used(listening.place.tools, model, usage, answered)


def _kept(row: dict[str, Any]) -> Steps[bool]:
    """Store the row of a call; False when it is there already."""
    known = yield from read(exchanges.by_key, row["owner"], row["conversation"], row["key"])
    if known is not None:
        return False
    try:
        yield from write(exchanges.keep_call, row)
    except StoreFailed as error:
        if not error.is_duplicate:
            raise
        return False
    return True


def _branch(listening: Listening) -> UUID:
    assert listening.branch is not None  # noqa: S101 - it is found before anything is stored
    return listening.branch


def _key(session: str, kind: str, name: str) -> str:
    """Give the key by which what a session gave is known; it does not print, so that no caller's key is like it."""
    named = f"{session}\x1f{name}".encode("utf-8", "surrogatepass")
    return f"realtime\x1f{kind}\x1f{sha256(named).hexdigest()}"
