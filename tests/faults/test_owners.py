"""The short form of owners against each other, and that it finds what leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from convo.store import blobs, conversations, tables
from convo.store.statements import Statement
from tests.faults import owners

if TYPE_CHECKING:
    from collections.abc import Callable

_C, _L, _K = tables.conversation.c, tables.blob.c, tables.blob_chunk.c


def test_no_owner_sees_what_another_has() -> None:
    played = owners.on_sqlite(1_500, seed=1)
    assert played.leak is None
    assert played.calls.total() == 1_500
    assert played.refused > 100
    names = [name for name in dir(owners.Game) if name.startswith(("own_", "alien_"))]
    due = {name[4:] if name.startswith("own_") else f"{name[6:]} of another" for name in names}
    assert due - set(played.calls) <= {"prune", "move"}, "each kind of call is made, and does what it should at least once"


def test_no_owner_sees_what_another_has_on_postgresql(postgres_url: str) -> None:
    assert owners.on_postgresql(200, seed=2, url=postgres_url).leak is None


def _of_anyone() -> Any:
    return conversations._select().where(_C.id == sa.bindparam("id"))


def _bytes_of_anyone() -> Any:
    joined = tables.blob.outerjoin(tables.blob_chunk, (_K.owner == _L.owner) & (_K.digest == _L.digest))
    columns = (_L.digest, _L.size, _L.place, _L.object, _K.data)
    return sa.select(*columns).select_from(joined).where(_L.digest == sa.bindparam("digest")).order_by(_K.number)


PLANTED: dict[str, tuple[Any, str, Callable[[], Any]]] = {
    "a conversation by its id alone": (conversations, "_by_id", _of_anyone),
    "bytes by their digest alone": (blobs, "_bytes", _bytes_of_anyone),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_statement_without_its_owner_is_found(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, build = PLANTED[case]
    monkeypatch.setattr(module, name, Statement(case, build))
    assert owners.on_sqlite(1_000, seed=3).leak


def test_a_mark_that_is_the_same_for_all_owners_is_no_leak_because_the_rows_have_owners_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("convo.store.words._mark", lambda owner: "=same")
    assert owners.on_sqlite(200, seed=4).leak is None


def test_a_list_that_forgets_the_owner_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = conversations.find
    monkeypatch.setattr(conversations, "find", lambda connection, owner, **asked: real(connection, None, **asked))
    assert owners.on_sqlite(500, seed=5).leak
