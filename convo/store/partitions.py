"""PostgreSQL's tables, hash-partitioned by owner: each owner's rows of every table lie in partitions of one number.

The revisions make plain tables, and know nothing of partitions. What follows them, here, splits every table of rows with an
owner that is not split yet: after `upgrade(partitions=N)`, and from then on after every upgrade, so that tables of revisions to
come follow those that are there. A revision may add columns and indexes to a partitioned table as to a plain one (not
CONCURRENTLY); storage parameters it sets with `set_storage`, which finds the partitions.

A table is split in a transaction of its own: locked, copied into the partitions, dropped, its keys and indexes made again.
Between two of them everything works: foreign keys go from plain tables to split ones and back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.checks import check_type
from convo.errors import CannotPartition, InputError, PartitionsDiffer
from convo.store.schema import inside
from convo.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

FEWEST, MOST = 2, 256
"""Partitions of a table. To read all, a server locks each and its indexes: 256 fit into as many locks as it ships with."""
LARGEST = 2 * 1024**3
"""Bytes of the largest table, with its indexes, that is copied while everybody waits: a minute or two. A million messages with
all that belongs to them, 1.7 GB, took 80 s on two cores that had other work."""
NAMES = (*(table.name for table in metadata.sorted_tables if "owner" in table.c), "convo_words")
"""The tables that are split, those before others that refer to them."""


def check(kind: str, number: object) -> None:
    """Raise for a number of partitions that cannot be, and for a database that has none."""
    check_type(number, int, "partitions", f"a whole number from {FEWEST} to {MOST:,}")
    if not isinstance(number, int) or not FEWEST <= number <= MOST:
        reason = f"partitions={number} cannot be; pass a whole number from {FEWEST} to {MOST:,}"
        raise InputError(reason)
    if kind != "postgresql":
        reason = "a SQLite file has none"
        raise CannotPartition(reason, "leave partitions= out, or use PostgreSQL")


def check_possible(connection: Connection, number: int) -> None:
    """Raise what stands in the way of so many partitions, before anything is changed: `PartitionsDiffer`, `CannotPartition`."""
    there = _tables(connection)
    _check_same(_number(there), number)
    for table in there:
        _check_small(table)


def number_of(connection: Connection) -> int | None:
    """Give into how many partitions the tables are split, None for plain ones."""
    return _number(_tables(connection)) if connection.dialect.name == "postgresql" else None


def left(connection: Connection, number: int | None) -> list[str]:
    """Give the tables that are to be split and are not yet: all, where a number is asked for, or some are split already."""
    if connection.dialect.name != "postgresql":
        return []
    there = _tables(connection)
    found = _number(there)
    if number is not None:
        _check_same(found, number)
    return [table.name for table in there if not table.partitions] if number or found else []


def _number(there: Iterable[_Table]) -> int | None:
    return max((table.partitions for table in there), default=0) or None


@attrs.frozen
class _Table:
    """A table that is there, its partitions, 0 for a plain one, the bytes of it and its indexes while it is plain, its schema."""

    name: str
    partitions: int
    size: int
    schema: str


_CLASS = sa.table("pg_class", *map(sa.column, ("oid", "relname", "relnamespace", "relkind")), schema="pg_catalog")
_NAMESPACE = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"), schema="pg_catalog")
_INHERITS = sa.table("pg_inherits", sa.column("inhrelid"), sa.column("inhparent"), schema="pg_catalog")


def _tables(connection: Connection) -> list[_Table]:
    """Give the tables of `NAMES` that are there, in that order."""
    schema = connection.get_execution_options().get("convo_schema")
    here = _NAMESPACE.c.nspname == schema if schema else sa.func.pg_table_is_visible(_CLASS.c.oid)
    children = sa.select(sa.func.count()).where(_INHERITS.c.inhparent == _CLASS.c.oid).scalar_subquery()
    query = (
        sa.select(_CLASS.c.relname, children, sa.func.pg_total_relation_size(_CLASS.c.oid), _NAMESPACE.c.nspname)
        .join_from(_CLASS, _NAMESPACE, _NAMESPACE.c.oid == _CLASS.c.relnamespace)
        .where(here, _CLASS.c.relname.in_(NAMES), _CLASS.c.relkind.in_(["r", "p"]))
    )
    return sorted((_Table(*row) for row in connection.execute(query)), key=lambda table: NAMES.index(table.name))


# --- one table -------------------------------------------------------------------------------------


def split(connection: Connection, name: str, number: int | None) -> None:
    """Split a table, in its schema; nothing, where it is split already.

    Raises `PartitionsDiffer`, `CannotPartition`.
    """
    there = _tables(connection)
    found = _number(there)
    wanted = number or found
    plain = {table.name: table for table in there if not table.partitions}
    if wanted is not None:
        _check_same(found, wanted)
    if wanted is None or name not in plain:
        return
    _check_small(plain[name])
    with inside(connection, plain[name].schema):
        _lock(connection, name)
        _check_bare(connection, name)
        _Plain(connection, name).split(wanted)


def _check_same(found: int | None, wanted: int) -> None:
    if found is not None and found != wanted:
        raise PartitionsDiffer(found, wanted)


def _check_small(table: _Table) -> None:
    if table.size > LARGEST:
        raise CannotPartition(
            f"{table.name} has {table.size / 1024**3:.1f} GB, and everybody would wait while it is copied",
            "make another database with convo upgrade --partitions, empty its convo_home, and copy the rows into it: pg_dump "
            "--data-only --exclude-table=convo_version while nobody writes, or a logical replication while they do",
        )


_HUNG = """
SELECT 'the policy ' || polname FROM pg_policy WHERE polrelid = CAST(:name AS regclass)
UNION ALL SELECT 'the trigger ' || tgname FROM pg_trigger
    WHERE tgrelid = CAST(:name AS regclass) AND NOT tgisinternal AND tgname <> 'convo_words_owner'
UNION ALL SELECT 'the publication ' || pubname FROM pg_publication_rel JOIN pg_publication ON pg_publication.oid = prpubid
    WHERE prrelid = CAST(:name AS regclass)
UNION ALL SELECT 'the view ' || CAST(CAST(ev_class AS regclass) AS text) FROM pg_rewrite
    JOIN pg_depend ON classid = CAST('pg_rewrite' AS regclass) AND objid = pg_rewrite.oid
    WHERE refobjid = CAST(:name AS regclass) AND ev_class <> refobjid
UNION ALL SELECT 'a grant for the column ' || attname FROM pg_attribute
    WHERE attrelid = CAST(:name AS regclass) AND attacl IS NOT NULL
UNION ALL SELECT 'a replica identity or a tablespace' FROM pg_class
    WHERE oid = CAST(:name AS regclass) AND (relreplident <> 'd' OR reltablespace <> 0)
"""


def _check_bare(connection: Connection, name: str) -> None:
    """Raise `CannotPartition` for what somebody hung on a table, and who knows what it is for."""
    found = connection.execute(sa.text(_HUNG), {"name": name}).scalars().first()
    if found is not None:
        reason = f"{found} hangs on {name}"
        raise CannotPartition(reason, "take it off, and put it on the partitioned table afterwards")


def _lock(connection: Connection, name: str) -> None:
    """Get hold of a table and those that its keys go to and come from: keys that are dropped lock both ends."""
    beside = sa.text(
        "SELECT DISTINCT pg_class.oid::regclass::text FROM pg_constraint JOIN pg_class ON pg_class.oid IN (conrelid, confrelid)"
        " WHERE contype = 'f' AND conparentid = 0 AND CAST(:name AS regclass) IN (conrelid, confrelid)"
    )
    names = {name, *connection.execute(beside, {"name": name}).scalars()}
    for one in sorted(names, key=lambda one: (one not in NAMES, NAMES.index(one) if one in NAMES else 0, one)):
        connection.exec_driver_sql(f"LOCK TABLE {one} IN ACCESS EXCLUSIVE MODE")


@attrs.frozen
class _Plain:
    """A plain table, while it is split. What it gives of its keys, indexes and grants are statements that make them again."""

    connection: Connection
    name: str

    def split(self, number: int) -> None:
        """Copy it into partitions, which take its name."""
        again = [*self._keys(), *self._indexes(), *self._inbound(), *self._grants(), *self._comment()]
        new = f"{self.name}_split"
        self._all(f"ALTER TABLE {table} DROP CONSTRAINT {key}" for table, key, _ in self._inbound_keys())
        self._all(self._made(new, number))
        rows = self._run(f"INSERT INTO {new} SELECT * FROM {self.name}")  # noqa: S608 - names of ours
        self._all(f"ALTER SEQUENCE {sequence} OWNED BY {new}.{column}" for column, sequence in self._sequences())
        self._run(f"DROP TABLE {self.name}")
        self._run(f"ALTER TABLE {new} RENAME TO {self.name}")
        self._all(again)
        if self.name == "convo_words":
            self._run("DROP FUNCTION IF EXISTS convo_words_owner()")
        if rows:
            self._run(f"ANALYZE {self.name}")  # autovacuum does not look at a table that is split, only at its partitions

    def _made(self, new: str, number: int) -> Iterator[str]:
        """The statements that make the split table and its partitions, without keys and indexes."""
        yield (
            f"CREATE TABLE {new} (LIKE {self.name} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS)"
            " PARTITION BY HASH (owner)"
        )
        names, options, owner = [partition(self.name, remainder) for remainder in range(number)], self._options(), self._owner()
        for remainder, name in enumerate(names):
            yield f"CREATE TABLE {name} PARTITION OF {new} FOR VALUES WITH (MODULUS {number}, REMAINDER {remainder}){options}"
        for name in (new, *names) if owner is not None else ():
            yield f"ALTER TABLE {name} OWNER TO {owner}"

    def _run(self, statement: str) -> int:
        return self.connection.execute(sa.text(statement.replace(":", "\\:"))).rowcount

    def _all(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._run(statement)

    def _rows(self, query: str) -> Sequence[Any]:
        return self.connection.execute(sa.text(query), {"name": self.name}).all()

    def _keys(self) -> Iterator[str]:
        """Its own keys and checks, those first that others need."""
        rows = self._rows(
            "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = CAST(:name AS regclass) AND contype IN ('p', 'u', 'c', 'f') AND conparentid = 0"
            " ORDER BY array_position(ARRAY['p', 'u', 'c', 'f'], CAST(contype AS text)), conname"
        )
        return (f"ALTER TABLE {self.name} ADD CONSTRAINT {key} {definition}" for key, definition in rows)

    def _inbound(self) -> Iterator[str]:
        return (f"ALTER TABLE {table} ADD CONSTRAINT {key} {definition}" for table, key, definition in self._inbound_keys())

    def _inbound_keys(self) -> Sequence[Any]:
        """Keys of other tables that go to it."""
        return self._rows(
            "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE confrelid = CAST(:name AS regclass) AND conrelid <> confrelid AND contype = 'f' AND conparentid = 0"
            " ORDER BY conname"
        )

    def _indexes(self) -> Sequence[str]:
        """Indexes that belong to no key."""
        rows = self._rows(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = CAST(:name AS regclass)"
            " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))"
            " ORDER BY indexrelid"
        )
        return [definition for (definition,) in rows]

    def _sequences(self) -> Sequence[Any]:
        return self._rows(
            "SELECT quote_ident(attname), pg_depend.objid::regclass::text FROM pg_depend"
            " JOIN pg_class ON pg_class.oid = pg_depend.objid AND relkind = 'S'"
            " JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid"
            " WHERE refobjid = CAST(:name AS regclass) AND deptype = 'a'"
        )

    def _owner(self) -> str | None:
        """Whose the table is, where that is another role than this one."""
        rows = self._rows(
            "SELECT relowner::regrole::text FROM pg_class"
            " WHERE oid = CAST(:name AS regclass) AND relowner <> CAST(current_user AS regrole)"
        )
        return str(rows[0][0]) if rows else None

    def _comment(self) -> Sequence[str]:
        rows = self._rows("SELECT quote_literal(obj_description(CAST(:name AS regclass), 'pg_class'))")
        return [f"COMMENT ON TABLE {self.name} IS {comment}" for (comment,) in rows if comment is not None]

    def _options(self) -> str:
        rows = self._rows("SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = CAST(:name AS regclass)")
        return f" WITH ({rows[0][0]})" if rows[0][0] else ""

    def _grants(self) -> Iterable[str]:
        """What others than its owner may do with it."""
        rows = self._rows(
            "SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, is_grantable"
            " FROM pg_class, aclexplode(relacl) WHERE oid = CAST(:name AS regclass) AND grantee <> relowner"
        )
        option = " WITH GRANT OPTION"
        return [f"GRANT {may} ON {self.name} TO {who}{option if on else ''}" for may, who, on in rows]


def partition(name: str, remainder: int) -> str:
    """Give the name of a partition."""
    return f"{name}_p{remainder:04d}"


# --- for revisions ---------------------------------------------------------------------------------


def set_storage(connection: Connection, name: str, parameters: Mapping[str, object]) -> None:
    """Set storage parameters of a table: of itself, or of its partitions, since PostgreSQL knows none of a split table."""
    wanted = ", ".join(f"{parameter} = {value}" for parameter, value in parameters.items())
    leaves = sa.text(
        "SELECT relid::text FROM pg_partition_tree(CAST(:name AS regclass)) WHERE isleaf"
        " UNION SELECT oid::regclass::text FROM pg_class WHERE oid = CAST(:name AS regclass) AND relkind = 'r'"
    )
    for leaf in sorted(connection.execute(leaves, {"name": name}).scalars()):
        connection.exec_driver_sql(f"ALTER TABLE {leaf} SET ({wanted})")
