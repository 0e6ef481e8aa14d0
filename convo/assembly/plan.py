"""History, memory, policy, target and now, to a plan: what is sent how, and which bytes it needs. Pure."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.reminder import reminder_of
from convo.assembly.render import OF_AGE, Scene, rendered
from convo.assembly.repair import steps_of
from convo.assembly.shape import shaped
from convo.errors import NothingToSend
from convo.history import last_turns
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from convo.assembly.reminder import Reminder
    from convo.assembly.render import How
    from convo.assembly.target import Target
    from convo.history import History
    from convo.memory import Memory
    from convo.messages import Message
    from convo.policy import Policy


@attrs.frozen(eq=False, repr=False)
class Plan:
    """All decisions of a request. `wires` are its messages, with `{"$blob": digest}` where bytes belong.

    `rendered` says for each of them (message of the log, how, reason), `omitted` names the messages left out.
    `with_media` are the indexes of messages that bytes may belong into, `audible` says whether a recording is sent
    inline. `now` is in microseconds since 1970. `remembered` is the memory that the store has, `memory` the one that it
    should have once this was sent.
    """

    history: History
    target: Target
    policy: Policy
    now: int
    family_of: Callable[[str], str]
    remembered: Memory
    memory: Memory
    wires: Sequence[dict[str, Any]]
    rendered: Sequence[tuple[Message, How, str]]
    omitted: Sequence[tuple[Message, str]]
    with_media: Sequence[int]
    audible: bool
    arguments: Mapping[str, Any]
    notes: Sequence[str]

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digests of the bytes that `fill` needs, each once, in the order of the request."""
        return tuple(dict.fromkeys(digest for index in self.with_media for digest in digests_in(self.wires[index])))

    @property
    def references(self) -> tuple[Message, ...]:
        """The spoken turns that are sent by their ids."""
        return tuple(message for message, how, _ in self.rendered if how == "reference")

    @property
    def next_expiry(self) -> datetime | None:
        """When the first reference becomes invalid, None when there is none."""
        expiries = [message.audio_expires for message in self.references if message.audio_expires is not None]
        return from_micros(min(expiries)) if expiries else None

    @property
    def reminder(self) -> Reminder | None:
        """What reminds the model to speak, behind `wires`, or None."""
        return reminder_of(self)

    def reshaped(self, target: Target) -> Plan:
        """Give the same messages with the arguments of another target of the same model."""
        arguments, notes = shaped(target, self.policy, has_audio=self.audible)
        return attrs.evolve(self, target=target, arguments={"model": target.model.name, **arguments}, notes=notes)

    def after(self, memory: Memory) -> Plan:
        """Give the plan that the same inputs make with another memory."""
        following = plan(self.history, memory, self.policy, self.target, self.now, self.family_of)
        return attrs.evolve(following, remembered=self.remembered)


def plan(history: History, memory: Memory, policy: Policy, target: Target, now: int, family_of: Callable[[str], str]) -> Plan:
    """Decide how every message is sent.

    `now` is in microseconds since 1970, `family_of` gives the audio family of a model's name. Raises a `RequestError`
    when no request that the API accepts can be made, `ConflictingArguments` for arguments that it refuses.
    """
    lead, messages, superseded = _instructions_first(history.messages)
    steps, orphans = steps_of(messages)
    heard_from = last_turns(history.messages, policy.user_audio_turns)
    scene = Scene.of(target, policy, memory, now, _turn_to_answer(messages), heard_from, family_of)
    wires: list[dict[str, Any]] = []
    sent: list[tuple[Message, How, str]] = []
    omitted = [*superseded, *orphans]
    expired_through = memory.expired_through
    with_media: list[int] = []
    for step in chain(steps_of(lead)[0], steps):
        wire, how, reason = rendered(step, scene)
        message = step[0]
        if reason in OF_AGE and message.audio_expires is not None and message.audio_expires > expired_through:
            expired_through = message.audio_expires
        if wire is None:
            omitted.append((message, reason))
            continue
        if message.pieces and message.role == "user":
            with_media.append(len(wires))
        wires.append(wire)
        sent.append((message, how, reason))
    if not wires:
        raise NothingToSend
    audible = any(sent[index][1:] == ("inline", "inline") for index in with_media)
    arguments, notes = shaped(target, policy, has_audio=audible)
    later = memory if expired_through == memory.expired_through else attrs.evolve(memory, expired_through=expired_through)
    arguments = {"model": target.model.name, **arguments}
    return Plan(
        history, target, policy, now, family_of, memory, later, wires, sent, omitted, with_media, audible, arguments, notes
    )


def _instructions_first(messages: Sequence[Message]) -> tuple[list[Message], Sequence[Message], list[tuple[Message, str]]]:
    """Give the instructions in force, the other messages, and the instructions that newer ones replaced."""
    events = [message for message in messages if message.kind == "instructions"]
    if not events:
        return [], messages, []
    others = [message for message in messages if message.kind != "instructions"]
    return [events[-1]], others, [(message, "superseded") for message in events[:-1]]


def _turn_to_answer(messages: Sequence[Message]) -> int:
    """Give the position at which the last reply ends and the turn to answer begins."""
    for message in reversed(messages):
        if message.role == "assistant":
            return message.position + 1
    return 0


def digests_in(value: object) -> Iterator[str]:
    """Give the digests of all bytes that a part of a request needs."""
    if isinstance(value, dict):
        if "$blob" in value:
            yield value["$blob"]
            return
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from digests_in(child)
