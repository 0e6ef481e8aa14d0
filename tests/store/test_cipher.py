"""Stores with a cipher: nothing that was said is readable outside, and everything is given back; keys that come, go and fail."""

from __future__ import annotations

import base64
import itertools
import os
import pathlib
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from tests.store.test_statements import statements
from tests.support.both import resolved
from tests.support.builders import recording, wav
from tests.support.sealing import KeyService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

MARK = "canary"
SOUND, OTHER_SOUND = wav(0.4, pitch=321.0), wav(0.3, pitch=123.0)
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
_owners = itertools.count(1)


@pytest.fixture
def service() -> KeyService:
    return KeyService()


@pytest.fixture
def owner() -> str:
    return f"cipher-{os.getpid()}-{next(_owners)}"


def dumped(database: Database, *owners: str, folder: Path | None = None) -> bytes:
    """All bytes that a database holds of owners, and its files; with those of a folder."""
    found = []
    engine = sa.create_engine(database.url)
    with engine.connect() as connection:
        options = {"schema_translate_map": {None: database.options.get("schema")}}
        for table in tables.metadata.tables.values():
            whose = sa.true() if "owner" not in table.c else table.c.owner.in_(owners)
            for row in connection.execute(sa.select(table).where(whose), execution_options=options):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        if database.kind == "postgresql":
            words = sa.text(f'SELECT * FROM "{database.options["schema"]}".convo_words')
            found += [str(row).encode() for row in connection.execute(words)]
    engine.dispose()
    if database.kind == "sqlite":
        path = database.url.removeprefix("sqlite:///")
        found += [pathlib.Path(file).read_bytes() for file in (path, f"{path}-wal") if os.path.exists(file)]  # noqa: PTH110
    files = folder.rglob("*") if folder is not None else ()
    return b"\n".join([*found, *(file.read_bytes() for file in files if file.is_file())])


@pytest.fixture(params=["database", "folder"])
def blobs(request: pytest.FixtureRequest, folder: convo.FolderBlobs) -> convo.FolderBlobs | None:
    return folder if request.param == "folder" else None


def test_nothing_of_the_whole_main_job_is_readable_outside(
    world: World, database: Database, fake: FakeAPI, clock: FixedClock, service: KeyService, owner: str,
    blobs: convo.FolderBlobs | None, tmp_path: Path,
) -> None:  # fmt: skip
    store, client = world.open(owner=owner, cipher=service.cipher(), blobs=blobs), world.client
    chat = store.create(
        instructions="canary-instructions", title="canary-title", metadata={"canary-name": "canary-value"},
        messages=[{"role": "user", "content": "canary-first"}],
    )  # fmt: skip
    chat.add("canary-added", metadata={"canary-label": "canary"}, key="add")
    chat.add("canary-added", metadata={"canary-label": "canary"}, key="add")
    fake.will_reply("canary-reply")
    first = chat.send(client, "canary-question", recording("canary-transcript", SOUND), key="turn", **VOICE)
    assert chat.send(client, "canary-question", recording("canary-transcript", SOUND), key="turn", **VOICE).text == first.text
    clock.advance(3_600)
    chat.send(client, recording(None, OTHER_SOUND), **VOICE)
    fake.will_transcribe("canary-heard")
    chat.transcribe(client)
    fake.will_reply("canary-streamed")
    with chat.stream(client, "canary-asked", model="gpt-4.1") as stream:
        list(stream)
    fake.will_drop(chunks=1)
    with pytest.raises(openai.APIError), chat.stream(client, "canary-dropped", model="gpt-4.1") as stream:
        list(stream)
    chat.speak(client, "canary-spoken", model="gpt-4o-mini-tts", voice="alloy")
    fake.will_reply("canary-summary")
    chat.compact(client, model="gpt-4.1", keep=2)
    chat.annotate(2, note={"canary": "canary-note"})
    store.save_preset(convo.Preset("calm", voice="alloy"))
    fork = chat.fork(title="canary-fork")
    chat.edit(2, "canary-edited")
    chat.regenerate()
    chat.send(client, "canary-more", **VOICE)
    chat.update(title="canary-retitled", metadata={"canary": 1})
    lost = chat.exchange(chat.request("gpt-4.1", client=client)).__enter__()
    clock.advance(3_600)
    chat.send(client, "canary-over", model="gpt-4.1")
    with pytest.raises(convo.ExchangeLost):
        lost.record(
            {
                **late(),
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "canary-late"}}],
            }
        )
    fork.move_to(f"{owner}-2")
    chat.redact(2)
    store.prune()

    outside = dumped(database, owner, f"{owner}-2", folder=tmp_path / "blobs")
    assert outside.lower().count(MARK.encode()) == 0
    assert SOUND[100:160] not in outside
    assert b"convo-sealed" in outside

    again = world.open(owner=owner, cipher=service.cipher(), blobs=blobs)
    seen = again.get(chat.id)
    assert (seen.title, seen.metadata, seen.instructions) == ("canary-retitled", {"canary": 1}, "canary-instructions")
    assert [m.text for m in seen.history()] == [m.text for m in chat.history()]
    moved = world.open(owner=f"{owner}-2", cipher=service.cipher(), blobs=blobs).get(fork.id)
    assert moved.title == "canary-fork"
    assert "canary-question" in "".join(m.text or "" for m in moved.history())
    assert {moved.load(m.audio).data for m in moved.history() if m.role == "user" and m.audio} == {SOUND, OTHER_SOUND}
    assert moved.annotations()[2] == {"note": {"canary": "canary-note"}}
    assert [finding for finding in again.doctor() if not finding.healthy and finding.owner in (owner, f"{owner}-2")] == []


def late() -> dict[str, Any]:
    return {"id": "chatcmpl-late", "object": "chat.completion", "created": 1, "model": "gpt-4.1"}


def test_a_stream_that_is_saved_while_it_runs_is_sealed_and_taken_over(
    world: World, database: Database, fake: FakeAPI, clock: FixedClock, service: KeyService, owner: str
) -> None:
    from convo.steps import exchange as steps
    from convo.store import checkpoints
    from convo.store.checkpoints import Checkpoint

    del fake
    store = world.open(owner=owner, cipher=service.cipher())
    chat = store.create()
    chat.add("Hello")
    begun = resolved(chat, chat._driver.do(steps.begin(chat._place, chat.request("gpt-4.1", client=world.client)))).begun
    now = 10**15
    saved = Checkpoint('{"said":"canary"}', b"canary-sound", 0, now, now)
    assert resolved(chat, chat._driver.runner.run(checkpoints.save, owner, begun, saved, mode="write"))
    assert MARK.encode() not in dumped(database, owner)
    left = resolved(chat, chat._driver.runner.run(checkpoints.take, owner, begun.branch, now + 1, now + 2, mode="write"))
    assert (left.body, left.audio) == ('{"said":"canary"}', b"canary-sound")


def test_what_every_request_holds_of_a_long_log_opens(world: World, service: KeyService, owner: str) -> None:
    from convo.store import opening

    store = world.open(owner=owner, cipher=service.cipher())
    chat = store.create(instructions="first", messages=[{"role": "user", "content": f"said {n}"} for n in range(100)])
    line = opening.Line(chat._place.found.branch, 101, 1, None)  # type: ignore[arg-type]
    newer, older = resolved(chat, chat._driver.runner.run(opening._first_page, owner, line, 90))
    assert [message.text for message in newer] == [f"said {n}" for n in range(88, 100)]
    assert [message.text for message in older] == ["first"]


# --- what was changed outside ----------------------------------------------------------------------


@pytest.fixture
def sealed(database: Database, clock: FixedClock, service: KeyService, owner: str) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **{**database.options, "owner": owner}, cipher=service.cipher()) as store:
        yield store


def execute(database: Database, statement: Any) -> Any:
    engine = sa.create_engine(database.url)
    with engine.begin() as connection:
        options = {"schema_translate_map": {None: database.options.get("schema")}}
        result = connection.execute(statement, execution_options=options)
        rows = result.all() if result.returns_rows else []
    engine.dispose()
    return rows


def body_at(database: Database, owner: str, branch: Any, position: int) -> Any:
    m = tables.message.c
    where = (m.owner == owner, m.branch == branch, m.position == position)
    return execute(database, sa.select(m.body, m.hash).where(*where))[0]


def put_at(database: Database, owner: str, branch: Any, position: int, values: Any) -> None:
    m = tables.message.c
    where = (m.owner == owner, m.branch == branch, m.position == position)
    execute(database, sa.update(tables.message).where(*where).values(body=values[0], hash=values[1]))


@pytest.mark.parametrize("swap", ["positions", "conversations", "owners"])
def test_rows_that_were_swapped_are_noticed_and_named(sealed: convo.Store, database: Database, owner: str, swap: str) -> None:
    chat = sealed.create(messages=[{"role": "user", "content": "secret one"}, {"role": "user", "content": "secret two"}])
    other_owner = f"{owner}-b" if swap == "owners" else owner
    other = sealed.owned_by(other_owner).create(messages=[{"role": "user", "content": "secret three"}])
    branch, source = chat._place.found.branch, other._place.found.branch
    taken = body_at(database, owner, branch, 1) if swap == "positions" else body_at(database, other_owner, source, 1)
    put_at(database, owner, branch, 2, taken)
    if swap == "owners":  # no key of this owner has the number of that one's
        with pytest.raises(convo.KeyUnavailable, match=owner):
            chat.history()
        return
    with pytest.raises(convo.SealBroken) as caught:
        chat.history()
    assert isinstance(caught.value, convo.IntegrityError)
    assert (caught.value.owner, caught.value.position, caught.value.column) == (owner, 2, "convo_message.body")
    assert "secret" not in str(caught.value)
    found = [finding for finding in sealed.doctor() if finding.kind == "body_changed"]
    assert [(finding.owner, finding.position) for finding in found] == [(owner, 2)]
    assert [message.text for message in chat.history(last=0)] == []


def test_a_title_of_another_conversation_is_noticed(sealed: convo.Store, database: Database, owner: str) -> None:
    first, second = sealed.create(title="secret one"), sealed.create(title="secret two")
    c = tables.conversation.c
    title = execute(database, sa.select(c.title).where(c.owner == owner, c.id == first.id))[0][0]
    execute(database, sa.update(tables.conversation).where(c.owner == owner, c.id == second.id).values(title=title))
    with pytest.raises(convo.SealBroken):
        sealed.get(second.id)
    with pytest.raises(convo.SealBroken):
        sealed.conversations()
    assert sealed.get(first.id).title == "secret one"


def test_bytes_that_were_changed_are_noticed(
    database: Database, clock: FixedClock, service: KeyService, owner: str, tmp_path: Path
) -> None:
    folder = convo.FolderBlobs(tmp_path / "blobs")
    with convo.Store(
        database.url, clock=clock, **{**database.options, "owner": owner}, cipher=service.cipher(), blobs=folder
    ) as store:
        chat = store.create()
        chat.add(recording("x", SOUND))
        (file,) = (path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 1_000)
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.chmod(0o600)
        file.write_bytes(data)
        with pytest.raises(convo.SealBroken):
            chat.load(chat.history()[0].audio)  # type: ignore[arg-type]
        assert "blob_changed" in {finding.kind for finding in store.doctor()}


# --- keys ------------------------------------------------------------------------------------------


def test_a_key_is_unwrapped_once_and_with_it_at_hand_only_new_bytes_take_a_statement_more_than_without_a_cipher(
    database: Database, clock: FixedClock, service: KeyService, owner: str, fake: FakeAPI
) -> None:
    counts = {}
    for cipher in (None, service.cipher()):
        options: Any = {**database.options, "owner": f"{owner}{cipher}", "cipher": cipher, "clock": clock}
        with convo.Store(database.url, **options) as store, fake.client() as client:
            chat = store.create()
            chat.send(client, "Hello", model="gpt-4.1")
            with statements(store) as found:
                chat.add("More")
                chat.add("More", key="k")
                chat.send(client, "Hello", recording("What?", SOUND), **VOICE)
                chat.request("gpt-4.1", client=client)
                chat.history()
                chat.add("More")
            counts[cipher is not None] = [" ".join(statement.split()[:5]) for statement in found]
    still_there = [one for one in counts[True] if one.startswith("SELECT") and "convo_owner_key" in one]
    assert len(still_there) == 2  # the recording that is asked, and the one that is answered
    assert [one for one in counts[True] if one not in still_there] == counts[False]
    assert (service.wraps, service.unwraps) == (1, 1)


def test_without_a_cipher_what_is_encrypted_says_what_to_pass_and_the_rest_goes_on(
    world: World, service: KeyService, owner: str
) -> None:
    chat = world.open(owner=owner, cipher=service.cipher()).create(title="secret")
    chat.add("secret")
    store = world.open(owner=owner, cipher=None)
    for call in (lambda: store.get(chat.id), store.conversations):
        with pytest.raises(convo.KeyUnavailable, match="pass cipher="):
            call()
    assert store.usage().calls == 0
    assert not store.report().rows
    assert {finding.kind for finding in store.doctor() if finding.owner == owner} >= {"key_unavailable"}
    plain = store.create(title="clear")
    assert store.get(plain.id).title == "clear"


def test_another_key_is_its_own_error_and_a_service_that_fails_is_told_by_its_kind(
    world: World, service: KeyService, owner: str
) -> None:
    chat = world.open(owner=owner, cipher=service.cipher()).create(title="secret")
    for other in (KeyService(), KeyService(refuses=PermissionError("secret words of a key service"))):
        store = world.open(owner=owner, cipher=other.cipher())
        with pytest.raises(convo.KeyUnavailable) as caught:
            store.get(chat.id)
        assert caught.value.owner == owner
        assert "secret" not in str(caught.value)
        assert not caught.value.retryable
        assert {finding.kind for finding in store.doctor() if finding.owner == owner} <= {"key_unavailable"}
    refused = KeyService(refuses=PermissionError())
    with pytest.raises(convo.KeyUnavailable):
        world.open(owner=f"{owner}-new", cipher=refused.cipher()).create(title="secret")
    assert refused.wraps == 1
    assert world.open(owner=f"{owner}-new", cipher=service.cipher()).conversations() == []


@pytest.mark.parametrize(("given", "says"), [("text", "not bytes"), (b"short", "5 bytes")])
def test_what_is_no_key_is_refused(world: World, owner: str, given: Any, says: str) -> None:
    cipher = convo.Cipher(wrap=lambda key, owner: key, unwrap=lambda wrapped, owner: given)
    with pytest.raises(convo.KeyUnavailable, match=says):
        world.open(owner=owner, cipher=cipher).create(title="x")


def test_functions_that_have_to_be_awaited_work_where_they_can_be(world: World, service: KeyService, owner: str) -> None:
    store = world.open(owner=owner, cipher=convo.Cipher(wrap=service.wrap_later, unwrap=service.unwrap_later))
    if world.asynchronous:
        assert store.get(store.create(title="x").id).title == "x"
        return
    with pytest.raises(convo.KeyUnavailable, match="AsyncStore"):
        store.create(title="x")


def test_what_was_there_before_the_cipher_is_read_as_it_is_and_can_be_sealed(
    world: World, database: Database, service: KeyService, owner: str
) -> None:
    before = world.open(owner=owner, cipher=None)
    chat = before.create(title="canary-title", metadata={"a": "canary"}, instructions="canary-instructions")
    chat.add("canary-text", recording("canary-said", SOUND), metadata={"b": "canary"})
    chat.annotate(2, note="canary")
    assert before.search("canary")
    store = world.open(owner=owner, cipher=service.cipher())
    chat = store.get(chat.id)
    chat.add("canary-later")
    texts = [message.text for message in chat.history()]
    assert MARK.encode() in dumped(database, owner)
    assert store.seal() > 0
    assert store.seal() == 0
    if database.kind == "sqlite":
        execute(database, sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    assert MARK.encode() not in dumped(database, owner)
    again = world.open(owner=owner, cipher=service.cipher()).get(chat.id)
    assert [message.text for message in again.history()] == texts
    assert (again.title, again.metadata) == ("canary-title", {"a": "canary"})
    assert again.annotations() == {2: {"note": "canary"}}
    assert again.load(again.history()[1].audio).data == SOUND
    assert [finding for finding in store.doctor() if finding.owner == owner and not finding.healthy] == []


def test_where_only_sealed_rows_count_one_in_the_clear_is_noticed(world: World, service: KeyService, owner: str) -> None:
    plain = world.open(owner=owner, cipher=None).create(title="forged")
    strict = convo.Cipher(wrap=service.wrap, unwrap=service.unwrap, only_sealed=True)
    store = world.open(owner=owner, cipher=strict)
    with pytest.raises(convo.SealBroken):
        store.get(plain.id)
    chat = store.create(title="sealed")
    chat.add("sealed", recording("What?", SOUND), key="k")
    chat = store.get(chat.id)
    assert chat.load(chat.history()[0].audio).data == SOUND
    world.open(owner=owner, cipher=service.cipher()).seal()
    assert store.get(plain.id).title == "forged"


def test_search_and_filters_say_what_they_cannot_do(world: World, service: KeyService, owner: str) -> None:
    store = world.open(owner=owner, cipher=service.cipher())
    chat = store.create(title="x", metadata={"a": 1}, key="k")
    for call in (
        lambda: store.search("x"), store.reindex, lambda: store.conversations(title="x"),
        lambda: store.conversations(metadata={"a": 1}),
    ):  # fmt: skip
        with pytest.raises(convo.SearchUnavailable, match="encrypted"):
            call()
    assert [found.id for found in store.conversations()] == [chat.id]
    assert store.get(key="k").title == "x"


def test_filters_without_a_cipher_say_what_they_cannot_look_into(
    world: World, service: KeyService, owner: str, clock: FixedClock
) -> None:
    """What is encrypted may be what was asked for: it is named, as it is where all is listed, and the rest is found."""
    name = f"web of {owner}"
    plain, sealed = world.open(owner=owner, cipher=None), world.open(owner=owner, cipher=service.cipher())
    hidden = sealed.create(title=name, metadata={"channel": name})
    clock.advance(60)
    chat = plain.create(title=name, metadata={"channel": name, "turns": 3})
    plain.create()
    asked: list[dict[str, Any]] = [
        {"metadata": {"channel": name}}, {"metadata": {"channel": name, "turns": convo.Between(1, 5)}},
        {"title": name}, {"title": name, "metadata": {"channel": name}}, {},
    ]  # fmt: skip
    for store in (plain, plain.everyone()):
        for filters in asked if store is plain else asked[:-1]:  # all of everyone are more than a page, on a server with others
            with pytest.raises(convo.KeyUnavailable, match="pass cipher="):
                store.conversations(**filters)
    for filters in asked[:-1]:
        assert [found.id for found in plain.conversations(since=chat.created_at, **filters)] == [chat.id]
        assert [found.id for found in plain.conversations(limit=1, **filters)] == [chat.id]
    for table in ("messages", "exchanges"):
        tables_of = plain.tables(metadata={"channel": name})
        with pytest.raises(convo.KeyUnavailable, match="pass cipher="):
            getattr(tables_of, table).to_arrow()
    sealed.delete(hidden.id)


# --- rotation and destruction ----------------------------------------------------------------------


def numbers(database: Database, owner: str) -> list[int]:
    k = tables.owner_key.c
    return [row[0] for row in execute(database, sa.select(k.number).where(k.owner == owner).order_by(k.number))]


def title(database: Database, owner: str) -> str:
    c = tables.conversation.c
    return str(execute(database, sa.select(c.title).where(c.owner == owner))[0][0])


def test_a_key_file_rotates_without_the_data_being_written(
    database: Database, clock: FixedClock, owner: str, tmp_path: Path
) -> None:
    path = convo.Cipher.new_key_file(tmp_path / "keys")
    options: Any = {**database.options, "clock": clock, "owner": owner}

    def opened() -> convo.Store:
        return convo.Store(database.url, **options, cipher=convo.Cipher.from_file(path))

    with opened() as store:
        chat = store.create(title="secret")
        store.owned_by(f"{owner}-2").create(title="other")
        before = title(database, owner)
    text = path.read_text("ascii")
    convo.Cipher.add_key(path)
    with opened() as store:
        assert store.get(chat.id).title == "secret"
        assert store.rotate_keys() == 1
        assert store.rotate_keys() == 0
        if database.kind == "sqlite":  # on the other, owners of other tests have other keys
            assert store.rotate_keys(all_owners=True) == 1
        assert title(database, owner) == before
        assert store.rotate_keys(data_keys=True) == 1
        store.get(chat.id).add("by the new data key")
        first, second = numbers(database, owner)
        assert f"convo-sealed:1:{first}:".encode() in dumped(database, owner)
        assert f"convo-sealed:1:{second}:".encode() in dumped(database, owner)
    path.write_text(path.read_text("ascii").removeprefix(text), "ascii")
    with opened() as store:
        assert [message.text for message in store.get(chat.id).history()] == ["by the new data key"]
        assert store.get(chat.id).title == "secret"
    path.write_text(text, "ascii")
    with opened() as store, pytest.raises(convo.KeyUnavailable, match="'key-2'"):
        store.get(chat.id)


def test_another_store_object_reads_what_was_sealed_by_a_newer_data_key(world: World, service: KeyService, owner: str) -> None:
    one, other = (world.open(owner=owner, cipher=service.cipher()) for _ in range(2))
    chat = one.create(title="old")
    assert other.get(chat.id).title == "old"
    one.rotate_keys(data_keys=True)
    one.get(chat.id).update(title="new")
    assert other.get(chat.id).title == "new"
    other.get(chat.id).add("both")
    assert [message.text for message in one.get(chat.id).history()] == ["both"]


def test_rotation_needs_a_cipher_and_no_transaction(world: World, database: Database, service: KeyService, owner: str) -> None:
    for call in ("rotate_keys", "seal"):
        with pytest.raises(convo.InputError):
            getattr(world.open(owner=owner, cipher=None), call)()
        with pytest.raises(convo.ReadOnlyView):
            getattr(world.open(owner=owner, cipher=service.cipher()).everyone(), call)()


def test_with_its_keys_destroyed_nothing_of_an_owner_can_be_read_and_a_new_start_has_new_keys(
    world: World, service: KeyService, owner: str
) -> None:
    from convo.store import keys

    store, other = (world.open(owner=owner, cipher=service.cipher()) for _ in range(2))
    chat = store.create(title="secret")
    neighbour = world.open(owner=f"{owner}-2", cipher=service.cipher()).create(title="stays")
    assert other.get(chat.id).title == "secret", "the other has the key at hand"
    assert resolved(chat, chat._driver.runner.run(keys.destroy, owner, mode="write")) == 1
    with pytest.raises(convo.KeyUnavailable, match="destroyed"):
        store.get(chat.id)
    assert world.open(owner=f"{owner}-2", cipher=service.cipher()).get(neighbour.id).title == "stays"
    fresh = other.create(title="a new start")  # which the other store object may not seal with the key that it remembers
    assert world.open(owner=owner, cipher=service.cipher()).get(fresh.id).title == "a new start"


def test_a_worker_that_remembers_a_destroyed_key_writes_by_the_new_one_to_what_has_nothing_to_open(
    world: World, service: KeyService, owner: str
) -> None:
    from convo.store import keys

    one, other = (world.open(owner=owner, cipher=service.cipher()) for _ in range(2))
    before = one.create()
    other.get(before.id).add("secret")
    one.delete(before.id)
    resolved(before, before._driver.runner.run(keys.destroy, owner, mode="write"))
    fresh = one.create()
    other.get(fresh.id).add("by the new key")
    assert [message.text for message in one.get(fresh.id).history()] == ["by the new key"]


def test_two_who_begin_an_owner_at_once_have_one_key(
    database: Database, clock: FixedClock, service: KeyService, owner: str
) -> None:
    options: Any = {**database.options, "clock": clock, "owner": owner}
    with convo.Store(database.url, **options, cipher=service.cipher()) as late_one:

        def wrap(key: bytes, whose: str) -> bytes:
            late_one.create(title="first", messages=[{"role": "user", "content": "Hello?"}])
            return service.wrap(key, whose)

        with convo.Store(
            database.url, **options, cipher=convo.Cipher(wrap=wrap, unwrap=service.unwrap, name=service.name)
        ) as store:
            chat = store.create(title="second")
            assert late_one.get(chat.id).title == "second"
            assert sorted(found.title or "" for found in store.conversations()) == ["first", "second"]
            assert sum(len(found.history(verify=True)) for found in store.conversations()) == 1
            assert store.erase(owner).counts["owner_key"] == 1


# --- inside a transaction of the caller's ----------------------------------------------------------


def test_a_key_that_was_rolled_back_with_the_callers_transaction_seals_nothing_later(
    database: Database, clock: FixedClock, service: KeyService, owner: str
) -> None:
    engine = sa.create_engine(database.url)
    options: Any = {**database.options, "clock": clock, "owner": owner}
    with convo.Store(database.url, **options, cipher=service.cipher()) as store, engine.connect() as connection:
        inside = store.within(connection)
        inside.create(title="rolled back")
        connection.rollback()
        chat = inside.create(title="kept")
        inside.get(chat.id).add("kept, too")
        connection.commit()
        assert store.get(chat.id).title == "kept"
        with convo.Store(database.url, **options, cipher=service.cipher()) as other:
            assert [message.text for message in other.get(chat.id).history()] == ["kept, too"]
        nested = connection.begin_nested()
        store.owned_by(f"{owner}-2").within(connection).create(title="rolled back")
        nested.rollback()
        fresh = store.owned_by(f"{owner}-2").within(connection).create(title="kept")
        connection.commit()
        assert store.owned_by(f"{owner}-2").get(fresh.id).title == "kept"
        plain = convo.Store(database.url, **options).within(connection)
        sealed_again = store.within(connection)
        plain.create(title="in the clear")
        assert sealed_again.create(title="sealed").title == "sealed"
        connection.commit()
        with pytest.raises(convo.SearchUnavailable):
            sealed_again.search("x")
    engine.dispose()


def test_a_move_without_the_cipher_is_refused_before_anything_is_lost(world: World, service: KeyService, owner: str) -> None:
    store = world.open(owner=owner, cipher=service.cipher())
    chat = store.create()
    chat.add("secret")
    without = world.open(owner=owner, cipher=None)
    with pytest.raises(convo.KeyUnavailable):
        without.get(chat.id).move_to(f"{owner}-2")
    assert [message.text for message in store.get(chat.id).history()] == ["secret"]


def test_an_erased_owner_begins_anew_and_all_stores_that_had_the_old_key_can_be_read(
    world: World, service: KeyService, owner: str, blobs: convo.FolderBlobs | None
) -> None:
    eraser, busy, reader = (world.open(owner=owner, cipher=service.cipher(), blobs=blobs) for _ in range(3))
    eraser.create(messages=[{"role": "user", "content": "canary-old"}])
    gone = busy.create(messages=[{"role": "user", "content": "canary-gone"}])
    receipt = eraser.erase(owner)
    assert receipt.counts["owner_key"] == 1
    assert not any(receipt.left.values())
    with pytest.raises(convo.ConversationNotFound):
        gone.add("More.")
    said = {"type": "input_audio", "input_audio": {"data": base64.b64encode(SOUND).decode(), "format": "wav"}}
    again = busy.create(messages=[{"role": "user", "content": [{"type": "text", "text": "Hear this."}, said]}])
    found = reader.get(again.id).history()
    assert found[0].text.startswith("Hear this.")
    assert reader.get(again.id).load(found[0].audio).data == SOUND
    assert [message.text for message in eraser.get(again.id).history()] == [message.text for message in found]
