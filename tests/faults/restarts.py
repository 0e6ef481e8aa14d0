"""PostgreSQL is stopped like a crash, restarted, and its connections are ended, while processes write.

A turn that was acknowledged is there afterwards, and the same store object goes on within a second after the server is back.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import convo
from tests.faults.writer import judged, start
from tests.support.postgres import rig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.synchronize import Event

    from tests.faults.writer import Writer
    from tests.support.postgres import Server

DURABLE = ("max_connections=100", "fsync=on", "log_min_messages=panic")
CARELESS = ("max_connections=100", "synchronous_commit=off", "wal_writer_delay=10000", "log_min_messages=panic")
"""The planted bug: a server that acknowledges what it has not written."""
WRITERS = 6


def immediate_stop(server: Server) -> None:
    """Crash, and start again."""
    server.stop("immediate")
    server.start()


def fast_restart(server: Server) -> None:
    """Stop as an administrator does, and start again."""
    server.stop("fast")
    server.start()


def end_working(server: Server) -> None:
    """End the connections that do something."""
    _terminate(server, "state <> 'idle'")


def end_idle(server: Server) -> None:
    """End the connections that wait in a pool."""
    _terminate(server, "state = 'idle'")


def _terminate(server: Server, which: str) -> None:
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which} AND pid <> pg_backend_pid()"  # noqa: S608
        connection.execute(query + " AND backend_type = 'client backend'")


FAULTS: tuple[Callable[[Server], None], ...] = (immediate_stop, fast_restart, end_working, end_idle)


class Outcome:
    """What was counted over a run."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.acknowledged = 0
        self.problems: list[str] = []
        self.errors: Counter[str] = Counter()
        self.back: list[float] = []

    def take(self, url: str, writers: Sequence[Writer]) -> None:
        """Judge what the writers have written down."""
        with convo.Store(url) as store:
            for writer in writers:
                try:
                    told, problems = judged(store, writer)
                except (convo.ConversationNotFound, convo.SchemaMissing) as error:
                    self.problems.append(f"all of a writer's turns are lost: {error.code}")
                    continue
                self.acknowledged += len(told)
                self.problems += problems
                self.errors += Counter(f"{error['code']} ({error['committed']})" for error in writer.errors())

    def wait_for_all(self, writers: Sequence[Writer], since: float, patience: float = 60.0) -> None:
        """Wait until every writer was told of a turn again; note how long each took."""
        for writer in writers:
            while not (later := [at for at in writer.times()[-200:] if at > since]):
                if time.monotonic() - since > patience:
                    self.problems.append(f"a writer did not go on: {writer.errors()[-1:]}")
                    return
                time.sleep(0.01)
            self.back.append(later[0] - since)

    def slowest(self) -> str:
        """Say how long writers took to go on."""
        ordered = sorted(self.back) or [0.0]
        return f"median {ordered[len(ordered) // 2]:.2f} s, slowest {ordered[-1]:.2f} s"


def broken(
    settings: tuple[str, ...], faults: Sequence[Callable[[Server], None]], writers: int = WRITERS, patience: float = 60.0
) -> Outcome:  # fmt: skip
    """Write from processes while a server suffers one fault after the other; `patience` is how long each may take to go on."""
    outcome = Outcome()
    with rig() as place, tempfile.TemporaryDirectory(prefix="convo-writers-") as folder:
        server = place.primary(settings)
        with convo.Store(server.url) as store:
            store.upgrade()
        running, stop = start(server.url, Path(folder), writers)
        chance = random.Random(len(faults))  # noqa: S311 - no secret
        for fault in faults:
            time.sleep(chance.uniform(0.05, 0.4))
            fault(server)
            outcome.faults[fault.__name__] += 1
            outcome.wait_for_all(running, time.monotonic(), patience)
        ended(running, stop)
        outcome.take(server.url, running)
    return outcome


def ended(writers: Sequence[Writer], stop: Event) -> None:
    """Let writers come to their end."""
    stop.set()
    for writer in writers:
        writer.process.join(60)
        if writer.process.is_alive():
            writer.process.kill()


def run(times: int) -> str:
    """Let a server with its durability on suffer `times` faults, each kind in its turn."""
    outcome = broken(DURABLE, [FAULTS[number % len(FAULTS)] for number in range(times)])
    if outcome.problems:
        raise AssertionError(f"{len(outcome.problems)} problems: {outcome.problems[:10]}")
    faults = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcome.faults.items())
    return (
        f"{faults}, under {WRITERS} writing processes (psycopg, psycopg async, asyncpg): {outcome.acknowledged:,} turns "
        f"acknowledged, 0 lost, 0 double, 0 half; each writer went on after the server was back: {outcome.slowest()}; "
        f"errors told: {dict(outcome.errors)}"
    )
