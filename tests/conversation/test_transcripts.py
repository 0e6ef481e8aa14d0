"""Transcripts of recordings: filled by the API, one conversation or all, set by hand, asked for by a policy."""

from __future__ import annotations

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import tables, transcripts
from tests.support.both import resolved
from tests.support.builders import WAV, recording, wav

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

HEARS = {"model": "gpt-audio-1.5", "modalities": ["text"]}
READS = {"model": "gpt-4.1"}
TOO_SHORT = {
    "type": "input_audio",
    "input_audio": {"data": base64.b64encode(wav(0.01)).decode(), "format": "wav"},
}
"""A recording that the API refuses: as a part of its own JSON it is stored all the same."""
TRANSCRIBING = convo.Policy(missing_transcript="transcribe")


def unheard(number: int = 0) -> convo.Audio:
    """A recording of which nobody said what it says; each number has its own bytes."""
    return recording(None, wav(0.2, pitch=220.0 + number))


def calls(fake: FakeAPI) -> list[dict[str, Any]]:
    """The requests to transcribe."""
    return [one.body for one in fake.received if one.path == "/v1/audio/transcriptions"]


def chats(fake: FakeAPI) -> list[dict[str, Any]]:
    """The requests to chat."""
    return [one.body for one in fake.received if one.path == "/v1/chat/completions"]


def ran(chat: Any, statement: Any) -> list[Any]:
    """Run a statement of the test's own in the database of a conversation; give the first column of what it finds."""

    def work(connection: Any) -> list[Any]:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        result = connection.execute(statement, execution_options=options)
        return [row[0] for row in result] if result.returns_rows else []

    found: list[Any] = resolved(chat, chat._driver.runner.run(work, mode="write"))
    return found


# --- one conversation ------------------------------------------------------------------------------


def test_recordings_get_what_is_said_in_them_and_keep_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard(1))
    chat.add("Listen:", unheard(2))
    fake.will_transcribe("Is it loyal?", data=unheard(1).data)
    fake.will_transcribe("And clever?", data=unheard(2).data)
    before = [message.body for message in chat.history()]
    assert chat.transcribe(client, language="en") == convo.Transcribed(2)
    assert [message.text for message in chat.history()] == ["Is it loyal?", "Listen:\nAnd clever?"]
    assert [message.audio.transcript for message in chat.history()] == ["Is it loyal?", "And clever?"]
    assert [message.body for message in chat.history()] == before
    assert {call["language"] for call in calls(fake)} == {"en"}
    assert calls(fake)[0]["file"]["filename"] == "recording.wav"
    assert chat.transcribe(client) == convo.Transcribed(0)
    assert len(calls(fake)) == 2


def test_a_text_model_reads_what_was_heard_and_an_audio_model_hears_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    with pytest.raises(convo.TranscriptMissing, match=r"chat\.transcribe\(client\)"):
        chat.request("gpt-4.1", client=client)
    fake.will_transcribe("Is it loyal?")
    chat.transcribe(client)
    assert chat.request("gpt-4.1", client=client)["messages"][0]["content"] == [{"type": "text", "text": "Is it loyal?"}]
    assert chat.request("gpt-audio-1.5", client=client)["messages"][0]["content"][0]["type"] == "input_audio"


def test_the_derived_text_is_written_anew_and_the_message_indexed_again(world: World, fake: FakeAPI) -> None:
    store = world.open()
    chat = store.create()
    chat.add("Listen:", unheard(1), unheard(2))
    chat.set_transcript(1, "two", part=2)
    fake.will_transcribe("one\0\ud800")
    chat.transcribe(world.client)
    columns = tables.message.c
    assert ran(chat, sa.select(columns.text).where(columns.owner == chat.owner)) == ["Listen:\none\ufffd\ufffd\ntwo"]


def test_messages_with_new_transcripts_leave_the_index(store: Any, client: Any) -> None:
    chat = store.create()
    for number in range(3):
        chat.add(unheard(number))
        where = {"owner": chat.owner, "branch": chat._place.found.branch, "position": number + 1}
        ran(chat, sa.insert(tables.search).values(**where))
    chat.transcribe(client, positions=[1])
    chat.set_transcript(3, "Hm.")
    columns = tables.search.c
    assert ran(chat, sa.select(columns.position).where(columns.owner == chat.owner)) == [2]


def test_silence_is_a_transcript(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    fake.will_transcribe(" \n")
    assert chat.transcribe(client).done == 1
    assert chat.transcribe(client).done == 0
    assert chat.history()[0].audio.transcript == ""
    reply = chat.send(client, **READS)
    assert fake.last.body["messages"][0]["content"] == [{"type": "text", "text": "[silence]"}]
    assert reply.text
    request = chat.request("gpt-4.1", policy=convo.Policy(silence=""))
    assert [message["role"] for message in request["messages"]] == ["assistant"]


def test_the_same_bytes_are_transcribed_once_for_their_owner(world: World, fake: FakeAPI) -> None:
    store = world.open()
    one, other = store.create(), store.create()
    one.add(unheard())
    other.add(unheard(), "and again:", unheard())
    fake.will_transcribe("Hello?")
    assert one.transcribe(world.client).done == 1
    assert other.history()[0].text == "Hello?\nand again:\nHello?"
    later = store.create()
    later.add(unheard())
    assert later.transcribe(world.client).done == 1
    assert later.history()[0].text == "Hello?"
    assert len(calls(fake)) == 1
    stranger = store.owned_by("stranger-" + str(one.id)).create()
    stranger.add(unheard())
    assert stranger.history()[0].text == ""
    stranger.transcribe(world.client)
    assert len(calls(fake)) == 2


def test_what_was_given_is_never_overwritten(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(recording("As I said.", unheard(1).data))
    chat.add(recording("", unheard(2).data))
    chat.transcribe(client, positions=[1, 2])
    assert [message.audio.transcript for message in chat.history()] == ["As I said.", ""]
    assert not calls(fake)


def test_positions_say_which(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    for number in range(3):
        chat.add(unheard(number))
    assert chat.transcribe(client, positions=iter([2])).done == 1
    assert [bool(message.text) for message in chat.history()] == [False, True, False]
    assert chat.transcribe(client, positions=[]).done == 0


@pytest.mark.parametrize("positions", [[0], [2], [3], [9], [-1], [1, 2], [2**70]])
def test_a_position_without_a_recording_is_an_error_and_nothing_is_asked(
    store: Any, client: Any, fake: FakeAPI, positions: Any
) -> None:
    chat = store.create()
    chat.add(unheard())
    chat.add("Typed.")
    with pytest.raises(convo.RecordingNotFound) as caught:
        chat.transcribe(client, positions=positions)
    assert caught.value.position == positions[-1]
    assert not calls(fake)
    assert chat.history()[0].audio.transcript is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"positions": 1}, convo.InputError),
        ({"positions": ["1"]}, convo.InputError),
        ({"positions": [True]}, convo.InputError),
        ({"progress": 3}, convo.InputError),
        ({"model": 3}, convo.InputError),
        ({"file": b""}, convo.ConflictingArguments),
        ({"stream": True}, convo.ConflictingArguments),
    ],
)
def test_bad_arguments_are_named_before_anything_is_asked(
    store: Any, client: Any, fake: FakeAPI, arguments: Any, error: type[Exception]
) -> None:
    chat = store.create()
    chat.add(unheard())
    with pytest.raises(error):
        chat.transcribe(client, **arguments)
    assert not calls(fake)


def test_a_client_of_the_other_kind_is_an_error(world: World, fake: FakeAPI) -> None:
    store = world.open()
    other = fake.client() if world.asynchronous else fake.async_client()
    for call in (store.transcribe, store.create().transcribe):
        with pytest.raises(convo.ConflictingArguments):
            call(other)
        with pytest.raises(convo.InputError):
            call("a client")


def test_a_deleted_conversation_is_not_found(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(unheard())
    store.delete(chat.id)
    refused: list[Callable[[], object]] = [
        lambda: chat.transcribe(client),
        lambda: chat.transcribe(client, positions=[1]),
        lambda: chat.set_transcript(1, "x"),
    ]
    for call in refused:
        with pytest.raises(convo.ConversationNotFound):
            call()


# --- what it costs ---------------------------------------------------------------------------------


def test_calls_are_counted_and_disturb_no_turn(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    chat.transcribe(client)
    used = chat.usage()
    assert (used.calls, used.unpriced, used.usage.input_audio, used.cost.amount) == (1, 1, 2, None)
    assert chat.pending() == []
    first = chat.send(client, **READS, key="k")
    again = chat.send(client, **READS, key="k")
    assert (first.text, again.replayed) == (again.text, True)
    assert chat.usage().calls == store.usage().calls == 2
    store.delete(chat.id)
    assert store.usage().calls == 0


def test_what_is_billed_by_its_length_is_kept_with_the_call(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(unheard())
    chat.transcribe(client, model="whisper-1")
    used = chat.usage()
    assert (used.calls, used.usage.input_tokens, used.usage.input_milliseconds, used.unpriced) == (1, None, 1_000, 0)
    assert used.cost.amount == Decimal("0.0001")
    columns = tables.exchange.c
    (raw,) = ran(chat, sa.select(columns.raw).where(columns.owner == chat.owner, columns.api == "transcriptions"))
    assert '"seconds":1' in raw
    assert '"text":null' in raw


# --- in bulk ---------------------------------------------------------------------------------------


def filled_store(store: Any, clock: FixedClock, count: int) -> list[Any]:
    """Conversations with three recordings each, all different, a minute apart."""
    chats = [store.create() for _ in range(count // 3)]
    for number in range(count):
        clock.advance(60)
        chats[number // 3].add(unheard(number))
    return chats


def heard(chats: list[Any]) -> list[str | None]:
    """What is said in all recordings, oldest first."""
    return [message.audio.transcript for chat in chats for message in chat.history()]


def test_all_recordings_of_an_owner_newest_first(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chats = filled_store(store, clock, 33)
    told: list[tuple[int, int]] = []
    assert store.transcribe(client, progress=lambda done, total: told.append((done, total))) == convo.Transcribed(33)
    assert told == [(number, 33) for number in range(1, 34)]
    assert all(heard(chats))
    asked = [call["file"]["sha256"] for call in calls(fake)]
    assert asked == [unheard(number).digest for number in reversed(range(33))]
    assert store.transcribe(client) == convo.Transcribed(0)


def test_one_that_fails_stops_no_other_and_is_told_of(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chats = filled_store(store, clock, 9)
    chats[1].add(TOO_SHORT)
    for number in range(4):
        fake.will_transcribe(str(number))
    fake.will_fail(500)
    found = store.transcribe(client)
    assert found.done == 8
    assert {(failure.conversation, failure.code) for failure in found.failures} == {
        (chats[1].id, "invalid_value"),
        (found.failures[-1].conversation, "InternalServerError"),
    }
    assert all(isinstance(failure.error, openai.APIStatusError) for failure in found.failures)
    assert found.failures[0].position == 4
    again = store.transcribe(client)
    assert (again.done, [failure.position for failure in again.failures]) == (1, [4])


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_what_every_recording_would_meet_ends_the_run_and_the_next_goes_on(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock, status: int
) -> None:
    chats = filled_store(store, clock, 6)
    fake.will_transcribe("one")
    fake.will_transcribe("two")
    fake.will_fail(status)
    with pytest.raises(openai.APIStatusError):
        store.transcribe(client)
    assert sum(text is not None for text in heard(chats)) == 2
    assert len(calls(fake)) == 3
    assert store.transcribe(client).done == 4


def test_a_network_that_is_down_ends_the_run(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chats = filled_store(store, clock, 9)
    fake.will_drop(times=5)
    with pytest.raises(openai.APIConnectionError):
        store.transcribe(client)
    assert (len(calls(fake)), heard(chats)) == (5, [None] * 9)


def test_an_answer_that_is_lost_costs_one_recording(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chats = filled_store(store, clock, 3)
    fake.will_drop(after=True)
    assert [failure.code for failure in store.transcribe(client).failures] == ["APIConnectionError"]
    assert store.transcribe(client).done == 1
    assert all(heard(chats))


def test_an_answer_without_a_text_is_a_failure_of_its_recording(world: World, monkeypatch: Any) -> None:
    store = world.open()
    chat = store.create()
    chat.add(unheard())
    monkeypatch.setattr("convo.testing.fake.transcription", lambda call, text: {"task": "transcribe"})
    (failure,) = chat.transcribe(world.client).failures
    assert (failure.position, failure.code) == (1, "answer_error")
    assert chat.history()[0].audio.transcript is None


def test_bytes_that_are_gone_are_a_failure_of_their_recording(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(unheard(1))
    chat.add(unheard(2))
    for table in (tables.blob_chunk, tables.blob):
        ran(chat, sa.delete(table).where(table.c.owner == chat.owner, table.c.digest == unheard(2).digest))
    found = chat.transcribe(client)
    assert (found.done, [(failure.position, failure.code) for failure in found.failures]) == (1, [(2, "blob_not_found")])


def test_since_until_and_limit_say_which(store: Any, client: Any, clock: FixedClock) -> None:
    begin = clock()
    chats = filled_store(store, clock, 6)
    window = {"since": begin + timedelta(minutes=2), "until": begin + timedelta(minutes=5)}
    assert store.transcribe(client, **window, limit=2).done == 2
    assert [text is not None for text in heard(chats)] == [False, False, True, True, False, False]
    assert store.transcribe(client, **window).done == 1
    for bad in ({"limit": 0}, {"limit": "1"}, {"limit": True}, {"since": begin.replace(tzinfo=None)}):
        with pytest.raises(convo.InputError):
            store.transcribe(client, **bad)


def test_a_progress_that_raises_ends_the_run_and_what_is_done_stays(store: Any, client: Any, clock: FixedClock) -> None:
    chats = filled_store(store, clock, 6)

    def enough(done: int, total: int) -> None:
        if (done, total) == (2, 6):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.transcribe(client, progress=enough)
    assert sum(text is not None for text in heard(chats)) == 2


def test_others_owners_recordings_are_not_touched(world: World, fake: FakeAPI) -> None:
    store = world.open()
    mine, theirs = store.create(), store.owned_by("other-" + str(store.create().id)).create()
    mine.add(unheard(1))
    theirs.add(unheard(2))
    assert store.transcribe(world.client).done == 1
    assert (mine.history()[0].audio.transcript is None, theirs.history()[0].audio.transcript) == (False, None)


def test_a_view_that_reads_and_a_transaction_of_the_caller_refuse(world: World, fake: FakeAPI) -> None:
    store = world.open()
    chat = store.create()
    chat.add(unheard())
    view = store.everyone()
    refused: list[Callable[[], object]] = [
        lambda: view.transcribe(world.client),
        lambda: view.get(chat.id).transcribe(world.client),
        lambda: view.get(chat.id).set_transcript(1, "x"),
    ]
    for call in refused:
        with pytest.raises(convo.ReadOnlyView):
            call()
    assert not calls(fake)


def test_in_a_transaction_of_the_caller_a_transcript_may_be_set_and_not_asked_for(tmp_path: Path, fake: FakeAPI) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/chat.db")
    with convo.Store(engine) as store, fake.client() as client:
        store.upgrade()
        chat = store.create()
        chat.add(unheard())
        with engine.begin() as connection:
            inside = store.within(connection)
            for call in (inside.transcribe, inside.get(chat.id).transcribe):
                with pytest.raises(convo.HeldTransaction):
                    call(client)
            inside.get(chat.id).set_transcript(1, "Hello?")
        assert chat.history()[0].text == "Hello?"
    engine.dispose()
    assert not calls(fake)


# --- two at once, and cancelled --------------------------------------------------------------------


def test_of_two_who_transcribe_at_once_the_first_stays_and_both_are_counted(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.add(unheard())
    other = world.open().get(chat.id)
    fake.will_transcribe("first")
    places, known = resolved(chat, chat._driver.runner.run(transcripts.known, chat.owner, unheard().digest))
    assert known is None
    assert other.transcribe(world.client).done == 1
    row = {
        "owner": chat.owner, "id": uuid4(), "conversation": chat.id, "branch": chat._place.found.branch, "hash": bytes(32),
        "status": "done", "attempt": 1, "api": "transcriptions", "model": "gpt-transcribe", "origin": "", "asked_first": 1,
        "asked_last": 0, "started_at": 1, "raw": "{}",
    }  # fmt: skip
    fill = (transcripts.fill, chat.owner, unheard().digest, places, "second", [row])
    resolved(chat, chat._driver.runner.run(*fill, mode="write"))
    assert chat.history()[0].text == "first"
    assert chat.usage().calls == 2


def test_two_runs_at_once_leave_nothing_out_and_raise_nothing(database: Database, fake: FakeAPI) -> None:
    with convo.Store(database.url, **database.options) as store, fake.client() as client:
        chats = [store.create() for _ in range(4)]
        for number in range(32):
            chats[number % 4].add(unheard(number))
        with ThreadPoolExecutor(2) as threads:
            runs = [threads.submit(store.transcribe, client) for _ in range(2)]
            found = [run.result() for run in runs]
        assert not [failure for one in found for failure in one.failures]
        assert sum(one.done for one in found) >= 32
        assert all(heard(chats))
        assert store.usage().calls == len(calls(fake))


def test_a_cancelled_run_keeps_what_is_done_and_the_next_goes_on(database: Database, fake: FakeAPI) -> None:
    async def main() -> None:
        async with convo.AsyncStore(database.url, **database.options) as store, fake.async_client() as client:
            chat = await store.create()
            for number in range(6):
                await chat.add(unheard(number))

            def cancel(done: int, total: int) -> None:
                del total
                if done == 3:
                    run.cancel()

            run = asyncio.ensure_future(store.transcribe(client, progress=cancel))
            with pytest.raises(asyncio.CancelledError):
                await run
            assert sum(bool(message.text) for message in await chat.history()) == 3
            assert (await store.transcribe(client)).done == 3
            assert len(calls(fake)) <= 7

    asyncio.run(main())


# --- by hand ---------------------------------------------------------------------------------------


def test_a_transcript_may_be_set_replaced_and_taken_away(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    for text, shown in (("Hello?", "Hello?"), ("He\0llo!", "He\ufffdllo!"), ("", ""), (None, None)):
        chat.set_transcript(1, text)
        assert chat.history()[0].audio.transcript == shown
    chat.transcribe(client)
    assert len(calls(fake)) == 1


def test_a_transcript_is_of_one_part(store: Any) -> None:
    chat = store.create()
    chat.add(unheard(1), "and", unheard(2))
    with pytest.raises(convo.InputError, match="part= one of 0, 2"):
        chat.set_transcript(1, "x")
    chat.set_transcript(1, "This", part=0)
    chat.set_transcript(1, "that", part=2)
    assert chat.history()[0].text == "This\nand\nthat"
    for part in (1, 3, -1):
        with pytest.raises(convo.RecordingNotFound, match=f"part {part}"):
            chat.set_transcript(1, "x", part=part)


@pytest.mark.parametrize("position", [0, 2, 3, 4, -1, 2**63 - 1, 2**70])
def test_only_recordings_of_users_have_transcripts_to_set(store: Any, client: Any, position: int) -> None:
    chat = store.create()
    chat.send(client, recording(), model="gpt-audio-1.5", voice="alloy")
    chat.add("Typed.")
    with pytest.raises(convo.RecordingNotFound):
        chat.set_transcript(position, "x")


@pytest.mark.parametrize("wrong", [("1", "x", None), (True, "x", None), (1, 5, None), (1, "\ud800", None), (1, "x", "0")])
def test_bad_transcripts_change_nothing(store: Any, wrong: tuple[Any, Any, Any]) -> None:
    chat = store.create()
    chat.add(recording("As it was."))
    with pytest.raises(convo.InputError):
        chat.set_transcript(wrong[0], wrong[1], part=wrong[2])
    assert chat.history()[0].audio.transcript == "As it was."


def test_another_owner_finds_no_recording_to_set(store: Any) -> None:
    chat = store.create()
    chat.add(unheard())
    stranger = store.owned_by(f"other-{chat.id}").create()
    with pytest.raises(convo.RecordingNotFound):
        stranger.set_transcript(1, "x")


# --- a policy that has it transcribed --------------------------------------------------------------


def test_a_text_model_answers_what_was_said(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_transcribe("Is it loyal?")
    policy = convo.Policy(missing_transcript="transcribe", transcription_model="whisper-1")
    reply = chat.send(client, unheard(), **READS, policy=policy)
    assert (calls(fake)[0]["model"], reply.seen) == ("whisper-1", 1)
    assert chats(fake)[0]["messages"][0]["content"] == [{"type": "text", "text": "Is it loyal?"}]
    assert [message.text for message in chat.history()] == ["Is it loyal?", reply.text]
    columns = tables.message.c
    stored = ran(chat, sa.select(columns.text).where(columns.owner == chat.owner, columns.role == "user"))
    assert stored == ["Is it loyal?"]
    assert chat.usage().calls == 2
    chat.send(client, unheard(), "Again", **READS, policy=policy)
    assert len(calls(fake)) == 1


def test_only_what_the_request_needs_as_text_is_transcribed(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = convo.Policy(user_audio_turns=2, missing_transcript="transcribe")
    for number in range(4):
        chat.send(client, unheard(number), **HEARS, policy=policy)
    assert [call["file"]["sha256"] for call in calls(fake)] == [unheard(0).digest, unheard(1).digest]
    kinds = [message["content"][0]["type"] for message in chats(fake)[-1]["messages"] if message["role"] == "user"]
    assert kinds == ["text", "text", "input_audio", "input_audio"]
    assert [bool(message.text) for message in chat.history() if message.role == "user"] == [True, True, False, False]


def test_an_audio_model_that_hears_no_more_still_speaks(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    chat.send(client, model="gpt-audio-1.5", policy=convo.Policy(user_audio_turns=0, missing_transcript="transcribe"))
    body = chats(fake)[0]
    assert (body["modalities"], body["messages"][0]["content"][0]["type"]) == (["text", "audio"], "text")


def test_a_preview_asks_nobody_and_says_what_to_do(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    with pytest.raises(convo.TranscriptMissing, match=r"chat\.transcribe\(client\)"):
        chat.request("gpt-4.1", client=client, policy=TRANSCRIBING)
    assert not fake.received
    chat.transcribe(client)
    assert chat.request("gpt-4.1", client=client, policy=TRANSCRIBING)["messages"]


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 429}, {"status": 500}])
def test_a_transcription_that_fails_begins_no_turn_and_the_same_call_tries_again(
    store: Any, client: Any, fake: FakeAPI, fault: dict[str, Any]
) -> None:
    chat = store.create()
    fake.will_fail(**fault)
    with pytest.raises(openai.APIStatusError):
        chat.send(client, unheard(), **READS, policy=TRANSCRIBING, key="k")
    assert (len(chat.history()), chat.pending(), chats(fake)) == (0, [], [])
    reply = chat.send(client, unheard(), **READS, policy=TRANSCRIBING, key="k")
    assert chat.send(client, unheard(), **READS, policy=TRANSCRIBING, key="k").text == reply.text
    assert (len(chat.history()), len(calls(fake))) == (2, 2)


def test_a_recording_that_the_api_refuses_does_not_stop_the_conversation(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, TOO_SHORT, "Hello?", unheard(), **READS, policy=TRANSCRIBING)
    said = [part["text"] for part in chats(fake)[0]["messages"][0]["content"]]
    assert said == ["[recording without a transcript]", "Hello?", f"Recording {str(unheard().digest)[:8]}."]
    assert chat.history()[0].media[0].transcript is None
    chat.send(client, "And now?", **READS, policy=TRANSCRIBING)
    assert len(chat.history()) == 4


def test_a_turn_that_failed_is_taken_over_with_what_was_heard(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_transcribe("Is it loyal?")
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.send(client, unheard(), **READS, policy=TRANSCRIBING, key="k")
    assert chat.history()[0].text == "Is it loyal?"
    assert chat.send(client, unheard(), **READS, policy=TRANSCRIBING, key="k").seen == 1
    assert (len(calls(fake)), len(chat.history())) == (1, 2)


def test_a_spoken_reply_without_a_transcript_is_a_placeholder(store: Any, client: Any, fake: FakeAPI) -> None:
    spoken = {"role": "assistant", "audio": {"data": base64.b64encode(WAV).decode(), "transcript": None}}
    chat = store.create(messages=[{"role": "user", "content": "Hello"}, spoken])
    chat.send(client, "And?", **READS, policy=TRANSCRIBING)
    assert fake.last.body["messages"][1]["content"] == "[recording without a transcript]"
    assert not calls(fake)


@pytest.mark.parametrize(
    "wrong",
    [{"user_audio_turns": -1}, {"user_audio_turns": "1"}, {"user_audio_turns": True}, {"user_audio_turns": 1.5},
     {"transcription_model": ""}, {"transcription_model": None}, {"missing_transcript": "ask"}],
)  # fmt: skip
def test_a_policy_checks_its_fields(wrong: dict[str, Any]) -> None:
    with pytest.raises(convo.InputError, match=next(iter(wrong))):
        convo.Policy(**wrong)
