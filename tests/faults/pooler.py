"""PgBouncer in transaction mode stands before the server: each transaction may be on another connection.

The stores are opened by their URL alone: that a pooler is there they see themselves.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import convo
from tests.faults.restarts import Outcome, ended
from tests.faults.writer import start
from tests.support.pgbouncer import PROGRAM, pgbouncer
from tests.support.postgres import SETTINGS, server

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING = "there is no pgbouncer here: `.ci/run long` brings it (Debian: apt-get install pgbouncer)"
WRITERS = 6
_WAIT = 0.1


def through_pooler(url: str, times: int, writers: int = WRITERS, drivers: Sequence[str] | None = None) -> Outcome:
    """Write at least `times` turns through PgBouncer, from processes."""
    outcome = Outcome()
    with pgbouncer(url) as pooled, tempfile.TemporaryDirectory(prefix="convo-writers-") as folder:
        running, stop = start(pooled, Path(folder), writers, **({"drivers": drivers} if drivers else {}))
        while sum(len(writer.acknowledged()) for writer in running) < times and all(one.process.is_alive() for one in running):
            time.sleep(_WAIT)
        ended(running, stop)
        outcome.take(url, running)
        outcome.problems += [f"an error was told: {error}" for writer in running for error in writer.errors()]
    return outcome


def run(times: int) -> str:
    """Write `times` turns through PgBouncer."""
    if PROGRAM is None:
        return MISSING
    with server(SETTINGS) as url:
        with convo.Store(url) as store:
            store.upgrade()
        outcome = through_pooler(url, times)
    if outcome.problems:
        raise AssertionError(f"{len(outcome.problems)} problems: {outcome.problems[:10]}")
    return (
        f"{outcome.acknowledged:,} of {outcome.acknowledged:,} turns of {WRITERS} processes (psycopg, psycopg async, asyncpg) "
        "through PgBouncer in transaction mode with 4 connections, opened by their URL alone: 0 failed, 0 lost, 0 double"
    )
