"""Order rules of Chat Completions: each call is followed by its results, and by nothing else (the log is not changed)."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.chat import call_ids, short_id
from convo.canonical import decode_all
from convo.errors import ToolOutputMissing
from convo.forms import as_chat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convo.messages import Message

NO_RESULT = "[no result was recorded for this call]"
"""The content of the result that stands in a request for one that was never stored."""

MOVED = "moved"
"""What was done to a result that came after other messages than its call."""

_NEVER = object()
_PLAIN = 2
"""Keys of the body of most messages: role and content. Another one of two keys may be a reply that is nothing but calls."""

Step = tuple["Message", dict[str, Any], str]
"""One message on its way into the request: the message, its body, and what was done to it, "" for nothing.

What was done is `MOVED`, or says why the body is not the message's own.
"""


@attrs.define
class _Group:
    """An assistant message with its calls and the results found for them so far."""

    step: Step
    results: dict[str, Step | None]


def steps_of(messages: Sequence[Message], *, may_wait: bool = False) -> tuple[Iterable[Step], list[tuple[Message, str]]]:
    """Give the messages in the order in which the API wants them, and those left out with the reason.

    Raises `ToolOutputMissing` when calls at the end have no result yet, unless these `may_wait` for it.
    """
    bodies = decode_all([message.body for message in messages])
    if not [
        body
        for message, body in zip(messages, bodies, strict=True)
        if message.facts.role == "tool"
        or ((len(body) > _PLAIN or "content" not in body) and ("tool_calls" in body or "output" in body))
    ]:
        bodies.reverse()
        return zip(messages, iter(bodies.pop, _NEVER), repeat("")), []  # a body is let go as soon as its message is rendered
    units, omitted = _grouped([(message, as_chat(body), "") for message, body in zip(messages, bodies, strict=True)])
    last = len(units) - 1
    ordered = [step for index, unit in enumerate(units) for step in _emitted(unit, last=index == last, may_wait=may_wait)]
    return ordered, omitted


def _grouped(steps: Iterable[Step]) -> tuple[list[Step | _Group], list[tuple[Message, str]]]:
    units: list[Step | _Group] = []
    asked: dict[str, _Group] = {}
    omitted: list[tuple[Message, str]] = []
    for step in steps:
        message = step[0]
        if message.role == "tool":
            if reason := _answered(step, asked, units):
                omitted.append((message, reason))
            continue
        ids = _calls_to_answer(step)
        unit = _Group(step, dict.fromkeys(ids)) if ids else step
        asked.update((identifier, unit) for identifier in ids if isinstance(unit, _Group))
        units.append(unit)
    return units, omitted


def _calls_to_answer(step: Step) -> list[str]:
    """Calls of an interrupted reply may be cut anywhere: they are neither sent nor answered."""
    message, body, _ = step
    return call_ids(body) if message.role == "assistant" and message.status == "complete" else []


def _answered(step: Step, asked: dict[str, _Group], units: list[Step | _Group]) -> str:
    message, body, _ = step
    identifier = str(body.get("tool_call_id"))
    group = asked.get(identifier)
    if group is None:
        return "the result of a call that is not in the history"
    if group.results[identifier] is not None:
        return "a second result of the same call"
    group.results[identifier] = step if units[-1] is group else (message, body, MOVED)
    return ""


def _emitted(unit: Step | _Group, *, last: bool, may_wait: bool) -> list[Step]:
    if not isinstance(unit, _Group):
        return [unit]
    missing = [identifier for identifier, result in unit.results.items() if result is None]
    if missing and last and may_wait:
        return [unit.step, *(result for result in unit.results.values() if result)]
    if missing and last:
        raise ToolOutputMissing(missing)
    return [unit.step, *(result or _marked(unit.step, identifier) for identifier, result in unit.results.items())]


def _marked(step: Step, identifier: str) -> Step:
    body = {"role": "tool", "tool_call_id": identifier, "content": NO_RESULT}
    return step[0], body, f"call {short_id(identifier)} was never answered"
