"""Upgrades that are killed: a process that brings a store of an older revision up to date dies at its n-th step, for every n.

A step is the moment before a statement, after it, before a commit or after it. Afterwards the tables are the old or the new
ones and never half, every row is there, and the next upgrade goes through.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

import convo
from convo.store import schema as schemas
from tests.faults.forked import Forked
from tests.store.golden.make import described
from tests.support import golden
from tests.support.postgres import server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.golden import Golden

KINDS = ("sqlite", "postgresql")
LONGEST = 0.5
"""Seconds within which a kill at a random moment comes."""


# --- the processes that are killed -----------------------------------------------------------------


def warm() -> None:
    """Import what an upgrade needs, before there are processes to kill."""
    with convo.Store("sqlite://") as store:
        store.upgrade()


def act(order: dict[str, Any], step: Callable[..., None]) -> None:
    """Upgrade a store."""
    del step
    if order["planted"]:
        sa.event.listen(sa.Engine, "after_cursor_execute", _commit_ddl)
    with convo.Store(order["url"], schema=order["schema"]) as store:
        store.upgrade()


def _commit_ddl(connection: sa.Connection, cursor: Any, text: str, *_: Any) -> None:
    """The planted bug: changes of tables that are not in the transaction of the others."""
    if text.lstrip().startswith(("ALTER", "CREATE")):
        cursor.connection.commit()
        path = f"SET search_path TO {connection.get_execution_options().get('convo_schema')}"
        cursor.connection.execute("BEGIN" if connection.dialect.name == "sqlite" else path)


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

    upgraders: Forked
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
                steps = self._upgrade(old)
                assert steps is not None
                self._known = before, seen(old), steps
        return self._known

    def _upgrade(self, old: Golden, *, planted: bool = False, **when: Any) -> int | None:
        return self.upgraders.do(url=old.url, schema=old.schema, planted=planted, **when)

    def kill(self, at: int = 0, after: float | None = None) -> list[str] | None:
        """Kill one upgrade; give what is wrong then, None when it was through before."""
        before, newest, _ = self.known()
        with self.fresh() as old:
            if self._upgrade(old, at=at, after=after, planted=self.planted) is not None:
                return None
            step = f"{old.url.partition(':')[0]}, " + (f"step {at}" if at else f"after {after} s")
            return [f"{self.revision}, {step}: {one}" for one in problems(old, before, newest)]


def run(times: int) -> str:
    """Kill so many upgrades: at every step of every one, then at random moments. Raises `AssertionError` on the first loss."""
    kills = steps = 0
    moments = random.Random(8)  # noqa: S311 - the same moments in every run
    with Forked.started(__name__) as upgraders, tempfile.TemporaryDirectory() as folder, server() as url:
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
