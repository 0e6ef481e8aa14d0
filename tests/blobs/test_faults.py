"""Whatever breaks between a row and its object, no row is without its bytes; what is left over is found and mended."""

from __future__ import annotations

import errno
import os
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import blobs as rows
from tests.support.bucket import KEYS, Proxy, make_bucket
from tests.support.builders import recording, wav
from tests.support.sealing import KeyService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
DAYS = 3 * 86_400


class Failing:
    """A blob store that fails when a test says so, around one that works."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.name = inner.name
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}

    def _do(self, what: str, *arguments: Any) -> Any:
        self.before.get(what, bool)()
        found = getattr(self.inner, what)(*arguments)
        self.after.get(what, bool)()
        return found

    def put(self, name: str, data: bytes) -> None:
        self._do("put", name, data)

    def read(self, name: str) -> Iterator[bytes]:
        return iter(list(self._do("read", name)))

    def size(self, name: str) -> int | None:
        found: int | None = self._do("size", name)
        return found

    def delete(self, name: str) -> None:
        self._do("delete", name)

    def objects(self, prefix: str) -> Any:
        return self._do("objects", prefix)


@pytest.fixture
def failing(folder: convo.FolderBlobs) -> Failing:
    return Failing(folder)


def raising(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def names(blobs: Any) -> list[str]:
    return [one.name for page in blobs.objects("") for one in page]


def kinds(store: Any, **options: Any) -> list[str]:
    found = store.doctor(**options)
    return [one.kind for one in found if one.kind.startswith(("blob", "check", "orphan"))]


def age(path: Path, seconds: int) -> None:
    """Have all files be from long before the clock of the tests."""
    for file in path.rglob("*"):
        os.utime(file, (seconds, seconds))


# --- between a row and its object ------------------------------------------------------------------


def test_an_object_that_cannot_be_written_stores_nothing(world: World, failing: Failing) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    failing.before["put"] = raising(convo.StoreUnavailable("no", "the folder"))
    with pytest.raises(convo.StoreUnavailable):
        chat.add(recording())
    assert (len(chat.history()), store.blobs(), names(failing.inner)) == (0, [], [])
    failing.before.clear()
    chat.add(recording())
    assert kinds(store) == []


def test_an_answer_that_was_billed_waits_for_a_blob_store_that_comes_back(world: World, failing: Failing, fake: FakeAPI) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    tries = iter(range(2))

    def twice() -> object:
        if next(tries, None) is not None:
            raise convo.StoreUnavailable("no", "the folder")
        return None

    failing.before["put"] = twice
    reply = chat.send(world.client, "Hello", **VOICE)
    assert chat.load(chat.history()[1].audio).data == reply.audio.data


def test_a_row_that_cannot_be_written_takes_its_object_along(
    world: World, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "put_object", lambda *arguments: raising(convo.StorageFull())())
        with pytest.raises(convo.StorageFull):
            chat.add(recording())
    assert (store.blobs(), names(failing.inner)) == ([], [])
    chat.add(recording())
    assert chat.load(chat.history()[0].audio).data == recording().data


def test_a_row_of_which_nobody_knows_whether_it_is_there_keeps_its_object(
    world: World, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "put_object", lambda *arguments: raising(convo.StoreUnavailable("unknown"))())
        with pytest.raises(convo.StoreUnavailable):
            chat.add(recording())
    assert len(names(failing.inner)) == 1


def engine_of(store: convo.Store) -> Any:
    return next(iter(store._driver.runner.engines.both()))  # type: ignore[union-attr]


def test_a_worker_that_dies_between_object_and_row_leaves_what_doctor_deletes_a_day_later(
    world: World, failing: Failing, clock: FixedClock, tmp_path: Path
) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    failing.after["put"] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        chat.add(recording())
    failing.after.clear()
    chat.add(recording())
    assert len(names(failing)) == 2

    now = int(clock().timestamp())
    age(tmp_path / "blobs", now - 3_600)
    assert kinds(store) == []
    age(tmp_path / "blobs", now - DAYS)
    assert kinds(store) == ["blob_object_left"]
    assert kinds(store, repair=lambda finding: False) == ["blob_object_left"]
    assert [found.repaired for found in store.doctor(repair=lambda finding: True) if found.kind.startswith("blob")] == [True]
    assert len(names(failing)) == 1
    assert chat.load(chat.history()[0].audio).data == recording().data


def test_an_object_that_cannot_be_deleted_stops_nobody_and_is_found_later(
    world: World, failing: Failing, clock: FixedClock, tmp_path: Path
) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    chat.add(recording())
    clock.advance(7_200)
    failing.before["delete"] = raising(convo.StoreUnavailable("no", "the folder"))
    chat.redact(1)
    failing.before.clear()
    assert store.blobs() == []
    age(tmp_path / "blobs", int(clock().timestamp()) - DAYS)
    assert kinds(store, repair=lambda finding: True) == ["blob_object_left"]
    assert names(failing) == []


def test_what_was_never_finished_is_found_too(store: Any, world: World, folder: convo.FolderBlobs, tmp_path: Path) -> None:
    store = world.open(blobs=folder)
    store.create().add(recording())
    (name,) = names(folder)
    left = tmp_path / "blobs" / f"{name}.part"
    left.write_bytes(b"half")
    age(tmp_path / "blobs", 1)
    assert kinds(store, repair=lambda finding: True) == ["blob_object_left"]
    assert names(folder) == [name]


def test_another_workers_object_wins_and_ours_goes(world: World, failing: Failing) -> None:
    store = world.open(blobs=failing)
    chat, other = store.create(), world.open(blobs=failing.inner)

    def others_are_faster() -> None:
        failing.after.clear()
        same = threading.Thread(target=lambda: put_by_another(other, chat))
        same.start()
        same.join()

    if not world.asynchronous:
        failing.after["put"] = others_are_faster
    chat.add(recording())
    assert len(names(failing.inner)) == 1
    assert chat.load(chat.history()[0].audio).data == recording().data


def put_by_another(store: Any, chat: Any) -> None:
    store.get(chat.id).add(recording())


def test_a_rolled_back_transaction_of_the_caller_loses_no_object(
    database: Any, clock: FixedClock, folder: convo.FolderBlobs
) -> None:
    with convo.Store(database.url, clock=clock, blobs=folder, **database.options) as store:
        chat = store.create()
        chat.add(recording())
        clock.advance(7_200)
        url = sa.make_url(database.url)
        own = sa.create_engine(url if database.kind == "sqlite" else url.set(drivername="postgresql+psycopg"))
        with own.connect() as connection:
            inside = store.within(connection)
            inside.get(chat.id).redact(1)
            with pytest.raises(convo.HeldTransaction):
                inside.prune()
            with pytest.raises(convo.HeldTransaction):
                inside.move_blobs("database")
            connection.rollback()
        own.dispose()
        assert chat.load(chat.history()[0].audio).data == recording().data  # type: ignore[arg-type]


# --- what is stored and is not what it was ---------------------------------------------------------


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_an_object_that_changed_is_never_given_and_doctor_says_which(
    world: World, where: str, request: pytest.FixtureRequest
) -> None:
    blobs = request.getfixturevalue(where)
    store = world.open(blobs=blobs)
    chat = store.create()
    for number in range(3):
        chat.add(recording(data=wav(0.1 + number / 10)))
    tampered, shortened, gone = (blob_of(store, message.audio.digest) for message in chat.history())
    overwrite(blobs, tampered, bytes(len(wav(0.1))))
    overwrite(blobs, shortened, b"short")
    blobs.delete(gone)

    for message, error in zip(chat.history(), (convo.BlobDamaged, convo.BlobDamaged, convo.BlobNotFound), strict=True):
        with pytest.raises(error, match=message.audio.digest):
            chat.load(message.audio)
    assert sorted(kinds(store)) == ["blob_changed", "blob_incomplete", "blob_missing"]
    assert sorted(kinds(store, verify=False)) == ["blob_incomplete", "blob_missing"]
    moved = store.move_blobs("database")
    assert (moved.blobs, len(moved.failed)) == (0, 3)
    assert sorted(kinds(store)) == ["blob_changed", "blob_incomplete", "blob_missing"]


def blob_of(store: Any, digest: str) -> str:
    blobs = getattr(store, "_target", store)._driver.tools.blobs.first
    return next(name for name in names(blobs) if digest in name)


def overwrite(blobs: Any, name: str, data: bytes) -> None:
    blobs.delete(name)
    blobs.put(name, data)


def test_an_object_that_grew_does_not_fill_the_memory(folder: convo.FolderBlobs, world: World, tmp_path: Path) -> None:
    store = world.open(blobs=folder)
    chat = store.create()
    chat.add(recording())
    (name,) = names(folder)
    os.truncate(tmp_path / "blobs" / name, 50_000_000_000)
    with pytest.raises(convo.BlobDamaged):
        chat.load(chat.history()[0].audio)


def test_chunks_that_changed_are_not_moved(database: Any, clock: FixedClock, folder: convo.FolderBlobs) -> None:
    with convo.Store(database.url, clock=clock, blobs=folder, **database.options) as store:
        with convo.Store(database.url, clock=clock, **database.options) as plain:
            chat = plain.create()
            chat.add(recording())
        engine = engine_of(store)
        schema = database.options.get("schema")
        table = f'"{schema}".convo_blob_chunk' if schema else "convo_blob_chunk"
        with engine.begin() as connection:
            size = len(recording().data)
            zeroes = f"zeroblob({size})" if database.kind == "sqlite" else f"decode(repeat('00', {size}), 'hex')"
            owner = database.options.get("owner", "")
            connection.exec_driver_sql(f"UPDATE {table} SET data = {zeroes} WHERE owner = '{owner}'")
        assert len(store.move_blobs(folder).failed) == 1
        assert names(folder) == []


def test_a_row_that_names_something_else_is_never_followed(
    database: Any, clock: FixedClock, folder: convo.FolderBlobs, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(recording().data)
    with convo.Store(database.url, clock=clock, blobs=folder, **database.options) as store:
        chat = store.create()
        chat.add(recording())
        engine = engine_of(store)
        schema = database.options.get("schema")
        table = f'"{schema}".convo_blob' if schema else "convo_blob"
        owner = database.options.get("owner", "")
        for path in ("../secret", str(secret), "", "0" * 300):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"UPDATE {table} SET object = '{path}' WHERE owner = '{owner}'")
            with pytest.raises(convo.InputError):
                chat.load(chat.history()[0].audio)  # type: ignore[arg-type]


# --- moves that meet others ------------------------------------------------------------------------


def test_a_move_that_dies_goes_on_where_it_was(world: World, failing: Failing, clock: FixedClock) -> None:
    chat = world.open().create()
    for number in range(4):
        chat.add(recording(data=wav(0.1 + number / 10)))
    store = world.open(blobs=failing)
    tries = iter(range(2))

    def third() -> object:
        if next(tries, None) is None:
            raise KeyboardInterrupt
        return None

    for when in (failing.before, failing.after):
        when["put"] = third
        with pytest.raises(KeyboardInterrupt):
            store.move_blobs(failing)
        when.clear()
        tries = iter(range(1))
    store.move_blobs(failing)
    same = store.get(chat.id)
    assert [one.place for one in store.blobs()] == ["folder"]
    for number, message in enumerate(same.history()):
        assert same.load(message.audio).data == wav(0.1 + number / 10)


@pytest.mark.parametrize("world", ["sync"], indirect=True)  # the other worker is in the same thread
def test_bytes_that_others_change_while_they_are_moved_are_not_overwritten(
    world: World, failing: Failing, clock: FixedClock
) -> None:
    plain = world.open()
    chat = plain.create()
    chat.add(recording())
    clock.advance(7_200)
    failing.after["put"] = lambda: chat.redact(1)
    store = world.open(blobs=failing)
    assert store.move_blobs(failing) == convo.MovedBlobs()
    assert store.blobs() == []
    assert names(failing.inner) == []


@pytest.mark.parametrize("world", ["sync"], indirect=True)  # the other worker is in the same thread
def test_a_reader_that_comes_too_late_for_an_object_finds_where_it_went(world: World, failing: Failing) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    chat.add(recording())
    mover = world.open(blobs=failing.inner)

    def move_first() -> None:
        failing.before.clear()
        mover.move_blobs("database")

    failing.before["read"] = move_first
    assert chat.load(chat.history()[0].audio).data == recording().data


SOUNDS = [wav(0.1, pitch=200.0 + number) for number in range(6)]


def use(chat: convo.Conversation) -> None:
    """Add the same recordings again and again, and read them all."""
    for _ in range(3):
        for sound in SOUNDS:
            chat.add(recording(data=sound))
        for number, message in enumerate(chat.history()):
            assert chat.load(message.audio).data == SOUNDS[number % len(SOUNDS)]  # type: ignore[arg-type]


def move(store: convo.Store, done: threading.Event) -> None:
    """Move all bytes to and fro, and collect."""
    while not done.is_set():
        for place in ("database", "folder"):
            assert store.move_blobs(place).failed == ()
            store.prune()


def test_writers_readers_movers_and_collectors_work_at_once(database: Any, folder: convo.FolderBlobs) -> None:
    with convo.Store(database.url, blobs=folder, **database.options) as store, ThreadPoolExecutor(5) as pool:
        done = threading.Event()
        movers = [pool.submit(move, store, done) for _ in range(2)]
        users = [pool.submit(use, store.create()) for _ in range(3)]
        try:
            for user in users:
                user.result()
        finally:
            done.set()
        for mover in movers:
            mover.result()
        store.move_blobs("folder")
        assert [(one.place, one.blobs) for one in store.blobs()] == [("folder", len(SOUNDS))]
        assert len(names(folder)) == len(SOUNDS)
        assert kinds(store) == []


# --- a full disk -----------------------------------------------------------------------------------


@pytest.mark.parametrize("world", ["sync"], indirect=True)  # one edge is enough for what the disk does
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open", "mkdir"])
@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, convo.StorageFull), (errno.EROFS, convo.ReadOnlyStore), (errno.EIO, convo.BlobStoreFailed)],
)
def test_a_disk_that_refuses_leaves_nothing_under_the_final_name(
    world: World, folder: convo.FolderBlobs, monkeypatch: pytest.MonkeyPatch, call: str, code: int, error: type[Exception]
) -> None:
    store = world.open(blobs=folder)
    chat = store.create()
    store.conversations()
    with monkeypatch.context() as patch:
        patch.setattr(f"convo.blobs.folder.os.{call}", raising_os(getattr(os, call), code))
        with pytest.raises(error):
            chat.add(recording())
    assert names(folder) == []
    chat.add(recording())
    assert chat.load(chat.history()[0].audio).data == recording().data


def raising_os(original: Callable[..., Any], code: int) -> Callable[..., Any]:
    def fail(*arguments: Any, **named: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            raise OSError(code, os.strerror(code))
        return original(*arguments, **named)

    return fail


# --- a bucket that is not there --------------------------------------------------------------------


def test_a_bucket_that_goes_away_is_an_error_to_try_again_and_loses_nothing(world: World, s3_url: str) -> None:
    name = f"cut-{os.getpid()}-{id(world)}"
    make_bucket(s3_url, name)
    proxy = Proxy(s3_url)
    quick: dict[str, Any] = {"retry_config": {"max_retries": 1}, **KEYS}
    store = world.open(blobs=convo.BucketBlobs(f"s3://{name}", endpoint=proxy.url, **quick))
    chat = store.create()
    chat.add(recording())
    proxy.cut_after = 30_000
    with pytest.raises(convo.StoreUnavailable, match=f"s3://{name}") as caught:
        chat.add(recording(data=wav(4.0)))
    assert caught.value.retryable
    with pytest.raises(convo.StoreUnavailable):
        chat.load(chat.history()[0].audio)
    assert kinds(store) == ["check_failed", "check_failed"]
    assert len(chat.history()) == 1

    back = world.open(blobs=convo.BucketBlobs(f"s3://{name}", endpoint=s3_url, **quick))
    assert kinds(back) == []
    same = back.get(chat.id)
    same.add(recording(data=wav(4.0)))
    assert [same.load(message.audio).loaded for message in same.history()] == [True, True]


# --- what takes longer than bytes wait ---------------------------------------------------------------


def test_an_import_that_takes_hours_has_all_of_its_bytes(
    world: World, database: Database, failing: Failing, clock: FixedClock
) -> None:
    store = world.open(blobs=failing)
    sounds = [b64encode(wav(0.2 + number / 10)).decode() for number in range(3)]
    parts = [{"type": "input_audio", "input_audio": {"format": "wav", "data": sound}} for sound in sounds]
    pruned: list[convo.Pruned] = []

    def slowly() -> None:
        clock.advance(25 * 60)
        if len(names(failing.inner)) == len(parts) and not pruned:
            with convo.Store(database.url, clock=clock, blobs=failing.inner, **database.options) as worker:
                pruned.append(worker.prune())

    failing.after["put"] = slowly
    chat = store.create(messages=[{"role": "user", "content": [part]} for part in parts])
    assert [one.blobs for one in pruned] == [1]
    for message in chat.history():
        assert chat.load(message.audio).loaded
    assert kinds(store) == []


# --- while all of an owner is erased -----------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_bytes_put_while_their_owner_is_erased_are_read_with_what_is_begun_anew(
    world: World, database: Database, failing: Failing, clock: FixedClock, when: str, *, encrypted: bool
) -> None:
    """What the destroyed key has sealed is not acknowledged: nobody could ever read it."""
    cipher = KeyService().cipher() if encrypted else None
    options = {**database.options, "clock": clock, "cipher": cipher}
    receipts: list[convo.Erasure] = []

    def erase() -> None:
        getattr(failing, when).clear()
        with convo.Store(database.url, blobs=failing.inner, **options) as other:
            receipts.append(other.erase(options.get("owner", "")))

    store = world.open(blobs=failing, cipher=cipher)
    store.create(title="gone")
    getattr(failing, when)["put"] = erase
    data = b64encode(recording().data).decode()
    part = {"type": "input_audio", "input_audio": {"format": "wav", "data": data}}
    chat = store.create(messages=[{"role": "user", "content": [part]}])
    assert [receipt.left["objects"] for receipt in receipts] == [0]
    assert chat.load(chat.history()[0].audio).data == recording().data
    other = world.open(blobs=failing.inner, cipher=cipher)
    assert [one.title for one in other.conversations()] == [None]
    assert other.get(chat.id).load(chat.history()[0].audio).data == recording().data
    assert len(names(failing.inner)) == 1, "what the destroyed key has sealed is gone"
    assert kinds(other, verify=True) == []


def test_bytes_moved_while_their_owner_is_erased_and_begins_anew_stay_readable(
    world: World, database: Database, failing: Failing, clock: FixedClock
) -> None:
    cipher = KeyService().cipher()
    options = {**database.options, "clock": clock, "cipher": cipher}
    chats: list[Any] = []

    def begin_anew() -> None:
        failing.before.clear()
        with convo.Store(database.url, **options) as other:
            other.erase(options.get("owner", ""))
            chats.append(other.create())
            chats[0].add(recording())

    store = world.open(blobs=failing, cipher=cipher)
    inside = world.open(blobs=None, cipher=cipher)
    inside.create().add(recording())
    failing.before["put"] = begin_anew
    assert store.move_blobs(to=failing).blobs == 0
    found = store.get(chats[0].id)
    assert found.load(found.history()[0].audio).data == recording().data
    assert names(failing.inner) == []
    assert store.move_blobs(to=failing).blobs == 1
    assert found.load(found.history()[0].audio).data == recording().data


def test_what_is_left_of_who_died_while_their_owner_was_erased_goes_with_the_next_erasure(
    world: World, failing: Failing, clock: FixedClock, tmp_path: Path
) -> None:
    """No row names it, and its owner has nothing else: the owner's doctor deletes it after a day, an erasure at once."""
    store = world.open(blobs=failing)
    chat = store.create()
    failing.after["put"] = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        chat.add(recording())
    store.delete(chat.id)
    assert len(names(failing.inner)) == 1
    age(tmp_path / "blobs", 1_000_000_000)
    assert kinds(store) == ["blob_object_left"]
    clock.advance(DAYS)
    receipt = store.erase(chat.owner)
    assert (receipt.objects, receipt.left["objects"], names(failing.inner)) == (1, 0, [])


# --- what is to be gone ------------------------------------------------------------------------------


@contextmanager
def begun(database: Database, clock: FixedClock, blobs: Any) -> Iterator[convo.Store]:
    """Give a store inside a transaction of the caller's, which is committed."""
    engine = sa.create_engine(database.url)
    try:
        with convo.Store(database.url, clock=clock, blobs=blobs, **database.options) as store, engine.begin() as connection:
            yield store.within(connection)
    finally:
        engine.dispose()


@pytest.mark.parametrize("held", [False, True])
def test_a_store_without_the_bytes_of_a_message_does_not_redact_it(
    world: World, database: Database, folder: convo.FolderBlobs, clock: FixedClock, held: bool
) -> None:
    chat = world.open(blobs=folder).create()
    chat.add(recording())
    clock.advance(DAYS)
    if held:
        with begun(database, clock, None) as bare, pytest.raises(convo.UnknownBlobStore):
            bare.get(chat.id).redact(1)
    else:
        with pytest.raises(convo.UnknownBlobStore):
            world.open().get(chat.id).redact(1)
    assert chat.load(chat.history()[0].audio).data == recording().data


def test_prune_deletes_the_object_of_a_redaction_in_a_callers_transaction(
    world: World, database: Database, folder: convo.FolderBlobs, clock: FixedClock, tmp_path: Path
) -> None:
    store = world.open(blobs=folder)
    chat = store.create()
    chat.add(recording())
    clock.advance(7_200)
    with begun(database, clock, folder) as inside:
        inside.get(chat.id).redact(1)
    age(tmp_path / "blobs", int(clock().timestamp()))
    assert len(names(folder)) == 1
    assert store.prune() == convo.Pruned()
    clock.advance(DAYS)
    foreseen = store.prune(dry_run=True)
    assert foreseen == store.prune() == convo.Pruned(0, 1, len(recording().data))
    assert names(folder) == []


def test_prune_counts_no_object_that_could_not_be_deleted(world: World, failing: Failing, clock: FixedClock) -> None:
    store = world.open(blobs=failing)
    chat = store.create()
    chat.add(recording())
    store.delete(chat.id)
    clock.advance(7_200)
    failing.before["delete"] = raising(convo.StoreUnavailable("no", "the folder"))
    assert store.prune() == convo.Pruned()
    assert len(names(failing.inner)) == 1


def test_databases_that_share_a_folder_leave_each_others_objects_alone(
    world: World, folder: convo.FolderBlobs, clock: FixedClock, tmp_path: Path
) -> None:
    store = world.open(blobs=folder)
    chat = store.create()
    chat.add(recording())
    clock.advance(400 * DAYS)
    with convo.Store(f"sqlite:///{tmp_path}/other.db", owner=chat.owner, clock=clock, blobs=folder) as other:
        other.create().add(recording(data=wav(0.3)))
        age(tmp_path / "blobs", 1_000_000_000)
        assert kinds(other, repair=lambda _: True) == []
        assert other.prune() == convo.Pruned()
        assert len(names(folder)) == 2
    assert chat.load(chat.history()[0].audio).data == recording().data
    assert kinds(store) == []
