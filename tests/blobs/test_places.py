"""Bytes live in the database, in a folder or in a bucket, and nobody who uses a conversation can tell."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import convo
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
HOURS = 2 * 3600


@pytest.fixture(params=["database", "folder", "bucket"])
def blobs(request: pytest.FixtureRequest) -> Any:
    """Where new bytes go: None, the database."""
    return None if request.param == "database" else request.getfixturevalue(request.param)


@pytest.fixture
def store(world: World, blobs: Any) -> Any:
    return world.open(blobs=blobs)


def names(blobs: Any) -> list[str]:
    """The objects that there are."""
    return [] if blobs is None else [one.name for page in blobs.objects("") for one in page]


def held(store: Any) -> dict[str, int]:
    return {one.place: one.blobs for one in store.blobs()}


def faults(store: Any, **options: Any) -> list[str]:
    kinds = ("blob", "check", "orphan")
    return [found.kind for found in store.doctor(**options) if found.kind.startswith(kinds)]


def test_a_turn_is_sent_resumed_and_loaded(world: World, store: Any, blobs: Any, fake: FakeAPI, clock: FixedClock) -> None:
    said = recording()
    reply = store.create().send(world.client, said, **VOICE)
    assert held(store) == {"database" if blobs is None else blobs.name: 2}
    assert len(names(blobs)) == (0 if blobs is None else 2)

    again = world.open(blobs=blobs)
    chat = next(iter(again.conversations()))
    heard, spoken = (message.audio for message in chat.history())
    assert chat.load(heard).data == said.data
    assert chat.load(spoken).data == reply.audio.data
    chat.send(world.client, "And now?", **VOICE)
    sent = fake.last.body["messages"][0]["content"][0]["input_audio"]["data"]
    assert base64.b64decode(sent) == said.data


def test_a_key_replays_the_reply_with_its_bytes(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, recording(), **VOICE, key="k")
    again = chat.send(client, recording(), **VOICE, key="k")
    assert again.replayed
    assert again.audio.data == first.audio.data


def test_the_same_bytes_are_put_once(store: Any, blobs: Any, clock: FixedClock) -> None:
    chat = store.create()
    for _ in range(3):
        clock.advance(HOURS)
        chat.add(recording())
    assert sum(held(store).values()) == 1
    assert len(names(blobs)) == (0 if blobs is None else 1)
    assert store.prune() == convo.Pruned()


def test_a_message_that_is_redacted_takes_its_bytes_along(store: Any, client: Any, blobs: Any, clock: FixedClock) -> None:
    chat = store.create()
    chat.send(client, recording(), **VOICE)
    clock.advance(HOURS)
    chat.redact(1)
    chat.redact(2)
    assert held(store) == {}
    assert names(blobs) == []


def test_a_deleted_conversation_leaves_bytes_that_prune_collects(store: Any, client: Any, blobs: Any, clock: FixedClock) -> None:
    kept, gone = store.create(), store.create()
    kept.add(recording())
    gone.add(recording())
    gone.send(client, recording(data=wav(0.5)), **VOICE)
    store.delete(gone.id)
    assert store.prune() == convo.Pruned(), "they may be of a message that is about to be stored"

    clock.advance(HOURS)
    foreseen = store.prune(dry_run=True)
    told: list[tuple[int, int]] = []
    done = store.prune(progress=lambda *pair: told.append(pair))

    assert done == foreseen
    assert (done.recordings, done.blobs) == (0, 2)
    assert done.bytes > len(wav(0.5))
    assert told[-1] == (2, 2)
    assert sum(held(store).values()) == 1
    assert len(names(blobs)) == (0 if blobs is None else 1)
    assert kept.load(kept.history()[0].audio).data == recording().data
    assert store.prune() == convo.Pruned()
    assert faults(store) == []


@pytest.mark.parametrize("to", ["database", "folder", "bucket"])
def test_bytes_move_and_all_is_as_before(
    world: World, blobs: Any, to: str, request: pytest.FixtureRequest, clock: FixedClock
) -> None:
    target = to if to == "database" else request.getfixturevalue(to)
    given = [one for one in (blobs, target) if isinstance(one, convo.BlobStore)]
    store = world.open(blobs=list({one.name: one for one in given}.values()))
    chat = world.open(blobs=blobs).create()
    reply = chat.send(world.client, recording(), **VOICE)
    chat.add(recording(data=wav(3.0, 400_000)))
    chat = store.get(chat.id)
    before = "database" if blobs is None else blobs.name

    told: list[tuple[int, int]] = []
    first = store.move_blobs(target, limit=1)
    moved = store.move_blobs(to, progress=lambda *pair: told.append(pair))

    assert moved.failed == ()
    if before != to:
        assert (first.blobs, moved.blobs) == (1, 2)
        assert told[-1] == (2, 2)
    assert held(store) == {to: 3}
    if blobs is not None and before != to:
        assert names(blobs) == []
    assert chat.load(chat.history()[1].audio).data == reply.audio.data
    assert chat.load(chat.history()[2].audio).data == wav(3.0, 400_000)
    assert faults(store) == []
    assert store.move_blobs(to) == convo.MovedBlobs()


def test_a_conversation_that_moves_to_another_owner_takes_its_objects_along(
    store: Any, client: Any, blobs: Any, clock: FixedClock
) -> None:
    chat = store.create()
    reply = chat.send(client, recording(), **VOICE)
    shared = store.create()
    shared.add(recording())
    clock.advance(HOURS)
    before = set(names(blobs))

    chat.move_to(f"{chat.owner}-user")

    assert chat.load(chat.history()[0].audio).data == recording().data
    assert chat.load(chat.history()[1].audio).data == reply.audio.data
    assert shared.load(shared.history()[0].audio).data == recording().data
    after = names(blobs)
    assert len(after) == len(set(after)) == (0 if blobs is None else 3)
    assert len(before & set(after)) == (0 if blobs is None else 1)
    theirs = store.owned_by(f"{chat.owner}")
    assert sum(held(theirs).values()) == 2
    assert faults(theirs) == faults(store) == []


def test_a_fork_keeps_what_it_shares_with_a_deleted_conversation(store: Any, blobs: Any, clock: FixedClock) -> None:
    chat = store.create()
    chat.add(recording())
    fork = chat.fork()
    store.delete(chat.id)
    clock.advance(HOURS)
    store.prune()
    assert fork.load(fork.history()[0].audio).data == recording().data


def test_a_reply_is_cut_where_its_bytes_are(store: Any, client: Any, blobs: Any) -> None:
    chat = store.create()
    reply = chat.send(client, "Hello", **VOICE)
    chat.truncate(2, heard_until=reply.audio.duration / 2)
    cut = chat.load(chat.history()[1].audio)
    assert 0 < cut.duration < reply.audio.duration
    assert cut.data[:4] == b"RIFF"


def test_a_place_that_was_not_given_is_named(world: World, store: Any, blobs: Any) -> None:
    chat = store.create()
    chat.add(recording())
    other = world.open().get(chat.id)
    if blobs is None:
        assert other.load(other.history()[0].audio).data == recording().data
        return
    with pytest.raises(convo.UnknownBlobStore, match=f"'{blobs.name}'.*blobs=") as caught:
        other.load(other.history()[0].audio)
    assert caught.value.place == blobs.name
    assert faults(world.open()) == ["blob_store_unknown"]
    with pytest.raises(convo.UnknownBlobStore):
        world.open().prune()
    with pytest.raises(convo.UnknownBlobStore):
        world.open().move_blobs("database")


def test_bytes_that_the_database_holds_are_read_whatever_takes_new_ones(world: World, folder: convo.FolderBlobs) -> None:
    chat = world.open().create()
    chat.add(recording())
    later = world.open(blobs=folder)
    same = later.get(chat.id)
    same.add(recording())
    same.add(recording(data=wav(0.2)))
    assert held(later) == {"database": 1, "folder": 1}
    assert same.load(same.history()[0].audio).data == recording().data


def test_what_a_folder_holds_is_not_put_into_the_database_again(world: World, folder: convo.FolderBlobs) -> None:
    chat = world.open(blobs=folder).create()
    chat.add(recording())
    world.open().get(chat.id).add(recording())
    both = world.open(blobs=folder)
    assert held(both) == {"folder": 1}
    assert faults(both) == []


def test_prune_and_move_are_refused_where_they_cannot_work(world: World, store: Any, blobs: Any) -> None:
    store.create()
    for view in (store.everyone(),):
        with pytest.raises(convo.ReadOnlyView):
            view.prune()
        with pytest.raises(convo.ReadOnlyView):
            view.move_blobs("database")
    for wrong in ("nowhere", None, 3, convo.FolderBlobs("/nonexistent", name="other")):
        with pytest.raises(convo.InputError):
            store.move_blobs(wrong)
    for limit in (0, -1, "1"):
        with pytest.raises(convo.InputError):
            store.move_blobs("database", limit=limit)
    with pytest.raises(convo.InputError):
        store.prune(progress=3)
    with pytest.raises(convo.InputError):
        store.prune(keep_audio=timedelta(0))


@pytest.mark.parametrize(
    "wrong",
    [3, "folder", convo.FolderBlobs, [convo.FolderBlobs("a"), convo.FolderBlobs("b")], [None], {"folder": 1}],
)
def test_what_is_no_blob_store_is_refused_before_anything_is_opened(wrong: Any) -> None:
    with pytest.raises(convo.InputError):
        convo.Store("sqlite:///nowhere.db", blobs=wrong)


def test_owners_are_listed_who_have_conversations_or_bytes(store: Any) -> None:
    chat = store.create()
    chat.add(recording())
    store.delete(chat.id)
    other = store.owned_by(f"{chat.owner}-other")
    other.create()
    assert {chat.owner, f"{chat.owner}-other"} <= set(store.everyone().owners())
    assert store.owners() == [chat.owner]


def test_a_move_that_is_refused_has_copied_nothing(world: World, folder: convo.FolderBlobs) -> None:
    store = world.open(blobs=folder)
    mine, theirs = (store.owned_by(f"{uuid4()}") for _ in range(2))
    theirs_chat = theirs.create(key="K")
    chat = mine.create(key="K")
    chat.add(recording())
    with pytest.raises(convo.KeyTaken):
        chat.move_to(theirs_chat.owner)
    assert theirs.blobs() == []
    assert len(names(folder)) == 1
    assert chat.load(chat.history()[0].audio).data == recording().data
