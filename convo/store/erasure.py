"""An owner's rows, table by table and batch by batch: whatever table has a column `owner` is emptied of them.

First the conversations are taken out of sight, so that nobody reads or continues half of one; then rows go, those that refer to
others first. Where this was interrupted it is done again: what is out of sight stays so.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from convo.errors import ConflictError, ConversationNotFound, OnHold
from convo.store import branches, holds, keys, tables, words
from convo.store.statements import Statement
from convo.store.tables import NOWHERE
from convo.store.turns import take_turns
from convo.store.wiping import wiping

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

ROWS = 500
"""Rows that one transaction deletes at most."""
BYTES = 16_000_000
"""Bytes of text and of data after which a transaction deletes no further row."""
CONVERSATIONS = 50
"""Conversations that one transaction takes out of sight at once."""
LOOKS = 4
"""How often one transaction looks whether others came into sight."""

_C, _B = tables.conversation.c, tables.branch.c
_owner: Any = sa.bindparam("owner")


class Batch(NamedTuple):
    """Rows that one transaction deleted, the bytes of the media of which they were, and whether there were more rows."""

    rows: int = 0
    media: int = 0
    more: bool = False


def emptied() -> list[sa.Table]:
    """Give the tables whose rows have owners, those that refer to others first."""
    return [table for table in reversed(tables.metadata.sorted_tables) if "owner" in table.c]


def kind_of(table: sa.Table) -> str:
    """Give what the rows of a table are called in a receipt."""
    return table.name.removeprefix("convo_")


# --- out of sight ----------------------------------------------------------------------------------


def _nowhere(name: str = "nowhere") -> Any:
    return sa.bindparam(name, type_=_C.branch.type)


_in_sight = Statement(
    "conversations that are not being erased yet",
    lambda: (
        sa.select(_C.id)
        .where(_C.owner == _owner, _C.branch != _nowhere())
        .order_by(_C.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    ),
)
_leave = Statement(
    "let the branches of a conversation show nothing, and wait for nothing",
    lambda: (
        sa.update(tables.branch)
        .where(_B.owner == sa.bindparam("key_owner"), _B.conversation == sa.bindparam("key_id"))
        .values(state=sa.literal_column(f"'{tables.KEPT}'"), pending=sa.null(), lease_until=sa.null())
    ),
)
_hide = Statement(
    "take a conversation out of sight",
    lambda: (
        sa.update(tables.conversation)
        .where(_C.owner == sa.bindparam("key_owner"), _C.id == sa.bindparam("key_id"), _C.hold.is_(None))
        .values(branch=_nowhere(), key=sa.null(), title=sa.null(), metadata=sa.null())
        .returning(_C.id)
    ),
)


def hide(connection: Connection, owner: str) -> bool:
    """Take some conversations out of sight; True when there are more. Raises `OnHold`."""
    take_turns(connection, owner)
    return _hide_all(connection, owner, _seen(connection, owner)[:CONVERSATIONS]) == CONVERSATIONS


def _seen(connection: Connection, owner: str) -> list[UUID]:
    rows = _in_sight.rows(connection, owner=owner, nowhere=NOWHERE, limit=CONVERSATIONS + 1)
    return [row[0] for row in rows]


def _hide_all(connection: Connection, owner: str, conversations: Sequence[UUID]) -> int:
    with wiping(connection):
        for id_ in conversations:
            _hide_one(connection, owner, id_)
    return len(conversations)


def _hide_one(connection: Connection, owner: str, id_: UUID) -> None:
    with suppress(ConversationNotFound, ConflictError):  # it is damaged, and shows no branch that could grow
        branches.lock(connection, owner, id_)
    _leave(connection, key_owner=owner, key_id=id_)
    if _hide.one(connection, key_owner=owner, key_id=id_, nowhere=NOWHERE) is None:
        raise OnHold([id_])


# --- rows ------------------------------------------------------------------------------------------


class _octets(sa.sql.functions.FunctionElement[int]):  # noqa: N801 - named like SQL functions
    """How many bytes a value has."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(_octets, "sqlite")
def _octets_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(_octets, "postgresql")
def _octets_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


def _select_keys(table: sa.Table) -> sa.Select[Any]:
    keys = list(table.primary_key.columns)
    large = [c for c in table.c if c not in keys and isinstance(c.type, (sa.Text, sa.LargeBinary))]
    size: Any = sa.literal_column("0")
    for column in large:
        size = size + sa.func.coalesce(_octets(column), sa.literal_column("0"))
    media = table.c.size if table is tables.blob else sa.literal_column("0")
    found = sa.select(size.label("octets"), media.label("media"), *keys).where(table.c.owner == _owner)
    if keys[0] is table.c.owner:  # in one order, so that two workers do not wait for each other
        found = found.order_by(*keys)
    return found.limit(sa.bindparam("limit", type_=sa.Integer))


@cache
def _keys_of(table: sa.Table) -> Statement:
    return Statement(f"rows of an owner: {table.name}", lambda: _select_keys(table))


@cache
def _delete_of(table: sa.Table) -> Statement:
    keys = table.primary_key.columns
    where = [column == sa.bindparam(f"key_{column.name}", type_=column.type) for column in keys]
    return Statement(
        f"delete a row of an owner: {table.name}",
        lambda: sa.delete(table).where(table.c.owner == sa.bindparam("of", type_=sa.Text), *where),
    )


def delete_some(connection: Connection, owner: str, table: sa.Table) -> Batch | None:
    """Delete some rows of a table; None, and none deleted, while conversations come into sight. Raises `OnHold`.

    A few that did are taken out of it first. They are looked for after the rows, and again after those were taken out from which
    somebody may have forked just then: no row that is deleted is shown by a conversation that somebody sees.
    """
    take_turns(connection, owner)
    found = _keys_of(table).rows(connection, owner=owner, limit=ROWS)
    rows = _chosen(found)
    if not rows:
        return Batch()
    for _ in range(LOOKS):
        if not (seen := _seen(connection, owner)):
            break
        _hide_all(connection, owner, seen[:CONVERSATIONS])
    else:
        return None
    _delete(connection, owner, table, rows)
    return Batch(len(rows), sum(row[1] for row in rows), len(found) == ROWS or len(rows) < len(found))


def _chosen(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Give the first of some rows until they have `BYTES` bytes, at least one."""
    chosen, size = [], 0
    for row in rows:
        chosen.append(row)
        size += row[0]
        if size >= BYTES:
            break
    return chosen


def _delete(connection: Connection, owner: str, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
    names = [f"key_{column.name}" for column in table.primary_key.columns]
    with wiping(connection):
        _delete_of(table).many(connection, ({"of": owner, **dict(zip(names, row[2:], strict=True))} for row in rows))


# --- keys ------------------------------------------------------------------------------------------


def destroy_keys(connection: Connection, owner: str) -> dict[str, int]:
    """Destroy an owner's keys, which makes unreadable all that they encrypt, copies and backups too; give how many.

    Raises `OnHold`, with nothing done.
    """
    take_turns(connection, owner)
    holds.check_owner(connection, owner)
    return {kind_of(tables.owner_key): keys.destroy(connection, owner)}


# --- what is there ---------------------------------------------------------------------------------


@cache
def _count_of(table: sa.Table) -> Statement:
    count = sa.func.count()
    return Statement(
        f"how many rows an owner has: {table.name}", lambda: sa.select(count).select_from(table).where(table.c.owner == _owner)
    )


_volume = Statement(
    "how many bytes of media an owner has",
    lambda: sa.select(sa.cast(sa.func.coalesce(sa.func.sum(tables.blob.c.size), 0), sa.BigInteger)).where(
        tables.blob.c.owner == _owner
    ),
)


def counts(connection: Connection, owner: str) -> dict[str, int]:
    """Count what an owner has, by its kind."""
    found = {kind_of(table): _count_of(table).rows(connection, owner=owner)[0][0] for table in reversed(emptied())}
    return {**found, "words": words.count(connection, owner)}


def volume(connection: Connection, owner: str) -> int:
    """Sum the bytes of an owner's media."""
    return int(_volume.rows(connection, owner=owner)[0][0])


def is_postgresql(connection: Connection) -> bool:
    """Say which of the two databases it is."""
    return connection.dialect.name == "postgresql"


def vacuum(connection: Connection) -> None:
    """Have the files of the database written anew, without what was deleted.

    SQLite does it with the whole file: what `secure_delete` overwrites may have copies in unused space of pages from which rows
    were moved to others. PostgreSQL does it table by table, and locks each meanwhile. Neither can inside a transaction.
    """
    if not is_postgresql(connection):
        raw: Any = connection.connection.driver_connection
        if raw.in_transaction:
            raw.execute("COMMIT")
        raw.execute("VACUUM")
        return
    schema = connection.get_execution_options().get("convo_schema")
    quote = connection.dialect.identifier_preparer.quote
    for name in (*tables.metadata.tables, "convo_words"):
        connection.exec_driver_sql(f"VACUUM (FULL) {quote(schema)}.{quote(name)}" if schema else f"VACUUM (FULL) {quote(name)}")
