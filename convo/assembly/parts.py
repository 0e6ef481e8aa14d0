"""What the messages of a history are to a request: instructions, the summary, what the window holds. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.history import last_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.history import History
    from convo.memory import Memory
    from convo.messages import Message
    from convo.policy import Policy


@attrs.frozen(eq=False, repr=False)
class Parts:
    """`lead` comes first: the instructions in force, then the summary. `messages` are the others, in their order.

    They begin at the position `begin`, but for pinned ones, which stay. `left` names those that are left out, and why.
    """

    lead: Sequence[Message]
    messages: Sequence[Message]
    begin: int
    left: Sequence[tuple[Message, str]]


def parts_of(history: History, memory: Memory, policy: Policy) -> Parts:
    """Tell the parts of a history apart."""
    events = [message for message in history.messages if message.facts.kind != "message"]
    if not events and memory.window_start <= 1:
        return Parts((), history.messages, 1, ())
    lead, left, covered = _events(events, policy)
    messages: Sequence[Message] = [message for message in history.messages if message.facts.kind == "message"]
    begin = max(memory.window_start, covered + 1)
    if begin > 1:
        begin = min(begin, newest_turn(messages, history.since))
        older = [message for message in messages if message.position < begin]
        staying = _staying(older)
        gone = {message.position for message in older if message.position not in staying}
        left += [(m, "summary" if m.position <= covered else "window") for m in older if m.position in gone]
        messages = [message for message in messages if message.position not in gone] if gone else messages
    return Parts(lead, messages, begin, left)


def _staying(messages: Sequence[Message]) -> set[int]:
    """Give the positions of pinned messages among older ones, and of the results of calls that they ask for."""
    pinned = [message for message in messages if message.pinned]
    calls = {call.id for message in pinned if message.role == "assistant" for call in message.tool_calls}
    results = [message for message in messages if calls and message.role == "tool" and message.tool_call_id in calls]
    return {message.position for message in (*pinned, *results)}


def newest_turn(messages: Sequence[Message], since: int) -> int:
    """Give the position at which the newest turn begins, which is sent whatever was decided before.

    Messages before `since` are those that stay; they begin no turn.
    """
    read = [message for message in messages if message.position >= since]
    return last_turns(read, 1) or (read[0].position if read else 1)


def _events(events: Sequence[Message], policy: Policy) -> tuple[list[Message], list[tuple[Message, str]], int]:
    """Give the instructions and the summary in force, what newer ones have replaced, and up to where the summary reaches."""
    instructions = [message for message in events if message.kind == "instructions"]
    summaries = [message for message in events if message.kind == "summary"]
    whole = [message for message in summaries if message.status == "complete"] if policy.summaries else []
    lead = [*instructions[-1:], *whole[-1:]]
    left = [(message, _why_left(message, policy)) for message in events if message not in lead]
    return lead, left, whole[-1].covers if whole else 0


def _why_left(message: Message, policy: Policy) -> str:
    if message.kind == "summary":
        return "redacted" if message.status == "redacted" else "newer" if policy.summaries else "policy"
    return "superseded"
