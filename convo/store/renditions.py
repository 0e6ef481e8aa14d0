"""Recordings as they were converted for the API: each made once, found by the bytes that were recorded and by the form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

_R, _L = tables.rendition.c, tables.blob.c
_owner: Any = sa.bindparam("owner")


def _select() -> sa.Select[Any]:
    return sa.select(_R.digest).where(_R.owner == _owner, _R.source == sa.bindparam("source"), _R.form == sa.bindparam("form"))


def _insert() -> Any:
    from sqlalchemy.dialects import postgresql

    columns = {column.name: sa.bindparam(column.name, type_=column.type) for column in _R}
    held = sa.select(*columns.values()).where(
        sa.exists(sa.select(_L.digest).where(_L.owner == columns["owner"], _L.digest == columns["source"]))
    )
    return postgresql.insert(tables.rendition).from_select(list(columns), held).on_conflict_do_nothing()


_known = Statement("what a recording was converted to", _select)
_keep = Statement("say what a recording was converted to, as long as it is here", _insert)


def known(connection: Connection, owner: str, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Give the digests of what recordings were converted to, for each (digest of the recording, form) that was."""
    found = ((key, _known.one(connection, owner=owner, source=key[0], form=key[1])) for key in wanted)
    return {key: row[0] for key, row in found if row is not None}


def keep(connection: Connection, owner: str, source: str, form: str, digest: str, now: int) -> bool:
    """Remember what a recording was converted to. False for a recording that is not here any more."""
    _keep(connection, owner=owner, source=source, form=form, digest=digest, created_at=now)
    return _known.one(connection, owner=owner, source=source, form=form) is not None
