"""Erasure: all of an owner goes, rows and bytes, whatever happens meanwhile; of others nothing does; the receipt says so."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

import convo
from convo.steps import erasing as erasing_steps
from convo.store import erasure, tables
from tests.support.builders import recording, wav
from tests.support.marked import canary, fill, found, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World


def somebody(name: str) -> str:
    return f"{name}{uuid4().hex}"


@pytest.fixture
def owners() -> tuple[str, str]:
    return somebody("gone"), somebody("stays")


@pytest.fixture
def threaded(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **{**database.options, "owner": ""}) as opened:
        yield opened


def texts(store: Any, owner: str) -> list[list[str]]:
    return [[message.text for message in chat.history()] for chat in store.owned_by(owner).conversations()]


# --- what goes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["database", "folder"])
def test_nothing_of_an_owner_is_left_anywhere_and_all_of_another(
    world: World,
    database: Database,
    fake: FakeAPI,
    folder: convo.FolderBlobs,
    tmp_path: Path,
    owners: tuple[str, str],
    where: str,
) -> None:
    gone, stays = owners
    store = world.open(owner="", **({} if where == "database" else {"blobs": folder}))
    for owner in owners:
        fill(store, world.client, fake, owner)
    before, foreseen = texts(store, stays), store.erase(gone, dry_run=True)
    assert found(tmp_path, gone) != [] or database.kind == "postgresql"

    told: list[tuple[int, int]] = []
    receipt = store.erase(gone, progress=lambda *pair: told.append(pair))

    assert receipt.verified
    assert set(receipt.left.values()) == {0}
    assert {kind: count for kind, count in foreseen.counts.items() if kind != "words"} == receipt.counts
    assert (receipt.counts["conversation"], receipt.counts["preset"], receipt.counts["annotation"]) == (2, 1, 1)
    assert receipt.bytes == foreseen.bytes == len(sound(gone)) + len(sound(gone, 1))
    assert receipt.objects == foreseen.objects == (0 if where == "database" else 2)
    assert told[-1][0] == told[-1][1] == sum(receipt.counts.values())
    assert found(tmp_path, gone) == []
    assert (store.owned_by(gone).conversations(), store.owned_by(gone).blobs(), store.owned_by(gone).presets()) == ([], [], [])

    assert texts(store, stays) == before
    mine = store.owned_by(stays)
    [hit] = mine.search(canary(stays, "question"))[:1]
    assert mine.get(hit.conversation).load(mine.get(hit.conversation).history()[2].audio).data == sound(stays)
    assert [one.severity for one in mine.doctor() if not one.healthy and one.kind.startswith("orphan")] == []
    again = store.erase(gone)
    assert again.verified
    assert set(again.counts.values()) == {0}


def test_the_receipt_is_json(threaded: convo.Store, clock: FixedClock) -> None:
    owner = somebody("gone")
    threaded.owned_by(owner).create()
    receipt = threaded.erase(owner)
    said = json.loads(receipt.to_json())
    assert (said["owner"], said["verified"], said["counts"]["conversation"]) == (owner, True, 1)
    assert said["started_at"] == said["finished_at"] == clock().isoformat()


def test_the_default_owner_can_be_erased(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/a.db") as store:
        store.create(title="mine")
        store.owned_by("other").create()
        assert store.erase("").counts["conversation"] == 1
        assert store.everyone().owners() == ["other"]


def test_who_may_not_erase_is_told(world: World, owners: tuple[str, str]) -> None:
    store = world.open(owner="")
    chat = store.owned_by(owners[0]).create()
    refused: list[tuple[Callable[[], object], type[Exception]]] = [
        (lambda: store.owned_by(owners[1]).erase(owners[0]), convo.InputError),
        (lambda: store.everyone().erase(owners[0]), convo.ReadOnlyView),
        (lambda: store.erase("a\nb"), convo.InputError),
        (lambda: store.erase(7), convo.InputError),
        (lambda: store.erase(owners[0], progress=3), convo.InputError),
    ]
    for call, error in refused:
        with pytest.raises(error):
            call()
    assert store.owned_by(owners[0]).get(chat.id).id == chat.id


def test_bytes_out_of_reach_stop_it_before_anything_goes(
    world: World, folder: convo.FolderBlobs, owners: tuple[str, str]
) -> None:
    chat = world.open(owner=owners[0], blobs=folder).create()
    chat.add(recording())
    with pytest.raises(convo.UnknownBlobStore):
        world.open(owner="").erase(owners[0])
    assert len(world.open(owner=owners[0]).get(chat.id).history()) == 1


def test_objects_that_no_row_names_go_however_new_they_are(
    world: World, folder: convo.FolderBlobs, tmp_path: Path, owners: tuple[str, str]
) -> None:
    store = world.open(owner="", blobs=folder)
    for owner in owners:
        store.owned_by(owner).create().add(recording())
    [[one, *_]] = [page for page in folder.objects("") if page]
    left = {page_one.name for page in folder.objects("") for page_one in page}
    for name in left:
        folder.put(f"{name[:-16]}{'0' * 16}", b"left over")
        (tmp_path / "blobs" / f"{name}.part").write_bytes(b"never finished")
    assert store.erase(owners[0]).objects == 3
    assert len([file for file in (tmp_path / "blobs").rglob("*") if file.is_file()]) == 3
    assert one.size


def test_a_bucket_is_emptied_of_the_owner(world: World, bucket: convo.BucketBlobs, owners: tuple[str, str]) -> None:
    store = world.open(owner="", blobs=bucket)
    for owner in owners:
        store.owned_by(owner).create().add(recording(data=sound(owner)))
    assert store.erase(owners[0]).objects == 1
    assert [one.size for page in bucket.objects("") for one in page] == [len(sound(owners[1]))]


# --- no table is forgotten -------------------------------------------------------------------------


def test_every_table_has_an_owner_or_is_known_to_have_none() -> None:
    assert {name for name, table in tables.metadata.tables.items() if "owner" not in table.c} == {"convo_home"}
    assert {table.name for table in erasure.emptied()} == set(tables.metadata.tables) - {"convo_home"}


def _any_value(column: sa.Column[Any], number: int) -> object:
    if column.name == "owner":
        return "zebra"
    if isinstance(column.type, sa.LargeBinary) or column.type.__class__.__name__ == "Id":
        return number.to_bytes(16)
    return (
        number if isinstance(column.type, (sa.Integer, sa.Boolean)) or "Instant" in str(type(column.type)) else f"zebra-{number}"
    )


def test_a_row_in_any_table_is_found_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
        with closing(sqlite3.connect(path)) as connection, connection:
            for table in erasure.emptied():
                for number in range(1, 4):
                    row = {column.name: _any_value(column, number) for column in table.c}
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            connection.execute("UPDATE convo_blob SET place = NULL, object = NULL")
            connection.execute("UPDATE convo_conversation SET hold = NULL")
        receipt = store.erase("zebra")
        assert receipt.verified
        assert set(receipt.counts.values()) == {3}
    assert b"zebra" not in path.read_bytes()


# --- whatever happens meanwhile --------------------------------------------------------------------


class _Cut(Exception):
    pass


def _failing(store: convo.Store, number: int) -> Any:
    from tests.conversation.test_faults import _Fault

    return _Fault(store, number)


def test_a_fault_at_any_statement_leaves_what_the_same_call_finishes(
    threaded: convo.Store, fake: FakeAPI, database: Database, tmp_path: Path, owners: tuple[str, str]
) -> None:
    gone, stays = owners
    with fake.client() as client:
        fill(threaded, client, fake, stays)
        before = texts(threaded, stays)
        for number in range(1, 400):
            chat = fill(threaded, client, fake, gone) if number % 8 == 1 else None
            with _failing(threaded, number) as fault, suppress(convo.StoreError):
                threaded.erase(gone)
            if fault.left > 0:
                break
            for seen in texts(threaded, gone):
                assert seen[0] == canary(gone, "instructions"), "half a conversation was seen"
            if number % 8 == 0:
                assert threaded.erase(gone).verified
                assert found(tmp_path, gone) == []
            assert chat is None or chat.owner == gone
    assert number > 60
    assert texts(threaded, stays) == before
    assert database.kind


def test_batches_are_bounded_by_rows_and_by_bytes(
    threaded: convo.Store, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    chat = threaded.owned_by(owners[0]).create()
    for number in range(7):
        chat.add("word " * 100, recording(data=wav(0.1 + number / 100)))
    sizes: list[tuple[str, int]] = []
    real = erasure._delete

    def noted(connection: Any, owner: str, table: Any, rows: Any) -> None:
        sizes.append((table.name, len(rows)))
        real(connection, owner, table, rows)

    monkeypatch.setattr(erasure, "_delete", noted)
    monkeypatch.setattr(erasure, "ROWS", 5)
    monkeypatch.setattr(erasure, "BYTES", 5_100)
    assert threaded.erase(owners[0]).verified
    assert [size for name, size in sizes if name == "convo_attachment"] == [5, 2]
    assert [size for name, size in sizes if name == "convo_blob_chunk"] == [3, 3, 1], "each has about 2,000 bytes"


def answered_late(chat: Any, client: Any, meanwhile: Callable[[], object]) -> None:
    with chat.exchange(chat.request("gpt-4.1", client=client)) as call:
        meanwhile()
        call.record(
            {"id": "1", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]}
        )


def test_a_turn_in_flight_ends_with_an_error_and_leaves_nothing(world: World, tmp_path: Path, owners: tuple[str, str]) -> None:
    store, eraser = world.open(owner=owners[0]), world.open(owner="")
    chat = store.create()
    chat.add(canary(owners[0], "asked"))
    with pytest.raises((convo.ConversationNotFound, convo.ExchangeLost)):
        answered_late(chat, world.client, lambda: eraser.erase(owners[0]))
    for act in (lambda: chat.add("more"), chat.history, lambda: chat.update(title="t"), chat.fork, lambda: chat.redact(1)):
        with pytest.raises(convo.ConversationNotFound):
            act()
    assert eraser.erase(owners[0]).verified
    assert found(tmp_path, owners[0]) == []


def _lives(store: convo.Store, done: threading.Event) -> int:
    """Begin conversations, continue, fork and read them, until it is over; each that is seen is whole."""
    number = 0
    while not done.is_set():
        number += 1
        with suppress(convo.ConversationNotFound, convo.ConflictError):
            chat = store.create(messages=[{"role": "user", "content": f"Hello {number}"}])
            chat.add("One", recording())
            fork = chat.fork()
            fork.redact(1)
            assert [len(line.history()) for line in (chat, fork)] == [2, 2]
    return number


def test_those_who_write_meanwhile_see_whole_conversations_or_none(
    database: Database, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    monkeypatch.setattr(erasing_steps, "ROUNDS", 1)
    monkeypatch.setattr(erasing_steps, "TRIES", 1)
    options = {**database.options, "owner": ""}
    done = threading.Event()
    with convo.Store(database.url, **options) as store, ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(_lives, store.owned_by(owner), done) for owner in (*owners, owners[0])]
        try:
            for _ in range(3):
                store.erase(owners[0], vacuum=False)
                store.owned_by(owners[0]).prune(messages=timedelta(microseconds=1))
        finally:
            done.set()
        assert all(worker.result() for worker in workers)
        assert store.erase(owners[0], vacuum=False).left["conversation"] == 0
        assert store.owned_by(owners[1]).conversations() != []


def test_two_who_erase_the_same_owner_both_succeed(database: Database, owners: tuple[str, str]) -> None:
    options = {**database.options, "owner": ""}
    with convo.Store(database.url, **options) as one, convo.Store(database.url, **options) as two, ThreadPoolExecutor(2) as pool:
        for number in range(30):
            one.owned_by(owners[0]).create(messages=[{"role": "user", "content": f"Hello {number}"}] * 5)
        receipts = [future.result() for future in [pool.submit(store.erase, owners[0], vacuum=False) for store in (one, two)]]
        assert [sum(receipt.left.values()) for receipt in receipts] == [0, 0]
        assert sum(receipt.counts["message"] for receipt in receipts) == 150


def test_who_goes_on_writing_is_erased_too_or_the_receipt_says_so(
    threaded: convo.Store, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    mine = threaded.owned_by(owners[0])
    mine.create(title="before")
    times = iter(range(3))

    def writing(*arguments: Any) -> Any:
        if next(times, None) is not None:
            mine.create(title="meanwhile")
        yield from ()

    monkeypatch.setattr(erasing_steps, "_other_objects_deleted", writing)
    receipt = threaded.erase(owners[0])
    assert receipt.verified
    assert receipt.counts["conversation"] == 4
    monkeypatch.setattr(erasing_steps, "ROUNDS", 2)
    times = iter(range(9))
    receipt = threaded.erase(owners[0])
    assert not receipt.verified
    assert receipt.left["conversation"] == 1
    assert "stop them" in receipt.remarks[0]


# --- holds, keys, readers --------------------------------------------------------------------------


def test_an_owner_with_a_conversation_on_hold_is_not_erased(world: World, owners: tuple[str, str]) -> None:
    store = world.open(owner="")
    mine = store.owned_by(owners[0])
    chat, other = mine.create(title="t"), mine.create()
    chat.hold("case 4711")
    for dry_run in (True, False):
        with pytest.raises(convo.OnHold, match=str(chat.id)) as raised:
            store.erase(owners[0], dry_run=dry_run)
        assert raised.value.conversations == (chat.id,)
    assert len(mine.conversations()) == 2
    assert mine.get(other.id)
    chat.release()
    assert store.erase(owners[0]).verified


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_reader_that_never_ends_is_named_in_the_receipt(
    threaded: convo.Store, database: Database, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    monkeypatch.setattr(erasing_steps, "WAIT", 0)
    threaded.owned_by(owners[0]).create(title="t")
    with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM convo_conversation").fetchone() == (1,)
        receipt = threaded.erase(owners[0])
        assert (receipt.checkpointed, receipt.verified) == (False, False)
        assert "write-ahead log" in receipt.remarks[-1]
    assert threaded.erase(owners[0]).verified


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_engine_of_the_callers_overwrites_too_and_keeps_its_own_setting(
    database: Database, fake: FakeAPI, tmp_path: Path, owners: tuple[str, str]
) -> None:
    engine = sa.create_engine(database.url)
    with convo.Store(engine) as store, fake.client() as client:
        for owner in owners:
            fill(store, client, fake, owner)
        before = texts(store, owners[1])
        with engine.connect() as connection:
            setting = connection.exec_driver_sql("PRAGMA secure_delete").scalar()
        assert store.erase(owners[0]).verified
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == setting
        assert texts(store, owners[1]) == before
    engine.dispose()
    assert found(tmp_path, owners[0]) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_a_vacuum_the_receipt_says_what_may_be_left(threaded: convo.Store, owners: tuple[str, str]) -> None:
    threaded.owned_by(owners[0]).create()
    receipt = threaded.erase(owners[0], vacuum=False)
    assert (receipt.verified, receipt.rewritten) == (True, None)
    assert "vacuum=True" in receipt.remarks[0]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_rewrites_its_tables_where_that_is_wanted(world: World, owners: tuple[str, str]) -> None:
    store = world.open(owner="")
    store.owned_by(owners[0]).create()
    receipt = store.erase(owners[0])
    assert (receipt.rewritten, receipt.checkpointed, receipt.verified) == (None, None, True)
    assert "vacuum=True" in receipt.remarks[0]
    assert store.erase(owners[0], vacuum=True).rewritten is True


def test_a_database_in_memory_is_erased_too() -> None:
    with convo.Store("sqlite://") as store:
        store.create(title="t")
        receipt = store.erase("")
        assert (receipt.verified, receipt.checkpointed, receipt.counts["conversation"]) == (True, None, 1)


def test_an_object_that_cannot_be_deleted_stops_it_until_it_can(
    world: World, folder: convo.FolderBlobs, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    store = world.open(owner="", blobs=folder)
    store.owned_by(owners[0]).create().add(recording())
    with monkeypatch.context() as patch:
        patch.setattr(convo.FolderBlobs, "delete", lambda *arguments: _raise())
        with pytest.raises(_Cut):
            store.erase(owners[0])
    assert store.owned_by(owners[0]).conversations() == []
    with pytest.raises(convo.UnknownBlobStore):
        world.open(owner="").erase(owners[0])
    receipt = store.erase(owners[0])
    assert (receipt.verified, receipt.objects) == (True, 1)


def test_an_interrupted_erasure_is_a_finding_of_the_doctor(
    threaded: convo.Store, monkeypatch: pytest.MonkeyPatch, owners: tuple[str, str]
) -> None:
    mine = threaded.owned_by(owners[0])
    mine.create(title="t")
    with monkeypatch.context() as patch:
        patch.setattr(erasure, "delete_some", lambda *arguments: _raise())
        with pytest.raises(_Cut):
            threaded.erase(owners[0])
    assert mine.conversations() == []
    assert "erasure_unfinished" in [finding.kind for finding in mine.doctor()]
    mine.doctor(repair=lambda finding: True)
    assert mine.conversations() == []
    assert threaded.erase(owners[0]).verified


def _raise() -> None:
    raise _Cut
