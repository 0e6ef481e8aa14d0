"""Presets in the database, by owner and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.canonical import decode, encode
from convo.errors import PresetNotFound
from convo.presets import Preset
from convo.store import keys, tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_P = tables.preset.c
_KEYS = (_P.owner == sa.bindparam("owner"), _P.name == sa.bindparam("name"))


def _replacing(insert: Any) -> Any:
    new = {name: insert.excluded[name] for name in ("value", "changed_at")}
    return insert.on_conflict_do_update(index_elements=list(tables.preset.primary_key), set_=new)


def _upsert_on_sqlite() -> Any:
    from sqlalchemy.dialects import sqlite

    return _replacing(sqlite.insert(tables.preset))


def _upsert_on_postgresql() -> Any:
    from sqlalchemy.dialects import postgresql

    return _replacing(postgresql.insert(tables.preset))


_upserts = {
    "sqlite": Statement("keep a preset", _upsert_on_sqlite),
    "postgresql": Statement("keep a preset", _upsert_on_postgresql),
}
_one = Statement("one preset", lambda: sa.select(_P.name, _P.value).where(*_KEYS))
_all = Statement(
    "the presets of an owner",
    lambda: sa.select(_P.name, _P.value).where(_P.owner == sa.bindparam("owner")),
)
_delete = Statement("forget a preset", lambda: sa.delete(tables.preset).where(*_KEYS).returning(_P.name))


def put(connection: Connection, owner: str, preset: Preset, now: int) -> None:
    """Keep a preset; one of the same name is replaced."""
    keys.hold(connection, owner)
    value = encode({name: said for name in ("voice", "format", "speed") if (said := getattr(preset, name)) is not None})
    _upserts[connection.dialect.name](connection, owner=owner, name=preset.name, value=value, changed_at=now)


def get(connection: Connection, owner: str, name: str) -> Preset:
    """Give one preset. Raises `PresetNotFound`."""
    row = _one.one(connection, owner=owner, name=name)
    if row is None:
        raise PresetNotFound(name)
    return _preset(*row)


def every(connection: Connection, owner: str) -> list[Preset]:
    """Give all presets of an owner, by name; in the order of their characters, whatever the database's own is."""
    return sorted((_preset(*row) for row in _all.rows(connection, owner=owner)), key=lambda preset: preset.name)


def delete(connection: Connection, owner: str, name: str) -> None:
    """Forget a preset. Raises `PresetNotFound`."""
    if _delete.one(connection, owner=owner, name=name) is None:
        raise PresetNotFound(name)


def _preset(name: str, value: str) -> Preset:
    return Preset(name, **decode(value))
