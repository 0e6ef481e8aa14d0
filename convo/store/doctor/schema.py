"""The schema: the tables are those of this convo, with all their columns and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from convo.errors import SchemaTooNew, SchemaTooOld
from convo.findings import Finding
from convo.store import schema, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.reflection import Inspector

    from convo.findings import Severity


def revision(connection: Connection, place: str) -> list[Finding]:
    """Find tables that this convo cannot use. Raises `NotAConvoStore`."""
    try:
        error = schema.state(connection, place)
    except SchemaTooNew as newer:
        return [Finding("schema_too_new", "error", str(newer))]
    if error is None:
        return []
    return [Finding("schema_too_old" if isinstance(error, SchemaTooOld) else "schema_missing", "error", str(error))]


def shape(connection: Connection) -> list[Finding]:
    """Find tables, columns and indexes that are not there."""
    return list(_shape(connection))


def _shape(connection: Connection) -> Iterator[Finding]:
    name = connection.get_execution_options().get("convo_schema")
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names(schema=name))
    for table in tables.metadata.sorted_tables:
        if table.name not in there:
            yield Finding("table_missing", "error", f"the table {table.name} is not there; restore the database from a backup")
        else:
            yield from _columns(inspector, table, name)
            yield from _indexes(inspector, table, name, connection)


def _columns(inspector: Inspector, table: sa.Table, schema_: str | None) -> Iterator[Finding]:
    there = {column["name"] for column in inspector.get_columns(table.name, schema=schema_)}
    for column in table.columns:
        if column.name not in there:
            message = f"the column {table.name}.{column.name} is not there; restore the database from a backup"
            yield Finding("column_missing", "error", message)


def _indexes(inspector: Inspector, table: sa.Table, schema_: str | None, connection: Connection) -> Iterator[Finding]:
    there = {index["name"] for index in inspector.get_indexes(table.name, schema=schema_)}
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in there:
            ddl = " ".join(str(CreateIndex(index).compile(dialect=connection.dialect)).split())
            severity: Severity = "error" if index.unique else "warning"
            message = f"the index {index.name} is not there; make it{' in its schema' if schema_ else ''}: {ddl}"
            yield Finding("index_missing", severity, message)
