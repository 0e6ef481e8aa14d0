"""The schema of a database: which revision it has, whether this convo can use it, and how to bring it up to date.

Reading the revision takes one statement; Alembic is imported only to upgrade.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import NotAConvoStore, SchemaMissing, SchemaTooNew, SchemaTooOld

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

VERSION_TABLE = "convo_version"
REVISIONS = ("convo_0001",)
"""Every revision that this convo knows, oldest first; the last is the one that it needs."""
LOCK = 7_236_911_004
"""The key of PostgreSQL's advisory lock under which upgraders take turns."""


def revision(connection: Connection) -> str | None:
    """Give the revision of the tables, None when there are none."""
    schema = connection.get_execution_options().get("convo_schema")
    if not sa.inspect(connection).has_table(VERSION_TABLE, schema=schema):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num"), schema=schema)
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


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


def _check_empty(connection: Connection, place: str) -> None:
    """A SQLite file with somebody else's tables was opened by mistake; a server's database is shared on purpose."""
    own = connection.get_execution_options().get("convo_own_file")
    if own and sa.inspect(connection).get_table_names():
        raise NotAConvoStore(place)


def upgrade(connection: Connection, place: str = "") -> None:
    """Bring the tables up to date in the transaction of `connection`; upgraders that come at once take turns.

    Raises `SchemaTooNew` when a newer convo made the tables, `NotAConvoStore` for a SQLite file of something else.
    """
    schema = connection.get_execution_options().get("convo_schema")
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        connection.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
        if schema and not sa.inspect(connection).has_schema(schema):
            connection.execute(sa.schema.CreateSchema(schema))
    found = revision(connection)
    if found == REVISIONS[-1]:
        return
    if found is None:
        _check_empty(connection, place)
    elif found not in REVISIONS:
        raise SchemaTooNew(found, REVISIONS[-1])
    _run_alembic(connection, schema)


def _run_alembic(connection: Connection, schema: str | None) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection, schema), "head")


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
