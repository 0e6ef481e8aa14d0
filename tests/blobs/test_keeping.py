"""`keep_audio`: whose audio a store keeps, for how long, and what is left of the rest."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from convo.store import letting, moving
from tests.support.builders import recording, wav
from tests.support.realtime import MODEL, Script, spoken

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(params=["database", "folder"])
def blobs(request: pytest.FixtureRequest) -> Any:
    return None if request.param == "database" else request.getfixturevalue(request.param)


def kept(store: Any) -> int:
    return sum(one.blobs for one in store.blobs())


def dropped(chat: Any) -> list[bool]:
    return [piece.dropped is not None for message in chat.history() for piece in message.media]


@pytest.mark.parametrize("keep", ["user", "none"])
def test_the_reply_that_is_returned_has_its_bytes_and_nobody_else_gets_them(
    world: World, blobs: Any, keep: str, fake: FakeAPI
) -> None:
    store = world.open(blobs=blobs, keep_audio=keep)
    chat = store.create()
    reply = chat.send(world.client, recording(), **VOICE, key="k")
    assert reply.audio.data[:4] == b"RIFF"

    stored = chat.history()[1]
    assert (stored.audio.transcript, stored.audio.duration) == (reply.audio.transcript, reply.audio.duration)
    with pytest.raises(convo.AudioDropped, match="keep_audio"):
        chat.load(stored.audio)
    again = chat.send(world.client, recording(), **VOICE, key="k")
    assert again.replayed
    assert again.text == reply.text
    with pytest.raises(convo.AudioNotLoaded):
        _ = again.audio.data
    assert [found.kind for found in store.doctor() if found.kind.startswith("blob")] == []


def test_of_users_alone_recordings_stay(world: World, blobs: Any) -> None:
    store = world.open(blobs=blobs, keep_audio="user")
    chat = store.create()
    chat.send(world.client, recording(), **VOICE)
    assert dropped(chat) == [False, True]
    assert chat.load(chat.history()[0].audio).data == recording().data
    assert kept(store) == 1


def test_with_none_a_recording_goes_as_soon_as_it_is_answered(world: World, blobs: Any, fake: FakeAPI) -> None:
    store = world.open(blobs=blobs, keep_audio="none")
    chat = store.create()
    chat.add(recording())
    assert kept(store) == 1
    chat.send(world.client, recording(data=wav(0.3)), **VOICE)
    sent = [part["type"] for message in fake.last.body["messages"] for part in message["content"]]
    assert sent == ["input_audio", "input_audio"]
    assert dropped(chat) == [True, True, True]
    assert kept(store) == 0
    assert [message.audio.transcript for message in chat.history()][:2] == ["What is this?"] * 2
    with pytest.raises(convo.AudioDropped):
        chat.load(chat.history()[0].audio)


def test_with_none_a_recording_stays_while_tools_are_called(world: World, fake: FakeAPI) -> None:
    store = world.open(keep_audio="none")
    chat = store.create()
    fake.will_reply(tool_calls=[("weather", "{}", "call_1")])
    reply = chat.send(world.client, recording(), **VOICE, tools=[WEATHER])
    assert reply.tool_calls
    assert kept(store) == 1
    chat.tool_output(reply.tool_calls[0].id, "sunny")
    chat.send(world.client, **VOICE, tools=[WEATHER])
    assert fake.last.body["messages"][0]["content"][0]["type"] == "input_audio"
    assert kept(store) == 0


def test_with_none_a_call_that_failed_keeps_the_recording_for_the_next_try(world: World, fake: FakeAPI) -> None:
    store = world.open(keep_audio="none")
    chat = store.create()
    fake.will_fail(400)
    with pytest.raises(openai.BadRequestError):
        chat.send(world.client, recording(), **VOICE, key="k")
    assert kept(store) == 1
    chat.send(world.client, recording(), **VOICE, key="k")
    assert fake.last.body["messages"][0]["content"][0]["type"] == "input_audio"
    assert kept(store) == 0


@pytest.mark.parametrize("how", ["at once", "prune"])
def test_a_recording_that_no_request_held_stays_though_a_reply_came_after_it(world: World, fake: FakeAPI, how: str) -> None:
    store = world.open(keep_audio="none" if how == "at once" else "all")
    chat = store.create()
    chat.add(recording())
    request = chat.request("gpt-audio-1.5", client=world.client, voice="alloy", format="wav")
    chat.add(recording(data=wav(0.3)))
    with fake.client() as client:
        chat.record(client.chat.completions.create(**request), request)
    store.prune(keep_audio="none")
    assert dropped(chat) == [True, False, True]
    chat.send(world.client, **VOICE)
    store.prune(keep_audio="none")
    assert dropped(chat) == [True, True, True, True]


@pytest.mark.parametrize("answer", ["speak", "add", "import"])
def test_what_is_no_answer_of_the_model_lets_no_recording_go(world: World, answer: str) -> None:
    store = world.open()
    said = {"role": "assistant", "content": "One moment"}
    sound = {"data": b64encode(recording().data).decode(), "format": "wav"}
    asked = {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}
    chat = store.create(messages=[asked, said] if answer == "import" else [asked])
    if answer == "speak":
        chat.speak(world.client, "One moment.", model="gpt-4o-mini-tts", voice="alloy")
    elif answer == "add":
        chat.add(said)
    store.prune(keep_audio="none")
    assert dropped(chat)[0] is False


@pytest.mark.parametrize("how", ["at once", "prune"])
def test_a_recording_stays_while_a_fork_shows_it_without_an_answer(world: World, how: str) -> None:
    store = world.open(keep_audio="none" if how == "at once" else "all")
    chat = store.create()
    chat.add(recording())
    waiting = chat.fork()
    chat.send(world.client, **VOICE)
    answered = chat.fork()
    store.prune(keep_audio="none")
    assert dropped(waiting) == [False]
    waiting.send(world.client, **VOICE)
    store.prune(keep_audio="none")
    assert [dropped(one) for one in (chat, waiting, answered)] == [[True, True]] * 3


def test_a_reply_that_is_taken_back_has_its_recording_for_the_next_one(world: World) -> None:
    store = world.open()
    chat = store.create()
    chat.send(world.client, recording(), **VOICE)
    chat.regenerate()
    store.prune(keep_audio="none")
    assert dropped(chat) == [False]
    chat.send(world.client, **VOICE)
    store.prune(keep_audio="none")
    assert dropped(chat) == [True, True]


def test_a_session_lets_go_of_what_it_has_heard_and_answered(world: World) -> None:
    chat = world.open(keep_audio="none").create()
    script = Script()
    script.speech("hello", 120, seed=2)
    script.respond(spoken("good morning", 300, seed=3))
    script.speech("what else", 120, seed=4)
    chat.add(recording())
    with chat.listen(MODEL) as heard:
        for event in script.events:
            heard.feed(event)
    assert [m.role for m in chat.history()] == ["user", "user", "assistant", "user"]
    assert dropped(chat) == [False, True, True, False]


def test_the_same_bytes_stay_while_another_message_keeps_them(world: World, blobs: Any) -> None:
    store = world.open(blobs=blobs, keep_audio="none")
    answered, open_ = store.create(), store.create()
    open_.add(recording())
    answered.send(world.client, recording(), **VOICE)
    assert open_.load(open_.history()[0].audio).data == recording().data
    assert kept(store) == 1


def test_for_a_time_prune_lets_go_of_what_is_older(world: World, blobs: Any, clock: FixedClock) -> None:
    store = world.open(blobs=blobs, keep_audio=timedelta(days=30))
    chat = store.create()
    chat.send(world.client, recording(), **VOICE)
    image = convo.Image.open(b"\x89PNG\r\n\x1a\n" + bytes(64))
    chat.add("Look", image)
    clock.advance(29 * 86_400)
    chat.add(recording(data=wav(0.3)))
    assert store.prune() == convo.Pruned()
    clock.advance(2 * 86_400)

    foreseen, done = store.prune(dry_run=True), store.prune()

    assert foreseen == done
    assert (done.recordings, done.blobs) == (2, 2)
    assert dropped(chat) == [True, True, False, False]
    assert kept(store) == 2
    assert store.prune() == convo.Pruned()


def test_many_recordings_go_in_short_transactions(world: World, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    chat.send(world.client, recording(), **VOICE)
    for number in range(120):
        chat.add(recording(data=wav(0.1, pitch=100.0 + number)))
    clock.advance(7200)
    told: list[tuple[int, int]] = []
    done = store.prune(keep_audio=timedelta(hours=1), progress=lambda *pair: told.append(pair))
    assert (done.recordings, done.blobs) == (122, 122)
    assert len(told) >= 3
    assert kept(store) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_what_is_pruned_while_its_conversation_moves_waits_for_the_move(
    world: World, database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, pruner = world.open(), convo.Store(database.url, clock=clock, **database.options)
    chat = store.create()
    chat.add(recording())
    clock.advance(10_800)
    write, let_go = moving._write_conversation, letting.let_go
    tries: list[Any] = []

    def counted(*arguments: Any) -> letting.LetGo:
        tries.append(arguments)
        return let_go(*arguments)

    def while_pruned(*arguments: Any) -> None:
        done.append(pool.submit(pruner.prune, keep_audio=timedelta(microseconds=1)))
        with suppress(TimeoutError):
            done[0].result(0.2)
        write(*arguments)

    done: list[Future[convo.Pruned]] = []
    with pruner, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(moving, "_write_conversation", while_pruned)
        monkeypatch.setattr(letting, "let_go", counted)
        chat.move_to(f"{chat.owner}-other")
        assert done[0].result() == convo.Pruned()
    assert (len(done), len(tries)) == (1, 1), "neither was sent away by a deadlock"
    assert chat.load(chat.history()[0].audio).data == recording().data


def test_what_was_stored_before_the_policy_goes_with_the_next_prune(world: World, clock: FixedClock) -> None:
    chat = world.open().create()
    chat.send(world.client, recording(), **VOICE)
    chat.add(recording(data=wav(0.4)))
    clock.advance(7200)
    store = world.open(keep_audio="user")
    assert store.prune().recordings == 1
    assert dropped(store.get(chat.id)) == [False, True, False]
    strict = world.open(keep_audio="none")
    assert strict.prune().recordings == 1
    assert dropped(store.get(chat.id)) == [True, True, False], "what waits for its answer is kept"


def test_a_reply_that_is_not_kept_can_be_cut(world: World) -> None:
    chat = world.open(keep_audio="user").create()
    reply = chat.send(world.client, "Hello", **VOICE)
    message = chat.truncate(2, heard_until=0.1)
    assert message.status == "interrupted"
    assert len(message.text) <= len(reply.text)
    assert chat.history()[1].text == message.text


def test_speech_made_of_a_text_is_not_kept_either(world: World, fake: FakeAPI) -> None:
    store = world.open(keep_audio="user")
    chat = store.create()
    reply = chat.send(
        world.client, "Hello", model="gpt-4.1", voice="alloy", policy=convo.Policy(speak="missing", speech_model="tts-1")
    )
    assert reply.audio is not None
    assert reply.audio.loaded
    assert kept(store) == 0
    assert dropped(chat) == [True]


def test_a_stream_keeps_its_reply_no_longer_than_it_runs(world: World) -> None:
    store = world.open(keep_audio="none")
    chat = store.create()
    with chat.stream(world.client, recording(), model="gpt-audio-1.5", voice="alloy", format="pcm16") as stream:
        for _ in stream:
            pass
    assert stream.reply.audio.loaded
    assert kept(store) == 0


def test_a_recording_without_bytes_is_not_asked_to_be_transcribed(world: World, fake: FakeAPI) -> None:
    store = world.open(keep_audio="none")
    chat = store.create()
    chat.send(world.client, recording(transcript=None), **VOICE)
    assert chat.transcribe(world.client).done == 0
    assert len(fake.received) == 1


@pytest.mark.parametrize("wrong", ["some", "", None, True, 3, timedelta(0), timedelta(seconds=-1)])
def test_what_is_no_policy_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(convo.InputError, match="keep_audio"):
        convo.Store(f"sqlite:///{tmp_path}/a.db", keep_audio=wrong)
