"""Many processes write to one conversation at once: one order, no gaps, every turn in place, and not slower than by hand.

A turn is a question and its answer, each stored with a key: two commits, each of the head, a message and an exchange. By hand it
is what psycopg does with the same rows in the same two commits, a statement a row.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs
import psycopg

import convo
from tests.faults.checker import Acknowledged, Diary, acknowledged_in, check, entries
from tests.faults.echo import answer_to
from tests.support.postgres import server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SETTINGS = ("max_connections=150", "log_min_messages=panic")
WRITERS = 8
ROUND = 1.0
"""Seconds of each way in its turn."""
THREADS = 8
"""Writers of one process in the long history: 64 in all."""


class ByHand:
    """A conversation that is written to with psycopg alone, by the statements that its rows need."""

    def __init__(self, url: str, branch: UUID) -> None:
        self._connection = psycopg.connect(url)
        self._branch = branch
        self._message = self._insert("convo_message", "branch = %s AND position = 1")
        self._exchange = self._insert("convo_exchange", "branch = %s")

    def _insert(self, table: str, where: str) -> tuple[str, dict[str, Any]]:
        """Give the statement that inserts a row, and the values of one that is there; nulls are left out."""
        cursor = self._connection.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1", [self._branch])  # noqa: S608 - ours
        row = cursor.fetchone()
        assert row is not None
        assert cursor.description is not None
        values = {column.name: value for column, value in zip(cursor.description, row, strict=True) if value is not None}
        self._connection.commit()
        return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(f'%({name})s' for name in values)})", values  # noqa: S608 - ours

    def add(self, text: str, key: str) -> int:
        """Store a message in one transaction; give its position."""
        execute = self._connection.execute
        moved = execute("UPDATE convo_branch SET head = head + 1 WHERE owner = '' AND id = %s RETURNING head", [self._branch])
        row = moved.fetchone()
        assert row is not None
        (head,) = row
        identifier = uuid4()
        sql, values = self._message
        execute(sql, {**values, "position": head, "text": text, "exchange": identifier})
        sql, values = self._exchange
        execute(sql, {**values, "id": identifier, "key": key, "asked_first": head, "asked_last": head})
        self._connection.commit()
        return int(head)


class Torn(ByHand):
    """The planted bug: the head moves in one commit, the message enters in another, and sometimes does not."""

    def add(self, text: str, key: str) -> int:
        """Store a message, or leave its position empty."""
        if hash(key) % 5 == 0:
            self._connection.execute("UPDATE convo_branch SET head = head + 1 WHERE owner = '' AND id = %s", [self._branch])
            self._connection.commit()
        return super().add(text, key)


@attrs.frozen
class Hot:
    """What processes wrote in how many seconds of each way, and what the checker says of the conversation."""

    turns: dict[str, int]
    seconds: float
    problems: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """How many turns a second are ours for each that is written by hand."""
        return self.turns["convo"] / max(self.turns["by hand"], 1)


def side_by_side(url: str, writers: int, rounds: int, seconds: float = ROUND, hand: str = "ByHand") -> Hot:
    """Let processes write to a conversation, and to another one by hand, for a while each and again.

    The first time is not counted: statements are compiled then, and the server makes its first files.
    """
    with convo.Store(url) as store:
        ours, theirs = store.create(), store.create()
        theirs.add("by hand 0", key="by hand 0")
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(writers)
        with tempfile.TemporaryDirectory(prefix="convo-hot-") as folder:
            arguments = (url, str(ours.id), str(theirs.id), hand, folder, barrier, rounds, seconds)
            processes = [context.Process(target=_alternate, args=(number, *arguments)) for number in range(writers)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            places = [Path(folder) / f"{number}" for number in range(writers)]
            told = [turn for place in places for turn in acknowledged_in(place)]
            counts = [json.loads(place.with_suffix(".counts").read_text()) for place in places]
        turns = {way: sum(count[way][1] - count[way][0] for count in counts) for way in ("convo", "by hand")}
        stored = sum(count["convo"][1] for count in counts)
        gaps = [one for one in check(entries(theirs.history()), []).problems if "is due" in one]
        problems = [*check(entries(ours.history()), told).problems, *gaps]
        problems += [] if len(ours.history()) == 2 * stored else ["there are more or fewer messages than were added"]
        return Hot(turns, rounds * seconds, tuple(problems))


def _alternate(
    number: int, url: str, ours: str, theirs: str, hand: str, folder: str, barrier: Any, rounds: int, seconds: float
) -> None:  # fmt: skip
    counts, warm = {"convo": 0, "by hand": 0}, {"convo": 0, "by hand": 0}
    diary: list[Acknowledged] = []
    with convo.Store(url) as store:
        chat = store.get(ours)
        raw = {"ByHand": ByHand, "Torn": Torn}[hand](url, store.get(theirs)._place.found.branch)

        def by_convo(turn: int) -> None:
            text = f"question {number} {turn}"
            chat.add(text, key=f"q {number} {turn}")
            position = chat.add(answer_to(text), role="assistant", key=f"a {number} {turn}").position
            diary.append(Acknowledged(f"q {number} {turn}", text, answer_to(text), position))

        def by_hand(turn: int) -> None:
            text = f"question {number} {turn}"
            raw.add(text, f"q {number} {turn}")
            raw.add(answer_to(text), f"a {number} {turn}")

        for number_of_round in range(rounds + 1):
            for way, write in (("convo", by_convo), ("by hand", by_hand)):
                barrier.wait()
                counts[way] = _for(seconds, counts[way], write)
            if number_of_round == 0:
                warm = dict(counts)
    book = Diary(Path(folder) / f"{number}")
    for told in diary:
        book.acknowledged(told)
    (Path(folder) / f"{number}.counts").write_text(json.dumps({way: (warm[way], count) for way, count in counts.items()}))


def _for(seconds: float, turn: int, write: Callable[[int], None]) -> int:
    """Write turns for a while; give the number of the next one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        write(turn)
        turn += 1
    return turn


# --- a long history --------------------------------------------------------------------------------


def history(url: str, times: int, processes: int, threads: int) -> Sequence[str]:
    """Let many writers append `times` messages to one conversation while it is read; give what is wrong."""
    with convo.Store(url) as store:
        chat = store.create()
        context = multiprocessing.get_context("spawn")
        share = -(-times // processes // threads)
        running = [
            context.Process(target=_append, args=(url, str(chat.id), number, threads, share)) for number in range(processes)
        ]
        for process in running:
            process.start()
        reads = []
        while any(process.is_alive() for process in running):
            reads.append(entries(chat.history()))
            time.sleep(max(0.5, len(reads[-1]) / 2_000))
        log = entries(chat.history())
    problems = list(check(log, [], reads=reads).problems)
    written = {f"{number} {turn}" for number in range(processes * threads) for turn in range(share)}
    found = [text for _, _, text in log]
    problems += [] if set(found) == written and len(found) == len(written) else ["not what was appended"]
    for number in range(processes * threads):
        own = [text for text in found if text.split()[0] == str(number)]
        if own != [f"{number} {turn}" for turn in range(share)]:
            problems.append(f"writer {number} is not in its order")
    return problems


def _append(url: str, identifier: str, number: int, threads: int, share: int) -> None:
    with convo.Store(url) as store:

        def write(writer: int) -> None:
            chat = store.get(identifier)
            for turn in range(share):
                chat.add(f"{writer} {turn}")

        running = [threading.Thread(target=write, args=(number * threads + thread,)) for thread in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()


def run(times: int) -> str:
    """Compare over ten rounds, then append `times` messages by 64 writers."""
    with server(SETTINGS) as url:
        with convo.Store(url) as store:
            store.upgrade()
        found = side_by_side(url, WRITERS, 10)
        problems = [*found.problems, *history(url, times, WRITERS, THREADS)]
    if problems:
        raise AssertionError(f"{len(problems)} problems: {problems[:10]}")
    rates = {way: count / found.seconds for way, count in found.turns.items()}
    return (
        f"{WRITERS} processes on one conversation: {rates['convo']:,.0f} turns/s, by hand with psycopg {rates['by hand']:,.0f} "
        f"turns/s ({found.ratio:.2f}x), 0 gaps, 0 lost; {times:,} messages by {WRITERS * THREADS} writers: each once, gap-free, "
        "in each writer's order, every read a beginning of the log"
    )
