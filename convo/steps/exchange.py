"""Steps of an exchange: begin, call with nothing held; `convo.protocol` says what may be in the way, `ending` how it ends.

A turn is one exchange, or several where functions answer the model's calls: each round is one, under a key of its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.request import Request
from convo.assembly.target import AUDIO_ARGUMENTS
from convo.checks import check_type
from convo.content import message_draft
from convo.errors import ConflictError, KeyMismatch, NotFound, PresetNotFound, RequestError, StaleHead, StoreUnavailable
from convo.functions import can_run, names_of, open_calls
from convo.logs import note
from convo.models import name_of
from convo.policy import Policy
from convo.protocol import ENDED, LEASE, Known, Step, check_key, hash_of, step_for
from convo.recovery import CONTEXT_LENGTH_EXCEEDED, recovered, refused
from convo.steps.apis import ENDPOINTS, check_called
from convo.steps.calling import answered_calls
from convo.steps.columns import retries_of
from convo.steps.converting import converted_first, remembered
from convo.steps.effects import ask, finish, read, unless_taken, write
from convo.steps.ending import Open, end_unended, ended, failed, replay, withdrawn
from convo.steps.log import check_head, must_follow, put_media, shown_branch
from convo.steps.measuring import measured
from convo.steps.requests import check_no_speed, filled, opened, planned, target_of
from convo.steps.settling import settled
from convo.steps.spending import checked_before, foreseen, held_to, spending_of
from convo.steps.successors import check_alive, moved_on
from convo.steps.watched import part, recorded
from convo.store import exchanges
from convo.store.append import Entry
from convo.store.exchanges import Begun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.assembly.plan import Plan
    from convo.assembly.target import Target
    from convo.budget import Spending
    from convo.functions import Functions
    from convo.history import History
    from convo.messages import Draft, Message, ToolCall
    from convo.presets import Preset
    from convo.reply import Reply
    from convo.speech import Wish
    from convo.steps.effects import Steps, Told
    from convo.steps.place import Place
    from convo.steps.requests import Opened

LOGGER = logging.getLogger("convo.exchange")


@attrs.frozen
class Turn:
    """What is asked of whom, the same in every round of a turn. `speech` is what a reply in text shall be spoken by.

    `preset` is the name of one that is not read yet (see `with_voice`).
    """

    client: Any
    target: Target
    policy: Policy
    functions: Functions | None = None
    speech: Wish | None = None
    preset: str | None = None

    def runs(self, calls: Sequence[ToolCall]) -> bool:
        """Say whether functions answer these calls."""
        return self.functions is not None and can_run(calls, self.functions, names_of(self.target.arguments.get("tools")))

    def summarises(self, plan: Plan) -> bool:
        """Say whether what the window of a plan leaves behind is to be summarised first."""
        wanted = self.policy.summary_model is not None or self.policy.summarize is not None
        return wanted and plan.memory.window_start > plan.remembered.window_start


def turn_of(
    place: Place, client: Any, model: str, api: str, policy: Policy | None, functions: Functions | None,
    arguments: Mapping[str, Any], preset: Preset | str | None = None,
) -> Turn:  # fmt: skip
    """Give the turn that arguments of a call ask for."""
    check_type(policy, (Policy, type(None)), "policy", "a convo.Policy")
    check_called(api)
    check_no_speed(arguments)
    turn = Turn(client, target_of(place, model, api, client, None, arguments), policy or Policy(), functions)
    if isinstance(preset, str):
        return attrs.evolve(turn, preset=preset)
    return _voiced_by(turn, preset)


def with_voice(place: Place, turn: Turn, key: str | None) -> Steps[Turn]:
    """Give a turn with what the preset says that it names.

    Raises `PresetNotFound`, unless the key has its reply already: then nothing is said any more.
    """
    if turn.preset is None:
        return turn
    from convo.steps.presets import preset_of

    named = attrs.evolve(turn, preset=None)
    try:
        return _voiced_by(named, (yield from preset_of(place.owner, turn.preset)))
    except PresetNotFound:
        known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
        if known is None or known.status not in ENDED:
            raise
        return named


def _voiced_by(turn: Turn, preset: Preset | None) -> Turn:
    if preset is not None:
        from convo.steps.presets import with_preset

        arguments = with_preset(turn.target.arguments, preset)
        turn = attrs.evolve(turn, target=attrs.evolve(turn.target, arguments=arguments))
    if turn.policy.speak == "never":
        return turn
    from convo.speech import wish_of

    speech = wish_of(turn.target, turn.policy, None if preset is None else preset.speed)
    if speech is not None and turn.target.api == "responses":  # which has no audio: another model speaks
        silent = {name: value for name, value in turn.target.arguments.items() if name not in AUDIO_ARGUMENTS}
        turn = attrs.evolve(turn, target=attrs.evolve(turn.target, arguments=silent))
    return attrs.evolve(turn, speech=speech)


# --- send ------------------------------------------------------------------------------------------


def send(
    place: Place, turn: Turn, content: Sequence[object], *, key: str | None, expected_head: int | None
) -> Steps[Reply]:  # fmt: skip
    """Store what the user said, get the answer, store it. With a key, once."""
    return (yield from part(place, "send", _sent(place, turn, content, key, expected_head)))


def _sent(place: Place, turn: Turn, content: Sequence[object], key: str | None, expected_head: int | None) -> Steps[Reply]:
    drafts = checked(place, content, key, expected_head, "send()")
    turn = yield from with_voice(place, turn, key)
    reply = yield from _round(place, turn, drafts, key, expected_head)
    earlier: list[Reply] = []
    while goes_on(turn, reply, len(earlier)):
        earlier.append(reply)
        reply = yield from _round(place, turn, (), key_of_round(key, len(earlier)), None, reply)
    return attrs.evolve(reply, earlier=tuple(earlier)) if earlier else reply


def checked(place: Place, content: Sequence[object], key: str | None, expected_head: int | None, call: str) -> Sequence[Draft]:
    """Give the drafts of what is said. Raises an `InputError`, or a `UsageError` where no model may be called."""
    place.tools.check_may_wait(call)
    check_key(key)
    check_head(expected_head)
    return place.tools.limits.checked([message_draft(content)]) if content else []


def goes_on(turn: Turn, reply: Reply, rounds: int) -> bool:
    """Say whether functions answer what a reply asks for, and another round follows."""
    whole = not reply.interrupted and reply.finish_reason != "length"  # what is cut off may call what nobody meant
    return rounds < turn.policy.tool_rounds and whole and turn.runs(reply.tool_calls)


def key_of_round(key: str | None, number: int) -> str | None:
    """Give the key of a later round; no caller's key is like it, for it does not print."""
    return None if key is None else f"{key}\x1f{number}"


def _round(
    place: Place, turn: Turn, drafts: Sequence[Draft], key: str | None, expected: int | None, before: Reply | None = None
) -> Steps[Reply]:  # fmt: skip
    current = yield from started(place, turn, drafts, key, expected, before)
    if isinstance(current, Open):
        told = yield from asked(place, turn, current, drafts)
        current = yield from finish(recorded(place, current, ended(place, current, told)), current.lease(place))
    return (yield from voiced(place, turn, current))


def voiced(place: Place, turn: Turn, reply: Reply) -> Steps[Reply]:
    """Give a recorded reply, with speech made of its text where the turn wants speech and it has none."""
    if turn.speech is None:
        return reply
    from convo.steps.speaking import with_speech

    return (yield from with_speech(place, turn.client, turn.speech, turn.policy, reply))


def started(
    place: Place, turn: Turn, drafts: Sequence[Draft], key: str | None, expected: int | None, before: Reply | None = None
) -> Steps[Open | Reply]:  # fmt: skip
    """Begin a round, answering open calls first where functions can; or give the reply that its key has already.

    `before` is the reply of the round before. Raises `StaleHead` when the line that is shown does not hold it any more,
    and `ModelShutDown`; nothing is written then.
    """
    return (yield from part(place, "assemble", _started(place, turn, drafts, key, expected, before)))


def _started(
    place: Place, turn: Turn, drafts: Sequence[Draft], key: str | None, expected: int | None, before: Reply | None
) -> Steps[Open | Reply]:  # fmt: skip
    turn = attrs.evolve(turn, target=moved_on(place.tools, turn.target, turn.policy))
    yield from end_unended(place)
    start = yield from opened(place, turn.target, turn.policy, key)
    now = place.tools.now()
    step = step_for(start.known, hash_of(drafts), now)
    if start.known is not None:
        _check_turn(start.known, start.history, step, drafts, turn.functions)
        if step is Step.REPLAY:
            return (yield from replay(place, start.known.id))
    if before is not None:
        _check_holds(start.history, before.message)
    check_alive(place.tools, turn.target.model, turn.policy)
    fresh: Sequence[Draft] = (yield from measured(drafts)) if step is Step.BEGIN else []
    calls = [] if fresh else open_calls(start.history.messages)
    start, fresh, turn = yield from _heard(place, start, fresh, turn)
    now = place.tools.now()
    ready = None if turn.runs(calls) else planned(place, start, fresh, turn.target, turn.policy, now).counted()
    if ready is not None and turn.summarises(ready):
        yield from checked_before(spending_of(place, ready))
        seen = start.history.head
        start, ready = yield from _summarised(place, turn, start, fresh, ready, now)
        expected = start.history.head if expected == seen and _only_summaries(start.history, seen) else expected
    call = foreseen(place, turn, start, fresh) if ready is None else spending_of(place, ready)
    if any(draft.media for draft in fresh):
        yield from checked_before(call)
    yield from put_media(place, fresh, now)
    if ready is not None:
        yield from converted_first(place, ready, fresh)
    begun = yield from _begun(place, _entry(place, turn.target, fresh or drafts, key, expected, now, call))
    if isinstance(begun, Known):
        return (yield from replay(place, begun.id))
    try:
        plan = yield from _replanned(place, turn, begun, start.history, ready)
        yield from held_to(place, begun, call, plan)
        return Open(begun, plan)
    except GeneratorExit:
        raise
    except BaseException as error:
        yield from withdrawn(place, begun, error)
        raise


def _check_holds(history: History, message: Message) -> None:
    """Raise `StaleHead` when a line does not hold a message as it was: another one is shown since."""
    if not any(known.position == message.position and known.body == message.body for known in reversed(history.messages)):
        raise StaleHead(message.position, history.head)


def _heard(
    place: Place, start: Opened, drafts: Sequence[Draft], turn: Turn
) -> Steps[tuple[Opened, Sequence[Draft], Turn]]:  # fmt: skip
    """Give what a round starts from, once the recordings are transcribed that the policy wants as text."""
    if turn.policy.missing_transcript != "transcribe":
        return start, drafts, turn
    from convo.steps.transcribing import transcribed_first

    yield from checked_before(foreseen(place, turn, start, drafts))
    heard = yield from transcribed_first(place, turn.client, start, drafts, turn.target, turn.policy)
    return heard.start, heard.drafts, attrs.evolve(turn, policy=heard.policy)


def _summarised(
    place: Place, turn: Turn, start: Opened, drafts: Sequence[Draft], ready: Plan, now: int
) -> Steps[tuple[Opened, Plan]]:  # fmt: skip
    """Give what a round starts from, and its plan, once what the window leaves behind is summarised."""
    from convo.steps.compacting import summarised, writer_of

    policy = turn.policy
    writer = writer_of(place, turn.client, policy.summary_model, policy.summarize, None, policy, {})
    if (yield from summarised(place, writer, ready.memory.window_start - 1)) is not None:
        start = yield from opened(place, turn.target, policy)
    return start, planned(place, start, drafts, turn.target, policy, now)


def _only_summaries(history: History, head: int) -> bool:
    """Say whether nothing but summaries came after a head."""
    return all(message.kind == "summary" for message in history.messages if message.position > head)


def _replanned(place: Place, turn: Turn, begun: Begun, seen: History, ready: Plan | None) -> Steps[Plan]:
    """Give the plan of what the log holds once the exchange has begun, and the calls at its end are answered.

    `seen` is what was read before; others may have answered calls since, so that they are looked for anew then.
    """
    planned_for = seen if ready is None else ready.history
    same = (begun.branch, begun.head) == (planned_for.branch, planned_for.head)
    if ready is not None and same:
        return ready
    if ready is None and turn.functions is not None:
        if not same:
            seen = (yield from opened(place, turn.target, turn.policy, branch=begun.branch)).history
        yield from answered_calls(place, begun, open_calls(seen.messages), turn.functions)
    start = yield from opened(place, turn.target, turn.policy, branch=begun.branch)
    return planned(place, start, (), turn.target, turn.policy, place.tools.now())


def _check_turn(known: Known, history: History, step: Step, drafts: Sequence[Draft], functions: Functions | None) -> None:
    """Refuse a key whose turn is not the one that the log is at.

    Raises `KeyMismatch` when tools have answered since its reply, and nothing new is said: that is another turn, unless
    functions answered.
    Raises `StaleHead` when a turn that failed was followed by others, or stands on another branch.
    """
    if known.branch != history.branch:
        if step is Step.TAKE_OVER:
            raise StaleHead(known.asked_last, history.head)
        return
    later = [message for message in history.messages if message.position > known.asked_last]
    if (
        functions is None
        and step is Step.REPLAY
        and not drafts
        and any(m.role == "tool" and m.position > (known.position or 0) for m in later)
    ):
        raise KeyMismatch(known.key or "")
    if step is Step.TAKE_OVER and any(message.role == "assistant" for message in later):
        raise StaleHead(known.asked_last, history.head)


def _entry(
    place: Place, target: Target, drafts: Sequence[Draft], key: str | None, expected: int | None, now: int,
    call: Spending | None = None,
) -> Entry:  # fmt: skip
    row = _new_row(place, target, drafts, key, now)
    return Entry(
        place.owner, place.found.branch, now, drafts, exchange_id=place.tools.new_id(), lease_until=now + LEASE,
        expected=expected, exchange=row if call is None else {**row, **call.columns()}, spending=call,
        head=place.head,
    )  # fmt: skip


def _new_row(place: Place, target: Target, drafts: Sequence[Draft], key: str | None, now: int) -> dict[str, Any]:
    return {
        "conversation": place.found.id, "key": key, "hash": hash_of(drafts), "status": "pending", "attempt": 1,
        "api": target.api, "model": target.model.name, "instead_of": name_of(target.instead_of), "origin": target.origin,
        "started_at": now,
    }  # fmt: skip


def _begun(place: Place, entry: Entry) -> Steps[Begun | Known]:
    """Begin; whoever is interrupted on the way leaves nothing pending."""
    try:
        while (begun := (yield from _try_to_begin(entry))) is None:
            if (yield from settled(place, entry.branch)):
                continue
            yield from must_follow(place, entry.expected)
            entry = attrs.evolve(entry, branch=place.found.branch, head=place.head)
    except (GeneratorExit, ConflictError, NotFound, RequestError):
        raise
    except BaseException as error:
        assert entry.exchange_id is not None  # noqa: S101 - an exchange has an id
        yield from withdrawn(place, Begun(entry.exchange_id, entry.branch, 1, 0), error)
        raise
    if isinstance(begun, Begun):
        place.moved(begun.head)
        if begun.attempt > 1:
            note(LOGGER, logging.WARNING, "an exchange was taken over", exchange=begun.id, attempt=begun.attempt)
    return begun


def _try_to_begin(entry: Entry) -> Steps[Begun | Known | None]:
    begun = yield from unless_taken(exchanges.begin, entry, whole=entry.spending is not None)
    if begun is not None:
        return begun
    try:
        return (yield from write(exchanges.begin_after_all, entry))
    except StoreUnavailable:
        return (yield from write(exchanges.begin_after_all, entry))


def asked(place: Place, turn: Turn, current: Open, drafts: Sequence[Draft]) -> Steps[Told]:
    """Ask the model, again after a refusal that can be mended; what happens before it answers ends the exchange."""
    try:
        while True:
            request = yield from filled(place, current.plan, drafts)
            try:
                with place.tools.watch.asking(place, current):
                    told = yield from ask(turn.client, ENDPOINTS[current.plan.target.api], request, current.lease(place))
            except Exception as error:
                current.tried(retries_of(error))
                if not try_again(current, error):
                    raise
            else:
                current.tried(told.retries)
                return told
    except GeneratorExit as error:
        place.tools.watch.ended(place, current, None, error)
        raise
    except BaseException as error:
        yield from failed(place, current, error)
        raise


def try_again(current: Open, error: BaseException) -> bool:
    """Change the plan of an open exchange so that it may be sent again after `error`; False when it may not."""
    told = getattr(error, "code", None), getattr(error, "param", None), str(getattr(error, "message", ""))
    if told[0] == CONTEXT_LENGTH_EXCEEDED and any(step.code == told[0] for step in current.recovered):
        return False
    try:
        found = recovered(current.plan, *told)
    except RequestError:
        if (given_up := refused(current.plan, *told[:2])) is not None:
            current.plan = attrs.evolve(current.plan, memory=given_up[1])
        raise
    if found is None:
        return False
    plan, step = found
    current.will_send(plan)
    current.recovered.append(step)
    return True


# --- with chat.exchange(request) -------------------------------------------------------------------


def begin(place: Place, request: Request) -> Steps[Open]:
    """Begin an exchange for a request that was assembled before; the log may have moved since."""
    place.tools.check_may_wait("exchange()")
    check_type(request, Request, "exchange()", "the request that chat.request() gave")
    now, ready = place.tools.now(), request.plan.counted()
    yield from end_unended(place)
    history = ready.history
    if history.branch is not None and history.branch != (yield from shown_branch(place)):
        raise StaleHead(history.head, place.head)
    call = spending_of(place, ready)
    yield from remembered(place, request.converted)
    begun = yield from _begun(place, _entry(place, ready.target, (), None, None, now, call))
    assert isinstance(begun, Begun)  # noqa: S101 - without a key there is nothing to replay
    try:
        yield from held_to(place, begun, call, ready)
    except BaseException as error:
        yield from withdrawn(place, begun, error)
        raise
    current = Open(begun, ready)
    place.tools.watch.begun(place, current)
    return current
