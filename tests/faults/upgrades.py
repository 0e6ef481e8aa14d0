"""Upgrades that are killed: a process that brings a store of an older revision up to date dies at its n-th step, for every n.

A step is the moment before a statement, after it, before a commit or after it. Afterwards the tables are the old or the new
ones and never half, every row is there, and the next upgrade goes through.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

import convo
from convo.store import schema as schemas
from tests.store.golden.make import described
from tests.support import golden
from tests.support.postgres import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.golden import Golden

ROOT = Path(__file__).parents[2]
KINDS = ("sqlite", "postgresql")
LONGEST = 0.5
"""Seconds within which a kill at a random moment comes."""


# --- the processes that are killed -----------------------------------------------------------------


def serve() -> None:
    """Be the parent of upgraders, which holds no connection: fork one for each line of JSON, and say how it ended."""
    with convo.Store("sqlite://") as store:
        store.upgrade()  # imports what an upgrade needs
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _upgrade(order)
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(child, signal.SIGKILL)
        _say(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _upgrade(order: dict[str, Any]) -> None:
    steps = itertools.count(1)

    def step(*_: Any) -> None:
        if next(steps) == order["at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(sa.Engine, name, step)
    if order["planted"]:
        sa.event.listen(sa.Engine, "after_cursor_execute", _commit_ddl)
    try:
        with convo.Store(order["url"], schema=order["schema"]) as store:
            store.upgrade()
            step()
            _say(f"steps {next(steps) - 1}")
    except BaseException as error:  # noqa: BLE001 - a child says what went wrong, and ends
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _commit_ddl(connection: sa.Connection, cursor: Any, text: str, *_: Any) -> None:
    """The planted bug: changes of tables that are not in the transaction of the others."""
    if text.lstrip().startswith(("ALTER", "CREATE")):
        cursor.connection.commit()
        path = f"SET search_path TO {connection.get_execution_options().get('convo_schema')}"
        cursor.connection.execute("BEGIN" if connection.dialect.name == "sqlite" else path)


@attrs.frozen
class Upgraders:
    """The parent of upgraders, in a process of its own."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Upgraders]:
        """Start it, and end it."""
        command = [sys.executable, "-c", "from tests.faults.upgrades import serve; serve()"]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            yield cls(process)
            assert process.stdin is not None
            process.stdin.close()

    def upgrade(self, old: Golden, *, at: int = 0, after: float | None = None, planted: bool = False) -> int | None:
        """Upgrade a store, and kill that at a step or after some seconds; give its number of steps, None when it was killed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"url": old.url, "schema": old.schema, "at": at, "after": after, "planted": planted}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        steps = int(told.split()[1]) if told.startswith("steps") else None
        code = int(self.process.stdout.readline() if steps else told)
        assert code in (0, -signal.SIGKILL), f"the upgrade of {old.revision} failed"
        return steps if code == 0 else None


# --- what is held against what ---------------------------------------------------------------------


@attrs.frozen
class Seen:
    """What is in a database: its tables, and a digest of the rows of each, over the columns that `like` knows of it."""

    revision: str
    shape: dict[str, tuple[str, ...]]
    rows: dict[str, str]


def seen(old: Golden, like: Seen | None = None) -> Seen:
    """Look into a database, once the connection of a process that died is gone."""
    with old.connection() as connection:
        if old.schema:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(schemas.LOCK)))
        inspector = sa.inspect(connection)
        names = [name for name in sorted(inspector.get_table_names()) if name.startswith("convo_") and "words" not in name]
        shape = {name: _shape(inspector, name) for name in names}
        known = shape if like is None else like.shape
        rows = {
            name: _digest(connection, name, [column for column in columns if not column.startswith("index ")])
            for name, columns in known.items()
            if name != "convo_version" and name in shape
        }
        return Seen(connection.exec_driver_sql("SELECT version_num FROM convo_version").scalar_one(), shape, rows)


def _shape(inspector: sa.Inspector, name: str) -> tuple[str, ...]:
    columns = [column["name"] for column in inspector.get_columns(name)]
    return (*columns, *sorted(f"index {index['name']}" for index in inspector.get_indexes(name)))


def _digest(connection: sa.Connection, name: str, columns: list[str]) -> str:
    table = sa.table(name, *(sa.column(column) for column in columns))
    return hashlib.sha256(str(sorted(map(repr, connection.execute(sa.select(table))))).encode()).hexdigest()


def problems(old: Golden, before: Seen, newest: Seen) -> list[str]:
    """Say what is wrong with a store whose upgrade was killed: half a schema, a row that changed, an upgrade that fails."""
    found = seen(old, before)
    expected = {before.revision: before.shape, newest.revision: newest.shape}
    wrong = [] if expected.get(found.revision) == found.shape else [f"half: the tables are not those of {found.revision}"]
    wrong += [f"changed: {name}" for name, rows in before.rows.items() if found.rows.get(name) != rows]
    try:
        with old.store() as store:
            store.upgrade()
            if described(store) != old.told["owners"]:
                wrong.append("lost: not all is read as it was recorded")
    except convo.ConvoError as error:
        return [*wrong, f"stuck: the next upgrade fails: {error!r}"]
    again = seen(old, before)
    if (again.revision, again.shape) != (newest.revision, newest.shape) or again.rows != before.rows:
        wrong.append("half: the next upgrade did not make what it should")
    return wrong


# --- the harness -----------------------------------------------------------------------------------


@attrs.define
class Killing:
    """Kills upgrades of one golden database, of one kind, at one step after the other."""

    upgraders: Upgraders
    revision: str
    folder: Path
    url: str | None
    planted: bool = False
    _known: tuple[Seen, Seen, int] | None = None

    @contextmanager
    def fresh(self) -> Iterator[Golden]:
        """Give the database as it was made."""
        place = (
            golden.in_postgresql(self.revision, self.url)
            if self.url
            else nullcontext(golden.in_sqlite(self.revision, self.folder))
        )
        with place as old:
            yield old

    def known(self) -> tuple[Seen, Seen, int]:
        """Give what is there before, and after an upgrade that nobody kills, and its number of steps."""
        if self._known is None:
            with self.fresh() as old:
                before = seen(old)
                steps = self.upgraders.upgrade(old)
                assert steps is not None
                self._known = before, seen(old), steps
        return self._known

    def kill(self, at: int = 0, after: float | None = None) -> list[str] | None:
        """Kill one upgrade; give what is wrong then, None when it was through before."""
        before, newest, _ = self.known()
        with self.fresh() as old:
            if self.upgraders.upgrade(old, at=at, after=after, planted=self.planted) is not None:
                return None
            step = f"{old.url.partition(':')[0]}, " + (f"step {at}" if at else f"after {after} s")
            return [f"{self.revision}, {step}: {one}" for one in problems(old, before, newest)]


def run(times: int) -> str:
    """Kill so many upgrades: at every step of every one, then at random moments. Raises `AssertionError` on the first loss."""
    kills = steps = 0
    moments = random.Random(8)  # noqa: S311 - the same moments in every run
    with Upgraders.started() as upgraders, tempfile.TemporaryDirectory() as folder, server() as url:
        every = [
            Killing(upgraders, revision, Path(folder), url if kind == "postgresql" else None)
            for revision in reversed(golden.REVISIONS)
            for kind in KINDS
        ]
        for killing in every:
            for at in range(1, min(killing.known()[2], times - kills) + 1):
                wrong = killing.kill(at)
                assert wrong == [], wrong
                kills, steps = kills + 1, steps + 1
        while kills < times:
            wrong = moments.choice(every).kill(after=moments.uniform(0, LONGEST))
            assert not wrong, wrong
            kills += wrong is not None
    return f"{kills:,} upgrades killed ({steps:,} each at another step, the others at random moments): 0 broken, 0 rows lost"
