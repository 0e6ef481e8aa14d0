"""A standby for analysis: a store of its URL reads what the primary has committed, partitions or not, and writes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store.schema import REVISIONS
from convo.testing import FakeAPI
from tests.faults.failover import Pair
from tests.support.postgres import rig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWNERS = ("ada", "eve")


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A primary whose tables are split, with conversations of two owners, and a standby that streams from it."""
    with rig() as place:
        made = Pair(place, synchronous=False)
        fake = FakeAPI()
        with convo.Store(made.primary.url) as store, fake.client() as client:
            store.upgrade(partitions=4)
            for owner in OWNERS:
                chat = store.owned_by(owner).create(key="one", metadata={"channel": "phone"})
                fake.will_reply(f"A kestrel, {owner}.")
                chat.send(client, "Which bird?", model="gpt-5.5")
                assert len(store.owned_by(owner).search("kestrel")) == 1
        made.settle()
        replayed(made)
        yield made


def replayed(pair: Pair) -> None:
    """Wait until the standby shows what it has received."""
    import psycopg

    with psycopg.connect(pair.primary.url, autocommit=True) as primary, psycopg.connect(pair.standby.url, autocommit=True) as one:
        written = primary.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        while one.execute("SELECT pg_last_wal_replay_lsn() >= %s", written).fetchone() != (True,):
            pass


def test_everything_that_reads_works_there(pair: Pair) -> None:
    with convo.Store(pair.standby.url) as store:
        everyone = store.everyone()
        assert sorted(everyone.owners()) == sorted(OWNERS)
        assert {chat.owner for chat in everyone.conversations(metadata={"channel": "phone"})} == set(OWNERS)
        assert {hit.owner for hit in everyone.search("kestrel")} == set(OWNERS)
        assert [row.calls for row in everyone.report(by="owner")] == [1, 1]
        assert everyone.usage().calls == 2
        chat = store.owned_by("ada").get(key="one")
        assert [message.text for message in chat.history()] == ["Which bird?", "A kestrel, ada."]
        assert [hit.position for hit in store.owned_by("ada").search("bird")] == [1]
        assert len(chat.request("gpt-5.5", origin="https://api.openai.com/v1")["messages"]) == 2


def test_an_async_store_reads_there_too(pair: Pair) -> None:
    async def look() -> None:
        url = pair.standby.url.replace("postgresql", "postgresql+asyncpg")
        async with convo.AsyncStore(url) as store:
            assert {hit.owner for hit in await store.everyone().search("kestrel")} == set(OWNERS)
            with pytest.raises(convo.ReadOnlyStore):
                await store.create()

    asyncio.run(look())


WRITES: dict[str, Callable[[Any], object]] = {
    "create": lambda store: store.create(),
    "add": lambda store: store.get(key="one").add("Hello?"),
    "annotate": lambda store: store.get(key="one").annotate(1, thumbs=1),
    "delete": lambda store: store.delete(store.get(key="one").id),
    "erase": lambda store: store.erase("ada"),
    "reindex": lambda store: store.reindex(),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_there_is_the_error_of_a_store_that_only_reads(pair: Pair, write: str) -> None:
    with convo.Store(pair.standby.url, owner="ada") as store:
        with pytest.raises(convo.ReadOnlyStore, match="primary") as caught:
            WRITES[write](store)
        assert caught.value.committed == "no"
        assert len(store.get(key="one").history()) == 2


def test_an_upgrade_there_finds_nothing_to_do(pair: Pair) -> None:
    with convo.Store(pair.standby.url) as store:
        assert store.upgrade() == store.upgrade(partitions=4) == REVISIONS[-1]
        with pytest.raises(convo.PartitionsDiffer):
            store.upgrade(partitions=8)


def test_a_turn_there_fails_before_the_model_is_asked(pair: Pair, fake: FakeAPI) -> None:
    with convo.Store(pair.standby.url, owner="ada") as store, fake.client() as client:
        with pytest.raises(convo.ReadOnlyStore):
            store.get(key="one").send(client, "And a fish?", model="gpt-5.5")
        assert fake.received == []


def test_it_shows_what_was_committed_once_it_has_it_and_the_doctor_says_of_when(pair: Pair) -> None:
    with convo.Store(pair.primary.url) as primary, convo.Store(pair.standby.url) as standby:
        chat = primary.owned_by("ada").create(title="fresh")
        replayed(pair)
        assert standby.owned_by("ada").get(chat.id).title == "fresh"
        [told] = [finding for finding in standby.doctor() if finding.kind == "standby"]
        assert "its last commit is of 20" in told.message
