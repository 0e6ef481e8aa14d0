"""Order rules of Chat Completions: each call is followed by its results, and by nothing else (the log is not changed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.chat import call_ids
from convo.canonical import decode
from convo.errors import ToolOutputMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Message

NO_RESULT = "[no result was recorded for this call]"
"""The content of the result that stands in a request for one that was never stored."""


@attrs.define
class Step:
    """One message on its way into the request. `repair` says what was done to it, "" for nothing."""

    message: Message
    body: dict[str, Any]
    repair: str = ""


@attrs.define
class _Group:
    """An assistant message with its calls and the results found for them so far."""

    step: Step
    results: dict[str, Step | None]


def steps_of(messages: Sequence[Message]) -> tuple[list[Step], list[tuple[Message, str]]]:
    """Give the messages in the order in which the API wants them, and those left out with the reason.

    Raises `ToolOutputMissing` when calls at the end have no result yet.
    """
    steps = [Step(message, decode(message.body)) for message in messages]
    if not any(step.message.role == "tool" or step.body.get("tool_calls") for step in steps):
        return steps, []
    units, omitted = _grouped(steps)
    ordered = [step for index, unit in enumerate(units) for step in _emitted(unit, last=index == len(units) - 1)]
    return ordered, omitted


def _grouped(steps: list[Step]) -> tuple[list[Step | _Group], list[tuple[Message, str]]]:
    units: list[Step | _Group] = []
    asked: dict[str, _Group] = {}
    omitted: list[tuple[Message, str]] = []
    for step in steps:
        if step.message.role == "tool":
            if reason := _answered(step, asked):
                omitted.append((step.message, reason))
            continue
        ids = _calls_to_answer(step)
        unit = _Group(step, dict.fromkeys(ids)) if ids else step
        asked.update((identifier, unit) for identifier in ids if isinstance(unit, _Group))
        units.append(unit)
    return units, omitted


def _calls_to_answer(step: Step) -> list[str]:
    """Calls of an interrupted reply may be cut anywhere: they are neither sent nor answered."""
    complete = step.message.role == "assistant" and step.message.status == "complete"
    return call_ids(step.body) if complete else []


def _answered(step: Step, asked: dict[str, _Group]) -> str:
    identifier = str(step.body.get("tool_call_id"))
    group = asked.get(identifier)
    if group is None:
        return "the result of a call that is not in the history"
    if group.results[identifier] is not None:
        return "a second result of the same call"
    group.results[identifier] = step
    return ""


def _emitted(unit: Step | _Group, *, last: bool) -> list[Step]:
    if isinstance(unit, Step):
        return [unit]
    missing = [identifier for identifier, result in unit.results.items() if result is None]
    if missing and last:
        raise ToolOutputMissing(missing)
    return [unit.step, *(result or _marked(unit.step, identifier) for identifier, result in unit.results.items())]


def _marked(step: Step, identifier: str) -> Step:
    body = {"role": "tool", "tool_call_id": identifier, "content": NO_RESULT}
    return Step(step.message, body, f"call {identifier} was never answered")
