"""What does a `send` cost without the call, against the raw driver and the same two commits?

A send is a begin (the user's message, the exchange with its key and hash, the head) and a completion (the reply, the exchange
with its usage, the head). By hand it is the two messages in two commits; and once more the rows that convo writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import convo
from benchmarks import by_hand
from benchmarks.append_ import BATCH, ROUNDS, WARM, turns_of
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.replay import Replay
from benchmarks.side_by_side import Effort, Ways
from benchmarks.turns import sending, whole_sends

if TYPE_CHECKING:
    from benchmarks.side_by_side import Found

CHATS = 100
"""Conversations among which whole sends take turns."""
COMPLETION = 3
"""The statement on SQLite with which the second transaction begins: after head, message and exchange."""
BY_HAND, SAME_ROWS = "raw: two commits of an INSERT each", "raw: the rows of convo"
OURS, WHOLE = "convo, both transactions", "convo, a whole send() to a stub"


def run(effort: Effort) -> Found:
    """Compare on SQLite at both durabilities, and on PostgreSQL."""
    yield from _on_sqlite(effort, "full", 1.6)
    yield from _on_sqlite(effort, "relaxed", None)
    with postgres_url() as url, convo.Store(url) as store, by_hand.postgres(url) as raw:
        store.upgrade()
        replay = Replay(store, sending(store.create()), turns_of(effort))
        single = "raw: two INSERTs that commit themselves"
        ways = {
            BY_HAND: by_hand.postgres_two_commits(raw),
            single: by_hand.postgres_two_statements(raw),
            SAME_ROWS: replay.on_postgres(raw),
            OURS: sending(store.create()),
            WHOLE: whole_sends([store.create() for _ in range(effort.of(CHATS, CHATS, 2))]),
        }
        yield Ways("send, PostgreSQL", ways, {OURS: 1.2, WHOLE: 1.2}, (BY_HAND, single, SAME_ROWS), ROUNDS, BATCH)


def _on_sqlite(effort: Effort, durability: Literal["full", "relaxed"], goal: float | None) -> Found:
    synchronous = "FULL" if durability == "full" else "NORMAL"
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}", durability=durability) as store:
        plain = by_hand.sqlite(path.with_name("by_hand.db"), synchronous)
        same = by_hand.opened(path, synchronous)
        replay = Replay(store, sending(store.create()), turns_of(effort))
        ways = {
            BY_HAND: by_hand.warmed(by_hand.sqlite_two_commits(plain), effort.of(WARM, WARM, 1)),
            SAME_ROWS: replay.on_sqlite(same, (COMPLETION,)),
            OURS: sending(store.create()),
            WHOLE: whole_sends([store.create() for _ in range(effort.of(CHATS, CHATS, 2))]),
        }
        goals = {} if goal is None else {OURS: goal, WHOLE: goal}
        yield Ways(f"send, SQLite, synchronous={synchronous}", ways, goals, (BY_HAND, SAME_ROWS), ROUNDS, BATCH)
        plain.close()
        same.close()
