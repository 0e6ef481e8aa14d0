"""A reply that is cut off: closed, cancelled, broken, killed. What was received stays, and is sent as what was said."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

import convo
from convo import AudioDelta, TranscriptDelta
from convo.steps import streaming
from tests.support.both import Blocking, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
SAID = "Yes, they are loyal and patient dogs."


def until(stream: Any, kind: type, count: int = 1) -> list[Any]:
    """The events up to the `count`th of a kind."""
    events: list[Any] = []
    while sum(isinstance(event, kind) for event in events) < count:
        events.append(next(stream))
    return events


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, TranscriptDelta))


def inside(value: Any) -> Any:
    return value._target if isinstance(value, Blocking) else value


def save_now(stream: Any) -> None:
    """What the heartbeat of a store does every second."""
    target = inside(stream)
    resolved(stream, target._driver.do(streaming.saved(target._incoming)))


def die(stream: Any) -> None:
    """What the death of its worker is to a stream: nobody renews its lease, saves or ends it."""
    target = inside(stream)
    incoming = target._taken()

    async def release() -> None:
        target._driver.release(incoming)
        await incoming.told.answer.close()

    if isinstance(stream, Blocking):
        resolved(stream, release())
    else:
        target._driver.release(incoming)
        incoming.told.answer.close()


def pause(stream: Any) -> None:
    """What a machine that sleeps is to a stream: nobody renews its lease for a while."""
    target = inside(stream)

    async def release() -> None:
        target._driver.release(target._incoming)

    if isinstance(stream, Blocking):
        resolved(stream, release())
    else:
        target._driver.release(target._incoming)


# --- the consumer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "block", "error in the block"])
def test_a_stream_that_is_closed_early_leaves_what_was_received(store: Any, client: Any, fake: FakeAPI, how: str) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", key="press-1", **VOICE)
    if how == "close":
        events = until(stream, TranscriptDelta, 3)
        stream.close()
        stream.close()
    else:
        with contextlib.suppress(KeyError), stream:
            events = until(stream, TranscriptDelta, 3)
            if how != "block":
                raise KeyError
    reply = stream.reply
    assert reply.interrupted
    assert reply.finish_reason is None
    assert reply.text == text_of(events) == "Yes, they are"
    assert chat.history()[-1] == reply.message
    assert chat.pending() == []
    assert list(stream) == []
    chat.send(client, "Go on", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": "Yes, they are"}


def test_the_key_of_an_interrupted_turn_has_its_answer_and_another_turn_asks_again(
    store: Any, client: Any, fake: FakeAPI
) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", key="press-1", **VOICE)
    until(stream, TranscriptDelta, 2)
    stream.close()
    again = chat.send(client, "Good dogs?", key="press-1", **VOICE)
    assert again.replayed
    assert again.interrupted
    assert again.text == "Yes, they"
    assert len(fake.received) == 1
    assert chat.usage().calls == 1
    assert chat.usage().unpriced == 1


def test_audio_so_far_is_kept_and_can_be_played(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", **VOICE)
    events = until(stream, AudioDelta, 2)
    stream.close()
    heard = b"".join(event.data for event in events if isinstance(event, AudioDelta))
    assert stream.reply.audio.data == heard
    stored = chat.load(chat.history()[-1].audio)
    assert stored.data == heard
    assert stored.wav().startswith(b"RIFF")
    assert stored.duration == pytest.approx(len(heard) / 48_000)


def test_a_stream_closed_before_anything_came_leaves_no_reply_and_its_key_free(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with chat.stream(client, "Good dogs?", key="press-1", **VOICE) as stream:
        pass
    with pytest.raises(convo.NoReply):
        _ = stream.reply
    assert [message.role for message in chat.history()] == ["user"]
    assert chat.send(client, "Good dogs?", key="press-1", **VOICE).spoken
    assert len(fake.received) == 2


def test_only_what_was_heard_stays(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", **VOICE)
    until(stream, AudioDelta, 2)
    stream.close(heard_until=0.1)
    reply = stream.reply
    assert len(reply.audio.data) == 4_800
    assert reply.interrupted
    assert SAID.startswith(reply.transcript)
    assert len(reply.transcript) < len(SAID)


def test_a_whole_reply_may_be_cut_while_it_is_played(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", **VOICE)
    list(stream)
    whole = stream.reply
    stream.close(heard_until=whole.audio.duration / 2)
    cut = stream.reply
    assert cut.interrupted
    assert cut.audio.duration == pytest.approx(whole.audio.duration / 2, abs=0.01)
    assert 0 < len(cut.text) < len(SAID)
    assert chat.history()[-1] == cut.message
    assert chat.load(chat.history()[-1].audio).data == whole.audio.data[: len(cut.audio.data)]
    chat.send(client, "Go on", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": cut.text}


def test_a_sent_reply_may_be_cut_too(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(SAID)
    chat = store.create()
    reply = chat.send(client, "Good dogs?", format="wav", **VOICE)
    cut = chat.truncate(reply.message.position, heard_until=0.2)
    assert cut.status == "interrupted"
    assert chat.load(cut.audio).duration == pytest.approx(0.2)
    assert chat.history()[-1] == cut
    assert chat.history()[-1].created_at == reply.message.created_at


@pytest.mark.parametrize(
    ("position", "seconds", "error"),
    [
        (1, 0.2, convo.NotAReply),
        (9, 0.2, convo.MessageNotFound),
        (0, 0.2, convo.InputError),
        (2, -1, convo.InputError),
        (2, float("nan"), convo.InputError),
        (2, "1", convo.InputError),
    ],
)
def test_what_cannot_be_cut_is_refused_and_stays(
    store: Any, client: Any, position: int, seconds: Any, error: type[Exception]
) -> None:
    chat = store.create()
    chat.send(client, "Good dogs?", format="wav", **VOICE)
    before = chat.history()
    with pytest.raises(error):
        chat.truncate(position, heard_until=seconds)
    assert chat.history() == before


# --- the network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", range(1, 12))
def test_a_network_that_breaks_leaves_what_was_received(store: Any, client: Any, fake: FakeAPI, chunks: int) -> None:
    fake.will_drop(chunks=chunks)
    chat = store.create()
    stream = chat.stream(client, "Good dogs?", key="press-1", **VOICE)
    events = []
    with pytest.raises(Exception, match=r".") as raised, stream:
        events += iter(stream)
    assert not isinstance(raised.value, convo.ConvoError)
    history = chat.history()
    received = text_of(events)
    if not received:
        assert [message.role for message in history] == ["user"]
        return
    assert stream.reply.interrupted
    assert history[-1].text == received
    assert chat.pending() == []
    reply = chat.send(client, "Go on", **VOICE)
    assert reply.spoken


# --- cancellation ----------------------------------------------------------------------------------


async def test_a_cancelled_task_leaves_what_was_received(database: Database, clock: FixedClock, fake: FakeAPI) -> None:
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        reached = asyncio.Event()
        said: list[str] = []

        async def listen() -> None:
            async with chat.stream(client, "Good dogs?", **VOICE) as stream:
                async for event in stream:
                    if isinstance(event, TranscriptDelta):
                        said.append(event.text)
                        reached.set()
                        await asyncio.Event().wait()

        task = asyncio.create_task(listen())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        last = (await chat.history())[-1]
        assert (last.status, last.text) == ("interrupted", "".join(said))
        assert await chat.pending() == []


# --- nobody asks any more --------------------------------------------------------------------------


def test_a_stream_that_nothing_refers_to_any_more_is_ended_by_the_store(world: World, fake: FakeAPI) -> None:
    fake.will_reply(SAID)
    store = world.open()
    chat = store.create()
    driver = inside(store)._driver
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    said = text_of(until(stream, TranscriptDelta, 3))
    incoming = inside(stream)._incoming
    del stream
    gc.collect()
    assert incoming.forsaken
    resolved(store, driver._look_after(incoming))
    last = chat.history()[-1]
    assert (last.status, last.text) == ("interrupted", said)
    assert chat.pending() == []
    assert driver.streams._held == {}


# --- a dead worker ---------------------------------------------------------------------------------


def dead_worker(world: World, chat: Any, fake: FakeAPI, *, events: int = 3, kind: type = TranscriptDelta) -> list[Any]:
    """A stream that was saved, and whose worker is then no more; gives what it had received when it was saved."""
    fake.will_reply(SAID)
    stream = chat.stream(world.client, "Good dogs?", key="press-1", **VOICE)
    received = until(stream, kind, events)
    save_now(stream)
    die(stream)
    return received


def test_what_a_dead_worker_had_saved_is_in_the_log_when_the_session_is_resumed(
    world: World, fake: FakeAPI, clock: FixedClock
) -> None:
    store = world.open()
    chat = store.create()
    received = dead_worker(world, chat, fake, events=2, kind=AudioDelta)
    assert [message.role for message in store.get(chat.id).history()] == ["user"]
    clock.advance(31)
    resumed = store.get(chat.id)
    last = resumed.history()[-1]
    assert (last.status, last.text) == ("interrupted", text_of(received))
    heard = b"".join(event.data for event in received if isinstance(event, AudioDelta))
    assert resumed.load(last.audio).data == heard
    assert last.audio.voice == "alloy"
    assert resumed.pending() == []
    assert resumed.head == 2
    assert store.get(chat.id).history() == resumed.history()
    replayed = resumed.send(world.client, "Good dogs?", key="press-1", **VOICE)
    assert replayed.replayed
    assert replayed.text == SAID
    assert replayed.request_id
    resumed.send(world.client, "Go on", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": SAID}


@pytest.mark.parametrize("what", ["the same key", "another turn", "abandon", "a stream"])
def test_whoever_comes_next_ends_the_turn_of_a_dead_worker_first(
    world: World, fake: FakeAPI, clock: FixedClock, what: str
) -> None:
    store = world.open()
    chat = store.create()
    received = dead_worker(world, chat, fake)
    with pytest.raises(convo.TurnInProgress):
        chat.send(world.client, "Me too", **VOICE)
    clock.advance(31)
    if what == "the same key":
        assert chat.send(world.client, "Good dogs?", key="press-1", **VOICE).interrupted
    elif what == "abandon":
        chat.abandon(chat.pending()[0])
    elif what == "a stream":
        list(chat.stream(world.client, "Me too", **VOICE))
    else:
        chat.send(world.client, "Me too", **VOICE)
    history = chat.history()
    assert (history[1].status, history[1].text) == ("interrupted", text_of(received))
    if what in ("another turn", "a stream"):
        assert [message.role for message in history] == ["user", "assistant", "user", "assistant"]
        assert fake.last.body["messages"][1] == {"role": "assistant", "content": text_of(received)}


def test_the_doctor_puts_what_a_dead_worker_had_saved_into_the_log(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    received = dead_worker(world, chat, fake)
    clock.advance(31)
    found = [finding.kind for finding in store.doctor() if finding.exchange is not None]
    assert found == ["exchange_expired"]
    assert [message.role for message in chat.history()] == ["user"]
    assert [finding.repaired for finding in store.doctor(repair=lambda finding: True) if finding.exchange] == [True]
    assert chat.history()[-1].text == text_of(received)
    assert [finding for finding in store.doctor() if finding.exchange is not None] == []


def test_a_worker_that_was_only_slow_comes_too_late_and_loses_nothing(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    fake.will_reply(SAID)
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    until(stream, TranscriptDelta, 2)
    save_now(stream)
    pause(stream)
    clock.advance(31)
    other = store.get(chat.id)
    assert other.history()[-1].text == "Yes, they"
    with pytest.raises(convo.ExchangeLost):
        list(stream)
    assert other.history() == chat.history()
    assert chat.usage().calls == 2


def test_saving_again_and_again_keeps_all_of_the_audio(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    data = b""
    for event in stream:
        if isinstance(event, AudioDelta):
            data += event.data
            save_now(stream)
            save_now(stream)
        if len(data) > 30_000:
            break
    die(stream)
    clock.advance(31)
    resumed = store.get(chat.id)
    assert resumed.load(resumed.history()[-1].audio).data == data


def test_nothing_is_left_of_what_was_saved_once_a_stream_has_ended(world: World, fake: FakeAPI) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Good dogs?", **VOICE)
    until(stream, AudioDelta)
    save_now(stream)
    list(stream)
    assert not resolved(store, inside(store)._driver.do(_has_left(inside(chat), stream.reply.exchange)))


def _has_left(chat: Any, exchange: Any) -> Any:
    from convo.steps.effects import read
    from convo.store import exchanges

    return read(exchanges.has_left, chat.owner, exchange)


WORKER = """
    import sys, threading
    import convo
    from openai import OpenAI
    from convo import protocol

    url, base_url, chat_id, options = sys.argv[1], sys.argv[2], sys.argv[3], eval(sys.argv[4])
    store = convo.Store(url, **options)
    store._driver.streams._every = 0.01
    chat = store.get(chat_id)
    client = OpenAI(api_key="test-key", base_url=base_url)
    saved = store._driver.streams._act
    def act(incoming):
        saved(incoming)
        print("saved", flush=True)
    store._driver.streams._act = act
    stream = chat.stream(client, "Good dogs?", model="gpt-audio-1.5", voice="alloy")
    for event in stream:
        if type(event).__name__ == "AudioDelta":
            print("received", flush=True)
            threading.Event().wait()
"""


def test_a_killed_process_leaves_what_it_had_saved(database: Database, tmp_path: Path) -> None:
    fake = convo.testing.FakeAPI()
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    with convo.Store(database.url, **database.options) as store, fake.serve() as base_url:
        chat = store.create()
        command = [sys.executable, str(script), database.url, base_url, str(chat.id), repr(database.options)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as worker:
            assert worker.stdout is not None
            lines: list[str] = []
            while lines[-1:] != ["saved\n"] or "received\n" not in lines:
                lines.append(worker.stdout.readline())
                assert lines[-1], "the worker ended"
            lines.append(worker.stdout.readline())
            worker.send_signal(signal.SIGKILL)
        later = chat.pending()[0].alive_until + timedelta(seconds=1)
        with convo.Store(database.url, clock=lambda: later, **database.options) as next_day:
            last = next_day.get(chat.id).history()[-1]
            assert last.status == "interrupted"
            assert last.text
            assert last.audio is not None
            assert next_day.get(chat.id).load(last.audio).data
    assert base64.b64decode(fake.received[0].response["choices"][0]["message"]["audio"]["data"])[:100]  # type: ignore[index]


def test_the_heartbeat_saves_and_ends_streams_by_itself(database: Database, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        acted = threading.Semaphore(0)
        streams = store._driver.streams
        act = streams._act

        def counted(incoming: Any) -> object:
            result = act(incoming)
            acted.release()
            return result

        streams._every, streams._act = 0.001, counted
        chat = store.create()
        stream = chat.stream(client, "Good dogs?", **VOICE)
        said = text_of(until(stream, TranscriptDelta, 2))
        assert acted.acquire(timeout=30)
        del stream
        gc.collect()
        while chat.pending():
            assert acted.acquire(timeout=30)
        assert chat.history()[-1].text == said


# --- cancelled and closed while it waits -----------------------------------------------------------


async def test_a_task_that_is_cancelled_while_it_waits_for_more_leaves_what_was_received(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    fake.will_reply(SAID)
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        held = fake.hold(after=3)
        heard = asyncio.Event()
        said: list[str] = []

        async def listen() -> None:
            async for event in chat.stream(client, "Good dogs?", **VOICE):
                said.extend([event.text] if isinstance(event, TranscriptDelta) else [])
                if len(said) == 2:
                    heard.set()

        task = asyncio.create_task(listen())
        await held.async_wait_until_held()
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.release()
        last = (await chat.history())[-1]
        assert (last.status, last.text) == ("interrupted", "".join(said))
        assert await chat.pending() == []


def test_another_thread_may_close_a_stream_while_it_is_read(database: Database, clock: FixedClock) -> None:
    fake = convo.testing.FakeAPI(clock=clock)
    fake.will_reply(SAID)
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.serve() as base_url:
        client = OpenAI(api_key="test-key", base_url=base_url, max_retries=0)
        chat = store.create()
        held = fake.hold(after=3)
        stream = chat.stream(client, "Good dogs?", **VOICE)
        seen: list[Any] = []
        received = threading.Semaphore(0)

        def listen() -> None:
            for event in stream:
                seen.append(event)
                received.release()

        reader = threading.Thread(target=listen)
        reader.start()
        held.wait_until_held()
        assert received.acquire(timeout=30)
        assert received.acquire(timeout=30)
        stream.close()
        held.release()
        reader.join(30)
        assert not reader.is_alive()
        client.close()
        last = chat.history()[-1]
        assert (last.status, last.text) == ("interrupted", text_of(seen))
        assert chat.pending() == []
