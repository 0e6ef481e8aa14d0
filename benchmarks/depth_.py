"""What does it cost to assemble a request of 200 messages on a line that was edited 100 times, against one never edited?

Each edit starts a branch that shares what came before: the deep line is put together from the rows of 101 branches.
PostgreSQL is asked as it is right after the writes, without ANALYZE, and once more with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Found

DEPTH = 100
A_BRANCH = 2
"""Messages between two edits."""
OTHERS = 300
"""Other conversations of the same owner, so that an index is worth its while."""
ROUNDS, BATCH = 30, 10
TEXT = "Message {}: is a golden retriever a good family dog, and why do you say so?"


def flat(store: convo.Store, count: int) -> convo.Conversation:
    """Make a conversation whose line is all its own."""
    return store.create(messages=[{"role": "user", "content": TEXT.format(number)} for number in range(1, count + 1)])


def deep(store: convo.Store, count: int) -> convo.Conversation:
    """Make a conversation with the same messages, each second of them on a branch deeper than the one before."""
    chat = store.create(messages=[{"role": "user", "content": TEXT.format(number)} for number in (1, 2)])
    for number in range(2, count + 1, A_BRANCH):
        chat.edit(number, TEXT.format(number))
        for more in range(number + 1, min(number + A_BRANCH, count) + 1):
            chat.add(TEXT.format(more))
        chat.add("This is taken back.")
    chat.edit(count + 1, TEXT.format(count + 1))
    return chat.fork(count)


def request_of(chat: convo.Conversation) -> Callable[[], object]:
    """Read the log and assemble the request."""
    return lambda: chat.request("gpt-5.5", client=Stub())


def measure(store: convo.Store, effort: Effort, what: str, *, analyze: bool = False) -> Ways:
    """Give the two that are compared."""
    depth = effort.of(DEPTH, DEPTH, 4)
    count = depth * A_BRANCH
    for _ in range(effort.of(OTHERS, OTHERS, 3)):
        flat(store, count)
    shallow, far = flat(store, count), deep(store, count)
    if analyze:
        settled(store)
    same = [chat.request("gpt-5.5", client=Stub())["messages"] for chat in (shallow, far)]
    assert same[0] == same[1]
    assert len(same[0]) == count
    edited = f"edited {depth} times"
    ways = {"never edited": request_of(shallow), edited: request_of(far)}
    return Ways(f"a request of {count} messages, {what}", ways, {edited: 1.5}, rounds=ROUNDS, batch=BATCH)


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        yield measure(store, effort, "SQLite")
    for analyze in (False, True):
        what = "PostgreSQL, after ANALYZE" if analyze else "PostgreSQL, without statistics"
        with postgres_url() as url, convo.Store(url) as store:
            store.upgrade()
            yield measure(store, effort, what, analyze=analyze)
