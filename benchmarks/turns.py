"""Turns through a store, without an API: two messages in one transaction, and the two transactions of a `send`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks.stub import ANSWER, QUESTION, SAID, Stub
from convo import Policy
from convo.content import message_draft
from convo.history import History
from convo.memory import Memory
from convo.protocol import hash_of
from convo.steps import ending
from convo.steps import exchange as exchange_steps
from convo.steps import log as log_steps
from convo.steps.effects import unless_taken
from convo.steps.requests import Opened, planned, target_of
from convo.store.append import Entry, Guard, append

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    import convo
    from convo.steps.effects import Steps
    from convo.steps.place import Place


def appending(chat: convo.Conversation) -> Callable[[], object]:
    """Append a question and its answer in one transaction, known by a key."""
    keys = _keys()
    return lambda: chat._driver.do(_appended(chat._place, next(keys)))


def appending_async(chat: convo.AsyncConversation) -> Callable[[], Awaitable[object]]:
    """Append a question and its answer in one transaction, known by a key, awaited."""
    keys = _keys()

    async def turn() -> object:
        return await chat._driver.do(_appended(chat._place, next(keys)))

    return turn


def _keys() -> Iterator[str]:
    """Give keys that no other process gives, nor another call."""
    mine = uuid4().hex
    return (f"{mine}-{number}" for number in itertools.count())


def _appended(place: Place, key: str) -> Steps[int]:
    """Do what a public call that appends two messages would do: `Conversation.add` with two drafts."""
    drafts = place.tools.limits.checked([message_draft([QUESTION]), message_draft([SAID], role="assistant")])
    now = place.tools.now()
    known = {**log_steps._added(place, drafts[0], key, now), "hash": hash_of(drafts)}
    entry = Entry(place.owner, place.found.branch, now, drafts, exchange_id=place.tools.new_id(), exchange=known, head=place.head)
    head = yield from unless_taken(append, Guard.ADD, entry)
    assert head is not None
    place.moved(head)
    return head


def sending(chat: convo.Conversation) -> Callable[[], object]:
    """Begin and complete exchanges: what `send` does but for reading the history, planning, and the call itself."""
    place, driver = chat._place, chat._driver
    keys = _keys()
    target = target_of(place, "gpt-5.5", "chat", Stub(), None, {})
    plan = planned(place, Opened(History(), Memory(), None), [message_draft([QUESTION])], target, Policy(), place.tools.now())

    def turn() -> object:
        drafts = [message_draft([QUESTION])]
        entry = exchange_steps._entry(place, target, drafts, next(keys), None, place.tools.now())
        begun: Any = driver.do(exchange_steps._begun(place, entry))
        return driver.do(ending.completed(place, ending.Open(begun, plan), ANSWER))

    return turn


def whole_sends(chats: Sequence[convo.Conversation]) -> Callable[[], object]:
    """Send to a client that answers at once, in one conversation after the other, so that none gets long."""
    client, turns = Stub(), itertools.cycle(chats)
    return lambda: next(turns).send(client, QUESTION, model="gpt-5.5")
