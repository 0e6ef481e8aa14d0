"""Steps that delete what is old: conversations in which nothing happens any more, and what old messages said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from convo.errors import StoreError
from convo.logs import Swallowed
from convo.steps.blobs import objects_deleted, within_reach
from convo.steps.effects import read, write
from convo.steps.erasing import log_emptied
from convo.steps.searching import rewritten
from convo.storage import Pruned
from convo.store import ageing, words

if TYPE_CHECKING:
    from uuid import UUID

    from convo.steps.effects import Steps
    from convo.steps.letting import Pruning
    from convo.steps.place import Tools

LOGGER = logging.getLogger("convo.store")


class Ages(NamedTuple):
    """Before which time messages are old, and conversations (microseconds); None: never."""

    messages: int | None
    conversations: int | None


def counted(tools: Tools, owner: str, ages: Ages) -> Steps[Pruned]:
    """Count what would go. A message of a conversation that would go is not counted itself."""
    now = tools.now()
    gone: set[UUID] = set()
    if ages.conversations is not None:
        after: UUID | None = None
        while page := (yield from read(ageing.idle, owner, ages.conversations, now, after)):
            gone.update(page)
            after = page[-1]
    number = 0
    if ages.messages is not None:
        after = None
        while page := (yield from read(ageing.with_old, owner, ages.messages, after)):
            for conversation in page:
                if conversation not in gone:
                    number += yield from _old_of(owner, conversation, ages.messages, now)
            after = page[-1]
    return Pruned(messages=number, conversations=len(gone))


def _old_of(owner: str, conversation: UUID, before: int, now: int) -> Steps[int]:
    number, place = 0, None
    while True:
        rows, place = yield from read(ageing.old, owner, conversation, before, now, place)
        number += len(rows)
        if place is None:
            return number


def swept(pruning: Pruning, ages: Ages) -> Steps[None]:
    """Delete conversations that are old, then take out what old messages said; each is a transaction or several."""
    if ages.conversations is not None:
        yield from _conversations(pruning, ages.conversations)
    if ages.messages is not None:
        yield from _messages(pruning, ages.messages)
        yield from _answers(pruning, ages.messages)


def _conversations(pruning: Pruning, before: int) -> Steps[None]:
    tools, owner = pruning.tools, pruning.owner
    after: UUID | None = None
    while page := (yield from read(ageing.idle, owner, before, tools.now(), after)):
        for conversation in page:
            done = yield from write(ageing.delete_idle, owner, conversation, before, tools.now())
            pruning.count(0, (), 1, conversations=int(done))
        after = page[-1]


def _messages(pruning: Pruning, before: int) -> Steps[None]:
    tools, owner = pruning.tools, pruning.owner
    after: UUID | None = None
    while page := (yield from read(ageing.with_old, owner, before, after)):
        for conversation in page:
            place: ageing.After = None
            while True:
                work = (ageing.take_out, owner, conversation, before, tools.now(), place)
                done = yield from write(within_reach, tools.blobs, *work)
                gone = yield from objects_deleted(tools, done.gone)
                pruning.count(0, gone, done.messages, messages=done.messages)
                place = done.after
                if place is None:
                    break
        after = page[-1]


def _answers(pruning: Pruning, before: int) -> Steps[None]:
    """Take what they said out of old answers that are kept beside the log."""
    after: UUID | None = None
    while True:
        work = (ageing.forget_answers, pruning.owner, before, pruning.tools.now(), after)
        done = yield from write(within_reach, pruning.tools.blobs, *work)
        pruning.count(0, (yield from objects_deleted(pruning.tools, done.gone)), 0)
        after = done.after
        if after is None:
            return


def wiped_out() -> Steps[None]:
    """Take what is gone out of SQLite's full-text index and write-ahead log, as far as it can be done now."""
    with Swallowed(LOGGER, "what was deleted may still be in the index or the write-ahead log", StoreError):
        if (yield from read(words.can_rewrite)) and (yield from read(words.has_gone)):
            yield from rewritten()
        yield from log_emptied(tries=1)
