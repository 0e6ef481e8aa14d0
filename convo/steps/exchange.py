"""Steps of an exchange: begin, call with nothing held, complete; see `convo.protocol` for what may be in the way."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import encode, printable
from convo.content import message_draft
from convo.errors import ConvoError, ExchangeNotFound, StoreUnavailable
from convo.ids import as_uuid
from convo.intake import Answer, read_chat
from convo.memory import with_skew
from convo.origin import Origin
from convo.protocol import LEASE, Known, Step, check_key, hash_of, step_for
from convo.recovery import Recovery, recovered
from convo.reply import Reply, reply_of
from convo.steps.effects import Lease, Told, ask, read, write, write_one
from convo.steps.log import put_media
from convo.steps.requests import filled, opened, planned, target_of
from convo.store import blobs, exchanges, log
from convo.store.append import Entry
from convo.store.exchanges import Begun
from convo.store.totals import usage_columns
from convo.times import to_micros
from convo.usage import price

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from convo.assembly import Plan, Request, Target
    from convo.messages import Draft
    from convo.models import Model
    from convo.policy import Policy
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.steps.requests import Opened


@attrs.define
class Open:
    """An exchange between its begin and its end: the plan that was last sent, and what was degraded on the way."""

    begun: Begun
    plan: Plan
    recovered: list[Recovery] = attrs.field(factory=list)

    def lease(self, place: Place) -> Lease:
        """Give what has to be kept alive."""
        return Lease(place.owner, place.found.branch, self.begun.id, self.begun.attempt)


# --- send ------------------------------------------------------------------------------------------


def send(
    place: Place, client: Any, content: Sequence[object], *, model: str, api: str, policy: Policy | None, key: str | None,
    expected_head: int | None, arguments: Mapping[str, Any],
) -> Steps[Reply]:  # fmt: skip
    """Store what the user said, get the answer, store it. With a key, once."""
    place.tools.check_may_wait("send()")
    check_key(key)
    target = target_of(place, model, api, client, None, arguments)
    drafts = [message_draft(content)] if content else []
    start = yield from opened(place, target, key)
    now = place.tools.now()
    step = step_for(start.known, hash_of(drafts), now)
    if step is Step.REPLAY and start.known is not None:
        return (yield from replay(place, start.known.id))
    fresh = drafts if step is Step.BEGIN else []
    ready = planned(place, start, fresh, target, policy, now)
    yield from put_media(place, fresh, now)
    begun = yield from _begun(place, _entry(place, target, drafts, key, expected_head, now))
    if isinstance(begun, Known):
        return (yield from replay(place, begun.id))
    return (yield from _answered(place, client, begun, ready, drafts, start, policy))


def _entry(place: Place, target: Target, drafts: Sequence[Draft], key: str | None, expected: int | None, now: int) -> Entry:
    return Entry(
        place.owner, place.found.branch, now, drafts, exchange_id=place.tools.new_id(), lease_until=now + LEASE,
        expected=expected, exchange=_new_row(place, target, drafts, key, now),
    )  # fmt: skip


def _new_row(place: Place, target: Target, drafts: Sequence[Draft], key: str | None, now: int) -> dict[str, Any]:
    return {
        "conversation": place.found.id, "key": key, "hash": hash_of(drafts), "status": "pending", "attempt": 1,
        "api": "chat", "model": target.model.name, "origin": target.origin, "started_at": now,
    }  # fmt: skip


def _begun(place: Place, entry: Entry) -> Steps[Begun | Known]:
    begun = yield from write_one(exchanges.begin, entry)
    if begun is not None:
        place.moved(begun.head)
        return begun
    return (yield from write(exchanges.begin_after_all, entry))


def _answered(
    place: Place, client: Any, begun: Begun, ready: Plan, drafts: Sequence[Draft], start: Opened, policy: Policy | None
) -> Steps[Reply]:
    """From a begun exchange to its end; whatever happens on the way ends it, so that nothing stays pending."""
    current = Open(begun, ready)
    try:
        if begun.head != ready.history.head:
            start = yield from opened(place, ready.target)
            current.plan = planned(place, start, (), ready.target, policy, place.tools.now())
        told = yield from _asked(place, client, current, drafts)
        return (yield from completed(place, current, told.answer, told))
    except BaseException as error:
        yield from failed(place, current, error)
        raise


def _asked(place: Place, client: Any, current: Open, drafts: Sequence[Draft]) -> Steps[Told]:
    while True:
        request = yield from filled(place, current.plan, drafts)
        try:
            return (yield from ask(client, request, current.lease(place)))
        except Exception as error:
            if not try_again(current, error):
                raise


def try_again(current: Open, error: BaseException) -> bool:
    """Change the plan of an open exchange so that it may be sent again after `error`; False when it may not."""
    found = recovered(current.plan, getattr(error, "code", None), getattr(error, "param", None))
    if found is None:
        return False
    current.plan, step = found
    current.recovered.append(step)
    return True


# --- with chat.exchange(request) -------------------------------------------------------------------


def begin(place: Place, request: Request) -> Steps[Open]:
    """Begin an exchange for a request that was assembled before; the log may have moved since."""
    place.tools.check_may_wait("exchange()")
    now = place.tools.now()
    begun = yield from _begun(place, _entry(place, request.plan.target, (), None, None, now))
    assert isinstance(begun, Begun)  # noqa: S101 - without a key there is nothing to replay
    return Open(begun, request.plan)


# --- the end ---------------------------------------------------------------------------------------


def completed(place: Place, current: Open, answer: object, told: Told | None = None) -> Steps[Reply]:
    """Record the answer and end the exchange. Raises `AnswerError`, and `ExchangeLost` when it came too late."""
    now = place.tools.now()
    read_answer = _read(current.plan, answer, told)
    yield from put_media(place, [read_answer.draft], now)
    row = _row(current.plan, read_answer, told, current.recovered, place.tools.catalogue.table, now)
    entry = Entry(
        place.owner, place.found.branch, now, (read_answer.draft,), exchange_id=current.begun.id, attempt=current.begun.attempt,
        exchange=row, memory=_memory_row(place, current.plan, told),
    )  # fmt: skip
    head = yield from _completed(entry)
    if head is None:
        return (yield from _too_late(place, entry, row))
    place.moved(head)
    return reply_of(read_answer.draft.at(head, now), {**row, "id": current.begun.id}, replayed=False)


def _completed(entry: Entry) -> Steps[int | None]:
    """Complete, and once more when the connection broke: the guard makes a second time harmless."""
    try:
        return (yield from write_one(exchanges.complete, entry))
    except StoreUnavailable:
        return (yield from write_one(exchanges.complete, entry))


def _too_late(place: Place, entry: Entry, row: Mapping[str, Any]) -> Steps[Reply]:
    """The attempt no longer counts: because its own first commit was never confirmed, or because another took over."""
    assert entry.exchange_id is not None  # noqa: S101 - an exchange that ends has begun
    stored = yield from read(exchanges.row_of, place.owner, entry.exchange_id)
    if stored["status"] == "done" and stored["attempt"] == entry.attempt and stored["raw"] == row["raw"]:
        return (yield from replay(place, entry.exchange_id))
    raise (yield from write(exchanges.keep_late, entry, place.tools.new_id()))


def failed(place: Place, current: Open, error: BaseException) -> Steps[None]:
    """End the exchange without a reply. A database that cannot be reached is no second error: the lease runs out."""
    begun = current.begun
    code = getattr(error, "code", None) or type(error).__name__
    try:
        yield from write(
            exchanges.fail, place.owner, place.found.branch, begun.id, begun.attempt, place.tools.now(), printable(str(code), 100)
        )
    except ConvoError:
        return


def record(place: Place, answer: object, request: Request | None) -> Steps[Reply]:
    """Record an answer whose exchange was not begun, once; the same answer again gives the recorded reply."""
    place.tools.check_writable()
    now = place.tools.now()
    target = request.plan.target if request is not None else None
    found = read_chat(answer, asked=dict(request) if request is not None else {}, origin=_origin(target))
    yield from put_media(place, [found.draft], now)
    catalogue = place.tools.catalogue
    draft, key = found.draft, f"record:{sha256((found.raw + found.draft.body).encode()).hexdigest()}"
    row = {
        "conversation": place.found.id, "key": key, "hash": hash_of([draft]), "status": "done", "attempt": 1, "api": "chat",
        "model": draft.model or "", "origin": target.origin if target else "", "started_at": now,
        "asked_first": 1, "asked_last": 0,
        **_answer_columns(found, catalogue.lookup(draft.model or ""), catalogue.table, now),
        "seen": request.plan.history.head if request is not None else None,
    }  # fmt: skip
    memory = _memory_row(place, request.plan, None) if request is not None else None
    entry = Entry(place.owner, place.found.branch, now, (draft,), exchange_id=place.tools.new_id(), exchange=row, memory=memory)
    head = yield from write_one(exchanges.record, entry)
    if head is None:
        known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
        assert known is not None  # noqa: S101 - the key is why nothing was recorded
        return (yield from replay(place, known.id))
    place.moved(head)
    return reply_of(draft.at(head, now), {**row, "id": entry.exchange_id}, replayed=False)


def replay(place: Place, exchange: UUID) -> Steps[Reply]:
    """Give the reply of an exchange that is done, with the bytes of its audio."""
    row = yield from read(exchanges.row_of, place.owner, exchange)
    message = yield from read(log.one, place.owner, row["branch"], row["position"])
    assert message is not None  # noqa: S101 - the log only grows
    pieces = []
    for piece in message.media:
        data = yield from read(blobs.get, place.owner, piece.digest)
        pieces.append(attrs.evolve(piece, data=data))
    return reply_of(attrs.evolve(message, media=tuple(pieces)), row, replayed=True)


# --- what is written of an answer ------------------------------------------------------------------


def _read(plan: Plan, answer: object, told: Told | None) -> Answer:
    origin = _origin(plan.target)
    return read_chat(answer, asked=plan.arguments, origin=origin.told(told.headers) if origin and told else origin)


def _origin(target: Target | None) -> Origin | None:
    return Origin.parse(target.origin) if target is not None and target.origin else None


def _row(plan: Plan, answer: Answer, told: Told | None, steps: Sequence[Recovery], table: str, now: int) -> dict[str, Any]:
    return {
        **_answer_columns(answer, plan.target.model, table, now),
        "status": "done",
        "seen": plan.history.head,
        "request_id": printable(told.headers.get("x-request-id", ""), 200) or None if told else None,
        "recovered": encode([attrs.asdict(step) for step in steps]) if steps else None,
        "error": None,
    }


def _answer_columns(answer: Answer, model: Model, table: str, now: int) -> dict[str, Any]:
    cost = price(answer.usage, model.prices, table=table)
    audio = answer.draft.media[0] if answer.draft.media else None
    return {
        "answered_by": answer.model and printable(answer.model, 200),
        "finished_at": now,
        "finish_reason": answer.finish_reason and printable(answer.finish_reason, 100),
        "raw": answer.raw,
        "voice": audio.voice if audio else None,
        "format": audio.format if audio else None,
        "spoken": audio is not None,
        **usage_columns(answer.usage, cost),
    }


def _memory_row(place: Place, plan: Plan, told: Told | None) -> dict[str, Any] | None:
    """The memory to write, None when it has not changed and nothing has to be remembered."""
    memory = plan.memory if told is None else with_skew(plan.memory, _skew(told))
    if memory == plan.remembered or not plan.target.origin:
        return None
    target = plan.target
    return {
        "owner": place.owner, "branch": place.found.branch, "origin": target.origin, "family": target.model.family,
        "body": memory.to_text(),
    }  # fmt: skip


def _skew(told: Told) -> float:
    """How far the API's clock is ahead of ours, in seconds; 0 where it does not say."""
    try:
        moment = parsedate_to_datetime(told.headers["date"])
        return (to_micros(moment) - told.at) / 1_000_000
    except (KeyError, TypeError, ValueError):
        return 0.0


def abandon(place: Place, exchange: Any) -> Steps[None]:
    """Give up an exchange that waits for its answer. Raises `ExchangeNotFound`."""
    place.tools.check_writable()
    identifier = as_uuid(getattr(exchange, "id", exchange), ExchangeNotFound)
    yield from write(exchanges.give_up, place.owner, place.found.branch, identifier, place.tools.now())
