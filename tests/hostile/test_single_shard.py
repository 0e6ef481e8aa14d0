"""What an owner does touches one partition of each table, the same one of all: the rules of distributed PostgreSQL hold.

Those of Citus, whose distribution column would be the owner, and where each is checked:

- every primary key, unique constraint and unique index contains the distribution column: by the catalogue of the database;
- foreign keys go between colocated tables and contain it on both sides, at the same place: by the catalogue;
- joins, subqueries and set operations of a statement are on equal distribution columns, so that it runs on one shard: by the
  plan of every statement that a store sends while it does everything it can do, planned with its values and planned once for
  all values, on tables that are hash-partitioned as Citus would shard them. Its plan may hold partitions of one number only;
- the distribution column is not updated: by the statements, none of which sets an owner. `move_to` writes rows anew;
- reference tables hold what has no owner: `convo_home`, one row that never changes.

What is not of one shard stands in `ACROSS`, each with its reason. None of it is on the way of a turn.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import conversations, partitions, tables
from convo.store.statements import Statement
from tests.conftest import World
from tests.conversation import test_together
from tests.conversation.test_together import go_through_everything
from tests.hostile.test_owner_in_every_statement import prepare, the_rest
from tests.support.owned import declared
from tests.support.shards import PLANS, planned, touched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.support.shards import Planned

PARTITIONS = 16
ACROSS = {
    r"SELECT \w+\.convo_branch\.owner, .*count\(\*\)": "doctor(): it goes through conversations and their branches",
    r"SELECT \w+\.convo_conversation\.owner, .*AS other": "doctor(): conversations and how many branches they show",
    r"SELECT \w+\.convo_branch\.owner, \w+\.convo_branch\.id, .*CASE WHEN": "doctor(): branches without rows",
    r"SELECT page\.": "doctor(): pages of branches and of bytes, joined to what they should hold",
    r"SELECT \w+\.convo_blob\.owner, .*NOT \(": "doctor(): bytes that nothing refers to",
    r"INSERT INTO \w+\.convo_blob\w* .* SELECT CAST\(\$\d+": "move_to(): from one owner to another, so of two shards",
    r"SELECT count\(\*\) AS count_1, CAST\(coalesce\(sum\(\w+\.convo_blob\.size": "prune(dry_run=True): what would be let go",
    r"UPDATE \w+\.convo_attachment SET dropped_at": "prune(keep_audio=...): which audio was answered",
}
"""Statements whose plan holds more than one partition of a table, and what they are for. Each row of them goes to one."""
OF_NO_OWNER = {"convo_home", "convo_version"}


@pytest.fixture(scope="module")
def split(postgres_url: str) -> Iterator[tuple[str, str]]:
    """A database whose tables are split, as its URL and its schema."""
    schema = f"convo_shards_{os.getpid()}"
    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade(partitions=PARTITIONS)
    yield postgres_url, schema
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()


@pytest.fixture
def place(split: tuple[str, str], clock: FixedClock, fake: FakeAPI) -> Iterator[World]:
    """Stores of one owner there."""
    url, schema = split
    opened: list[convo.Store] = []

    def open_(**more: Any) -> convo.Store:
        opened.append(convo.Store(url, schema=schema, clock=clock, **{"owner": "ada", **more}))
        return opened[-1]

    with fake.client() as client:
        yield World(open_, client, False)
    for store in opened:
        store.close()


def across(found: list[Planned]) -> list[Planned]:
    """Give the statements that are not of one shard, and not listed."""
    return [one for one in found if len(one.numbers) > 1 and not any(re.match(start, one.text) for start in ACROSS)]


# --- keys ------------------------------------------------------------------------------------------

KEYS = """
SELECT conrelid::regclass::text AS own, confrelid::regclass::text AS other, conname,
    ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS columns,
    ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS referred
FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND conparentid = 0 AND connamespace = CAST(:schema AS regnamespace)
UNION ALL
SELECT indrelid::regclass::text, '-', indexrelid::regclass::text,
    ARRAY(SELECT attname::text FROM unnest(string_to_array(indkey::text, ' ')) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute ON attrelid = indrelid AND attnum = number::int ORDER BY place), '{}'
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indisunique AND NOT relispartition AND relnamespace = CAST(:schema AS regnamespace)
"""


def test_every_key_holds_the_owner_and_foreign_keys_hold_it_on_both_sides(split: tuple[str, str]) -> None:
    url, schema = split
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET search_path TO {schema}")
        keys = [row for row in connection.execute(sa.text(KEYS), {"schema": schema}) if row.own not in OF_NO_OWNER]
    engine.dispose()
    assert {row.own for row in keys} == set(partitions.NAMES)
    for row in keys:
        wanted = ["number", "owner"] if row.columns == ["number", "owner"] else ["owner", *row.columns[1:]]
        assert row.columns == wanted, row  # the rows of the index are looked up by number: its key ends with the owner
        assert row.other == "-" or row.referred[0] == "owner", row


def test_tables_without_an_owner_are_known() -> None:
    assert {name for name, table in tables.metadata.tables.items() if "owner" not in table.c} == OF_NO_OWNER - {"convo_version"}


def test_no_statement_changes_an_owner() -> None:
    built: list[Any] = [one._build() for _, one in declared()]
    updates = [one for one in built if isinstance(one, sa.Update)]
    assert len(updates) > 20
    assert not [update for update in updates if "owner" in {getattr(column, "name", column) for column in update._values or ()}]


# --- statements ------------------------------------------------------------------------------------


def test_all_that_an_owner_does_is_of_one_shard(place: World, fake: FakeAPI, clock: FixedClock, monkeypatch: Any) -> None:
    monkeypatch.setattr(test_together, "sick", lambda store, owner=None: [])  # it also looks at everyone's rows
    store = place.open()
    store.conversations()
    with planned() as found:
        prepared_ = prepare(store, place.client, fake)
        go_through_everything(store, prepared_, place.client, clock)
        the_rest(place, store, fake)
    assert "\n".join(f"{one.mode}, {len(one.numbers)} partitions: {one.text}" for one in across(found)) == ""
    assert {one.mode for one in found} == set(PLANS)
    assert len([one for one in found if len(one.numbers) == 1]) > 250
    assert [start for start in ACROSS if not any(re.match(start, one.text) for one in found)] == []


def test_a_turn_is_of_one_shard_and_all_its_statements_of_the_same(place: World, fake: FakeAPI) -> None:
    store = place.open()
    chat = store.create(instructions="Be brief.")
    with planned() as found:
        fake.will_reply("Hello.")
        chat.send(place.client, "Hello?", model="gpt-5.5", key="one")
        chat = store.get(chat.id)
        chat.request("gpt-5.5", client=place.client)
        chat.add("And?")
        store.search("hello")
    numbers = {one.numbers for one in found if one.numbers}
    assert len(numbers) == 1
    assert {len(one) for one in numbers} == {1}


def test_what_everyone_sees_is_of_all_shards(place: World) -> None:
    store = place.open()
    chat = store.create()
    with planned() as found:
        store.everyone().get(chat.id)
        store.everyone().conversations()
    assert {len(one.numbers) for one in found} - {0} == {PARTITIONS}


def test_a_planted_statement_of_all_shards_is_found(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = place.open()
    chat = store.create()
    monkeypatch.setattr(conversations, "_by_id", Statement("anyone's", conversations._anyones._build))
    with planned() as found:
        store.get(chat.id)
    assert {len(one.numbers) for one in across(found)} == {PARTITIONS}


def test_partitions_are_read_out_of_a_plan() -> None:
    plan = {"Relation Name": "convo_message_p0003", "Plans": [{"Index Name": "convo_branch_p0011_pkey"}]}
    assert touched([{"Plan": plan}]) == {3, 11}
