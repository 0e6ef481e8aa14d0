"""Run convo's migrations on the connection that `convo.store.schema.upgrade` passes, or on the URL that Alembic is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import context

from convo.store.engine import runner_for
from convo.store.partitions import split
from convo.store.schema import VERSION_TABLE, inside, take_turns, unpartitioned
from convo.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Leave everything alone that is not convo's."""
    del parents
    return kind != "table" or name in metadata.tables


def include_object(found: Any, name: str | None, kind: str, *others: object) -> bool:
    """Leave the keys out that PostgreSQL makes for each partition of a table that another refers to."""
    del name, others
    return kind != "foreign_key_constraint" or found.elements[0].target_fullname.split(".")[-2] in metadata.tables


def migrate(connection: Connection, schema: str | None) -> None:
    """Migrate inside the transaction that the connection is in."""
    take_turns(connection)
    with inside(connection, schema):
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table=VERSION_TABLE,
            version_table_schema=schema,
            include_name=include_name,
            include_object=include_object,
        )
        with context.begin_transaction():
            context.run_migrations()
        for name in unpartitioned(connection, None):
            split(connection, name, None)


def run() -> None:
    """Choose the connection."""
    config = context.config
    connection = config.attributes.get("connection")
    if connection is not None:
        migrate(connection, config.attributes.get("schema"))
        return
    given = context.get_x_argument(as_dictionary=True)
    url = given.get("url") or config.get_main_option("sqlalchemy.url") or "sqlite:///chat.db"
    runner = runner_for(url, schema=None, durability="full")
    try:
        runner.run(migrate, given.get("schema"), mode="write")
    finally:
        runner.close()


run()
