"""What would be sent, without its bytes: now, and later, as references become invalid one after the other. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.plan import plan
from convo.assembly.request import Assembled, Request, Seeds
from convo.errors import RequestError
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from convo.assembly.plan import Plan

_CALLED = ("chat", "responses")
"""APIs that are called; of others a session begins with items."""


@attrs.frozen(eq=False, repr=False)
class Preview(Assembled):
    """A request as it would be from `begins` on, until something that it refers to is no longer valid.

    What it was made of is what the log held when it was read. It can be looked at, and not sent.
    """

    plan: Plan

    @property
    def begins(self) -> datetime:
        """From when on the request would be this one: aware, UTC."""
        return from_micros(self.plan.now)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What would be sent, `{"$blob": digest}` where bytes belong; of a session the model, and its items."""
        if self.plan.target.api in _CALLED:
            return Request.of(self.plan, self.plan.wires).arguments
        return {**self.plan.arguments, "items": Seeds.of(self.plan, self.plan.wires).items}

    def __repr__(self) -> str:
        """Name the model and count the messages; what was said is not shown."""
        return f"<Preview {self.plan.target.model.name}, {len(self.plan.wires)} messages from {self.begins:%Y-%m-%d %H:%M:%S}>"


def previews(first: Plan) -> Iterator[Preview]:
    """Give a plan, and those that follow it by themselves. They end where no request could be made any more."""
    following = first
    while True:
        yield Preview(following)
        changes = _changes(following)
        if changes is None:
            return
        try:
            following = _at(first, changes)
        except RequestError:
            return


def _changes(found: Plan) -> int | None:
    """Give when the first reference of a plan is too close to its end to be sent; None where it has none."""
    expiries = [message.audio_expires for message in found.references if message.audio_expires is not None]
    if not expiries:
        return None
    margin = found.policy.margin // timedelta(microseconds=1) + abs(found.remembered.skew) * 1_000_000
    return max(min(expiries) - margin, found.now + 1)


def _at(first: Plan, now: int) -> Plan:
    return plan(
        first.history, first.remembered, first.policy, first.target, now, first.family_of, first.count
    )  # fmt: skip
