"""The rare ways in which a stream ends: closed while it begins, between rounds, with its store; unsure commits, cancels."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo import AudioDelta, TranscriptDelta
from convo.errors import StoreUnavailable
from convo.heartbeat import Heartbeat
from convo.steps import notes, stores, streaming, truncating
from convo.steps.log import put_media
from convo.store import checkpoints, tables
from convo.store.doctor.page import execute
from convo.testing import StreamShape
from tests.conftest import World
from tests.conversation.test_faults import _after_its_lease, _Fault
from tests.conversation.test_interruptions import SAID, VOICE, dead_worker, die, inside, pause, save_now, text_of, until
from tests.support.both import resolved

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

MODEL: dict[str, Any] = {"model": "gpt-4.1"}
_K = tables.checkpoint.c
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}]}


def held_by(store: Any) -> tuple[Any, Any]:
    """What a store looks after: streams and leases."""
    driver = inside(store)._driver
    return driver.streams._held, driver.heartbeat._held


# --- closed while it begins ------------------------------------------------------------------------


def test_a_stream_that_is_closed_while_its_request_is_on_the_way_ends_as_soon_as_it_begins(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        stream = chat.stream(client, "Good dogs?", **VOICE)
        create = client.chat.completions.with_raw_response.create

        def closed_meanwhile(**request: Any) -> Any:
            stream.close()
            return create(**request)

        client.chat.completions.with_raw_response.create = closed_meanwhile
        assert list(stream) == []
        assert chat.pending() == []
        assert held_by(store) == ({}, {})


def test_an_interrupt_when_the_answer_is_there_and_nobody_has_it_yet_leaves_nothing_pending(
    database: Database, clock: FixedClock, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        with monkeypatch.context() as patch:
            patch.setattr(streaming, "Incoming", interrupted)
            with pytest.raises(KeyboardInterrupt):
                list(chat.stream(client, "Good dogs?", **VOICE))
        assert chat.pending() == []
        assert chat.send(client, **VOICE).spoken
        assert held_by(store) == ({}, {})


async def test_an_async_stream_that_is_closed_while_its_request_is_on_the_way_ends_as_soon_as_it_begins(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        stream = chat.stream(client, "Good dogs?", **VOICE)
        create = client.chat.completions.with_raw_response.create

        async def closed_meanwhile(**request: Any) -> Any:
            await stream.close()
            return await create(**request)

        client.chat.completions.with_raw_response.create = closed_meanwhile
        assert [event async for event in stream] == []
        assert await chat.pending() == []
        assert held_by(store) == ({}, {})


# --- between the rounds of a turn ------------------------------------------------------------------


def test_a_turn_that_is_closed_between_its_rounds_leaves_the_calls_open_and_the_next_turn_goes_on(
    store: Any, client: Any, fake: FakeAPI
) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1")])
    chat = store.create()
    stream = chat.stream(client, "Add", tool_functions={"add": lambda: 3}, **TOOLS, **MODEL)
    until(stream, convo.Reply)
    stream.close()
    assert [call.id for call in stream.reply.tool_calls] == ["call_1"]
    assert chat.pending() == []
    with pytest.raises(convo.ToolOutputMissing, match="call_1"):
        chat.send(client, **TOOLS, **MODEL)
    assert chat.send(client, "Never mind", **TOOLS, **MODEL).text
    assert held_by(store) == ({}, {})


def test_what_was_heard_is_cut_between_the_rounds_too(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("One moment please, I will look that up.", tool_calls=[("add", "{}", "call_1")])
    chat = store.create()
    stream = chat.stream(client, "Add", tool_functions={"add": lambda: 3}, **TOOLS, **VOICE)
    until(stream, convo.Reply)
    stream.close(heard_until=0.4)
    assert stream.reply.interrupted
    assert not stream.reply.tool_calls
    assert chat.history()[-1] == stream.reply.message
    assert chat.send(client, "Never mind", **TOOLS, **VOICE).spoken


def test_a_reply_that_was_cut_off_amid_its_calls_asks_for_no_other_round(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", '{"n": 123}', "call_1")], stream=StreamShape(end="cut"))
    chat = store.create()
    called: list[int] = []
    functions = {"add": called.append}
    list(chat.stream(client, "Add", key="press-1", tool_functions=functions, **TOOLS, **MODEL))
    again = chat.send(client, "Add", key="press-1", tool_functions=functions, **TOOLS, **MODEL)
    assert again.interrupted
    assert len(fake.received) == 1
    assert called == []
    assert chat.send(client, "Go on", tool_functions=functions, **TOOLS, **MODEL).text


# --- nobody asks any more --------------------------------------------------------------------------


def test_after_a_loop_that_was_left_the_next_turn_need_not_wait(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    said = ""
    for event in chat.stream(client, "Good dogs?", **VOICE):
        if isinstance(event, TranscriptDelta):
            said += event.text
            if said == "Yes, they":
                break
    gc.collect()
    chat.send(client, "Go on", **VOICE)
    history = chat.history()
    assert [message.role for message in history] == ["user", "assistant"] * 2
    assert (history[1].status, history[1].text) == ("interrupted", said)
    assert held_by(store) == ({}, {})


@pytest.mark.parametrize("kept", [True, False])
def test_a_store_that_is_closed_ends_its_streams_first(world: World, fake: FakeAPI, kept: bool) -> None:
    fake.will_reply(SAID)
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    said = text_of(until(stream, TranscriptDelta, 3))
    if not kept:
        del stream
        gc.collect()
    store.close()
    assert held_by(store) == ({}, {})
    other = world.open()
    last = other.get(chat.id).history()[-1]
    assert (last.status, last.text) == ("interrupted", said)
    assert other.get(chat.id).pending() == []
    if kept:
        stream.close()
        assert list(stream) == []


# --- cancelled, and cancelled again ----------------------------------------------------------------


async def test_a_task_that_is_cancelled_again_and_again_leaves_what_was_received(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    for times in range(1, 12):
        fake.will_reply(SAID)
        async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
            chat = await store.create()
            reached = asyncio.Event()
            said: list[str] = []

            async def listen(chat: Any, client: Any, said: list[str], reached: asyncio.Event) -> None:
                async with chat.stream(client, "Good dogs?", **VOICE) as stream:
                    async for event in stream:
                        if isinstance(event, TranscriptDelta):
                            said.append(event.text)
                            reached.set()
                            await asyncio.Event().wait()

            task = asyncio.create_task(listen(chat, client, said, reached))
            await reached.wait()
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        async with convo.AsyncStore(database.url, clock=clock, **database.options) as store:
            chat = await store.get(chat.id)
            last = (await chat.history())[-1]
            assert (last.status, last.text) == ("interrupted", "".join(said))
            assert await chat.pending() == []


async def test_a_cancelled_reader_of_a_stream_that_another_task_has_closed_is_cancelled(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        held = fake.hold(after=3)
        stream = chat.stream(client, "Good dogs?", **VOICE)

        async def listen() -> None:
            async for _ in stream:
                pass

        task = asyncio.create_task(listen())
        await held.async_wait_until_held()
        incoming = stream._taken()  # another task has begun to close it
        assert incoming is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.release()
        stream._incoming = incoming
        await stream.close()
        assert await chat.pending() == []


@pytest.mark.parametrize("when", range(8))
async def test_a_stream_that_is_cancelled_at_any_step_of_its_way_leaves_nothing_pending(
    database: Database, clock: FixedClock, fake: FakeAPI, when: int
) -> None:
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        for steps in range(when, 300, 8):
            chat = await store.create()

            async def listen(chat: Any) -> None:
                async with chat.stream(client, "Good dogs?", key="press", **VOICE) as stream:
                    async for _ in stream:
                        pass

            task = asyncio.create_task(listen(chat))
            for _ in range(steps):
                await asyncio.sleep(0)
            ended = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert held_by(store) == ({}, {})
            assert await chat.pending() == []
            await chat.send(client, "Good dogs?", key="press", **VOICE)
            assert [message.role for message in await chat.history()] == ["user", "assistant"]
            if ended:
                break


class _Ended(BaseException):
    """A `KeyboardInterrupt` that a test can raise."""


@pytest.mark.parametrize("number", range(1, 4))
def test_an_interrupt_while_the_end_is_written_loses_nothing(
    database: Database, clock: FixedClock, fake: FakeAPI, number: int, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    fake.will_reply(SAID)
    gc.freeze()  # what other tests left behind takes longer to look through than the heart waits between two beats
    request.addfinalizer(gc.unfreeze)
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        stream = chat.stream(client, "Good dogs?", **VOICE)
        until(stream, AudioDelta, 1)
        run, left, mine = store._driver.runner.run, [number], threading.get_ident()

        def interrupted(*args: Any, **named: Any) -> Any:
            left[0] -= threading.get_ident() == mine  # the heart beats in a thread of its own, which nobody interrupts
            if left[0] == 0 and threading.get_ident() == mine:
                raise _Ended
            return run(*args, **named)

        monkeypatch.setattr(store._driver.runner, "run", interrupted)
        with contextlib.suppress(_Ended):
            list(stream)
        del stream
        gc.collect()
        monkeypatch.undo()
        assert chat.history()[-1].text == SAID
        assert chat.pending() == []


# --- faults ----------------------------------------------------------------------------------------


def test_a_fault_at_any_statement_of_a_stream_loses_and_doubles_nothing(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        for number in range(1, 100):
            fake.will_reply(SAID)
            chat = store.create()
            heard = b""
            with _Fault(store, number) as fault, contextlib.suppress(convo.StoreError):
                for event in chat.stream(client, "Good dogs?", key="press", **VOICE):
                    if isinstance(event, AudioDelta):
                        heard += event.data
                        with contextlib.suppress(convo.StoreError):
                            store._driver._look_after(next(iter(store._driver.streams._held.values())))
            fake.will_reply(SAID)
            _after_its_lease(store, chat)
            reply = chat.send(client, "Good dogs?", key="press", **VOICE)
            assert [message.role for message in chat.history()] == ["user", "assistant"]
            assert SAID.startswith(reply.text)
            if reply.replayed:
                assert chat.load(chat.history()[-1].audio).data == heard[: len(reply.audio.data)]  # type: ignore[arg-type, union-attr]
            assert held_by(store) == ({}, {})
            if fault.left > 0:
                break
        assert number > 10, "every statement of a stream was hit"


@pytest.mark.parametrize("world", ["sync"], indirect=True)
def test_a_fault_at_any_statement_after_a_dead_worker_loses_and_doubles_nothing(
    world: World, fake: FakeAPI, clock: FixedClock
) -> None:
    store = world.open()
    for number in range(1, 100):
        chat = store.create()
        received = dead_worker(world, chat, fake, events=2, kind=AudioDelta)
        heard = b"".join(event.data for event in received if isinstance(event, AudioDelta))
        clock.advance(31)
        with _Fault(store, number) as fault, contextlib.suppress(convo.StoreError):
            store.get(chat.id)
        clock.advance(31)
        resumed = store.get(chat.id)
        assert [message.role for message in resumed.history()] == ["user", "assistant"]
        assert resumed.load(resumed.history()[-1].audio).data == heard
        if fault.left > 0:
            break
    assert number > 5


def test_a_checkpoint_whose_commit_was_not_confirmed_is_not_doubled(
    world: World, fake: FakeAPI, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    data = b""
    for event in stream:
        if isinstance(event, AudioDelta):
            data += event.data
            _save_unsurely(stream, monkeypatch)
            save_now(stream)
        if len(data) > 30_000:
            break
    die(stream)
    clock.advance(31)
    resumed = store.get(chat.id)
    assert resumed.load(resumed.history()[-1].audio).data == data


def _save_unsurely(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save, and lose the confirmation."""
    runner = inside(stream)._driver.runner
    run = runner.run

    def broken(*args: Any, **named: Any) -> Any:
        done = run(*args, **named)
        if not inspect.isawaitable(done):
            raise StoreUnavailable("unknown")

        async def wait() -> None:
            await done
            raise StoreUnavailable("unknown")

        return wait()

    monkeypatch.setattr(runner, "run", broken)
    with pytest.raises(StoreUnavailable):
        save_now(stream)
    monkeypatch.undo()


def test_an_answer_that_cannot_be_stored_is_in_the_error_and_the_stream_has_ended(
    database: Database, clock: FixedClock, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.will_reply(SAID)
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        stream = chat.stream(client, "Good dogs?", key="press", **VOICE)
        until(stream, AudioDelta, 1)
        monkeypatch.setattr("convo.steps.ending.PAUSES", ())

        def away(*args: Any, **named: Any) -> Any:
            raise StoreUnavailable

        monkeypatch.setattr(store._driver.runner, "run", away)
        with pytest.raises(StoreUnavailable) as raised:
            list(stream)
        assert raised.value.answer["choices"][0]["message"]["audio"]["transcript"] == SAID
        assert held_by(store) == ({}, {})
        assert list(stream) == []
        with pytest.raises(convo.NoReply):
            _ = stream.reply


# --- the heartbeat ---------------------------------------------------------------------------------


def test_a_beat_that_fails_for_any_reason_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    beats = threading.Semaphore(0)

    def act(item: object) -> None:
        beats.release()
        raise ZeroDivisionError

    heartbeat: Heartbeat[object] = Heartbeat(act, every=0.001)
    with heartbeat.keeping(object()):
        for _ in range(3):
            assert beats.acquire(timeout=10)
    assert told[0].exc_type is ZeroDivisionError


async def test_an_async_beat_that_fails_for_any_reason_is_not_the_last() -> None:
    from convo.async_heartbeat import AsyncHeartbeat

    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
    beats, enough = [0], asyncio.Event()

    async def act(item: object) -> None:
        beats[0] += 1
        if beats[0] == 3:
            enough.set()
        raise ZeroDivisionError

    heartbeat: AsyncHeartbeat[object] = AsyncHeartbeat(act, every=0.001)
    with heartbeat.keeping(object()):
        await asyncio.wait_for(enough.wait(), 10)
    assert isinstance(told[0], ZeroDivisionError)


# --- what a dead worker left -----------------------------------------------------------------------


def test_a_checkpoint_that_cannot_be_read_ends_its_turn_and_the_conversation_goes_on(
    world: World, fake: FakeAPI, clock: FixedClock
) -> None:
    for body in ("{}", "nonsense", '{"answer":[],"asked":{},"row":{}}', '{"answer":{"choices":[]},"asked":{},"row":{}}'):
        store = world.open()
        chat = store.create()
        dead_worker(world, chat, fake)
        _write_checkpoint(store, body)
        clock.advance(31)
        resumed = store.get(chat.id)
        assert [message.role for message in resumed.history()] == ["user"]
        assert resumed.pending() == []
        assert resumed.send(world.client, "Good dogs?", key="press-1", **VOICE).spoken
        assert [message.role for message in resumed.history()] == ["user", "assistant"]


def test_columns_that_a_newer_version_has_saved_are_left_out(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    from convo.canonical import decode, encode

    store = world.open()
    chat = store.create()
    received = dead_worker(world, chat, fake)
    body = decode(_read_checkpoint(store))
    body["row"]["invented"] = 1
    _write_checkpoint(store, encode(body))
    clock.advance(31)
    assert store.get(chat.id).history()[-1].text == text_of(received)


def _write_checkpoint(store: Any, body: str) -> None:
    changed = sa.update(tables.checkpoint).where(_K.owner == inside(store)._owner, _K.number == 0).values(body=body)
    _work(store, lambda connection: execute(connection, changed), "write")


def _read_checkpoint(store: Any) -> str:
    query = sa.select(_K.body).where(_K.owner == inside(store)._owner, _K.number == 0)
    return str(_work(store, lambda connection: execute(connection, query).scalar_one(), "read"))


def _work(store: Any, work: Any, mode: str) -> Any:
    return resolved(store, inside(store)._driver.runner.run(work, mode=mode))


def test_a_conversation_opens_although_what_a_dead_worker_left_cannot_be_written(
    world: World, fake: FakeAPI, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.open()
    chat = store.create()
    received = dead_worker(world, chat, fake)
    clock.advance(31)

    def full(*args: Any) -> None:
        raise convo.StorageFull

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "take", full)
        assert [message.role for message in store.get(chat.id).history()] == ["user"]
    assert store.get(chat.id).history()[-1].text == text_of(received)


def test_a_turn_that_is_given_up_keeps_nothing_of_what_was_received(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    until(stream, AudioDelta)
    save_now(stream)
    pause(stream)
    chat.abandon(chat.pending()[0])
    assert [finding.kind for finding in store.doctor() if finding.exchange is not None] == []
    with contextlib.suppress(convo.ExchangeLost):
        stream.close()


def test_what_a_dead_worker_left_is_taken_back_as_the_last_reply(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    chat = world.open().create()
    dead_worker(world, chat, fake)
    clock.advance(31)
    chat.regenerate()
    assert [message.role for message in chat.history()] == ["user"]
    chat.send(world.client, **VOICE)
    assert [message.role for message in chat.history()] == ["user", "assistant"]


def test_what_a_dead_worker_left_is_ended_once_by_all_who_come_at_once(
    database: Database, fake: FakeAPI, clock: FixedClock
) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        world = World(lambda **more: store, client, asynchronous=False)
        chat = store.create()
        received = dead_worker(world, chat, fake)
        clock.advance(31)
        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(convo.Store(database.url, clock=clock, **database.options)) for _ in range(6)]
            together = threading.Barrier(len(others))

            def come(other: convo.Store) -> None:
                together.wait()
                other.get(chat.id)

            with ThreadPoolExecutor(len(others)) as pool:
                list(pool.map(come, others))
        assert [(message.role, message.text) for message in chat.history()][1:] == [("assistant", text_of(received))]
        assert chat.pending() == []
        assert [finding.kind for finding in store.doctor() if finding.exchange is not None] == []


def test_an_abandoned_turn_on_another_branch_does_not_move_the_head_of_the_one_that_is_shown(
    world: World, fake: FakeAPI, clock: FixedClock
) -> None:
    store = world.open()
    chat = store.create()
    dead_worker(world, chat, fake)
    chat.edit(1, "Another question")
    clock.advance(31)
    chat.abandon(chat.pending()[0])
    assert chat.head == 1
    assert chat.pending() == []


def test_a_turn_of_another_conversation_cannot_be_given_up(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    chat, other = store.create(), store.create()
    dead_worker(world, chat, fake)
    clock.advance(31)
    with pytest.raises(convo.ExchangeNotFound):
        other.abandon(chat.pending()[0])
    assert len(chat.pending()) == 1


# --- what was heard --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 0.5, 1.0, 1.7, 1e9])
@pytest.mark.parametrize("format_", ["wav", "pcm16"])
def test_what_was_heard_is_the_same_a_second_time(store: Any, client: Any, fake: FakeAPI, seconds: float, format_: str) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    chat.send(client, "Good dogs?", format=format_, **VOICE)
    cut = chat.truncate(2, heard_until=seconds)
    assert chat.truncate(2, heard_until=seconds) == cut == chat.history()[-1]
    assert chat.truncate(2, heard_until=seconds + 1).text == cut.text
    assert chat.send(client, "Go on", **VOICE).spoken


def test_of_a_redacted_reply_nothing_is_cut(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Good dogs?", format="wav", **VOICE)
    chat.redact(2)
    assert chat.truncate(2, heard_until=0.5).status == "redacted"
    assert chat.history()[-1].status == "redacted"


@pytest.mark.parametrize("what", ["redacted", "deleted", "cut by another"])
def test_a_cut_does_not_bring_back_what_was_taken_away_meanwhile(
    world: World, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    fake.will_reply(SAID)
    store = world.open()
    chat = store.create()
    chat.send(world.client, "Good dogs?", format="wav", **VOICE)

    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        kept = yield from put_media(*args)
        if what == "redacted":
            yield from notes.redact(inside(chat)._place, 2)
        elif what == "deleted":
            yield from stores.delete(inside(chat)._place.tools, chat.owner, chat.id)
        else:
            yield from truncating.truncated(inside(chat)._place, 2, 0.5)
        return kept

    monkeypatch.setattr(truncating, "put_media", meanwhile)
    if what == "deleted":
        with pytest.raises(convo.ConversationNotFound):
            chat.truncate(2, heard_until=1.0)
        return
    chat.truncate(2, heard_until=1.0)
    last = chat.history()[-1]
    assert (last.status, last.text) == (("redacted", "[redacted]") if what == "redacted" else ("interrupted", "Yes,"))


def test_of_a_redacted_reply_no_checkpoint_is_left(world: World, fake: FakeAPI) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    until(stream, AudioDelta)
    save_now(stream)
    inside(stream)._incoming.saving = False  # as if its rows could not be deleted at the end
    stream.close()
    assert [finding.kind for finding in store.doctor() if finding.exchange is not None] == ["checkpoint_left"]
    chat.redact(2)
    assert [finding.kind for finding in store.doctor() if finding.exchange is not None] == []


def test_a_reply_whose_hash_is_wrong_can_be_cut(world: World) -> None:
    store = world.open()
    chat = store.create()
    chat.send(world.client, "Good dogs?", format="wav", **VOICE)
    columns = tables.message.c
    changed = sa.update(tables.message).where(columns.owner == inside(store)._owner).values(hash=b"0" * 32)
    _work(store, lambda connection: execute(connection, changed), "write")
    assert chat.truncate(2, heard_until=0.5).status == "interrupted"
