"""What does it cost to append a two-message turn, against the raw driver?

Ours is one transaction: two messages with their hashes, the head of the branch, and the key by which the turn is known. By
hand it is BEGIN, two INSERTs into a plain table, COMMIT; and once more the rows that convo writes, by the same statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import convo
from benchmarks import by_hand
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.replay import Replay
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import messages
from benchmarks.turns import appending

if TYPE_CHECKING:
    from benchmarks.side_by_side import Found

ROUNDS, BATCH = 40, 20
WARM = 500
"""Turns by hand before: a WAL that has its size already is written faster."""
BY_HAND, SAME_ROWS, OURS = "raw: BEGIN, two INSERTs, COMMIT", "raw: the rows of convo", "convo"


def turns_of(effort: Effort) -> int:
    """Give how many turns a replay has ready: for every round, and those before."""
    return effort.of((ROUNDS + 2) * BATCH, (ROUNDS + 2) * BATCH, 1)


def run(effort: Effort) -> Found:
    """Compare on SQLite at both durabilities, and on PostgreSQL."""
    yield from _on_sqlite(effort, "full", 1.6)
    yield from _on_sqlite(effort, "relaxed", 3.0)
    yield from _on_postgres(effort)


def _on_sqlite(effort: Effort, durability: Literal["full", "relaxed"], goal: float) -> Found:
    synchronous = "FULL" if durability == "full" else "NORMAL"
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}", durability=durability) as store:
        plain = by_hand.sqlite(path.with_name("by_hand.db"), synchronous)
        same = by_hand.opened(path, synchronous)
        replay = Replay(store, appending(store.create()), turns_of(effort))
        ways = {
            BY_HAND: by_hand.warmed(by_hand.sqlite_turn(plain), effort.of(WARM, WARM, 1)),
            SAME_ROWS: replay.on_sqlite(same),
            OURS: appending(store.create()),
        }
        what = f"append a turn, SQLite, synchronous={synchronous}"
        yield Ways(what, ways, {OURS: goal}, (BY_HAND, SAME_ROWS), ROUNDS, BATCH)
        yield _flat(store, effort, f"{what}, by length")
        plain.close()
        same.close()


def _on_postgres(effort: Effort) -> Found:
    with postgres_url() as url, convo.Store(url) as store, by_hand.postgres(url) as raw:
        store.upgrade()
        replay = Replay(store, appending(store.create()), turns_of(effort))
        ways = {
            BY_HAND: by_hand.postgres_turn(raw),
            "raw: one INSERT of two rows": by_hand.postgres_turn_at_once(raw),
            SAME_ROWS: replay.on_postgres(raw),
            OURS: appending(store.create()),
        }
        what = "append a turn, PostgreSQL"
        yield Ways(what, ways, {OURS: 1.1}, (BY_HAND, "raw: one INSERT of two rows", SAME_ROWS), ROUNDS, BATCH)
        yield _flat(store, effort, f"{what}, by length")


def _flat(store: convo.Store, effort: Effort, what: str) -> Ways:
    """Compare short conversations with long ones."""
    lengths = effort.of((0, 100, 10_000, 100_000), (0, 10_000), (0, 100))
    ways = {f"convo, {length:,} messages before": appending(store.create(messages=messages(length))) for length in lengths}
    goals = dict.fromkeys(list(ways)[1:], 1.1)
    return Ways(what, ways, goals, rounds=ROUNDS, batch=BATCH)
