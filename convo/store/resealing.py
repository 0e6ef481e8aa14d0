"""Rows sealed again: for another owner, whose keys are others, or those that were written before there was a cipher."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.canonical import digest
from convo.sealing.form import MAGIC
from convo.sealing.form import SEALED as SEALED_TEXT
from convo.store import blobs, keys, tables
from convo.store.sealed import SEALED
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection

BATCH = 200
"""Rows that are in memory at once."""


@cache
def _pages(table: sa.Table, where: Callable[[sa.Table], Any]) -> Statement:
    """The rows of a table with anything to seal, as `where` says, by the keys beside the owner, those behind `after_<key>`."""
    keys = _keys(table)
    after = sa.tuple_(*(sa.cast(sa.bindparam(f"after_{key.name}", type_=key.type), key.type) for key in keys))
    sealed = [table.c[name] for name in SEALED[table.name]]

    def build() -> sa.Select[Any]:
        behind = (sa.tuple_(*keys) > after) | sa.cast(sa.bindparam("first", type_=sa.Boolean), sa.Boolean)
        found = sa.select(*_columns(table)).where(where(table), behind, sa.or_(*(column.is_not(None) for column in sealed)))
        return found.order_by(*keys).limit(sa.literal_column(str(BATCH)))

    return Statement(f"what is to be sealed again: {table.name}", build)


@cache
def _update(table: sa.Table) -> Statement:
    keys = (table.c.owner, *_keys(table))
    names = (*SEALED[table.name], *(("hash", "text") if table is tables.message else ()))

    def build() -> sa.Update:
        where = (key == sa.bindparam(f"key_{key.name}", type_=key.type) for key in keys)
        values = {name: sa.bindparam(name, type_=table.c[name].type) for name in names}
        return sa.update(table).where(*where).values(values)

    return Statement(f"seal again: {table.name}", build)


def _keys(table: sa.Table) -> list[sa.Column[Any]]:
    """What names a row beside its owner."""
    return [column for column in table.primary_key if column.name != "owner"]


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    """What names a row beside its owner, what else its content is bound to, and its content."""
    names = [key.name for key in _keys(table)]
    sealed = SEALED[table.name]
    bound = {key for keys in sealed.values() for key in keys}
    return [table.c[name] for name in (*names, *sorted(bound - {*names}), *sealed)]


def copied(
    connection: Connection, table: sa.Table, where: Callable[[sa.Table], Any], parameters: Mapping[str, Any],
    replaced: Mapping[str, Any],
) -> None:  # fmt: skip
    """Seal the rows of another owner, copied as they were, from the rows that `where` finds: `replaced` are their new keys."""
    names = [key.name for key in _keys(table)]
    columns = [column.name for column in _columns(table)]
    page: Sequence[Any] = ()
    while True:
        after = dict(zip(names, page[-1], strict=False)) if page else dict.fromkeys(names)
        behind = {f"after_{name}": value for name, value in after.items()}
        page = _pages(table, where).rows(connection, **parameters, **behind, first=not page)
        rows = [{**dict(zip(columns, row, strict=True)), **replaced} for row in page]
        _update(table).many(connection, [_parameters(table, row) for row in rows])
        if len(page) < BATCH:
            return


def _parameters(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    sealed = SEALED[table.name]
    values = {name if name in sealed else f"key_{name}": value for name, value in row.items()}
    if table is tables.message:
        values |= {"hash": digest(row["body"]), "text": ""}
    return values


TABLES = tuple(tables.metadata.tables[name] for name in SEALED)
"""The tables that hold content."""


@cache
def _plain(table: sa.Table) -> Statement:
    """Rows of an owner of which anything is not sealed, locked."""
    sealed = [table.c[name] for name in SEALED[table.name]]
    columns = list(dict.fromkeys((table.c.owner, *_columns(table))))
    size = 8 if table is tables.blob_chunk else BATCH

    def build() -> sa.Select[Any]:
        found = sa.select(*columns).where(table.c.owner == sa.bindparam("owner"), sa.or_(*map(_is_plain, sealed)))
        return found.order_by(*_keys(table)).limit(sa.literal_column(str(size))).with_for_update()

    return Statement(f"what is not sealed yet: {table.name}", build)


def _is_plain(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    mark: Any = MAGIC + b"\1" if isinstance(column.type, sa.LargeBinary) else SEALED_TEXT
    begins = sa.func.substr(column, 1, len(mark)) == sa.literal(mark, column.type)
    return column.is_not(None) & ~begins


def seal(connection: Connection, owner: str, table: sa.Table) -> int:
    """Seal a batch of the rows of an owner of which anything is not sealed; give how many there were."""
    keys.hold(connection, owner)
    names = [column.name for column in dict.fromkeys((table.c.owner, *_columns(table)))]
    rows = [dict(zip(names, row, strict=True)) for row in _plain(table).rows(connection, owner=owner)]
    _update(table).many(connection, [_parameters(table, row) for row in rows])
    return len(rows)


def bytes_copied(connection: Connection, owner: str, new_owner: str, digest_: str) -> None:
    """Write bytes for another owner that has the row of them and keeps them in the database."""
    held = blobs.where(connection, new_owner, digest_)
    if held is None or held.place is not None:
        return
    data = blobs.look(connection, owner, [digest_]).data.get(digest_)
    if data is not None:
        blobs.put_chunks(connection, new_owner, digest_, data)
