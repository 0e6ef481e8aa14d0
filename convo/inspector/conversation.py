"""The page of one conversation: what was said, by turns, with what each call took and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.errors import IntegrityError
from convo.inspector.asked import ask
from convo.inspector.tree import rows, source, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from starlette.responses import Response

    from convo.calls import Call
    from convo.history import History
    from convo.inspector.asked import Asked
    from convo.messages import Message
    from convo.store.branches import Branch
    from convo.usage import Cost

PAGE = 200
"""Messages of a page."""
CALLS = 4 * PAGE


@attrs.frozen
class Entry:
    """A message with the call that gave it, and the calls after it that gave none."""

    message: Message
    call: Call | None
    without: Sequence[Call]
    notes: dict[str, Any]
    body: dict[str, Any] | None
    """The message as it is stored; None where that is no JSON any more."""


@attrs.frozen
class Turn:
    """The messages of a turn and what its calls took together."""

    entries: Sequence[Entry]

    @property
    def first(self) -> int:
        """The position at which it begins."""
        return self.entries[0].message.position

    @property
    def calls(self) -> list[Call]:
        """The calls of the turn, in order."""
        return [call for entry in self.entries for call in (*([entry.call] if entry.call else []), *entry.without)]

    @property
    def seconds(self) -> float | None:
        """How long the calls took together, None where nothing is known."""
        known = [call.duration for call in self.calls if call.duration is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> Cost | None:
        """What they cost together."""
        return total(call.cost for call in self.calls)


def total(costs: Iterable[Cost]) -> Cost | None:
    """Add costs; None for none. What is not known makes the sum unknown."""
    found: Cost | None = None
    for cost in costs:
        found = cost if found is None else found + cost
    return found


async def conversation(asked: Asked) -> Response:
    """Give the page."""
    chat = await asked.chat()
    branches = await ask(chat.branches)
    before = asked.number("before")
    history: History = await ask(chat.history, PAGE, before=before, branch=asked.query("branch") or None)
    following = history[-1].position + 1 if len(history) else 1
    calls = await ask(chat.calls, CALLS, before=following if before is not None else None)
    notes = await ask(chat.annotations) if _is_shown(history, branches) else {}
    forks = await ask(chat.forks)
    pending = await ask(chat.pending)
    beside = [call for call in calls if call.position is None and call.seen is None and call.outcome != "pending"]
    return asked.page(
        "conversation.html", chat=chat, history=history, turns=turns(history, calls, branches, notes),
        lines=rows(tree([*branches, *forks])), numbers={branch.id: number for number, branch in enumerate(branches, 1)},
        pending=pending, totals=await ask(chat.usage), beside=beside,
        branch=history.branch, chosen=asked.query("branch"), before=before, first=_earlier(history),
        newer=following if before is not None and following <= history.head else None,
        live=asked.link(f"c/{chat.id}/state") if before is None else None, state=state_of(chat, pending, calls[-1:]),
    )  # fmt: skip


def _earlier(history: History) -> int | None:
    """Give the position before which there are messages that the page does not show."""
    return history[0].position if len(history) and history[0].position > 1 else None


def _is_shown(history: History, branches: Sequence[Branch]) -> bool:
    return any(branch.id == history.branch and branch.shown for branch in branches)


def turns(
    history: History, calls: Sequence[Call], branches: Sequence[Branch], notes: dict[int, dict[str, Any]]
) -> list[Turn]:  # fmt: skip
    """Give the turns of a history, each message with its calls."""
    replies: dict[tuple[UUID, int], Call] = {}
    without: dict[tuple[UUID, int], list[Call]] = {}
    for call in calls:
        if call.position is not None and call.outcome in ("done", "interrupted"):
            replies[call.branch, call.position] = call
        elif call.seen is not None and call.outcome != "pending":
            without.setdefault((call.branch, call.seen), []).append(call)

    def entry(message: Message) -> Entry:
        line = history.branch
        row = (source(branches, line, message.position), message.position) if line is not None else None
        failed = without.get((line, message.position), ()) if line is not None else ()
        return Entry(message, replies.get(row) if row else None, failed, notes.get(message.position, {}), _body(message))

    return [Turn([entry(message) for message in turn]) for turn in history.turns]


def _body(message: Message) -> dict[str, Any] | None:
    try:
        return message.raw
    except IntegrityError:
        return None


async def state(asked: Asked) -> Response:
    """Tell how far a conversation is, so that a page knows when it is out of date."""
    chat = await asked.chat()
    return asked.text(state_of(chat, await ask(chat.pending), await ask(chat.calls, 1)))


def state_of(chat: Any, pending: Sequence[Any], last: Sequence[Call]) -> str:
    """Give what changes whenever a page about a conversation does."""
    waiting = ",".join(f"{one.id}/{one.attempt}" for one in pending)
    ended = f"{last[0].id}/{last[0].outcome}" if last else "none"
    return f"{chat.head}.{waiting or 'idle'}.{ended}"
