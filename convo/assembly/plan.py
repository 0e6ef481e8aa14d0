"""History, memory, policy, target and now, to a plan: what is sent how, and which bytes it needs. Pure."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.apis import CALLED, arguments_for
from convo.assembly.breakpoints import with_breakpoints
from convo.assembly.dialect import in_dialect
from convo.assembly.estimate import declared_tokens, each_message, estimate, tokens_of
from convo.assembly.horizon import flip_horizon
from convo.assembly.parts import newest_turn, parts_of
from convo.assembly.recordings import heard_from
from convo.assembly.render import HEARD, Scene, rendered
from convo.assembly.repair import steps_of
from convo.assembly.sound import key_of
from convo.assembly.window import budget_of, first_kept, surely_fits, turn_starts
from convo.errors import NothingToSend
from convo.history import block_of_turns
from convo.modality import AUDIO, TEXT, Modality
from convo.times import from_micros
from convo.tokens import rough_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from convo.assembly.estimate import Estimate
    from convo.assembly.parts import Parts
    from convo.assembly.reminder import Reminder
    from convo.assembly.render import How
    from convo.assembly.target import Target
    from convo.history import History
    from convo.memory import Memory
    from convo.messages import Message
    from convo.policy import Policy
    from convo.tokens import Counter


@attrs.frozen(eq=False, repr=False)
class Plan:
    """All decisions of a request. `wires` are its messages, with `{"$blob": digest}` where bytes belong.

    `messages`, `hows` and `reasons` say for each of them of which message of the log it is, how it is sent and why, `rendered`
    gives them together; `omitted` names the messages left out.
    `with_media` are the indexes of messages that bytes may belong into, `audible` says whether a recording is sent
    inline. `now` is in microseconds since 1970. `remembered` is the memory that the store has, `memory` the one that it
    should have once this was sent. `kept` are positions of replies that stay references whatever the budget says.
    `count` gives the tokens of a text. The first `chained` messages are behind the Response that the request refers to.
    """

    history: History
    target: Target
    policy: Policy
    now: int
    family_of: Callable[[str], str]
    remembered: Memory
    memory: Memory
    kept: frozenset[int]
    wires: Sequence[dict[str, Any]]
    messages: Sequence[Message]
    hows: Sequence[How]
    reasons: Sequence[str]
    omitted: Sequence[tuple[Message, str]]
    with_media: Sequence[int]
    audible: bool
    arguments: Mapping[str, Any]
    notes: Sequence[str]
    count: Counter = rough_tokens
    chained: int = 0

    @cached_property
    def rendered(self) -> Sequence[tuple[Message, How, str]]:
        """The message of the log, how it is sent and why, for each of `wires`: made when asked for, as few requests are."""
        return list(zip(self.messages, self.hows, self.reasons, strict=True))

    @cached_property
    def tokens(self) -> Sequence[tuple[int, int]]:
        """The estimated (text, audio) tokens of each of `wires`."""
        return each_message(self)

    @cached_property
    def estimate(self) -> Estimate:
        """The estimated input of the request: its messages and its tools."""
        return estimate(self)

    def counted(self) -> Plan:
        """Give the same plan, once its tokens are counted: a `count` that fails does so here, before anything is stored."""
        self.estimate  # noqa: B018 - it is remembered
        return self

    @property
    def blobs(self) -> tuple[str, ...]:
        """The bytes that `fill` needs, each once, in order: digests, and `digest/form` for what is to be converted."""
        return tuple(dict.fromkeys(key for index in self.with_media for key in blobs_in(self.wires[index])))

    @property
    def references(self) -> tuple[Message, ...]:
        """The spoken turns that are sent by their ids."""
        return tuple(message for message, how in zip(self.messages, self.hows, strict=True) if how == "reference")

    @property
    def next_expiry(self) -> datetime | None:
        """When the first reference becomes invalid, None when there is none."""
        expiries = [message.audio_expires for message in self.references if message.audio_expires is not None]
        return from_micros(min(expiries)) if expiries else None

    @property
    def reminder(self) -> Reminder | None:
        """What reminds the model to speak, behind `wires`, or None."""
        if self.policy.reminder == "never":
            return None
        from convo.assembly.reminder import reminder_of

        return reminder_of(self)

    @property
    def modality(self) -> Modality:
        """What the request turns into what."""
        written = any(wire["role"] == "user" and not _is_sound(wire["content"]) for wire in self.wires)
        said = (TEXT, AUDIO) if written and self.audible else (AUDIO,) if self.audible else (TEXT,)
        return Modality(said, self.arguments.get("modalities") or (TEXT,))

    def reshaped(self, target: Target) -> Plan:
        """Give the same messages with the arguments of another target of the same model."""
        arguments, notes = arguments_for(target, self.policy, has_audio=self.audible)
        return attrs.evolve(self, target=target, arguments={"model": target.model.name, **arguments}, notes=notes)

    def half(self) -> int:
        """Give the position at which the newest turns begin that fill half of what this request holds."""
        tokens = tokens_of(self)
        return moved_begin(self, parts_of(self.history, self.memory, self.policy), tokens, sum(tokens) // 2)

    def after(self, memory: Memory, policy: Policy | None = None) -> Plan:
        """Give the plan that the same inputs make with another memory, or another policy."""
        following = plan(self.history, memory, policy or self.policy, self.target, self.now, self.family_of, self.count)
        return attrs.evolve(following, remembered=self.remembered)


def plan(
    history: History, memory: Memory, policy: Policy, target: Target, now: int, family_of: Callable[[str], str],
    count: Counter = rough_tokens,
) -> Plan:  # fmt: skip
    """Decide how every message is sent.

    `now` is in microseconds since 1970, `family_of` gives the audio family of a model's name, `count` the tokens of a
    text. Raises a `RequestError` when no request that the API accepts can be made, `ConflictingArguments` for arguments
    that it refuses.
    """
    moved = memory if history.since <= max(memory.window_start, 1) else _moved(memory, history.since)
    parts = parts_of(history, moved, policy)
    while True:
        made = _planned(history, parts, moved, policy, target, now, family_of, count)
        begin = _begin(made, parts)
        if begin <= parts.begin:
            return made if moved is memory else attrs.evolve(made, remembered=memory)
        moved = _moved(moved, begin)
        parts = parts_of(history, moved, policy)


def _moved(memory: Memory, begin: int) -> Memory:
    return attrs.evolve(memory, window_start=max(memory.window_start, begin))


def _planned(
    history: History, parts: Parts, memory: Memory, policy: Policy, target: Target, now: int,
    family_of: Callable[[str], str], count: Counter,
) -> Plan:  # fmt: skip
    """Plan with a window that begins where the parts do."""
    steps, orphans = steps_of(parts.messages, may_wait=target.api not in CALLED)
    begin = heard_from(history.messages, policy)
    scene = Scene.of(target, policy, memory, now, _turn_to_answer(parts.messages), begin, family_of)
    scene = _with_voice(scene, parts.messages, block_of_turns(history.messages, policy.reference_turns, before=1))
    wires: list[dict[str, Any]] = []
    sent: list[Message] = []
    hows: list[How] = []
    reasons: list[str] = []
    omitted = [*parts.left, *orphans]
    with_media: list[int] = []
    for message, body, repair in chain(steps_of(parts.lead)[0], steps):
        wire, how, reason = rendered(message, body, repair, scene)
        if wire is None:
            omitted.append((message, reason))
            continue
        if message.facts.pieces and (message.role == "user" or "output" in wire):
            with_media.append(len(wires))
        wires.append(wire)
        sent.append(message)
        hows.append(how)
        reasons.append(reason)
    lead = len(parts.lead)
    if target.api == "live":
        lead, kept = _fitting(list(zip(sent, hows, reasons, strict=True)), wires, lead, omitted, count)
        sent, hows = [sent[index] for index in kept], [hows[index] for index in kept]
        reasons, wires = [reasons[index] for index in kept], [wires[index] for index in kept]
        with_media = []
    if not wires:
        raise NothingToSend
    wires = with_breakpoints(wires, lead, target)
    wires, changes = in_dialect(wires, target) if target.api == "chat" else (wires, [])
    audible = any(hows[index] == "inline" and reasons[index] in HEARD for index in with_media)
    arguments, notes = arguments_for(target, policy, has_audio=audible)
    notes = [*changes, *notes]
    if parts.begin > 1:
        notes = [*notes, f"messages before {parts.begin} are left out, but for those that every request holds"]
    later = memory if scene.horizon == memory.expired_through else attrs.evolve(memory, expired_through=scene.horizon)
    if target.api != "chat" and any("name" in wire and wire["role"] != "function" for wire in wires):
        notes = [*notes, "names of those who speak are not sent: this API has no place for them"]
    arguments = {"model": target.model.name, **arguments}
    return Plan(
        history, target, policy, now, family_of, memory, later, scene.kept, wires, sent, hows, reasons, omitted, with_media,
        audible, arguments, notes, count, _chained(target, policy, zip(sent, hows, reasons, strict=True), wires, now),
    )  # fmt: skip


def _fitting(
    sent: list[tuple[Message, How, str]], wires: list[dict[str, Any]], lead: int, omitted: list[tuple[Message, str]],
    count: Counter,
) -> tuple[int, list[int]]:  # fmt: skip
    """Give which messages a Live session can begin with, and how many of them come first in all; the others are left out."""
    from convo.assembly.live import fitting

    kept, why = fitting(sent, wires, lead, count)
    omitted += [(sent[index][0], reason) for index, reason in sorted(why.items())]
    return sum(index < lead for index in kept), list(kept)


def _chained(
    target: Target, policy: Policy, sent: Iterable[tuple[Message, How, str]], wires: Sequence[dict[str, Any]], now: int
) -> int:  # fmt: skip
    if target.api != "responses" or not policy.previous_response:
        return 0
    from convo.assembly.responses import chained

    return chained(list(sent), wires, now)


def _with_voice(scene: Scene, messages: Sequence[Message], spoken_from: int) -> Scene:
    """Give the scene with what is decided of all spoken replies together: which may be references."""
    replies = scene.replies(messages)
    if not replies:
        return scene
    policy, known = scene.policy, scene.memory
    horizon = flip_horizon(messages, replies, known.expired_through, scene.soon, policy, scene.target.model)
    kept = policy.keep_references
    given_up = max(scene.cutoff, known.expired_through, known.refused_through)
    valid = [message.position for message in replies if (message.audio_expires or 0) > given_up]
    return attrs.evolve(scene, horizon=horizon, spoken_from=spoken_from, kept=frozenset(valid[-kept:] if kept else ()))


def _begin(made: Plan, parts: Parts) -> int:
    """Give the position at which the window of a plan begins; that of its parts for as long as all of them fit."""
    if made.target.api == "live":
        return parts.begin
    budget = budget_of(made.policy, made.target) - declared_tokens(made.arguments, made.count)
    if surely_fits(made.messages, budget):
        return parts.begin
    tokens = tokens_of(made)
    if sum(tokens) <= budget:
        return parts.begin
    return moved_begin(made, parts, tokens, budget if made.target.api == "realtime" else budget // 2)


def moved_begin(made: Plan, parts: Parts, tokens: Sequence[int], room: int) -> int:
    """Give the position from which the newest turns of a plan fit into a number of tokens."""
    count = len(parts.lead)
    messages = made.messages[count:]
    begun = max(parts.begin, made.history.since)
    starts = [index for index in turn_starts(messages) if messages[index].position >= begun]
    if not starts:
        return parts.begin
    index = first_kept(messages, tokens[count:], starts, sum(tokens[:count]), room)
    if made.kept:
        index = min(index, max((start for start in starts if messages[start].position <= min(made.kept)), default=starts[0]))
    return min(messages[index].position, newest_turn(parts.messages, made.history.since))


def _turn_to_answer(messages: Sequence[Message]) -> int:
    """Give the position at which the last reply ends and the turn to answer begins."""
    for message in reversed(messages):
        if message.role == "assistant":
            return message.position + 1
    return 0


def _is_sound(content: object) -> bool:
    """Say whether there is nothing in content but recordings."""
    return isinstance(content, list) and all(part["type"] == "input_audio" for part in content)


def blobs_in(value: object) -> Iterator[str]:
    """Give what names the bytes that a part of a request needs, see `Plan.blobs`."""
    if isinstance(value, dict):
        if "$blob" in value:
            yield key_of(value)
            return
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from blobs_in(child)
