"""Databases that older code made are upgraded with all that they hold, and go on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

import convo
from convo.store import schema as schemas
from convo.store.tables import metadata
from convo.testing import FakeAPI
from tests.conversation.test_together import go_through_everything, sick
from tests.store.golden.make import HEARS, TOOLS, VOICE, described
from tests.store.test_migrations import described as shape_of
from tests.store.test_migrations import run_at_once
from tests.support import golden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.golden import Golden


@pytest.fixture(params=golden.REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    """Each revision of which there is a golden database."""
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path, revision: str) -> Iterator[Golden]:
    """A golden database of each revision, of each kind."""
    if request.param == "sqlite":
        yield golden.in_sqlite(revision, tmp_path)
        return
    with golden.in_postgresql(revision, request.getfixturevalue("postgres_url")) as found:
        yield found


def test_there_is_one_of_each_revision_but_the_newest() -> None:
    assert schemas.REVISIONS[: len(golden.REVISIONS)] == golden.REVISIONS
    assert len(golden.REVISIONS) >= len(schemas.REVISIONS) - 1, "make the golden databases of the revision before the newest"


def test_all_that_it_holds_is_read_as_it_was_recorded(old: Golden) -> None:
    with old.store() as store:
        assert store.upgrade() == old.revision
        assert described(store) == old.told["owners"]
        assert sick(store) == sick(store.owned_by("ada")) == sick(store.everyone()) == []


def test_its_tables_are_those_that_are_declared(old: Golden, tmp_path: Path) -> None:
    with old.store() as store:
        store.upgrade()
    with old.connection() as connection:
        command.check(schemas.alembic_config(connection, old.schema))
        if old.schema is None:
            engine = sa.create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
            with engine.begin() as declared:
                metadata.create_all(declared)
                assert shape_of(connection) == shape_of(declared)
            engine.dispose()


def test_recorded_replies_are_given_again_and_new_turns_work(old: Golden) -> None:
    with old.store() as store:
        store.upgrade()
        clock: Any = store._driver.tools.clock  # noqa: SLF001 - the same time for both
        fake = FakeAPI(clock=clock)
        with fake.client() as client:
            chat = store.get(key="call-1")
            before = chat.history()
            again = chat.send(client, "And more?", **VOICE, key="turn-2")
            assert (again.replayed, again.text, again.audio is not None) == (True, "More.", True)
            with pytest.raises(convo.KeyMismatch):
                chat.send(client, "And less?", **VOICE, key="turn-2")
            fake.will_reply("Still here.")
            chat.send(client, "Are you there?", **HEARS, tools=TOOLS)
            assert list(chat.history())[: len(before)] == list(before)
            assert [hit.position for hit in store.search("hound")] != []
            assert chat.usage().calls == 5 + 1
        assert sick(store) == []


def test_it_goes_through_everything(old: Golden) -> None:
    with old.store() as store:
        store.upgrade()
        clock: Any = store._driver.tools.clock  # noqa: SLF001 - the same time for both
        with FakeAPI(clock=clock).client() as client:
            go_through_everything(store, store.get(key="call-1"), client, clock)


def test_bytes_are_whole(old: Golden) -> None:
    with old.store() as store:
        store.upgrade()
        held = {one["audio"] for chats in old.told["owners"].values() for chat in chats for one in chat["history"]} - {None}
        found = set()
        for owner in old.told["owners"]:
            for chat in store.owned_by(owner).conversations():
                for message in chat.history():
                    if message.audio is not None:
                        found.add(hashlib.sha256(chat.load(message.audio).data).hexdigest())
        assert found == held
        assert len(held) >= 3


def test_upgraders_at_once_lose_nothing(tmp_path: Path, postgres_url: str) -> None:
    with golden.in_postgresql("convo_0001", postgres_url) as server:
        for old in (golden.in_sqlite("convo_0001", tmp_path), server):
            run_at_once([(old.url, old.schema or "", how) for how in ("upgrade", "async upgrade", "upgrade")])
            with old.store() as store:
                assert store.upgrade() == schemas.REVISIONS[-1]
                assert described(store) == old.told["owners"]
