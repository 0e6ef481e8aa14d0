"""What refers to bytes: media that are kept, what they were converted to, answers that came too late; nothing else."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import blobs, tables
from tests.store.test_statements import statements
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from convo.testing import FixedClock
    from tests.conftest import Database

MADE = b"what the recording was converted to"


@pytest.fixture
def store(database: Database, clock: FixedClock, folder: convo.FolderBlobs) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, blobs=folder, **database.options) as opened:
        yield opened


def do(store: convo.Store, work: Any, *arguments: Any) -> Any:
    return store._driver.runner.run(work, *arguments, mode="write")


def converted(store: convo.Store, clock: FixedClock, source: bytes, made: bytes = MADE) -> None:
    """Remember bytes as what others were converted to."""
    now = int(clock().timestamp() * 1_000_000)
    digest = sha256(made).hexdigest()

    def work(connection: Connection) -> None:
        blobs.put(connection, store._owner or "", digest, made, now)
        schema = connection.get_execution_options().get("convo_schema")
        row = {"owner": store._owner, "source": sha256(source).hexdigest(), "form": "wav/24000/1", "digest": digest}
        connection.execute(
            sa.insert(tables.rendition), {**row, "created_at": now},
            execution_options={"schema_translate_map": {None: schema}} if schema else {},
        )  # fmt: skip

    do(store, work)


def held(store: convo.Store) -> int:
    return sum(one.blobs for one in store.blobs())


def test_what_a_recording_was_converted_to_stays_as_long_as_the_recording(store: convo.Store, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    converted(store, clock, recording().data)
    clock.advance(7_200)
    assert store.prune() == convo.Pruned()
    assert held(store) == 2
    assert [found.kind for found in store.doctor() if found.kind.startswith("blob")] == []


def test_redacting_a_recording_takes_what_it_was_converted_to_at_once(store: convo.Store, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    converted(store, clock, recording().data)
    chat.redact(1)
    assert held(store) == 0


def test_it_stays_where_another_recording_became_the_same_bytes(store: convo.Store, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    chat.add(recording(data=wav(0.3)))
    converted(store, clock, recording().data)
    converted(store, clock, wav(0.3))
    chat.redact(1)
    assert held(store) == 2
    chat.redact(2)
    assert held(store) == 0


def test_audio_that_is_let_go_takes_it_along(store: convo.Store, clock: FixedClock) -> None:
    from datetime import timedelta

    chat = store.create()
    chat.add(recording())
    converted(store, clock, recording().data)
    clock.advance(7_200)
    done = store.prune(keep_audio=timedelta(hours=1))
    assert (done.recordings, done.blobs) == (1, 2)
    assert held(store) == 0


def test_of_a_conversation_that_moves_it_is_made_anew(store: convo.Store, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    converted(store, clock, recording().data)
    chat.move_to(f"{chat.owner}-user")
    assert (held(store), held(store.owned_by(chat.owner))) == (0, 1)
    assert chat.load(chat.history()[0].audio).data == recording().data  # type: ignore[arg-type]


def test_a_collector_and_a_writer_of_the_same_bytes_do_not_lose_them(store: convo.Store, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    store.delete(chat.id)
    clock.advance(7_200)
    candidates = do(store, blobs.unused, store._owner, "", 10, int(clock().timestamp() * 1_000_000))
    other = store.create()
    other.add(recording())
    assert do(store, blobs.collect, store._owner, [digest for digest, _ in candidates], int(clock().timestamp() * 1e6)) == []
    assert other.load(other.history()[0].audio).data == recording().data  # type: ignore[arg-type]


def test_bytes_of_the_database_cost_no_more_statements_than_their_rows(database: Database, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store:
        chat = store.create()
        with statements(store) as found:
            chat.add(recording())
        assert len([one for one in found if "convo_blob" in one]) == 2
        audio = chat.history()[0].audio
        with statements(store) as found:
            chat.load(audio)  # type: ignore[arg-type]
        assert len(found) == 1


def test_bytes_of_a_folder_cost_two_statements_and_no_more_when_they_are_there(store: convo.Store) -> None:
    chat = store.create()
    with statements(store) as found:
        chat.add(recording())
    assert len([one for one in found if "convo_blob" in one]) == 2
    with statements(store) as found:
        chat.add(recording())
    assert len([one for one in found if "convo_blob" in one]) == 1
