"""What concerns one conversation reads the rows of that conversation, before the database has counted anything, too.

A new database has no statistics until its first vacuum; PostgreSQL guesses then, and where two tables are joined it may begin
at the wrong one: with all messages of an owner.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from tests.conftest import World
from tests.support.builders import recording
from tests.support.shards import planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.support.shards import Planned

CONVERSATIONS, MESSAGES = 30, 40
OF_A_LINE = {"convo_message", "convo_attachment", "convo_annotation"}
"""Tables whose rows belong to a branch, and are many."""


@pytest.fixture(scope="module")
def filled(postgres_url: str) -> Iterator[tuple[str, str]]:
    """A schema of which nothing was counted, with conversations of one owner, as URL and schema."""
    schema = f"convo_plans_{os.getpid()}"
    engine = sa.create_engine(postgres_url)
    with convo.Store(postgres_url, schema=schema, owner="ada") as store:
        store.upgrade()
        with engine.begin() as connection:
            for name in tables.metadata.tables:
                connection.exec_driver_sql(f'ALTER TABLE {schema}."{name}" SET (autovacuum_enabled = off)')
        for number in range(CONVERSATIONS):
            said = [{"role": ("user", "assistant")[at % 2], "content": f"{number}, {at}"} for at in range(MESSAGES)]
            store.create(messages=said, instructions="Be brief.")
    yield postgres_url, schema
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()


@pytest.fixture
def place(filled: tuple[str, str], clock: FixedClock, fake: FakeAPI) -> Iterator[World]:
    """Stores of that owner there."""
    url, schema = filled
    opened: list[convo.Store] = []

    def open_(**more: Any) -> convo.Store:
        opened.append(convo.Store(url, schema=schema, clock=clock, owner="ada", **more))
        return opened[-1]

    with fake.client() as client:
        yield World(open_, client, False)
    for store in opened:
        store.close()


def wide(found: list[Planned]) -> list[str]:
    """Tell of statements that read rows of a line by an index, but not by the branch that holds them."""
    return [
        f"{one.mode}: {table} by [{condition}]: {one.text}"
        for one in found
        for table, condition in one.scans
        if table in OF_A_LINE and "branch" not in condition
    ]


def test_what_concerns_one_conversation_reads_no_other_in_a_new_database(place: World, fake: FakeAPI) -> None:
    store = place.open()
    with planned() as found:
        chat = store.create(instructions="Be brief.", key="new")
        chat.send(place.client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav", key="turn")
        chat.send(place.client, "And?", model="gpt-audio-1.5", voice="alloy", format="wav")
        chat = store.get(key="new")
        chat.annotate(2, thumbs=1)
        chat.annotations()
        chat.history(last=2)
        chat.history(verify=True)
        chat.update(instructions="Be long.")
        chat.request("gpt-5.5", client=place.client, policy=convo.Policy(window_tokens=50))
        fork = chat.fork(3)
        fork.edit(2, "Or?")
        fork.send(place.client, model="gpt-5.5")
        fork.regenerate()
        fork.compact(summarize=lambda history, earlier: "all that was said", keep=0)
        fork.request("gpt-5.5", client=place.client)
    assert "\n".join(wide(found)) == ""
    assert len([one for one in found for table, _ in one.scans if table in OF_A_LINE]) > 20


def test_a_planted_statement_that_reads_all_that_an_owner_has_is_found(place: World) -> None:
    store = place.open()
    with planned() as found:
        store.search("brief")
        list(store.tables().messages)
    assert wide(found)
