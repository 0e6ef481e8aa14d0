"""What callers get wrong: each a typed error with its fact and its remedy, and nothing stored is changed."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

import convo
from tests.support.builders import WAV, recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convo.testing import FakeAPI
    from tests.conftest import Database, World

TEXT = {"model": "gpt-4.1"}
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is tested

BAD_CALLS: dict[str, tuple[Callable[[Any, Any], Any], type[convo.ConvoError], str]] = {
    "nothing to add": (lambda chat, _: chat.add(), convo.EmptyContent, "pass text"),
    "empty text": (lambda chat, _: chat.add(""), convo.EmptyContent, "pass text"),
    "a lone surrogate": (lambda chat, _: chat.add("a\ud800"), convo.InvalidText, "index 1"),
    "a number as content": (lambda chat, _: chat.add(7), convo.InvalidContent, "pass text, Audio"),
    "an unknown role": (lambda chat, _: chat.add("x", role="owner"), convo.InvalidContent, "use one of user"),
    "a name with spaces": (lambda chat, _: chat.add("x", name="Jane Doe"), convo.InvalidContent, "without spaces"),
    "a naive time": (lambda chat, _: chat.add("x", created_at=NAIVE), convo.NaiveTime, "time zone"),
    "bytes that are no audio": (
        lambda chat, _: chat.add(convo.Audio.from_bytes(b"hello there")),
        convo.UnknownAudioFormat,
        "pass wav",
    ),
    "no bytes": (lambda chat, _: chat.add(convo.Audio.from_bytes(b"")), convo.BadAudio, "pass"),
    "mp3 that is wav": (lambda chat, _: chat.add(convo.Audio.from_bytes(WAV, "mp3")), convo.AudioFormatMismatch, "'wav'"),
    "audio without its bytes": (lambda chat, _: chat.add(_stored_audio()), convo.AudioNotLoaded, r"chat\.load"),
    "an image that is none": (lambda chat, _: chat.add(convo.Image.open(b"no image")), convo.InvalidContent, "convert"),
    "metadata with a bad key": (lambda chat, _: chat.add("x", metadata={"a b": 1}), convo.InvalidMetadata, "letters, digits"),
    "metadata with NUL": (lambda chat, _: chat.add("x", metadata={"a": "\0"}), convo.InvalidMetadata, "NUL"),
    "metadata that is too long": (
        lambda chat, _: chat.add("x", metadata={"a": "x" * 200_000, "b": "y"}),
        convo.InvalidMetadata,
        r"^metadata has 200,0\d\d characters as JSON; at most 100,000 are kept$",
    ),
    "metadata of too many keys": (
        lambda chat, _: chat.update(metadata=dict.fromkeys(map(str, range(1_001)), 1)),
        convo.InvalidMetadata,
        "^metadata has 1,001 keys; at most 100 are kept$",
    ),
    "an unknown call": (lambda chat, _: chat.tool_output("call_1", "x"), convo.ToolCallNotFound, "call_1"),
    "an empty key": (lambda chat, _: chat.add("x", key=""), convo.InputError, "printable"),
    "a model without a name for its API": (
        lambda chat, client: chat.request("gpt-4.1", client=client, api="telepathy"),
        convo.UnsupportedApi,
        "chat",
    ),
    "nothing to send": (lambda chat, client: chat.request("gpt-4.1", client=client), convo.NothingToSend, "add one"),
    "a stream": (lambda chat, client: chat.send(client, "x", **TEXT, stream=True), convo.ConflictingArguments, "stream"),
    "messages beside the history": (
        lambda chat, client: chat.send(client, "x", **TEXT, messages=[]),
        convo.ConflictingArguments,
        "assembles",
    ),
    "no client": (lambda chat, _: chat.send(object(), "x", **TEXT), convo.InputError, "OpenAI"),
    "a title with NUL": (lambda chat, _: chat.update(title="a\0"), convo.InvalidMetadata, "^a title is text .* without NUL$"),
    "an exchange that is none": (lambda chat, _: chat.abandon(uuid4()), convo.ExchangeNotFound, "pending"),
    "an exchange whose id is none": (lambda chat, _: chat.abandon("no id"), convo.ExchangeNotFound, "pending"),
    "a number as a model": (lambda chat, client: chat.send(client, "x", model=None), convo.InputError, "model takes text"),
    "a number as a key": (lambda chat, _: chat.add("x", key=5), convo.InputError, "key takes text"),
    "text as a time": (lambda chat, _: chat.add("x", created_at="2026-01-01"), convo.InputError, "aware datetime"),
    "text as metadata": (
        lambda chat, _: chat.add("x", metadata="a"),
        convo.InvalidMetadata,
        "^metadata is of .* str; pass a dict$",
    ),
    "a number as a title": (lambda chat, _: chat.update(title=5), convo.InputError, "title takes text"),
    "text as a head": (lambda chat, _: chat.add("x", expected_head="1"), convo.InputError, "expected_head takes"),
    "a dict as a policy": (
        lambda chat, client: chat.send(client, "x", **TEXT, policy={}),
        convo.InputError,
        r"convo\.Policy",
    ),
    "a dict as a request": (lambda chat, _: chat.exchange({}).__enter__(), convo.InputError, r"chat\.request"),
    "nothing to load": (lambda chat, _: chat.load(None), convo.InputError, "audio of a message"),
    "a negative length": (lambda chat, _: chat.history(-1), convo.InputError, "negative"),
    "an answer that is none": (lambda chat, _: chat.record({"choices": []}), convo.AnswerError, "ChatCompletion"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_says_what_and_what_to_do_and_stores_nothing(store: Any, client: Any, fake: FakeAPI, case: str) -> None:
    call, error, remedy = BAD_CALLS[case]
    chat = store.create()
    with pytest.raises(error, match=remedy) as caught:
        call(chat, client)
    assert caught.value.code
    assert caught.value.committed == "no"
    again = store.get(chat.id)
    assert (again.head, again.title, len(again.history()), len(again.pending()), len(fake.received)) == (0, None, 0, 0, 0)


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: convo.Store("sqlite://", durability="FULL"), "'full' or 'relaxed'"),  # type: ignore[arg-type]
        (lambda: convo.AsyncStore("sqlite://", durability="none"), "'full' or 'relaxed'"),  # type: ignore[arg-type]
        (lambda: convo.Store("sqlite://", owner=5), "number as text"),  # type: ignore[arg-type]
        (lambda: convo.Store(None), "URL of a database"),  # type: ignore[arg-type]
        (lambda: convo.Store("sqlite://", catalogue="models.toml"), "Catalogue"),  # type: ignore[arg-type]
        (lambda: convo.Store("sqlite://", schema="chats"), "leave schema= out"),
        (lambda: convo.Policy(missing_transcript="raise"), "use 'error' or"),  # type: ignore[arg-type]
        (lambda: convo.Policy(margin=60), "timedelta"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_setting_is_named_at_once(make: Callable[[], object], remedy: str) -> None:
    with pytest.raises(convo.InputError, match=remedy):
        make()


@pytest.mark.parametrize(
    ("use", "remedy"),
    [
        (lambda store: store.within(5), "connection of SQLAlchemy"),
        (lambda store: store.create(messages="hello"), "pass a list of dicts"),
        (lambda store: store.create(messages={"role": "user", "content": "x"}), "pass a list of dicts"),
        (lambda store: store.conversations(limit="5"), "limit takes a number"),
    ],
)
def test_a_wrong_argument_of_a_store_is_named_at_once(use: Callable[[convo.Store], object], remedy: str) -> None:
    with convo.Store("sqlite://") as store, pytest.raises(convo.InputError, match=remedy):
        use(store)


def test_a_conversation_that_outlives_its_transaction_says_so(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/chat.db")
    store = convo.Store(engine)
    store.upgrade()
    with engine.begin() as connection:
        chat = store.within(connection).create()
    with pytest.raises(convo.TransactionOver, match=r"store\.get"):
        chat.add("x")
    store.get(chat.id).add("x")
    engine.dispose()


def test_no_repr_shows_what_was_said(store: Any, client: Any, fake: FakeAPI) -> None:
    canary = "canary"
    chat = store.create(instructions=canary, metadata={"k": canary})
    fake.will_reply(canary)
    reply = chat.send(client, canary, recording(canary), model="gpt-audio-1.5", voice="alloy")
    request = chat.request("gpt-audio-1.5", client=client)
    values = (
        reply,
        reply.message,
        reply.audio,
        chat.history(),
        chat.history()[-1].media,
        request,
        request.plan,
        chat,
        store,
        reply.usage,
    )
    assert [value for value in values if canary in repr(value)] == []
    assert str(reply) == canary


def _stored_audio() -> convo.Audio:
    return convo.Audio.stored(format="wav", digest="00", size=1)


def test_an_unknown_id_and_another_owner_s_look_the_same(world: World) -> None:
    mine = world.open().create()
    theirs = world.open().owned_by(f"{mine.owner}-joe")
    messages = []
    for identifier in (mine.id, uuid4(), "no id"):
        with pytest.raises(convo.ConversationNotFound) as caught:
            theirs.get(identifier)
        messages.append(str(caught.value).replace(str(identifier), "ID"))
        with pytest.raises(convo.ConversationNotFound):
            theirs.delete(identifier)
    assert len(set(messages)) == 1
    assert world.open().get(str(mine.id)).id == mine.id


def test_a_closed_store_says_so(world: World) -> None:
    store = world.open()
    chat = store.create()
    store.close()
    for call in (store.create, lambda: store.get(chat.id), lambda: chat.add("x"), chat.history):
        with pytest.raises(convo.StoreClosed):
            call()
    store.close()


def test_a_deleted_conversation_is_gone_for_its_handles(world: World) -> None:
    store = world.open()
    chat = store.create()
    chat.add("Hello")
    handle = store.get(chat.id)
    store.delete(chat.id)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: handle.add("x"),
        lambda: handle.update(title="x"),
        lambda: handle.send(world.client, "x", **TEXT),
        lambda: store.delete(chat.id),
    )
    for call in calls:
        with pytest.raises(convo.ConversationNotFound):
            call()


def test_a_client_of_the_other_kind_is_refused_before_anything_is_stored(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    with fake.client() as sync_client:
        wrong: Any = sync_client if world.asynchronous else fake.async_client()
        with pytest.raises(convo.ConflictingArguments, match="pass an openai"):
            chat.send(wrong, "Hello", **TEXT)
    assert len(chat.history()) == 0


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "no url", "postgresql://host:port/db", "postgresql+nodriver://host/db", "sqlite+nodriver:///x.db"]
)
def test_a_url_that_no_store_opens_is_named_without_its_password(url: str) -> None:
    kinds: tuple[Any, ...] = (convo.Store, convo.AsyncStore)
    for kind in kinds:
        with pytest.raises(convo.UnsupportedUrl) as caught:
            kind(url.replace("host", "user:secret@host"))
        assert "secret" not in str(caught.value)


def test_a_sync_store_names_the_driver_that_it_can_use() -> None:
    with pytest.raises(convo.UnsupportedUrl, match="psycopg"):
        convo.Store("postgresql+asyncpg://host/db")


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        convo.Store("postgresql://127.0.0.1:1/db") as store,
        pytest.raises(convo.StoreUnavailable, match=r"127\.0\.0\.1:1") as caught,
    ):
        store.create()
    assert caught.value.retryable


def test_a_store_that_must_exist_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(convo.StoreNotFound, match=r"missing\.db"):
        convo.Store.existing(f"sqlite:///{tmp_path}/missing.db")
    with convo.Store(f"sqlite:///{tmp_path}/missing.db") as store, pytest.raises(convo.StoreNotFound):
        store.everyone().conversations()
    with pytest.raises(convo.StoreNotFound):
        asyncio.run(_everyones(f"sqlite:///{tmp_path}/missing.db"))
    assert list(tmp_path.iterdir()) == []


async def _everyones(url: str) -> object:
    async with convo.AsyncStore(url) as store:
        return await store.everyone().conversations()


def test_a_file_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    (tmp_path / "text.db").write_text("This is no database, but a long enough text to look at." * 9)
    for file in (path, tmp_path / "text.db"):
        before = file.read_bytes()
        for open_store in (convo.Store, convo.Store.existing):
            with open_store(f"sqlite:///{file}") as store, pytest.raises(convo.NotAConvoStore, match=file.name):
                store.create()
        assert file.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.db", "text.db"]


def test_a_second_event_loop_is_named(database: Database) -> None:
    store = convo.AsyncStore(database.url, **database.options)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(store.create())
        with pytest.raises(convo.WrongEventLoop):
            second.run(store.create())
        first.run(store.create())
        first.run(store.close())


def test_a_sync_store_works_inside_a_running_loop(database: Database) -> None:
    async def notebook() -> int:
        with convo.Store(database.url, **database.options) as store:
            chat = store.create()
            chat.add(recording())
            return len(chat.history())

    assert asyncio.run(notebook()) == 1
