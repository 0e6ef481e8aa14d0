"""What does a request from a window of a conversation of 100,000 messages cost?

Against a query of the newest 50 rows and `json.loads` by hand, with a window of about 50 messages. And, with larger windows,
against a conversation of just the messages that the window holds: with a window that is remembered, as in a conversation that
goes on, and with nothing remembered, as when it is taken up with another model. Time, and the most memory that Python holds.
"""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from typing import TYPE_CHECKING, Any

import psycopg

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.side_by_side import Effort, Figure, Ways

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Found
    from convo.testing import FakeAPI

ROUNDS = 30
FEW = 50
"""Messages of the small window."""
TEXT = "Message {}: " + "is a golden retriever a good family dog, and why do you say so? " * 3
LARGE = convo.Policy(window_tokens=50_000)
TEXTS = {"gpt-5.5": "window remembered", "gpt-5.4": "nothing remembered"}


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    from convo.testing import FakeAPI

    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        long = conversation_of(store, range(effort.of(100_000, 20_000, 200)))
        raw = sqlite3.connect(path)
        yield from _measured(store, long, raw, effort, FakeAPI(), "SQLite")
        raw.close()
    with postgres_url() as url, convo.Store(url) as store, psycopg.connect(url, autocommit=True) as connection:
        store.upgrade()
        long = conversation_of(store, range(effort.of(100_000, 20_000, 200)))
        yield from _measured(store, long, connection, effort, FakeAPI(), "PostgreSQL")


def conversation_of(store: convo.Store, numbers: range) -> convo.Conversation:
    """Make a conversation of these messages."""
    roles = ("user", "assistant")
    return store.create(messages=[{"role": roles[number % 2], "content": TEXT.format(number)} for number in numbers])


def _measured(
    store: convo.Store, long: convo.Conversation, raw: Any, effort: Effort, fake: FakeAPI, database: str
) -> Found:  # fmt: skip
    settled(store)
    client = fake.client()
    small = convo.Policy(window_tokens=_window_of(long, client))
    long.send(client, "Why?", model="gpt-5.4-mini", policy=small)
    few = request_of(long, client, "gpt-5.4-mini", small)
    count = len(few()["messages"])
    what = f"a request of {count} of {long.head:,} messages, {database}"
    by_hand = f"raw: {count} rows, and json.loads"
    yield Ways(what, {by_hand: _newest(raw, long, count), OURS: few}, {OURS: 1.3}, rounds=ROUNDS, batch=10)
    if effort is Effort.SHORT:
        return
    long.send(client, "Why?", model="gpt-5.5", policy=LARGE)
    for model, text in TEXTS.items():
        ours = request_of(long, client, model, LARGE)
        held = ours()["messages"]
        alone = request_of(store.create(messages=held), client, model, LARGE)
        assert alone()["messages"] == held
        what = f"a request of {len(held)} of {long.head:,} messages, {text}, {database}"
        yield Ways(what, {ALONE: alone, OURS: ours}, {OURS: 1.2}, rounds=ROUNDS, batch=3)
        most = {name: peak(way) for name, way in ((ALONE, alone), (OURS, ours))}
        ratio = {ALONE: most[OURS] / most[ALONE]}
        yield Figure(what=what, way=f"{OURS}: memory", value=most[OURS], unit="B", ratios=ratio, goal=1.2)


ALONE, OURS = "its window alone", "convo, of the long one"


def _window_of(chat: convo.Conversation, client: Any) -> int:
    """Give a budget of tokens that is half full with the newest messages: a window is cut to half of its budget."""
    renderings = chat.request("gpt-5.4-mini", client=client, policy=LARGE).renderings
    return 2 * sum(rendering.tokens for rendering in renderings[-FEW:])


def _newest(connection: Any, chat: convo.Conversation, count: int) -> Callable[[], object]:
    sqlite = isinstance(connection, sqlite3.Connection)
    mark = "?" if sqlite else "%s"
    query = f"SELECT body FROM convo_message WHERE owner = {mark} AND branch = {mark} ORDER BY position DESC LIMIT {count}"
    branch = chat._place.found.branch
    parameters = ("", branch.bytes if sqlite else branch)
    return lambda: [json.loads(row[0]) for row in reversed(connection.execute(query, parameters).fetchall())]


def request_of(chat: convo.Conversation, client: Any, model: str, policy: convo.Policy) -> Callable[[], convo.Request]:
    """Read the log and assemble the request."""
    return lambda: chat.request(model, client=client, policy=policy)


def peak(way: Callable[[], object]) -> int:
    """Give the most bytes that Python holds while something is done."""
    way()
    tracemalloc.start()
    way()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most
