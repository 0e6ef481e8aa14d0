"""What to do when the API refuses a request: forget all ids of the age of a refused one; move the window; and plan again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from convo.assembly.plan import Plan
    from convo.memory import Memory
    from convo.messages import Message

AUDIO_NOT_FOUND = "audio_not_found"
CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
PREVIOUS_RESPONSE_NOT_FOUND = "previous_response_not_found"
INVALID_ENCRYPTED_CONTENT = "invalid_encrypted_content"
ITEM_NOT_FOUND = "item_not_found"
"""Ours: the API has words for it, and no code."""
_ITEM = re.compile(r"Item (?:with id )?'(\w{1,100})' (?:not found|of type '\w+' was provided without its)")
_INDEX = re.compile(r"messages\[(\d{1,9})\]\.audio\.id")


@attrs.frozen
class Recovery:
    """One step of a recovery, by the `code` of the refusal.

    `audio_not_found`: the API refused the id of the message at `position`; those at `degraded` went as transcripts then.
    `context_length_exceeded`: the request was too long; it then began at `position`, and `audio_id` is empty.
    `previous_response_not_found`: the API did not know the Response at `position` any more; everything was sent.
    `item_not_found`: it did not know an item of a Response; those at `degraded` went as their words and calls.
    """

    code: str
    position: int
    audio_id: str
    degraded: tuple[int, ...]


def recovered(plan: Plan, code: str | None, param: str | None, message: str = "") -> tuple[Plan, Recovery] | None:
    """Give the plan to try next and what was changed, None when this refusal is not one to recover from.

    `code`, `param` and `message` are those of the API's error. Whose audio id was refused is told by the index in `param`;
    where that names none, every reference of the request is given up. A plan that comes back holds fewer references than
    the one before, or fewer turns, so that trying again ends. Raises `TranscriptMissing` where the policy wants that.
    """
    if code == CONTEXT_LENGTH_EXCEEDED:
        return _shortened(plan)
    if plan.target.api == "responses":
        return _recovered_response(plan, code, message)
    found = refused(plan, code, param)
    if found is None:
        return None
    refusal, memory = found
    following = plan.after(memory)
    kept = {reference.position for reference in following.references}
    degraded = tuple(reference.position for reference in plan.references if reference.position not in kept)
    return following, Recovery(AUDIO_NOT_FOUND, refusal.position, refusal.audio_id or "", degraded)


def _recovered_response(plan: Plan, code: str | None, message: str) -> tuple[Plan, Recovery] | None:
    if code == PREVIOUS_RESPONSE_NOT_FOUND:
        return _unchained(plan)
    return _in_words(plan) if code == INVALID_ENCRYPTED_CONTENT or _ITEM.search(message) else None


def _unchained(plan: Plan) -> tuple[Plan, Recovery] | None:
    """Give the plan that refers to no Response, None when this one does not."""
    if not plan.chained:
        return None
    position = plan.rendered[plan.chained - 1][0].position
    following = plan.after(plan.memory, attrs.evolve(plan.policy, previous_response=False))
    return following, Recovery(PREVIOUS_RESPONSE_NOT_FOUND, position, "", ())


def _in_words(plan: Plan) -> tuple[Plan, Recovery] | None:
    """Give the plan that holds no items as the API gave them, None when this one holds none."""
    degraded = tuple(message.position for message, _, reason in plan.rendered if reason == "items")
    if not degraded:
        return None
    following = plan.after(plan.memory, attrs.evolve(plan.policy, previous_response=False, response_items=False))
    return following, Recovery(ITEM_NOT_FOUND, degraded[0], "", degraded)


def _shortened(plan: Plan) -> tuple[Plan, Recovery] | None:
    """Give the plan of the newest half, None when there is only one turn."""
    begin = plan.half()
    following = plan.after(attrs.evolve(plan.memory, window_start=max(begin, plan.memory.window_start)))
    return (following, Recovery(CONTEXT_LENGTH_EXCEEDED, begin, "", ())) if len(following.wires) < len(plan.wires) else None


def refused(plan: Plan, code: str | None, param: str | None) -> tuple[Message, Memory] | None:
    """Give the message whose id was refused and what to remember of it, None when the error is no such refusal."""
    references = plan.references
    if code != AUDIO_NOT_FOUND or not references:
        return None
    named = _named(plan, param)
    expiries = [message.audio_expires or 0 for message in ([named] if named else references)]
    memory = attrs.evolve(plan.memory, refused_through=max(plan.memory.refused_through, *expiries))
    return named or references[0], memory


def _named(plan: Plan, param: str | None) -> Message | None:
    found = _INDEX.search(param or "")
    index = int(found[1]) if found else -1
    if not 0 <= index < len(plan.rendered):
        return None
    message, how, _ = plan.rendered[index]
    return message if how == "reference" else None
