"""One history, every API: which shape its messages and its arguments take. Pure; each API has a module of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.assembly.shape import shaped
from convo.errors import ConflictingArguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.plan import Plan
    from convo.assembly.target import Target
    from convo.policy import Policy

APIS = ("chat", "responses", "realtime", "live")
CALLED = ("chat", "responses")
"""Those that are asked and answer; with the others a session is begun."""
_NO_AUDIO = {"responses": " (the Responses API has no audio, neither in nor out)"}


def arguments_for(target: Target, policy: Policy, *, has_audio: bool) -> tuple[dict[str, Any], list[str]]:
    """Give the arguments beside the model and the messages, and notes on what was changed. Raises `ConflictingArguments`."""
    known = target.model.apis
    if known and target.api not in known:
        raise ConflictingArguments(
            f"{target.model.name} is not a model of api={target.api!r}{_NO_AUDIO.get(target.api, '')}; "
            f"use api={known[0]!r}, or another model"
        )
    if target.server.apis and target.api not in target.server.apis:
        raise ConflictingArguments(
            f"{target.server.name} has no api={target.api!r}; use api={target.server.apis[0]!r}, or describe the server: "
            "see Catalogue.with_servers()"
        )
    if target.api == "chat":
        return shaped(target, policy, has_audio=has_audio)
    if target.api == "responses":
        from convo.assembly.responses import arguments_of

        return arguments_of(target)
    return dict(target.arguments), []


def items_for(plan: Plan, wires: Sequence[dict[str, Any]]) -> Sequence[list[dict[str, Any]]]:
    """Give what each message of a plan is to its API, one item or several; `wires` are its messages, with or without bytes."""
    api = plan.target.api
    if api == "responses":
        from convo.assembly.responses import input_of

        return input_of(wires)
    if api == "realtime":
        from convo.assembly.realtime import seeds_of

        return seeds_of(wires, [message.position for message, _, _ in plan.rendered])
    if api == "live":
        from convo.assembly.live import initial_items

        return initial_items(wires)
    return [[wire] for wire in wires]
