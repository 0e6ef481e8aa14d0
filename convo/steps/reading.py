"""Steps that only look at a conversation: its calls, what waits, what it shares, and what would be sent as time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.assembly.preview import previews
from convo.checks import check_type
from convo.errors import InputError
from convo.pending import Pending, pending_of
from convo.steps.effects import call, read
from convo.steps.requests import planned_now
from convo.store import branches, calls, exchanges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.plan import Plan
    from convo.assembly.preview import Preview
    from convo.calls import Call
    from convo.policy import Policy
    from convo.presets import Preset
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.store.branches import Branch

ALL = (1 << 63) - 1


def made(place: Place, last: int | None, before: int | None) -> Steps[list[Call]]:
    """Give the calls of a conversation, or the last ones, or those before a position, oldest first."""
    limits = _count(last, "last"), _count(before, "before")
    return (yield from read(calls.of, place.owner, place.found.id, *limits))


def pending(place: Place) -> Steps[list[Pending]]:
    """Give the exchanges of a conversation that wait for their answer."""
    return [pending_of(row) for row in (yield from read(exchanges.waiting, place.owner, place.found.id))]


def forks(place: Place, limit: int) -> Steps[list[Branch]]:
    """Give the branches of other conversations that share messages with this one, oldest first."""
    return (yield from read(branches.related, place.owner, place.found.id, _count(limit, "limit")))


def _count(number: int | None, name: str) -> int:
    check_type(number, (int, type(None)), name, "a number")
    if number is not None and number < 0:
        reason = f"{name}={number} is negative; pass how many you want, or a position"
        raise InputError(reason)
    return ALL if number is None else number


def preview(
    place: Place, model: str, *, api: str, client: Any, origin: str | None, policy: Policy | None, arguments: Mapping[str, Any],
    preset: Preset | str | None,
) -> Steps[list[Preview]]:  # fmt: skip
    """Give what would be sent now, and from each time on at which that changes by itself."""
    ready = yield from planned_now(place, model, api, client, origin, policy, arguments, preset)
    found: list[Preview] = yield from call(_all, (ready,), {})
    return found


def _all(ready: Plan) -> list[Preview]:
    return [*previews(ready)]
