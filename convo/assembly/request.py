"""A request that is ready to send, and the story of how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.apis import items_for
from convo.assembly.estimate import reminder_tokens, tokens_of
from convo.assembly.render import How, sentence
from convo.escapes import safe
from convo.models import name_of
from convo.tokens import is_rough

if TYPE_CHECKING:
    from datetime import datetime

    from convo.assembly.estimate import Estimate
    from convo.assembly.plan import Plan
    from convo.memory import Memory
    from convo.servers import Server


@attrs.frozen
class Rendering:
    """How one message is sent, and why. `index` is its place in the request, None when it is left out.

    A reminder to speak (`how` is "reminder") is in no log: its `position` is 0.
    `tokens` is an estimate, see `convo.assembly.estimate`.
    """

    position: int
    role: str
    how: How
    reason: str
    index: int | None
    tokens: int = 0


class Assembled:
    """What is known of anything that was assembled from a conversation; `plan` says how it came to be."""

    plan: Plan

    @property
    def instead_of(self) -> str | None:
        """The model that was asked for, where that one is shut down and the request is for its successor."""
        return name_of(self.plan.target.instead_of)

    @property
    def renderings(self) -> tuple[Rendering, ...]:
        """How each message is sent, in the order of the request, those left out at the end."""
        return renderings_of(self.plan)

    @property
    def modality(self) -> str:
        """What is turned into what: "text and audio to text and audio"."""
        return self.plan.modality.name

    @property
    def estimate(self) -> Estimate:
        """Estimated input tokens by kind and their cost, before the call."""
        return self.plan.estimate

    @property
    def next_expiry(self) -> datetime | None:
        """When the first of the references in this request becomes invalid, None when it holds none."""
        return self.plan.next_expiry

    @property
    def memory(self) -> Memory:
        """What has to be remembered for the next request; stored with the exchange, never by a preview."""
        return self.plan.memory

    def explain(self) -> str:
        """Give a readable table: what is sent how and why, estimated tokens and cost, and the next expiry."""
        return explained(self)


@attrs.frozen(eq=False, repr=False)
class Request(Assembled, Mapping[str, Any]):
    """The arguments of a call, as a mapping, with what is known about them.

    They are those of `client.chat.completions.create(**request)`, with `api="responses"` those of
    `client.responses.create(**request)`.
    """

    arguments: Mapping[str, Any]
    plan: Plan
    _wires: Sequence[dict[str, Any]]
    converted: Mapping[str, bytes] = attrs.field(factory=dict)
    """Recordings that were converted for this request, by their keys in `Plan.blobs`: to be stored when it is sent."""

    @classmethod
    def of(cls, plan: Plan, wires: Sequence[dict[str, Any]], converted: Mapping[str, bytes] | None = None) -> Request:
        """Make the request of a plan whose messages have their bytes; a reminder stands behind them."""
        if plan.target.api == "chat":
            reminder = plan.reminder
            sent = [*wires, reminder.wire] if reminder is not None else wires
            return cls({**plan.arguments, "messages": sent}, plan, wires, converted or {})
        arguments = {**plan.arguments, "input": _flat(plan, wires)}
        if plan.chained:
            arguments["previous_response_id"] = plan.rendered[plan.chained - 1][0].raw["id"]
        return cls(arguments, plan, wires, converted or {})

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)

    def __repr__(self) -> str:
        """Name the model and count the messages; what was said is not shown."""
        messages = self.arguments["messages" if self.plan.target.api == "chat" else "input"]
        return f"<Request {self.plan.target.model.name}, {len(messages)} messages>"

    def evolve(self, **arguments: Any) -> Request:
        """Give the same messages with other arguments, such as `temperature=0`; an argument of None is taken out."""
        plan = self.plan.reshaped(attrs.evolve(self.plan.target, arguments={**self.plan.target.arguments, **arguments}))
        return Request.of(plan, self._wires, self.converted)


@attrs.frozen(eq=False, repr=False)
class Seeds(Assembled):
    """What a new session begins with that has no memory of its own: a Realtime or a Live session.

    `items` are those of `conversation.item.create`, one call each, or the initial items of a Live session.
    """

    plan: Plan
    items: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, plan: Plan, wires: Sequence[dict[str, Any]]) -> Seeds:
        """Make the items of a plan whose messages have their bytes."""
        return cls(plan, _flat(plan, wires))

    @property
    def model(self) -> str:
        """The model of the session."""
        return self.plan.target.model.name

    def __repr__(self) -> str:
        """Name the model and count the items; what was said is not shown."""
        return f"<Seeds {self.model}, {len(self.items)} items>"


def _flat(plan: Plan, wires: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for items in items_for(plan, wires)[plan.chained :] for item in items]


def renderings_of(plan: Plan) -> tuple[Rendering, ...]:
    """Give the renderings of a plan, with estimated tokens."""
    places = _places(plan)
    sent = [
        Rendering(
            message.position,
            message.role if how != "repaired" else "tool",
            "chained" if place is None else how,
            sentence("chained" if place is None else reason, message, plan.policy),
            place,
            tokens,
        )
        for place, (message, how, reason), tokens in zip(places, plan.rendered, tokens_of(plan), strict=True)
    ]
    left = [
        Rendering(message.position, message.role, "omitted", sentence(reason, message, plan.policy), None)
        for message, reason in plan.omitted
    ]
    reminder = plan.reminder
    if reminder is not None:
        sent.append(Rendering(0, reminder.wire["role"], "reminder", reminder.reason, len(sent), reminder_tokens(plan)))
    return (*sent, *left)


def _places(plan: Plan) -> list[int | None]:
    """Give the index of the first item of each message, None for those that the API has already."""
    if plan.target.api == "chat":
        return list(range(len(plan.wires)))
    sizes = [len(items) for items in items_for(plan, plan.wires)]
    skipped = sum(sizes[: plan.chained])
    return [None if index < plan.chained else first - skipped for index, first in enumerate(accumulate(sizes[:-1], initial=0))]


def explained(request: Assembled) -> str:
    """Write the table of `Request.explain`."""
    rows = [("#", "message", "role", "sent as", "tokens", "because")]
    for one in request.renderings:
        place = "-" if one.index is None else str(one.index)
        rows.append((place, str(one.position or "-"), one.role, one.how, str(one.tokens), one.reason))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip() for row in rows]
    return safe("\n".join([*lines, *_summary(request)]))


def _summary(request: Assembled) -> list[str]:
    plan, guess = request.plan, request.estimate
    expiry = request.next_expiry
    how = "by its length" if is_rough(plan.count) else "by a tokenizer"
    lines = [
        f"model {plan.target.model.name}{_at(plan.target.server)}: {request.modality}",
        f"estimated input: {guess.text_tokens} text and {guess.audio_tokens} audio tokens, {guess.cost} (text {how})",
        f"next expiry: {expiry:%Y-%m-%d %H:%M:%S} UTC" if expiry else "next expiry: none, no reference is sent",
    ]
    return [*lines, *(f"note: {note}" for note in plan.notes)]


def _at(server: Server) -> str:
    """Name the server, unless it is the API itself."""
    return "" if server.name == "openai" else f" at {server.title}"
