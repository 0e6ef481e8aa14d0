"""Steps of an exchange: begin, call with nothing held; `convo.protocol` says what may be in the way, `ending` how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly import Request
from convo.checks import check_type
from convo.content import message_draft
from convo.errors import ConflictError, KeyMismatch, NotFound, RequestError, StaleHead, StoreUnavailable
from convo.protocol import LEASE, Known, Step, check_key, hash_of, step_for
from convo.recovery import recovered, refused
from convo.steps.effects import ask, finish, unless_taken, write
from convo.steps.ending import Open, ended, failed, replay, withdrawn
from convo.steps.log import check_head, must_follow, put_media, shown_branch
from convo.steps.requests import filled, opened, planned, target_of
from convo.store import exchanges
from convo.store.append import Entry
from convo.store.exchanges import Begun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.assembly import Plan, Target
    from convo.history import History
    from convo.messages import Draft
    from convo.policy import Policy
    from convo.reply import Reply
    from convo.steps.effects import Steps, Told
    from convo.steps.place import Place


# --- send ------------------------------------------------------------------------------------------


def send(
    place: Place, client: Any, content: Sequence[object], *, model: str, api: str, policy: Policy | None, key: str | None,
    expected_head: int | None, arguments: Mapping[str, Any],
) -> Steps[Reply]:  # fmt: skip
    """Store what the user said, get the answer, store it. With a key, once."""
    place.tools.check_may_wait("send()")
    check_key(key)
    check_head(expected_head)
    target = target_of(place, model, api, client, None, arguments)
    drafts = [message_draft(content)] if content else []
    start = yield from opened(place, target, key)
    now = place.tools.now()
    step = step_for(start.known, hash_of(drafts), now)
    if start.known is not None:
        _check_turn(start.known, start.history, step, drafts)
        if step is Step.REPLAY:
            return (yield from replay(place, start.known.id))
    fresh = drafts if step is Step.BEGIN else []
    ready = planned(place, start, fresh, target, policy, now)
    yield from put_media(place, fresh, now)
    begun = yield from _begun(place, _entry(place, target, drafts, key, expected_head, now))
    if isinstance(begun, Known):
        return (yield from replay(place, begun.id))
    return (yield from _answered(place, client, begun, ready, drafts, policy))


def _check_turn(known: Known, history: History, step: Step, drafts: Sequence[Draft]) -> None:
    """Refuse a key whose turn is not the one that the log is at.

    Raises `KeyMismatch` when tools have answered since its reply, and nothing new is said: that is another turn.
    Raises `StaleHead` when a turn that failed was followed by others, or stands on another branch.
    """
    if known.branch != history.branch:
        if step is Step.TAKE_OVER:
            raise StaleHead(known.asked_last, history.head)
        return
    later = history.messages[known.asked_last :]
    if step is Step.REPLAY and not drafts and any(m.role == "tool" and m.position > (known.position or 0) for m in later):
        raise KeyMismatch(known.key or "")
    if step is Step.TAKE_OVER and any(message.role == "assistant" for message in later):
        raise StaleHead(known.asked_last, history.head)


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
    """Begin; whoever is interrupted on the way leaves nothing pending."""
    try:
        while (begun := (yield from _try_to_begin(entry))) is None:
            yield from must_follow(place, entry.expected)
            entry = attrs.evolve(entry, branch=place.found.branch)
    except (GeneratorExit, ConflictError, NotFound):
        raise
    except BaseException as error:
        assert entry.exchange_id is not None  # noqa: S101 - an exchange has an id
        yield from withdrawn(place, Begun(entry.exchange_id, entry.branch, 1, 0), error)
        raise
    if isinstance(begun, Begun):
        place.moved(begun.head)
    return begun


def _try_to_begin(entry: Entry) -> Steps[Begun | Known | None]:
    begun = yield from unless_taken(exchanges.begin, entry)
    if begun is not None:
        return begun
    try:
        return (yield from write(exchanges.begin_after_all, entry))
    except StoreUnavailable:
        return (yield from write(exchanges.begin_after_all, entry))


def _answered(
    place: Place, client: Any, begun: Begun, ready: Plan, drafts: Sequence[Draft], policy: Policy | None
) -> Steps[Reply]:
    """From a begun exchange to its end; what happens before an answer ends it, an answer is recorded whatever happens."""
    current = Open(begun, ready)
    try:
        if (begun.branch, begun.head) != (ready.history.branch, ready.history.head):
            start = yield from opened(place, ready.target)
            current.plan = planned(place, start, (), ready.target, policy, place.tools.now())
        told = yield from _asked(place, client, current, drafts)
    except GeneratorExit:
        raise
    except BaseException as error:
        yield from failed(place, current, error)
        raise
    return (yield from finish(ended(place, current, told), current.lease(place)))


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
    told = getattr(error, "code", None), getattr(error, "param", None)
    try:
        found = recovered(current.plan, *told)
    except RequestError:
        if (given_up := refused(current.plan, *told)) is not None:
            current.plan = attrs.evolve(current.plan, memory=given_up[1])
        raise
    if found is None:
        return False
    current.plan, step = found
    current.recovered.append(step)
    return True


# --- with chat.exchange(request) -------------------------------------------------------------------


def begin(place: Place, request: Request) -> Steps[Open]:
    """Begin an exchange for a request that was assembled before; the log may have moved since."""
    place.tools.check_may_wait("exchange()")
    check_type(request, Request, "exchange()", "the request that chat.request() gave")
    now = place.tools.now()
    history = request.plan.history
    if history.branch is not None and history.branch != (yield from shown_branch(place)):
        raise StaleHead(history.head, place.head)
    begun = yield from _begun(place, _entry(place, request.plan.target, (), None, None, now))
    assert isinstance(begun, Begun)  # noqa: S101 - without a key there is nothing to replay
    return Open(begun, request.plan)
