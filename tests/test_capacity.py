"""The model of what stores take is right about rows of real stores, and about tables of a thousand turns."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import attrs
import psycopg
import pytest

import convo
from benchmarks.capacity import BIG, INT, UUID, Assumed, Key, bill, btree, entry, heap, parts, row, text, turn
from benchmarks.filling import fill, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI

CONVERSATIONS = 500
SMALL = Assumed(users=CONVERSATIONS / 10, turns=4)


@pytest.fixture(scope="module")
def filled(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database of its own, filled as the benchmark fills it."""
    name = f"convo_capacity_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        url = postgres_url.rpartition("/")[0] + f"/{name}"
        with convo.Store(url) as store:
            store.upgrade()
        with psycopg.connect(url, autocommit=True) as connection:
            fill(url, connection, SMALL, CONVERSATIONS)
            yield connection
        server.execute(f"DROP DATABASE {name}".encode())


def test_a_row_is_laid_out_as_postgresql_does_it(filled: psycopg.Connection[Any]) -> None:
    for part in parts(SMALL):
        where = {"message: questions": "WHERE role = 'user'", "message: replies": "WHERE role <> 'user'"}.get(part.name, "")
        query = f"SELECT max(pg_column_size(t)), min(pg_column_size(t)) FROM {part.table} AS t {where}"  # noqa: S608 - of ours
        largest, smallest = filled.execute(query.encode()).fetchone() or (0, 0)
        assert part.size - 16 <= smallest <= largest <= part.size, part.name


def test_tables_and_indexes_are_as_large_as_the_model_says(filled: psycopg.Connection[Any]) -> None:
    measured = modelled = 0.0
    for table in {part.table for part in parts(SMALL)}:
        rows = filled.execute("SELECT pg_total_relation_size(%s::regclass)", [table]).fetchone()
        assert rows is not None
        measured += rows[0]
        modelled += sum(part.heap + part.index for part in parts(SMALL) if part.table == table)
    assert 0.85 < modelled / measured < 1.15


def test_every_conversation_is_filled_and_goes_on(filled: psycopg.Connection[Any], fake: FakeAPI) -> None:
    counted = {name: (filled.execute(f"SELECT count(*) FROM convo_{name}".encode()).fetchone() or (0,))[0]
               for name in ("conversation", "branch", "segment", "message", "exchange")}  # fmt: skip
    turns = CONVERSATIONS * int(SMALL.turns)
    same = dict.fromkeys(("conversation", "branch", "segment"), CONVERSATIONS)
    assert counted == {**same, "message": 2 * turns, "exchange": turns}
    owner, id_ = filled.execute("SELECT owner, id FROM convo_conversation LIMIT 1").fetchone() or ("", "")
    with convo.Store(f"postgresql://convo@{filled.info.host}:{filled.info.port}/{filled.info.dbname}", owner=owner) as store:
        chat = store.get(id_)
        with fake.client() as client:
            say(chat, fake, client, SMALL)
        assert [message.position for message in chat.history()] == list(range(1, 2 * int(SMALL.turns) + 3))
        assert [one.kind for one in store.doctor() if one.owner is not None and one.severity == "error"] == []


# --- the layout ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "values", "size"),
    [
        (1, (INT,), 32),
        (2, (INT, BIG), 40),
        (2, (BIG, INT), 40),
        (2, (text(126), text(1)), 24 + 136),
        (2, (text(127), text(1)), 24 + 136),
        (9, (UUID,), 24 + 8 + 16),
        (8, (UUID,), 24 + 16),
    ],
)  # fmt: skip
def test_values_are_aligned(columns: int, values: Any, size: int) -> None:
    assert row(columns, values) == size


def test_entries_pages_and_trees() -> None:
    assert entry(Key((BIG,))) == 16
    assert entry(Key((text(21), UUID))) == 48
    assert entry(Key((text(21),), null=True)) == 40
    assert heap(1, 1_240) == heap(6, 1_240) == 8_192
    assert heap(7, 1_240) == 2 * 8_192
    assert btree(1, Key((BIG,))) == 3 * 8_192
    assert btree(1e6, Key((UUID,), equal=10)) < btree(1e6, Key((UUID,))) / 2


def test_a_bill_grows_with_what_is_assumed() -> None:
    small, large = bill(Assumed(users=1e6)), bill(Assumed(users=100e6))
    assert 99 < large.database / small.database < 101
    assert (small.shards, large.shards > 10) == (1, True)
    assert bill(attrs.evolve(Assumed(), reply=4_800)).database > 2 * large.database
    assert bill(Assumed(spoken=1.0)).audio == pytest.approx(100e6 * 100 * 40_000)
    assert bill(Assumed(turns_a_day=100)).shards == bill(Assumed(turns_a_day=100)).shards_for_iops > large.shards


def test_pages_are_logged_whole_once_after_a_checkpoint() -> None:
    one = turn(Assumed())
    rare, often = one.images(1), one.images(1e12)
    assert rare[0] == pytest.approx(len(one.anywhere))
    assert often[0] < 0.1
    assert rare[1] / rare[0] == pytest.approx(8_192 * (1 + 5 * 0.69) / 6)
