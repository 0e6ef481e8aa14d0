"""What does a request of a conversation of 100,000 messages cost, against a conversation of just the messages it holds?

Once with a window that is remembered, as in a conversation that goes on, and once with nothing remembered, as when it is
taken up with another model. Time, and the most memory that Python holds meanwhile.
"""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import convo
from benchmarks.append_ import runner_of
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.testing import FakeAPI

MESSAGES = 100_000
ROUNDS, BATCH = 30, 3
TEXT = "Message {}: " + "is a golden retriever a good family dog, and why do you say so? " * 3
POLICY = convo.Policy(window_tokens=50_000)


def conversation_of(store: convo.Store, numbers: range) -> convo.Conversation:
    """Make a conversation of these messages."""
    roles = ("user", "assistant")
    return store.create(messages=[{"role": roles[number % 2], "content": TEXT.format(number)} for number in numbers])


def request_of(chat: convo.Conversation, client: Any, model: str) -> Callable[[], convo.Request]:
    """Read the log and assemble the request."""
    return lambda: chat.request(model, client=client, policy=POLICY)


def peak(way: Callable[[], object]) -> int:
    """Give the most bytes that Python holds while something is done."""
    way()
    tracemalloc.start()
    way()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def measure(store: convo.Store, fake: FakeAPI) -> None:
    """Print the ratios of time and memory."""
    long = conversation_of(store, range(MESSAGES))
    with runner_of(store).engines.writing.begin() as connection:
        connection.execute(sa.text("ANALYZE"))
    client = fake.client()
    long.send(client, "Why?", model="gpt-5.5", policy=POLICY)
    for model, what in (("gpt-5.5", "window remembered"), ("gpt-5.4", "nothing remembered")):
        ours = request_of(long, client, model)
        held = ours()["messages"]
        alone = request_of(store.create(messages=held), client, model)
        assert alone()["messages"] == held
        print(f"    {what}: {len(held)} messages")
        compare({"its window alone": alone, "of 100,000 messages": ours}, rounds=ROUNDS, batch=BATCH, limits=LIMIT)
        ratio = peak(ours) / peak(alone)
        print(f"  {'memory':44s} {'':13s}  {ratio:6.2f}x  at most 1.2x wanted: {'yes' if ratio <= LIMIT[OURS] else 'NO'}")


OURS = "of 100,000 messages"
LIMIT = {OURS: 1.2}


def run() -> None:
    """Print the ratios."""
    from convo.testing import FakeAPI

    print("  SQLite:")
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        measure(store, FakeAPI())
    print("  PostgreSQL:")
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        measure(store, FakeAPI())
