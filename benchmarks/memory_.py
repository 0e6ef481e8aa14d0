"""How much memory does a conversation of 10,000 messages take, against plain dicts of the same bodies?

Counted is what Python holds afterwards, and the most that it holds on the way.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import tracemalloc
from typing import TYPE_CHECKING

import convo
from benchmarks.databases import sqlite_file
from benchmarks.side_by_side import Effort, Figure
from benchmarks.stub import Stub, messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Found

DICTS, HISTORY, REQUEST = "raw: a list of dicts by json.loads", "convo, its history", "convo, a request of all of it"


def run(effort: Effort) -> Found:
    """Compare on SQLite; the messages are the same on PostgreSQL."""
    count = effort.of(10_000, 10_000, 50)
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        chat = store.create(messages=messages(count))
        raw = sqlite3.connect(path)
        query = "SELECT body FROM convo_message WHERE branch = ? ORDER BY position"
        branch = chat._place.found.branch.bytes

        def dicts() -> object:
            return [json.loads(body) for (body,) in raw.execute(query, (branch,)).fetchall()]

        # As many tokens as there is room for: nothing is left out.
        policy = convo.Policy(window_tokens=100_000_000)
        ways: dict[str, Callable[[], object]] = {
            DICTS: dicts,
            HISTORY: chat.history,
            REQUEST: lambda: chat.request("gpt-5.5", client=Stub(), policy=policy),
        }
        found = {name: held(way) for name, way in ways.items()}
        raw.close()
    for place, kind in enumerate(("held", "at most, on the way")):
        base = f"{DICTS}, {kind}"
        for name, sizes in found.items():
            yield Figure(
                what=f"memory of {count:,} messages, {kind}",
                way=f"{name}, {kind}",
                value=sizes[place],
                unit="B",
                ratios={base: sizes[place] / found[DICTS][place]},
                goal=1.0 if name == HISTORY else None,
            )


def held(way: Callable[[], object]) -> tuple[int, int]:
    """Give the bytes that Python holds with what a call gave, and the most that it held meanwhile."""
    way()  # what is made once
    gc.collect()
    tracemalloc.start()
    result = way()
    _, most = tracemalloc.get_traced_memory()
    gc.collect()
    now, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return now, most
