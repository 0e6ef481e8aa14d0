"""The schema of a database: which revision it has, whether this convo can use it, and how to bring it up to date.

Reading the revision takes one statement; Alembic is imported only to upgrade.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import NotAConvoStore, SchemaMissing, SchemaTooNew, SchemaTooOld
from convo.store import tables
from convo.store.direct import is_ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

VERSION_TABLE = "convo_version"
REVISIONS = ("convo_0001", "convo_0002", "convo_0003", "convo_0004", "convo_0005", "convo_0006", "convo_0007")
"""Every revision that this convo knows, oldest first; the last is the one that it needs."""
LOCK = 7_236_911_004
"""The key of PostgreSQL's advisory lock under which upgraders take turns."""
LOCK_WAIT = 0.15
"""Seconds for which an upgrade waits for tables that others use, all together: so long do readers queue behind it on PostgreSQL.
Then it lets them pass, with nothing changed (`StoreBusy`), and comes again."""


def revision(connection: Connection) -> str | None:
    """Give the revision of the tables, None when there are none."""
    schema = connection.get_execution_options().get("convo_schema")
    table = sa.table(VERSION_TABLE, sa.column("version_num"), schema=schema)
    if not _is_there(connection, table):
        return None
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


def _is_there(connection: Connection, table: sa.TableClause) -> bool:
    """Say whether there is a table. On PostgreSQL SQLAlchemy would join catalogs, which takes 6 ms in a new process."""
    if connection.dialect.name != "postgresql":
        return sa.inspect(connection).has_table(table.name, schema=table.schema)
    name = connection.dialect.identifier_preparer.format_table(table)
    return bool(connection.scalar(sa.select(sa.func.to_regclass(name).is_not(None))))


def state(connection: Connection, place: str) -> SchemaMissing | SchemaTooOld | None:
    """Give None when the tables are the ones that this convo needs, else the error that an upgrade would mend.

    Raises what no upgrade mends: `SchemaTooNew`, or `NotAConvoStore` for a SQLite file of something else.
    """
    found = revision(connection)
    if found == REVISIONS[-1]:
        return None
    if found is None:
        _check_empty(connection, place)
        return SchemaMissing(place)
    if found in REVISIONS:
        return SchemaTooOld(found, REVISIONS[-1])
    raise SchemaTooNew(found, REVISIONS[-1])


def check_free(connection: Connection, place: str) -> None:
    """Raise `NotAConvoStore` or `SchemaTooNew` for a database that no upgrade may touch."""
    state(connection, place)


def _check_empty(connection: Connection, place: str) -> None:
    """A SQLite file with somebody else's tables was opened by mistake; a server's database is shared on purpose."""
    if connection.dialect.name == "sqlite" and is_ours(connection) and sa.inspect(connection).get_table_names():
        raise NotAConvoStore(place)


def upgrade(connection: Connection, place: str = "", number: int | None = None) -> str | None:
    """Bring the tables up to date in the transaction of `connection`; upgraders that come at once take turns.

    Gives the revision that was found, None for no tables. On PostgreSQL no lock is waited for longer than `LOCK_WAIT`:
    whoever calls this comes again after a `StoreBusy`. Where tables are split, those of new revisions are, too; `number` says
    that all will be, by `partition`, into so many.

    Raises `SchemaTooNew` when a newer convo made the tables, `NotAConvoStore` for a SQLite file of something else, and
    `CannotPartition` and `PartitionsDiffer` before anything is changed.
    """
    schema = connection.get_execution_options().get("convo_schema")
    take_turns(connection)
    with changed(connection, lock_timeout=_milliseconds(LOCK_WAIT)):
        if number is not None:
            check_partitions(connection.dialect.name, number)
            from convo.store.partitions import check_possible

            check_possible(connection, number)
        found = revision(connection)
        if found is None:
            _check_empty(connection, place)
        elif found not in REVISIONS:
            raise SchemaTooNew(found, REVISIONS[-1])
        if found != REVISIONS[-1]:
            with inside(connection, schema):
                _run_missing(connection, schema)
        for name in unpartitioned(connection, None) if number is None else ():
            partition(connection, name, None)
    return found


def check_partitions(kind: str, number: object) -> None:
    """Raise for a number of partitions that cannot be: `InputError`, and `CannotPartition` for a database that has none."""
    if number is not None:
        from convo.store.partitions import check

        check(kind, number)


def unpartitioned(connection: Connection, number: int | None) -> list[str]:
    """Give the tables that `partition` has to split, as its `number` says, or as the others are: those of new revisions."""
    if connection.dialect.name != "postgresql":
        return []
    from convo.store.partitions import left

    return left(connection, number)


def partition(connection: Connection, name: str, number: int | None) -> None:
    """Split a table by owner, in the transaction of `connection`; nothing where it is split already.

    Waits for locks as `upgrade` does. Raises `PartitionsDiffer` and `CannotPartition`.
    """
    from convo.store.partitions import split

    take_turns(connection)
    with changed(connection, lock_timeout=_milliseconds(LOCK_WAIT)):
        split(connection, name, number)


def import_migrations() -> None:
    """Import Alembic now, which takes longer than most upgrades: before other writers wait for this one."""
    import alembic.config
    import alembic.runtime.migration
    import alembic.script  # noqa: F401 - imported for later


def take_turns(connection: Connection) -> None:
    """Wait for other upgraders. On SQLite this also begins a transaction, which Python's sqlite3 does not do for DDL."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        return
    raw: Any = connection.connection.driver_connection
    if not raw.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def inside(connection: Connection, schema: str | None) -> Iterator[None]:
    """Let names without a schema mean those of `schema`, which is made if need be, for a while."""
    if not schema or connection.dialect.name != "postgresql":
        yield
        return
    if not sa.inspect(connection).has_schema(schema):
        connection.execute(sa.schema.CreateSchema(schema))
    quoted = schema.replace('"', '""')
    with changed(connection, search_path=f'"{quoted}"'):
        yield


@contextmanager
def changed(connection: Connection, **settings: str) -> Iterator[None]:
    """Change settings of PostgreSQL for a while; the transaction, which may be the caller's, goes on with its own."""
    if connection.dialect.name != "postgresql":
        yield
        return
    before = {name: connection.execute(sa.select(sa.func.current_setting(name))).scalar_one() for name in settings}
    _set(connection, settings)
    yield
    _set(connection, before)


def _set(connection: Connection, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        connection.execute(sa.select(sa.func.set_config(name, value, True)))  # noqa: FBT003 - SQL's is_local


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1_000))}ms"


def _lock(connection: Connection, schema: str | None) -> None:
    """Get hold of all tables before the first change, within `LOCK_WAIT` in total, those that readers wait for at the end.

    Tables that lack a column will be altered, and nobody may read them meanwhile; the others go on being read.
    """
    if connection.dialect.name != "postgresql":
        return
    names = [table.name for table in tables.metadata.sorted_tables]
    columns = sa.inspect(connection).get_multi_columns(schema=schema, filter_names=names)
    there = {name: found for (_, name), found in columns.items()}
    known = [table for table in tables.metadata.sorted_tables if table.name in there]
    altered = [table for table in known if set(table.columns.keys()) - {column["name"] for column in there[table.name]}]
    quoted = connection.dialect.identifier_preparer
    deadline = time.monotonic() + LOCK_WAIT
    for mode, locked in (("SHARE ROW EXCLUSIVE", known), ("ACCESS EXCLUSIVE", altered)):
        for table in locked:
            _set(connection, {"lock_timeout": _milliseconds(deadline - time.monotonic())})
            connection.exec_driver_sql(f"LOCK TABLE {quoted.quote(table.name)} IN {mode} MODE")
    _set(connection, {"lock_timeout": _milliseconds(LOCK_WAIT)})


def _run_missing(connection: Connection, schema: str | None) -> None:
    """Run the revisions that are missing.

    `alembic.command` would do it through `op` and `context`, which are global: upgraders in threads or tasks, and one
    inside a migration of the caller's own, would take them from each other. Each module gets an `op` of its own.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory.from_config(alembic_config())

    def steps(found: Any, context: MigrationContext) -> Iterator[MigrationStep]:
        missing = list(directory.iterate_revisions("head", found, implicit_base=True))
        if found:
            _lock(connection, schema)
        for script in reversed(missing):
            vars(script.module)["op"] = Operations(context)
            yield MigrationStep.upgrade_from_script(directory.revision_map, script)

    options = {"version_table": VERSION_TABLE, "version_table_schema": schema, "fn": steps}
    MigrationContext.configure(connection, opts=options).run_migrations()


def alembic_config(connection: Connection | None = None, schema: str | None = None) -> Any:
    """Give the Alembic configuration of convo's migrations, for callers who drive them from their own."""
    from alembic.config import Config

    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes |= {"connection": connection, "schema": schema}
    return config


def scripts() -> Path:
    """Give the folder of the migrations: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"
