"""What reaches the database: how many statements, of which kind, and for whom."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

import convo
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

OF_NO_OWNER = (
    "SELECT pg_advisory_xact_lock(",  # its key is made from the owner
    "SAVEPOINT ",
    "RELEASE SAVEPOINT ",
    "PRAGMA ",
    "VACUUM",
    "SELECT count(*) FROM pragma_module_list",  # whether this SQLite has a full-text index
    "SELECT count(*) FROM sqlite_master",
    "SELECT convo_words_gone.number",  # what is taken out of the index has no row any more that names an owner
    "DELETE FROM convo_words",
    "INSERT INTO convo_words (convo_words,",
    "SELECT total_changes()",
)
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


@pytest.fixture
def store(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        opened.conversations()
        yield opened


@contextmanager
def statements(store: convo.Store) -> Iterator[list[str]]:
    """Note the statements that run inside the block, each once: both engines may tell of the same one."""
    found: list[str] = []
    told: list[Any] = [None]

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, *rest: Any) -> None:
        if context is not told[0]:
            found.append(" ".join(statement.split()))
        told[0] = context

    engines = store._driver.runner.engines.both()  # type: ignore[union-attr]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_a_turn_begins_and_completes_in_one_statement_each(store: convo.Store, fake: FakeAPI) -> None:
    chat = store.create()
    with fake.client() as client, statements(store) as found:
        chat.send(client, "Hello", model="gpt-4.1", key="k")
    writing = [statement for statement in found if not statement.startswith("SELECT")]
    assert [statement.startswith("WITH moved AS (UPDATE") for statement in writing] == [True, True]
    assert "INSERT INTO" in writing[1]
    assert "UPDATE" in writing[1].split("exchanged AS")[1]


def test_a_turn_takes_a_number_of_statements_that_does_not_grow_with_the_log(store: convo.Store, fake: FakeAPI) -> None:
    chat = store.create()
    counts = []
    with fake.client() as client:
        for _ in range(4):
            with statements(store) as found:
                chat.send(client, recording(), **VOICE)
            counts.append(len(found))
    assert counts[1] == counts[2] == counts[3]


def test_a_send_reads_the_log_once(store: convo.Store, fake: FakeAPI) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}])
    with fake.client() as client, statements(store) as found:
        chat.send(client, "And?", model="gpt-4.1", key="k")
        chat.send(client, recording(), **VOICE)
    assert len([statement for statement in found if re.match(r"SELECT \S*convo_message\.position", statement)]) == 2


def test_a_preview_only_reads(store: convo.Store, fake: FakeAPI) -> None:
    chat = store.create()
    with fake.client() as client:
        chat.send(client, recording(), **VOICE)
        with statements(store) as found:
            chat.request("gpt-audio-1.5", client=client)
            chat.history()
            chat.pending()
            chat.usage()
            chat.transcript()
    assert found
    assert [statement for statement in found if not statement.startswith("SELECT")] == []


def test_every_statement_of_an_owner_names_the_owner(store: convo.Store, fake: FakeAPI) -> None:
    with fake.client() as client, statements(store) as found:
        chat = store.create(instructions="Be brief.", metadata={"a": 1}, key="k")
        chat.send(client, recording(), **VOICE, key="turn")
        chat.send(client, recording(), **VOICE, key="turn")
        chat.update(title="b", instructions="Be long.")
        chat.load(chat.history()[2].audio)  # type: ignore[arg-type]
        with chat.exchange(chat.request("gpt-4.1", client=client)):
            chat.pending()
        store.conversations(metadata={"a": 1})
        store.usage()
        fork = chat.fork()
        chat.edit(2, "Anew", key="edit")
        chat.regenerate(key="again")
        chat.switch(chat.branches()[0])
        chat.annotate(2, thumbs=1)
        chat.annotations()
        chat.redact(3)
        fork.move_to(f"{chat.owner}-user")
        chat.to_chat()
        chat.hold("case 4711")
        chat.release()
        store.prune(messages=timedelta(days=1), conversations=timedelta(days=2))
        store.delete(chat.id)
        store.erase(chat.owner)
    assert len(found) > 20
    assert [statement for statement in found if "owner" not in statement and not statement.startswith(OF_NO_OWNER)] == []
