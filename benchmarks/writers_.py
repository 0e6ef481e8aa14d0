"""How many turns a second do eight processes write, each two messages in a transaction, against eight that write by hand?

On SQLite each has a conversation of its own; on PostgreSQL once so, and once all write to the same one, whose positions have no
gaps: by hand too a row is locked that knows the last position.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import convo
from benchmarks import by_hand
from benchmarks.crew import crew
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import Effort, Figure, Ways, percentile
from benchmarks.turns import appending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.crew import Crew, Maker
    from benchmarks.side_by_side import Found

WRITERS = 8
HEADS = "CREATE TABLE IF NOT EXISTS by_hand_head (conversation text PRIMARY KEY, head bigint)"
OURS = "convo"


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    writers = effort.of(WRITERS, WRITERS, 1)
    with sqlite_file() as path:
        url = f"sqlite:///{path}"
        with convo.Store(url) as store:
            chats = [str(store.create().id) for _ in range(writers)]
        plain = path.with_name("by_hand.db")
        makers = {
            "raw: BEGIN IMMEDIATE, two INSERTs, COMMIT": [partial(sqlite_writer, plain)] * writers,
            OURS: [partial(our_writer, url, chat) for chat in chats],
        }
        yield from compared(f"{writers} writers, SQLite, a conversation each", makers, effort, {}, at_least=1_500)
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        chats = [str(store.create().id) for _ in range(writers)]
        with by_hand.postgres(url) as connection:
            connection.execute(HEADS)
            connection.execute("INSERT INTO by_hand_head VALUES ('hot', 0) ON CONFLICT DO NOTHING")
        makers = {
            "raw: BEGIN, two INSERTs, COMMIT": [partial(postgres_writer, url)] * writers,
            OURS: [partial(our_writer, url, chat) for chat in chats],
        }
        yield from compared(f"{writers} writers, PostgreSQL, a conversation each", makers, effort, {OURS: SLOWER})
        makers = {
            "raw: BEGIN, UPDATE of the head, two INSERTs, COMMIT": [partial(hot_writer, url)] * writers,
            OURS: [partial(our_writer, url, chats[0])] * writers,
        }
        yield from compared(f"{writers} writers, PostgreSQL, one conversation", makers, effort, {OURS: SLOWER})


SLOWER = 1 / 0.8
"""As many seconds a turn are 0.8 times as many turns a second."""


def compared(
    what: str, makers: Mapping[str, Sequence[Maker]], effort: Effort, goals: Mapping[str, float], *, at_least: float | None = None
) -> Found:
    """Compare crews that are started for it."""
    with ExitStack() as stack:
        crews = {name: stack.enter_context(crew(each, times_of(effort))) for name, each in makers.items()}
        yield from compared_crews(what, crews, goals, at_least=at_least)


def times_of(effort: Effort) -> int:
    """Give how many turns a writer writes in a round."""
    return effort.of(50, 25, 1)


def compared_crews(
    what: str, crews: Mapping[str, Crew], goals: Mapping[str, float], *, at_least: float | None = None
) -> Found:  # fmt: skip
    """Compare crews: time for each turn of all together, how long a single turn waits, and turns a second."""
    for each in crews.values():
        each.waits.clear()
    (turns,) = {each.turns for each in crews.values()}
    ways: dict[str, Callable[[], object]] = {name: each.work for name, each in crews.items()}
    figures = yield Ways(what, ways, goals, rounds=20, per=turns)
    for figure in figures:
        waits = crews[figure.way].waits
        wait = f"{figure.way}: a single turn"
        yield Figure(what=what, way=wait, value=statistics.median(waits), p99=percentile(waits, 0.99))
        goal = at_least if figure.way == OURS else None
        way = f"{figure.way}: turns a second"
        yield Figure(what=what, way=way, value=1 / figure.value, unit="turns/s", goal=goal, least=True)


def sqlite_writer(path: Path) -> Callable[[], object]:
    """Write by hand to a SQLite file."""
    return by_hand.sqlite_turn(by_hand.sqlite(path))


def postgres_writer(url: str) -> Callable[[], object]:
    """Write by hand to PostgreSQL."""
    return by_hand.postgres_turn(by_hand.postgres(url))


def hot_writer(url: str) -> Callable[[], object]:
    """Write by hand to a conversation that others write to, too."""
    connection = by_hand.postgres(url)
    turns = by_hand.rows()

    def turn() -> None:
        question, answer = next(turns)
        with connection.transaction():
            moved = "UPDATE by_hand_head SET head = head + 2 WHERE conversation = %s RETURNING head"
            ((head,),) = connection.execute(moved, ("hot",)).fetchall()
            connection.execute(by_hand.INSERT_PG, ("hot", head - 1, *question[2:]))
            connection.execute(by_hand.INSERT_PG, ("hot", head, *answer[2:]))

    return turn


def our_writer(url: str, chat: str) -> Callable[[], object]:
    """Write to a conversation of ours."""
    return appending(convo.Store(url).get(chat))
