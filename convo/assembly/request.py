"""A request that is ready to send, and the story of how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.estimate import reminder_tokens, tokens_of
from convo.assembly.render import How, sentence
from convo.models import name_of
from convo.tokens import rough_tokens

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


@attrs.frozen(eq=False, repr=False)
class Request(Mapping[str, Any]):
    """The arguments of `client.chat.completions.create(**request)`, as a mapping, with what is known about them."""

    arguments: Mapping[str, Any]
    plan: Plan

    @classmethod
    def of(cls, plan: Plan, messages: Sequence[dict[str, Any]]) -> Request:
        """Make the request of a plan whose messages have their bytes; a reminder stands behind them."""
        reminder = plan.reminder
        sent = [*messages, reminder.wire] if reminder is not None else messages
        return cls({**plan.arguments, "messages": sent}, plan)

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)

    def __repr__(self) -> str:
        """Name the model and count the messages; what was said is not shown."""
        return f"<Request {self.plan.target.model.name}, {len(self.arguments['messages'])} messages>"

    @property
    def instead_of(self) -> str | None:
        """The model that was asked for, where that one is shut down and the request is for its successor."""
        return name_of(self.plan.target.instead_of)

    @property
    def renderings(self) -> tuple[Rendering, ...]:
        """How each message is sent, in the order of the request, those left out at the end."""
        return renderings_of(self.plan)

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

    def evolve(self, **arguments: Any) -> Request:
        """Give the same messages with other arguments, such as `temperature=0`; an argument of None is taken out."""
        plan = self.plan.reshaped(attrs.evolve(self.plan.target, arguments={**self.plan.target.arguments, **arguments}))
        return Request.of(plan, self.arguments["messages"][: len(plan.wires)])

    def explain(self) -> str:
        """Give a readable table: what is sent how and why, estimated tokens and cost, and the next expiry."""
        return explained(self)


def renderings_of(plan: Plan) -> tuple[Rendering, ...]:
    """Give the renderings of a plan, with estimated tokens."""
    sent = [
        Rendering(
            message.position,
            message.role if how != "repaired" else "tool",
            how,
            sentence(reason, message, plan.policy),
            index,
            tokens,
        )
        for index, ((message, how, reason), tokens) in enumerate(zip(plan.rendered, tokens_of(plan), strict=True))
    ]
    left = [
        Rendering(message.position, message.role, "omitted", sentence(reason, message, plan.policy), None)
        for message, reason in plan.omitted
    ]
    reminder = plan.reminder
    if reminder is not None:
        sent.append(Rendering(0, reminder.wire["role"], "reminder", reminder.reason, len(sent), reminder_tokens(plan)))
    return (*sent, *left)


def explained(request: Request) -> str:
    """Write the table of `Request.explain`."""
    rows = [("#", "message", "role", "sent as", "tokens", "because")]
    for one in request.renderings:
        place = "-" if one.index is None else str(one.index)
        rows.append((place, str(one.position or "-"), one.role, one.how, str(one.tokens), one.reason))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip() for row in rows]
    return "\n".join([*lines, *_summary(request)])


def _summary(request: Request) -> list[str]:
    plan, guess = request.plan, request.estimate
    expiry = request.next_expiry
    how = "by its length" if plan.count is rough_tokens else "by a tokenizer"
    lines = [
        (
            f"model {plan.target.model.name}{_at(plan.target.server)}; estimated input: "
            f"{guess.text_tokens} text and {guess.audio_tokens} audio tokens, {guess.cost} (text {how})"
        ),
        f"next expiry: {expiry:%Y-%m-%d %H:%M:%S} UTC" if expiry else "next expiry: none, no reference is sent",
    ]
    return [*lines, *(f"note: {note}" for note in plan.notes)]


def _at(server: Server) -> str:
    """Name the server, unless it is the API itself."""
    return "" if server.name == "openai" else f" at {server.title}"
