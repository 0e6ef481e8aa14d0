"""Which columns are sealed, by what each is bound to its place, and how statements seal and open them by themselves.

A statement that selects a sealed column is given the columns that bind it too, which are taken off its rows again; one
that writes a sealed column finds them among its parameters, under their own names or as `key_<name>`. One that does not have
them fails: nothing is written in the clear by mistake.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from convo.sealing.form import MAGIC, MARK
from convo.sealing.keyring import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from convo.sealing.keyring import Plain

_MESSAGE = ("branch", "position")
SEALED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "convo_conversation": {"title": ("id",), "metadata": ("id",)},
    "convo_message": {"body": _MESSAGE, "metadata": _MESSAGE},
    "convo_attachment": {"transcript": ("digest",), "translation": ("digest",)},
    "convo_annotation": {"value": (*_MESSAGE, "name")},
    "convo_preset": {"value": ("name",)},
    "convo_exchange": {"hash": ("id",), "recovered": ("id",), "raw": ("id",)},
    "convo_checkpoint": {"body": ("exchange", "number"), "data": ("exchange", "number")},
    "convo_blob_chunk": {"data": ("digest", "number")},
}
"""By table: the sealed columns, and the columns that bind each, beside the owner. What was said in a recording is bound to its
bytes, so that all messages that hold them share it. Texts and bytes are told apart by what they are."""
DERIVED: Mapping[str, Mapping[str, str]] = {"convo_message": {"hash": "digest", "text": "nothing"}}
"""Columns that are made of sealed ones: an HMAC stands for a digest, and nothing for a text that search would look through."""


def keyring_of(connection: Connection) -> Plain:
    """Give what seals and opens for the store that works on a connection."""
    found: Plain = connection.get_execution_options().get("convo_keys", PLAIN)
    return found


# --- writing ---------------------------------------------------------------------------------------


class Write(NamedTuple):
    """A parameter that is sealed: its name, which is that of its column, the table, and the columns that bind it."""

    name: str
    table: str
    keys: tuple[str, ...]


def writes_of(statement: Any, names: Collection[str]) -> tuple[Write, ...]:
    """Give the parameters of an INSERT or UPDATE that are sealed."""
    return writes_to(str(getattr(statement.table, "name", "")), names) if isinstance(statement, sa.Insert | sa.Update) else ()


def writes_to(table: str, names: Collection[str]) -> tuple[Write, ...]:
    """Give the columns of a table that are sealed, of those of these names."""
    return tuple(write for write in _all_writes_to(table) if write.name in names)


@cache
def _all_writes_to(table: str) -> tuple[Write, ...]:
    columns = {**SEALED.get(table, {}), **dict.fromkeys(DERIVED.get(table, {}), ())}
    return tuple(Write(name, table, keys) for name, keys in columns.items())


def seal_values(keyring: Plain, writes: Sequence[Write], values: dict[str, Any]) -> None:
    """Seal parameters in place. Raises `KeysWanted`."""
    if not keyring.seals:  # all stays as it is, but for what could be taken for sealed
        writes = [write for write in writes if (value := values.get(write.name)) and value[0] in _FIRST]
    where: Mapping[str, Any] = dict(values) if writes else values
    for write in writes:
        value = values.get(write.name)
        if value is not None:
            values[write.name] = _sealed(keyring, write.table, write.name, write.keys, where)


def seal_row(connection: Connection, table: sa.Table, row: Mapping[str, Any], **where: Any) -> dict[str, Any]:
    """Give a row as it is stored, its columns by their names; `where` has columns that bind and are none of it.

    Raises `KeysWanted`.
    """
    values = {**row, **where}
    seal_values(keyring_of(connection), _all_writes_to(table.name), values)
    return {name: values[name] for name in row}


def _sealed(keyring: Plain, table: str, name: str, keys: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    value, owner = values[name], values["key_owner"] if "key_owner" in values else values["owner"]
    if (rule := DERIVED.get(table, {}).get(name)) is not None:
        if rule == "digest":
            return keyring.digests(owner, value)[0]
        return "" if keyring.seals else value
    bound = tuple(values[f"key_{key}"] if f"key_{key}" in values else values[key] for key in keys)
    seal: Callable[..., Any] = keyring.seal_text if isinstance(value, str) else keyring.seal_bytes
    return seal(f"{table}.{name}", owner, bound, value)


# --- reading ---------------------------------------------------------------------------------------


class Read(NamedTuple):
    """A sealed column of a result: its index, its name with that of its table, and where the owner and its keys are."""

    at: int
    column: str
    bound: tuple[int, ...] = ()


class Opening(NamedTuple):
    """A statement as it is run, its columns, how many of them are its own, and which of those are to be opened."""

    statement: Any
    columns: tuple[Any, ...]
    width: int
    reads: tuple[Read, ...]


def opening(statement: Any, keyring: Plain) -> Opening:
    """Give a statement with the columns that bind what it selects; without them where nothing can be opened."""
    exported = tuple(getattr(statement, "exported_columns", ()))
    found = [(index, *source) for index, column in enumerate(exported) if (source := _source(column)) is not None]
    if not found or not keyring.seals:
        return Opening(statement, exported, len(exported), tuple(Read(index, name) for index, name, _ in found))
    if isinstance(statement, sa.CompoundSelect):
        return _opening_of_all(statement, keyring)
    more: dict[int, tuple[int, Any]] = {}
    reads = []
    for index, name, columns in found:
        bound = [more.setdefault(id(column), (len(exported) + len(more), column))[0] for column in columns]
        reads.append(Read(index, name, tuple(bound)))
    added = [column.label(f"bound_{at}") for at, column in more.values()]
    whole = statement.add_columns(*added) if isinstance(statement, sa.Select) else statement.returning(*added)
    return Opening(whole, (*exported, *added), len(exported), tuple(reads))


def _opening_of_all(statement: sa.CompoundSelect[Any], keyring: Plain) -> Opening:
    """Give a UNION ALL of selects with the columns that bind what each selects: from tables, or all of a subquery."""
    parts = []
    for part in statement.selects:
        source = getattr(next(iter(part.exported_columns)), "table", None)
        nested = source.element if isinstance(source, sa.Subquery) else part
        how = opening(nested, keyring)
        parts.append(how._replace(statement=sa.select(*how.statement.subquery().c)) if nested is not part else how)
    whole = sa.union_all(*(how.statement for how in parts))
    return parts[0]._replace(statement=whole)


def _source(column: Any) -> tuple[str, list[Any]] | None:
    """Give the name of a sealed column with its table, and the columns that bind it, the owner first; None for any other."""
    element = getattr(column, "element", None)
    if isinstance(column, sa.ScalarSelect):
        inner: Any = column.element
        found = _source(next(iter(inner.exported_columns)))
        return found and (found[0], [inner.with_only_columns(one).scalar_subquery() for one in found[1]])
    if isinstance(column, sa.Label) and element is not None:
        return _source(element)
    if not isinstance(column, sa.ColumnClause) or column.table is None:
        return None
    base = next((one for one in column.base_columns if isinstance(one, sa.Column)), None)
    table = None if base is None else getattr(base.table, "name", None)
    if base is None or base.name not in SEALED.get(table or "", {}):
        return None
    return f"{table}.{base.name}", [column.table.c[key] for key in ("owner", *SEALED[str(table)][base.name])]


def open_rows(keyring: Plain, how: Opening, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Give rows as they were before they were sealed, without the columns that bind. Raises `KeysWanted` and `SealBroken`."""
    if not keyring.seals:
        places = [read.at for read in how.reads]
        if not any([row for row in rows if (value := row[at]) and value[0] in _FIRST and _looks_sealed(value)] for at in places):
            return rows
    return [_opened(keyring, how, row) for row in rows]


_FIRST = (MARK[0], MAGIC[0])
"""What sealed texts and bytes begin with, and what few others do."""


def _looks_sealed(value: Any) -> bool:
    return bool(value.startswith(MARK) if isinstance(value, str) else bytes(value[: len(MAGIC)]) == MAGIC)


def _opened(keyring: Plain, how: Opening, row: Sequence[Any]) -> Sequence[Any]:
    values = list(row[: how.width])
    for index, column, bound in how.reads:
        value = row[index]
        if value is not None:
            owner, *keys = [row[one] for one in bound] if bound else [None]
            if isinstance(value, str):
                values[index] = keyring.open_text(column, owner, tuple(keys), value)
            else:
                values[index] = keyring.open_bytes(column, owner, tuple(keys), bytes(value))
    return values


def run(connection: Connection, statement: Any, parameters: Any = None) -> Sequence[Sequence[Any]]:
    """Run a statement that is made for one call, in the schema of the store, and give its rows opened."""
    schema = connection.get_execution_options().get("convo_schema")
    options = {"schema_translate_map": {None: schema}} if schema else {}
    keyring = keyring_of(connection)
    how = opening(statement, keyring)
    rows: Sequence[Any] = connection.execute(how.statement, parameters, execution_options=options).all()
    return open_rows(keyring, how, rows) if how.reads else rows
