"""What a role of PostgreSQL may do with the tables, which of their rows it is shown, and in which schema it finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

    from convo.findings import Severity

    Told = tuple[str, Severity, str]

SHOWN = 5
"""Schemas that are told by their names."""
VERSION = "convo_version"
"""The table that every store has had from the beginning."""
INDEX = "convo_words"
"""The full-text index, a table of its own."""
_CLASS = sa.table(
    "pg_class",
    *map(sa.column, ("oid", "relname", "relnamespace", "relowner", "relkind", "relrowsecurity")),
    schema="pg_catalog",
)
_NAMESPACE = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"), schema="pg_catalog")
_POLICY = sa.table("pg_policy", sa.column("polrelid"), schema="pg_catalog")
_THERE = _CLASS.join(_NAMESPACE, _NAMESPACE.c.oid == _CLASS.c.relnamespace)
_IS_TABLE = _CLASS.c.relkind.in_(("r", "p"))


class _Table(NamedTuple):
    """A table of ours: its schema, whether the role may change it, and whether policies choose its rows, for this role too."""

    name: str
    schema: str
    owned: bool
    secured: bool
    active: bool
    policies: int


def access(connection: Connection) -> Iterator[Told]:
    """Find what stands between the role and the tables."""
    schema = connection.get_execution_options().get("convo_schema")
    found = _tables(connection, schema)
    if lacking := list(_lacking(connection, schema)):
        yield "privileges", "warning", f"this role may not {', '.join(lacking)}; grant it what it needs"
    yield from _row_security(found)
    yield from _changes(connection, schema, found)
    if not schema:
        yield from _search_path(connection, found)


def _place(schema: str | None) -> sa.ColumnElement[bool]:
    return _NAMESPACE.c.nspname == schema if schema else sa.func.pg_table_is_visible(_CLASS.c.oid)


def _names() -> list[str]:
    return [*(table.name for table in tables.metadata.sorted_tables), INDEX]


def _tables(connection: Connection, schema: str | None) -> list[_Table]:
    policies = sa.select(sa.func.count()).select_from(_POLICY).where(_POLICY.c.polrelid == _CLASS.c.oid).scalar_subquery()
    columns = (
        _CLASS.c.relname, _NAMESPACE.c.nspname, sa.func.pg_has_role(_CLASS.c.relowner, "USAGE"), _CLASS.c.relrowsecurity,
        sa.func.row_security_active(_CLASS.c.oid), policies,
    )  # fmt: skip
    ours = sa.select(*columns).select_from(_THERE).where(_place(schema), _IS_TABLE, _CLASS.c.relname.in_([*_names(), VERSION]))
    return [_Table(*row) for row in connection.execute(ours.order_by(_CLASS.c.relname))]


def _lacking(connection: Connection, schema: str | None) -> Iterator[str]:
    """Give what the role may not do with the schema and the tables, by their numbers: names need the right to look them up."""
    if schema:
        may_not_use = sa.select(_NAMESPACE.c.oid).where(_place(schema), ~sa.func.has_schema_privilege(_NAMESPACE.c.oid, "USAGE"))
        yield from (f"USAGE {schema}" for _ in connection.execute(may_not_use))
    for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        may_not = ~sa.func.has_table_privilege(_CLASS.c.oid, privilege)
        found = sa.select(_CLASS.c.relname).select_from(_THERE).where(_place(schema), _CLASS.c.relname.in_(_names()), may_not)
        yield from (f"{privilege} {name}" for (name,) in connection.execute(found.order_by(_CLASS.c.relname)))
    counts = _CLASS.c.relkind == "S", _CLASS.c.relname.startswith("convo_", autoescape=True)
    may_not = sa.case((counts[0], ~sa.func.has_sequence_privilege(_CLASS.c.oid, "USAGE")), else_=sa.false())
    found = sa.select(_CLASS.c.relname).select_from(_THERE).where(_place(schema), *counts, may_not)
    yield from (f"USAGE {name}" for (name,) in connection.execute(found.order_by(_CLASS.c.relname)))


# --- rows ------------------------------------------------------------------------------------------


def _row_security(found: Sequence[_Table]) -> Iterator[Told]:
    """Whether policies choose the rows: convo sets nothing for a transaction that a policy could go by."""
    remedy = "let a policy pass all rows to this role, or give it BYPASSRLS"
    closed = [table.name for table in found if table.active and not table.policies]
    if closed:
        yield "row_security", "error", (
            f"row-level security is on for {', '.join(closed)}, without a policy: this role is shown no rows of them and may "
            f"write none; {remedy}"
        )  # fmt: skip
    chosen = [table.name for table in found if table.active and table.policies]
    if chosen:
        yield "row_security", "warning", (
            f"policies of row-level security choose the rows of {', '.join(chosen)} for this role: what they hide looks as if it "
            f"were not there, and what they refuse is not written; convo names its owner in no setting; {remedy}"
        )  # fmt: skip
    passed = [table.name for table in found if table.secured and not table.active]
    if passed:
        yield "row_security", "note", (
            f"row-level security is on for {', '.join(passed)}, but not for this role, which owns them or passes it by"
        )  # fmt: skip


# --- changes of the tables -------------------------------------------------------------------------


def _changes(connection: Connection, schema: str | None, found: Sequence[_Table]) -> Iterator[Told]:
    """Whether the role may bring the tables up to date."""
    name: Any = schema or sa.func.current_schema()
    makes = sa.select(sa.func.has_schema_privilege(_NAMESPACE.c.oid, "CREATE")).where(_NAMESPACE.c.nspname == name)
    lacks = [f"make tables in the schema {schema or 'in use'}"] if connection.execute(makes).scalar() is False else []
    if not all(table.owned for table in found):
        lacks.append("change those that are there, which are another role's")
    if lacks:
        yield "no_ddl", "note", f"this role may not {', nor '.join(lacks)}: run convo upgrade as one that may"


# --- where they are --------------------------------------------------------------------------------


def _search_path(connection: Connection, found: Sequence[_Table]) -> Iterator[Told]:
    """Whether the tables are where the search_path leads, all in one schema, and those that are meant."""
    path = sa.func.current_setting("search_path")
    used = sorted({table.schema for table in found})
    inside = sa.any_(sa.func.current_schemas(sa.false())) == _NAMESPACE.c.nspname
    usable = sa.func.has_schema_privilege(_NAMESPACE.c.oid, "USAGE")
    others = sa.select(path, _NAMESPACE.c.nspname, inside, usable).select_from(_THERE).where(
        _CLASS.c.relname == VERSION, _IS_TABLE, _NAMESPACE.c.nspname.not_in(used)
    )  # fmt: skip
    rows = connection.execute(others.order_by(_NAMESPACE.c.nspname)).all()
    if len(used) > 1:
        yield "search_path", "error", (
            f"the tables are taken from several schemas ({', '.join(used)}), where the search_path finds them; pass schema="
        )  # fmt: skip
    elif used and (shadowed := [name for _, name, is_inside, _ in rows if is_inside]):
        yield "search_path", "warning", (
            f"the search_path leads to the tables in {used[0]}, and past those in {', '.join(shadowed)}; pass schema= to say "
            "which are meant"
        )  # fmt: skip
    elif not used and rows:
        names = [name if may_use else f"{name} (which this role may not use)" for _, name, _, may_use in rows[:SHOWN]]
        yield "search_path", "warning", (
            f"the search_path ({rows[0][0]}) leads to no tables of convo; there are some in {', '.join(names)}; pass schema=, or "
            "set the search_path"
        )  # fmt: skip
