"""Rules on the items that a model reads, those of the past that is named and those of the request as one list.

Each rule is a function from a request to its refusals. What the API does not remember it cannot miss: that an item needs
its reasoning is known of stored responses alone, and of encrypted reasoning only that something must follow which a
model made. Whether other items may stand between a call and its output nobody published; they may here.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from convo.testing.refusals import missing_parameter
from convo.testing.responses_kinds import type_of
from convo.testing.responses_words import (
    cannot_reason,
    duplicate,
    no_call,
    no_item,
    no_output,
    thought_for_nothing,
    thoughtless,
    unverified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Json
    from convo.testing.refusals import ApiRefusal
    from convo.testing.responses_asked import AskedResponse

_ANSWERED = {
    "function_call": "function call",
    "custom_tool_call": "custom tool call",
    "computer_call": "computer call",
    "shell_call": "shell call",
    "apply_patch_call": "apply patch call",
}
"""Calls that the caller must answer, as the API's sentences name them."""


def lookup_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse references to items that are not kept, and reasoning that is neither kept nor readable."""
    store = asked.body.get("store") is not False
    for index, item in enumerate(asked.said):
        kind, item_id = type_of(item), item.get("id")
        if kind == "reasoning" and item.get("encrypted_content"):
            yield from _encryption_refusals(asked, item)
        elif kind == "reasoning" and item_id is None:
            yield missing_parameter(f"input[{index}].id")
        elif kind in {"reasoning", "item_reference"} and asked.kept.item(item_id, asked.origin, asked.now) is None:
            yield no_item(str(item_id), store=store)


def _encryption_refusals(asked: AskedResponse, item: Json) -> Iterator[ApiRefusal]:
    content = item["encrypted_content"]
    organization = asked.kept.organization_of(content)
    if organization != asked.origin.organization:
        yield unverified(item.get("id"), content, theirs=organization is not None)


def duplicate_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse ids that stand twice, as when a history is sent beside the response that has it."""
    seen: set[str] = set()
    for item in asked.read:
        item_id = item.get("id")
        if item_id is not None and item_id in seen:
            yield duplicate(item_id)
        seen |= {item_id} if item_id is not None else set()


def reasoning_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse reasoning that stands apart from what it led to, or that this model cannot have."""
    items = (None, *asked.read, None)
    for before, item in pairwise(items):
        if before is not None and type_of(before) == "reasoning":
            if not asked.reasons:
                yield cannot_reason()
            if not _follows(asked, before, item):
                yield thought_for_nothing(before.get("id"))
        if item is not None:
            yield from _missing_reasoning(asked, before, item)


def _follows(asked: AskedResponse, reasoning: Json, item: Json | None) -> bool:
    if item is None:
        return False
    kept = asked.kept.item(reasoning.get("id"), asked.origin, asked.now)
    if kept is not None:
        return kept.follower is not None and kept.follower == item.get("id")
    kind = type_of(item)
    return item.get("role") == "assistant" or kind == "reasoning" or kind.endswith("_call")


def _missing_reasoning(asked: AskedResponse, before: Json | None, item: Json) -> Iterator[ApiRefusal]:
    kept = asked.kept.item(item.get("id"), asked.origin, asked.now)
    if kept is not None and kept.reasoning is not None and (before is None or before.get("id") != kept.reasoning):
        yield thoughtless(item["id"], type_of(item), kept.reasoning)


def call_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse outputs without a call before them, second outputs, and calls without an output."""
    waiting: list[tuple[str, str]] = []
    for item in asked.read:
        kind = type_of(item)
        call = (kind.removesuffix("_output"), item.get("call_id") or "")
        if kind in _ANSWERED:
            waiting.append(call)
        elif call[0] in _ANSWERED:
            if call not in waiting:
                yield no_call(_ANSWERED[call[0]], call[1])
                return
            waiting.remove(call)
    yield from (no_output(_ANSWERED[kind], call_id) for kind, call_id in waiting)
