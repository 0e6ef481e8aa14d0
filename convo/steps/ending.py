"""Steps at the end of an exchange: its reply enters the log, or it fails; an answer that was billed is not let go of."""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from convo.assembly.request import Request
from convo.assembly.savings import spoken_positions
from convo.canonical import encode
from convo.checks import check_type
from convo.errors import AnswerError, AudioNotKept, ConversationNotFound, ConvoError, ExchangeNotFound, StoreBusy, StoreError
from convo.ids import as_uuid
from convo.intake.fold import Fold
from convo.intake.reading import unreadable
from convo.keeping import let_go
from convo.logs import Swallowed, note
from convo.models import name_of
from convo.protocol import ENDED, hash_of
from convo.reply import Reply, reply_of
from convo.steps import blobs
from convo.steps.answers import read_reply
from convo.steps.columns import (
    answer_columns,
    answer_of,
    as_interrupted,
    asked_columns,
    assumed_columns,
    code_of,
    cost_of,
    ended_row,
    error_columns,
    memory_row,
    origin_of,
    sent_columns,
    whole_raw,
)
from convo.steps.converting import remembered
from convo.steps.effects import Lease, call, pause, read, unless_taken, write, write_one
from convo.steps.letting import let_go_if_answered
from convo.steps.log import put_media, shown_branch
from convo.steps.settling import settled
from convo.steps.watched import part
from convo.store import checkpoints, exchanges, log
from convo.store.append import Entry
from convo.store.totals import usage_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from convo.assembly.estimate import Estimate
    from convo.assembly.plan import Plan
    from convo.recovery import Recovery
    from convo.steps.effects import Steps, Told
    from convo.steps.place import Place
    from convo.store.exchanges import Begun

T = TypeVar("T")

LOGGER = logging.getLogger("convo.exchange")
PAUSES = (0.05, 0.1, 0.2, *(0.5,) * 21)
"""Seconds between tries to store an answer: eleven in all, and never so long that a database that is back is kept waiting."""
BUSY = 2
"""Tries when the database was busy, each of which has waited for its turn already: within a lease together."""


@attrs.define
class Open:
    """An exchange between its begin and its end: the plan that was last sent, and what was degraded on the way."""

    begun: Begun
    plan: Plan
    recovered: list[Recovery] = attrs.field(factory=list)
    retries: int | None = None
    """How often the client has tried again, in all that was asked so far; None where it does not tell."""
    estimate: Estimate = attrs.field(init=False)
    _sent: dict[str, Any] | None = attrs.field(default=None, init=False)
    told: int = 0
    """How many of `recovered` were logged."""
    seen: Any = attrs.field(default=None, repr=False, eq=False)
    """What watches the call keeps of it."""

    def __attrs_post_init__(self) -> None:
        """Begin with the plan that is sent first."""
        self.will_send(self.plan)

    def will_send(self, plan: Plan) -> None:
        """Take a plan, and estimate it now: a caller's `count_tokens` that fails is to cost no answer."""
        self.plan, self.estimate, self._sent = plan, plan.estimate, None

    def tried(self, retries: int | None) -> None:
        """Take how often the client has tried one request again."""
        self.retries = self.retries if retries is None else (self.retries or 0) + retries

    def sent(self, owner: str) -> Steps[dict[str, Any]]:
        """Give the columns that say what was sent in the place of speech, and how often it was tried, of the plan sent last."""
        if self._sent is None:
            self._sent = yield from _sent(owner, self.plan)
        return {**self._sent, "retries": self.retries}

    def lease(self, place: Place) -> Lease:
        """Give what has to be kept alive."""
        return Lease(place.owner, self.begun.branch, self.begun.id, self.begun.attempt)


def _sent(owner: str, plan: Plan) -> Steps[dict[str, Any]]:
    """Give the columns that say what a plan sends in the place of speech; what is known of spoken replies is read for it."""
    between = spoken_positions(plan)
    if between is None or plan.history.branch is None:
        return sent_columns(plan, {})
    return sent_columns(plan, (yield from read(log.spoken, owner, plan.history.branch, *between)))


def ended(place: Place, current: Open, told: Told) -> Steps[Reply]:
    """Record what came back; an answer that is none ends the exchange, with what it used."""
    try:
        return (yield from completed(place, current, told.answer, told))
    except AnswerError:
        yield from _ended_unread(place, current, told.answer, told)
        raise


def completed(
    place: Place, current: Open, answer: object, told: Told | None = None, *, interrupted: bool = False
) -> Steps[Reply]:  # fmt: skip
    """Record the answer, or what was received of it, and end the exchange.

    Raises `AnswerError`, and `ExchangeLost` when it came too late. While the store may work later it is tried again;
    an error that is raised after all carries the answer.
    """
    if isinstance(answer, Fold):
        answer, interrupted = folded(answer)
    try:
        try:
            return (yield from persisted(lambda: _completed(place, current, answer, told, interrupted=interrupted)))
        except StoreError as error:
            if place.tools.blobs.first is None:
                raise
            reply = yield from _completed(place, current, answer, told, interrupted=interrupted, sound=False)
            place.tools.warn(f"sound of {current.begun.id}", AudioNotKept(reply.message.position, str(error)))
            return reply
    except (AnswerError, StoreError, ConversationNotFound) as error:
        error.answer = answer
        raise


def persisted(steps: Callable[[], Steps[T]]) -> Steps[T]:
    """Do steps that store what was billed, again while the store may work later."""
    busy = 0
    for seconds in PAUSES:
        try:
            return (yield from steps())
        except StoreError as error:
            busy += isinstance(error, StoreBusy)
            if not error.retryable or busy >= BUSY:
                raise
            note(LOGGER, logging.WARNING, "what was billed could not be stored yet; it is tried again", error=error)
        yield from pause(seconds)
    return (yield from steps())


def _completed(
    place: Place, current: Open, answer: object, told: Told | None, *, interrupted: bool, sound: bool = True
) -> Steps[Reply]:  # fmt: skip
    """Record the answer. Without `sound` its bytes are given to the caller, and not stored."""
    now = place.tools.now()
    found = answer_of(current.plan, answer, told)
    if interrupted:
        found = as_interrupted(found)
    (draft,) = (yield from put_media(place, [found.draft], now)) if sound else [let_go(found.draft, now)]
    found = attrs.evolve(found, draft=draft)
    sent = yield from current.sent(place.owner)
    row = {**ended_row(current.plan, found, told, current.recovered, place.tools.catalogue, now), **sent}
    entry = Entry(
        place.owner, current.begun.branch, now, (found.draft,), exchange_id=current.begun.id, attempt=current.begun.attempt,
        exchange=row, memory=memory_row(place, current.plan, told), head=place.head_of(current.begun.branch),
    )  # fmt: skip
    head = yield from write_one(exchanges.complete, entry)
    if head is None:
        return (yield from _too_late(place, entry, row))
    place.moved(head, current.begun.branch)
    yield from let_go_if_answered(place, current.begun.branch, head, draft)
    return reply_of(found.draft.at(head, now), {**row, "id": current.begun.id}, replayed=False, estimate=current.estimate)


def _too_late(place: Place, entry: Entry, row: Mapping[str, Any]) -> Steps[Reply]:
    """The attempt no longer counts: because its own first commit was never confirmed, or because another took over."""
    assert entry.exchange_id is not None  # noqa: S101 - an exchange that ends has begun
    try:
        stored = yield from read(exchanges.row_of, place.owner, entry.exchange_id)
    except ExchangeNotFound as error:
        raise ConversationNotFound(place.found.id) from error
    if stored["status"] in ENDED and stored["attempt"] == entry.attempt and stored["raw"] == row["raw"]:
        return (yield from replay(place, entry.exchange_id))
    ids = {"exchange": entry.exchange_id, "attempt": entry.attempt, "conversation": place.found.id}
    note(LOGGER, logging.WARNING, "an answer came too late and is kept beside the log", **ids)
    whole = attrs.evolve(entry, exchange={**row, "raw": whole_raw(row["raw"], entry.drafts[0].body)})
    raise (yield from write(exchanges.keep_late, whole, place.tools.new_id()))


def failed(place: Place, current: Open, error: BaseException, told: Told | None = None) -> Steps[None]:
    """End the exchange without a reply; what was refused on the way is remembered."""
    place.tools.watch.ended(place, current, None, error)
    if isinstance(error, AnswerError) and error.answer is not None:
        yield from _ended_unread(place, current, error.answer, told)
        return
    memory = memory_row(place, current.plan, None)
    columns = asked_columns(current.plan, told, current.recovered) | error_columns(error, place.tools.now())
    try:
        columns |= yield from current.sent(place.owner)
    except ConvoError:  # the error to raise is the one that ended it
        columns["retries"] = current.retries
    yield from _ended(place, current.begun, columns, memory)


def _ended_unread(place: Place, current: Open, answer: object, told: Told | None) -> Steps[None]:
    raw, usage = unreadable(answer)
    cost = cost_of(place.tools.catalogue, usage, current.plan.target.model.name, None, raw)
    columns = {
        **asked_columns(current.plan, told, current.recovered), "error": AnswerError.code, "raw": raw,
        **usage_columns(usage, cost), **assumed_columns(current.plan, usage), "retries": current.retries,
    }  # fmt: skip
    with Swallowed(LOGGER, "what a request saved could not be looked up", ConvoError, exchange=current.begun.id):
        columns |= yield from current.sent(place.owner)
    yield from _ended(place, current.begun, columns, memory_row(place, current.plan, told))


def withdrawn(place: Place, begun: Begun, error: BaseException) -> Steps[None]:
    """End an exchange that has asked nothing yet, or of which it is not known whether it began."""
    yield from _ended(place, begun, {"error": code_of(error)}, None)


def _ended(place: Place, begun: Begun, columns: Mapping[str, Any], memory: Mapping[str, Any] | None) -> Steps[None]:
    """A database that cannot be reached is no second error: the next turn ends it, or its lease runs out."""
    end = (place.owner, begun.branch, begun.id, begun.attempt, place.tools.now(), columns, memory)
    stored = False
    with Swallowed(LOGGER, "the end of an exchange could not be stored yet", ConvoError, exchange=begun.id):
        yield from write(exchanges.fail, *end)
        stored = True
    if not stored:
        place.tools.unended.append(end)


def end_unended(place: Place) -> Steps[None]:
    """End what could not be ended while the database was away, so that nobody waits for a lease that nobody holds."""
    ends = place.tools.unended
    for _ in range(len(ends)):
        try:
            end = ends.popleft()
        except IndexError:  # another thread took it
            return
        try:
            yield from write(exchanges.fail, *end)
        except StoreError as error:
            if error.retryable:
                ends.appendleft(end)
                raise
            note(LOGGER, logging.WARNING, "the end of an exchange cannot be stored; its lease runs out", exchange=end[2])
        except BaseException:
            ends.appendleft(end)
            raise


def abandon(place: Place, exchange: Any) -> Steps[None]:
    """Give up an exchange that waits for its answer. Raises `ExchangeNotFound`."""
    place.tools.check_writable()
    identifier = as_uuid(getattr(exchange, "id", exchange), ExchangeNotFound)
    row = yield from read(exchanges.row_of, place.owner, identifier)
    mine = row["conversation"] == place.found.id and row["status"] == "pending"
    if mine and (yield from settled(place, row["branch"])):
        return
    yield from write(checkpoints.give_up, place.owner, place.found.id, identifier, place.tools.now())


def folded(fold: Fold) -> tuple[dict[str, Any], bool]:
    """Give the answer that a fold holds, and whether it was cut off. Raises `AnswerError` when it holds nothing."""
    if fold.empty:
        raise AnswerError("the stream ended before anything came", "send again: the same key tries again")
    return fold.answer(), not fold.complete


# --- without a begin -------------------------------------------------------------------------------


def record(place: Place, answer: object, request: Request | None) -> Steps[Reply]:
    """Record an answer whose exchange was not begun, once; the same answer again gives the recorded reply."""
    return (yield from part(place, "record_answer", _recorded(place, answer, request)))


def _recorded(place: Place, answer: object, request: Request | None) -> Steps[Reply]:
    place.tools.check_writable()
    check_type(request, (Request, type(None)), "record()", "the request that chat.request() gave, which a session has not")
    now = place.tools.now()
    target = request.plan.target if request is not None else None
    interrupted = False
    if isinstance(answer, Fold):
        answer, interrupted = folded(answer)
    seen = request.plan.history.head if request is not None else None
    asked = dict(request) if request is not None else {}
    found = read_reply(answer, asked=asked, origin=origin_of(target), plan=request.plan if request is not None else None)
    guess = request.estimate if request is not None else None
    if interrupted:
        found = as_interrupted(found)
    before = yield from read(exchanges.recorded, place.owner, place.found.id, found.raw, seen)
    if before is not None:
        return (yield from replay(place, before))
    (draft,) = yield from put_media(place, [found.draft], now)
    found = attrs.evolve(found, draft=draft)
    if request is not None:
        yield from remembered(place, request.converted)
    catalogue = place.tools.catalogue
    hashed = sha256(encode([found.raw, found.draft.body, seen]).encode()).digest()
    if place.tools.keys.seals:
        hashed, _ = yield from call(place.tools.keys.digests, (place.owner, hashed), {})
    key = f"record:{hashed.hex()}"
    row = {
        "conversation": place.found.id, "key": key, "hash": hash_of([draft]), "attempt": 1, "api": draft.api,
        "model": draft.model or "", "instead_of": name_of(target.instead_of) if target else None,
        "origin": target.origin if target else "", "started_at": now,
        "asked_first": 1, "asked_last": 0,
        **answer_columns(found, draft.model or "", catalogue, now),
        **(assumed_columns(request.plan, found.usage, found.draft) if request is not None else {}),
        **((yield from _sent(place.owner, request.plan)) if request is not None else {}),
        "seen": seen, "estimated_tokens": guess and guess.tokens,
    }  # fmt: skip
    memory = memory_row(place, request.plan, None) if request is not None else None
    branch = (request.plan.history.branch if request is not None else None) or (yield from shown_branch(place))
    entry = Entry(place.owner, branch, now, (draft,), exchange_id=place.tools.new_id(), exchange=row, memory=memory,
        head=place.head_of(branch),
    )  # fmt: skip
    head = yield from unless_taken(exchanges.record, entry)
    if head is None:
        known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
        assert known is not None  # noqa: S101 - the key is why nothing was recorded
        return (yield from replay(place, known.id))
    place.moved(head, branch)
    yield from let_go_if_answered(place, branch, head, draft)
    return reply_of(draft.at(head, now), {**row, "id": entry.exchange_id}, replayed=False, estimate=guess)


def replay(place: Place, exchange: UUID) -> Steps[Reply]:
    """Give the reply of an exchange that is done, with the bytes of its audio, as far as they are kept."""
    row = yield from read(exchanges.row_of, place.owner, exchange)
    message = yield from read(log.one, place.owner, row["branch"], row["position"])
    assert message is not None  # noqa: S101 - the log only grows
    kept = [piece.digest for piece in message.media if piece.dropped is None]
    data = (yield from blobs.get_all(place.tools, place.owner, kept)) if kept else {}
    pieces = tuple(attrs.evolve(piece, data=data.get(piece.digest)) for piece in message.media)
    return reply_of(attrs.evolve(message, media=pieces), row, replayed=True)
