"""The primary is killed and its standby promoted, while processes write to whichever of the two takes writes.

With synchronous replication nothing that was acknowledged may be lost. With asynchronous replication it may, and the checker
must tell: that is the planted bug of this harness, and the loss that is not promised away.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

import convo
from tests.faults.restarts import Outcome, ended
from tests.faults.writer import start
from tests.support.postgres import rig

if TYPE_CHECKING:
    from tests.support.postgres import Rig

SETTINGS = (
    "max_connections=100", "fsync=on", "log_min_messages=fatal", "wal_level=replica", "max_wal_senders=10", "hot_standby=on",
    "wal_receiver_status_interval=1", "wal_keep_size=64", "shared_buffers=32MB",
)  # fmt: skip
WRITERS = 6
PATIENCE = 60
"""Seconds for which a standby is waited for."""
BETWEEN = 0.5
"""Seconds of writing before a primary is killed."""


class Pair:
    """A primary and its standby, on two ports that stay."""

    def __init__(self, place: Rig, *, synchronous: bool) -> None:
        self.place = place
        self.synchronous = synchronous
        self.primary = place.primary(SETTINGS)
        with convo.Store(self.primary.url) as store:
            store.upgrade()
        self.standby = place.standby(self.primary)
        self.ports = (self.primary.port, self.standby.port)
        self.settle()

    @property
    def url(self) -> str:
        """The URL of whichever of the two takes writes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"postgresql://convo@{hosts}/postgres?target_session_attrs=read-write"

    def settle(self) -> None:
        """Wait until the standby follows; let commits wait for it, where replication is synchronous."""
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            if self.synchronous:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
            wanted = "sync" if self.synchronous else "async"
            query = (
                "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s "
                "AND flush_lsn >= pg_current_wal_flush_lsn()"
            )
            deadline = time.monotonic() + PATIENCE
            while connection.execute(query, [wanted]).fetchone() is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(query)
                time.sleep(0.005)

    def fail_over(self) -> float:
        """Kill the primary, promote the standby; give when it was promoted."""
        dead = self.primary
        dead.kill()
        self.standby.promote()
        promoted = time.monotonic()
        self.primary = self.standby
        self._dead = dead
        return promoted

    def repair(self) -> None:
        """Put a new standby in the place of the dead primary."""
        self.standby = self.place.standby(self.primary, self._dead.port)
        self.settle()

    def cut_off(self) -> None:
        """Let the standby receive nothing more."""
        with psycopg.connect(self.standby.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
            connection.execute("SELECT pg_reload_conf()")
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            while connection.execute("SELECT 1 FROM pg_stat_replication").fetchone() is not None:
                time.sleep(0.005)


def failed_over(times: int, *, synchronous: bool, writers: int = WRITERS) -> Outcome:
    """Fail over `times` times while processes write; without `synchronous` the standby is cut off before each."""
    outcome = Outcome()
    with rig() as place, tempfile.TemporaryDirectory(prefix="convo-writers-") as folder:
        pair = Pair(place, synchronous=synchronous)
        running, stop = start(pair.url, Path(folder), writers)
        for number in range(times):
            if number:
                pair.repair()
            time.sleep(BETWEEN)
            if not synchronous:
                pair.cut_off()
                outcome.wait_for_all(running, time.monotonic())
            promoted = pair.fail_over()
            outcome.faults["failover"] += 1
            outcome.wait_for_all(running, promoted)
        ended(running, stop)
        outcome.take(pair.primary.url, running)
    return outcome


def run(times: int) -> str:
    """Fail over `times` times with synchronous replication, and once without, to see that a loss is told."""
    outcome = failed_over(times, synchronous=True)
    if outcome.problems:
        raise AssertionError(f"{len(outcome.problems)} problems: {outcome.problems[:10]}")
    loose = failed_over(1, synchronous=False)
    lost = sum("lost" in problem for problem in loose.problems)
    if not lost:
        raise AssertionError("a standby that was cut off lost nothing: the harness sees nothing")
    return (
        f"{times} failovers with synchronous replication under {WRITERS} writing processes (psycopg, psycopg async, asyncpg): "
        f"{outcome.acknowledged:,} turns acknowledged, 0 lost, 0 double; each writer went on after the promotion: "
        f"{outcome.slowest()}; errors told: {dict(outcome.errors)}. With asynchronous replication and a standby cut off "
        f"before: {lost} acknowledged turns lost of {loose.acknowledged:,}, each found"
    )
