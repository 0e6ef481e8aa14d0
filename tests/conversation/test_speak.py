"""`speak`: a text becomes a message that is heard, or a reply of the log gets its sound; with a key, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import speeches, tables
from convo.testing import sound
from tests.conversation.test_speech import LONG, asked, meanwhile, other
from tests.conversation.test_transcripts import ran
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

__all__ = ["meanwhile", "other"]
MODEL = "gpt-4o-mini-tts"
TEXT = "Hello, how may I help?"


def blobs(chat: Any) -> int:
    """How many bytes of the owner are kept."""
    found: int = ran(chat, sa.select(sa.func.count()).where(tables.blob.c.owner == chat.owner))[0]
    return found


def ill(store: Any) -> list[Any]:
    """What the doctor finds wrong with what is stored; not with the settings of the test."""
    return [finding for finding in store.doctor() if finding.owner is not None]


# --- a message of its own --------------------------------------------------------------------------


def test_a_text_becomes_a_message_that_is_heard(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    message = chat.speak(client, TEXT, model=MODEL, voice="coral")
    assert asked(fake) == [{"model": MODEL, "voice": "coral", "input": TEXT, "response_format": "wav"}]
    assert (message.position, message.role, message.text, message.raw["content"]) == (1, "assistant", TEXT, TEXT)
    audio = message.audio
    assert (audio.made_by, audio.voice, audio.format, audio.transcript, audio.id) == (MODEL, "coral", "wav", TEXT, None)
    assert audio.data == sound.speech(TEXT).encoded("wav")
    stored = chat.history()[0]
    assert (stored.audio, stored.body, stored.text) == (audio, message.body, TEXT)
    assert chat.load(stored.audio).data == audio.data
    assert chat.head == 1


def test_its_call_is_recorded_with_it(store: Any, client: Any) -> None:
    chat = store.create()
    chat.speak(client, TEXT, model=MODEL, voice="coral", format="mp3")
    totals = chat.usage()
    assert (totals.calls, totals.unpriced) == (1, 1)
    x = tables.exchange.c
    for column, value in {
        "api": "speech", "model": MODEL, "voice": "coral", "format": "mp3", "status": "done", "key": None, "position": 1,
        "cost": None,
    }.items():  # fmt: skip
        assert ran(chat, sa.select(x[column]).where(x.owner == chat.owner)) == [value]
    assert chat.pending() == []
    assert ill(store) == []


def test_how_it_is_said_is_the_callers_the_presets_then_the_policys(store: Any, client: Any, fake: FakeAPI) -> None:
    store.save_preset(convo.Preset("phone", "sage", format="mp3", speed=1.5))
    policy = convo.Policy(voice="ash", format="flac", speech_speed=0.5, speech_instructions="Calm.")
    chat = store.create()
    chat.speak(client, TEXT, model=MODEL)
    chat.speak(client, TEXT, model=MODEL, policy=policy)
    chat.speak(client, TEXT, model=MODEL, policy=policy, preset="phone")
    chat.speak(
        client, TEXT, model=MODEL, policy=policy, preset="phone", voice={"id": "voice_7"}, format="pcm16", speed=4,
        instructions="Gay.",
    )  # fmt: skip
    said = [tuple(body.get(name) for name in ("voice", "response_format", "speed", "instructions")) for body in asked(fake)]
    assert said == [
        ("alloy", "wav", None, None),
        ("ash", "flac", 0.5, "Calm."),
        ("sage", "mp3", 1.5, "Calm."),
        ({"id": "voice_7"}, "pcm", 4, "Gay."),
    ]
    assert [message.audio.format for message in chat.history()] == ["wav", "flac", "mp3", "pcm16"]
    assert chat.history()[-1].audio.voice == "voice_7"


def test_other_arguments_go_to_the_client(store: Any, client: Any, fake: FakeAPI) -> None:
    store.create().speak(client, TEXT, model=MODEL, extra_headers={"x-mine": "1"}, timeout=5, extra_query=None)
    assert fake.last.headers["x-mine"] == "1"


def test_a_long_text_is_spoken_in_pieces_of_one_message(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    message = chat.speak(client, LONG, model=MODEL, format="mp3", key="k")
    assert len(asked(fake)) == chat.usage().calls == 3
    assert (message.audio.format, message.text) == ("wav", LONG)
    x = tables.exchange.c
    assert sorted(ran(chat, sa.select(x.position).where(x.owner == chat.owner)), key=str) == [1, None, None]
    assert [one for one in ran(chat, sa.select(x.key).where(x.owner == chat.owner)) if one] == ["k"]
    assert chat.history().head == 1


def test_the_conversation_goes_on_from_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.speak(client, TEXT, model=MODEL)
    reply = chat.send(client, "Is it a good dog?", model="gpt-audio-1.5", voice="alloy")
    assert fake.last.body["messages"][0] == {"role": "assistant", "content": TEXT}
    assert reply.spoken
    assert chat.to_chat()[0] == {"role": "assistant", "content": TEXT}
    assert [hit.position for hit in store.search("may help")] == [1]
    heard = chat.truncate(1, heard_until=0.9)
    assert heard.text != TEXT
    assert TEXT.startswith(heard.text)


def test_what_was_said_before_a_reply_stays_when_that_is_taken_back(store: Any, client: Any) -> None:
    chat = store.create()
    chat.speak(client, TEXT, model=MODEL)
    chat.send(client, "Hi.", model="gpt-4.1")
    chat.regenerate()
    assert [message.text for message in chat.history()] == [TEXT, "Hi."]
    assert chat.history()[0].audio is not None
    assert chat.send(client, model="gpt-4.1").message.position == 3


def test_redaction_takes_it_away_with_its_bytes(store: Any, client: Any, clock: FixedClock) -> None:
    chat = store.create()
    chat.speak(client, TEXT, model=MODEL, key="k")
    clock.advance(3600)
    chat.redact(1)
    assert (chat.history()[0].audio, blobs(chat)) == (None, 0)
    again = chat.speak(client, TEXT, model=MODEL, key="k")
    assert (again.status, again.audio) == ("redacted", None)


# --- once ------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_message_with_its_bytes_and_another_text_is_an_error(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    first = chat.speak(client, TEXT, model=MODEL, key="k")
    chat.add("Hi.")
    clock.set(datetime(2027, 1, 6, tzinfo=UTC))
    again = chat.speak(client, TEXT, model=MODEL, voice="sage", key="k", expected_head=0)
    assert (again.position, again.audio, again.audio.data) == (1, first.audio, first.audio.data)
    with pytest.raises(convo.KeyMismatch):
        chat.speak(client, "Another.", model=MODEL, key="k")
    with pytest.raises(convo.KeyMismatch):
        chat.send(client, TEXT, model="gpt-4.1", key="k")
    chat.add(TEXT, role="assistant", key="added")
    with pytest.raises(convo.KeyMismatch):
        chat.speak(client, TEXT, model=MODEL, key="added")
    assert len(fake.received) == 1


def test_of_two_at_once_with_one_key_one_is_stored_and_both_are_counted(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    chat = store.create()
    made: list[convo.Message] = []

    def also() -> None:
        with fake.client() as another, ThreadPoolExecutor(1) as thread:
            fake._lock.release()
            try:
                made.append(thread.submit(other.get(chat.id).speak, another, TEXT, model=MODEL, key="k").result())
            finally:
                fake._lock.acquire()

    fake._lock = _Reentrant()  # type: ignore[assignment]
    meanwhile(also)
    mine = chat.speak(client, TEXT, model=MODEL, voice="sage", key="k")
    assert (mine.position, mine.audio, mine.audio.data) == (1, made[0].audio, made[0].audio.data)  # type: ignore[union-attr]
    assert (chat.history().head, chat.usage().calls) == (1, 2)


class _Reentrant:
    """A lock that holds nobody up: the test takes turns itself."""

    def acquire(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def test_a_log_that_has_moved_on_is_noticed_before_and_after(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    chat = store.create()
    chat.add("Hi.")
    with pytest.raises(convo.StaleHead):
        chat.speak(client, TEXT, model=MODEL, expected_head=0)
    assert fake.received == []
    meanwhile(lambda: other.get(chat.id).add("Wait."))
    with pytest.raises(convo.StaleHead):
        chat.speak(client, TEXT, model=MODEL, expected_head=1)
    assert (chat.history().head, chat.usage().calls) == (2, 1)
    assert chat.speak(client, TEXT, model=MODEL, expected_head=2).position == 3


def test_it_comes_to_the_branch_that_is_shown_by_then(
    store: Any, client: Any, other: convo.Store, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    chat = store.create()
    chat.add("Hi.")
    chat.add("Ho.")
    meanwhile(lambda: other.get(chat.id).edit(1, "Hello."))
    message = chat.speak(client, TEXT, model=MODEL)
    assert [one.text for one in chat.history()] == ["Hello.", TEXT]
    assert message.position == 2


def test_while_a_reply_is_awaited_it_is_added_as_anything_is(
    store: Any, client: Any, other: convo.Store, fake: FakeAPI, meanwhile: Any
) -> None:
    chat = store.create()
    chat.add("Hi.")
    request = other.get(chat.id).request("gpt-4.1", client=client)
    with other.get(chat.id).exchange(request):
        message = chat.speak(client, TEXT, model=MODEL, key="k")
        assert len(chat.pending()) == 1
    assert (message.position, [one.text for one in chat.history()]) == (2, ["Hi.", TEXT])


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("committed", ["no", "unknown", "yes"])
def test_a_database_that_fails_for_a_moment_loses_nothing_and_says_nothing_twice(
    world: World, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch, committed: Any, key: str | None
) -> None:
    chat = world.open().create()
    say, failures = speeches.say, [1]

    def failing(*arguments: Any) -> Any:
        if failures:
            failures.pop()
            raise convo.StoreUnavailable(committed)
        return say(*arguments)

    def unconfirmed(connection: Any, entry: Any, *rest: Any) -> Any:
        put = say(connection, entry, *rest)
        assert say(connection, entry, *rest) == put
        return put

    monkeypatch.setattr(speeches, "say", unconfirmed if committed == "yes" else failing)
    monkeypatch.setattr("convo.steps.ending.PAUSES", (0,))
    assert chat.speak(world.client, TEXT, model=MODEL, key=key).position == 1
    assert (len(asked(fake)), chat.usage().calls, chat.history().head) == (1, 1, 1)


# --- what fails ------------------------------------------------------------------------------------


def test_a_failure_in_the_midst_stores_nothing_but_the_calls_that_were_made(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_speak(sound.speech("One.").encoded("pcm16"))
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.speak(client, LONG, model=MODEL, key="k")
    assert (chat.history().head, chat.usage().calls, blobs(chat)) == (0, 1, 0)
    assert chat.speak(client, LONG, model=MODEL, key="k").position == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": ""}, convo.EmptyContent),
        ({"text": " \n"}, convo.EmptyContent),
        ({"text": 7}, convo.InputError),
        ({"text": "\ud800"}, convo.InvalidText),
        ({"text": None}, convo.InputError),
        ({"position": 1}, convo.InputError),
        ({"model": None}, convo.InputError),
        ({"voice": ""}, convo.InputError),
        ({"voice": {"name": "x"}}, convo.InputError),
        ({"format": "pcm"}, convo.InputError),
        ({"format": "ogg"}, convo.InputError),
        ({"speed": 0.2}, convo.InputError),
        ({"speed": 4.5}, convo.InputError),
        ({"speed": float("nan")}, convo.InputError),
        ({"speed": "fast"}, convo.InputError),
        ({"instructions": 7}, convo.InputError),
        ({"policy": {}}, convo.InputError),
        ({"key": ""}, convo.InputError),
        ({"expected_head": "1"}, convo.InputError),
        ({"input": "x"}, convo.ConflictingArguments),
        ({"response_format": "mp3"}, convo.ConflictingArguments),
        ({"stream_format": "sse"}, convo.ConflictingArguments),
        ({"text": None, "position": 1, "key": "k"}, convo.ConflictingArguments),
        ({"text": None, "position": 1, "expected_head": 1}, convo.ConflictingArguments),
        ({"text": None, "position": "1"}, convo.InputError),
        ({"text": None, "position": 9}, convo.MessageNotFound),
        ({"text": None, "position": -1}, convo.MessageNotFound),
        ({"text": None, "position": 10**30}, convo.MessageNotFound),
        ({"text": None, "position": 1}, convo.NotAReply),
    ],
    ids=str,
)
def test_illegal_input_is_a_typed_error_and_nothing_is_asked(
    store: Any, client: Any, fake: FakeAPI, arguments: dict[str, Any], error: type[Exception]
) -> None:
    chat = store.create()
    chat.add("Hi.")
    with pytest.raises(error):
        chat.speak(client, **{"text": TEXT, "model": MODEL, **arguments})
    assert (fake.received, chat.history().head, chat.usage().calls) == ([], 1, 0)


def test_a_model_that_is_gone_asks_nothing_or_gives_way_by_the_policy(
    world: World, fake: FakeAPI, clock: FixedClock, tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text('[models."gpt-4o-mini-tts"]\nsuccessor = "tts-9"\n[models."tts-9"]\naudio = false\n')
    chat = world.open(catalogue=convo.Catalogue.load(tmp_path / "models.toml")).create()
    clock.set(datetime(2027, 1, 6, tzinfo=UTC))
    with pytest.raises(convo.ModelShutDown):
        chat.speak(world.client, TEXT, model=MODEL)
    assert fake.received == []
    with pytest.raises(openai.NotFoundError, match="tts-9"):
        chat.speak(world.client, TEXT, model=MODEL, policy=convo.Policy(shut_down="successor"))


def test_a_budget_is_held_before_it_is_asked(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    money = convo.Budget(money=1)
    with pytest.raises(convo.SpendingUnknown):
        chat.speak(client, TEXT, model=MODEL, policy=convo.Policy(budgets=money))
    assert fake.received == []
    for budget in (attrs.evolve(money, unknown="ignore"), convo.Budget(tokens=0)):
        assert chat.speak(client, TEXT, model=MODEL, policy=convo.Policy(budgets=budget))


def test_where_it_may_not_wait_or_write_nothing_is_asked(world: World, fake: FakeAPI, tmp_path: Path) -> None:
    chat = world.open().create()
    with pytest.raises(convo.ReadOnlyView):
        world.open().everyone().get(chat.id).speak(world.client, TEXT, model=MODEL)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    with convo.Store(engine) as inner, fake.client() as client:
        inner.upgrade()
        with engine.begin() as connection, pytest.raises(convo.HeldTransaction):
            inner.within(connection).create().speak(client, TEXT, model=MODEL)
    engine.dispose()
    assert fake.received == []


def test_a_conversation_that_is_deleted_meanwhile_is_not_found(
    store: Any, client: Any, other: convo.Store, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    chat = store.create()
    meanwhile(lambda: other.delete(chat.id))
    with pytest.raises(convo.ConversationNotFound):
        chat.speak(client, TEXT, model=MODEL)


# --- a reply of the log ----------------------------------------------------------------------------


def mute(chat: Any, client: Any, fake: FakeAPI, text: str = TEXT) -> Any:
    """Give the message of a reply that came as text."""
    fake.will_reply(text)
    return chat.send(client, "Hi.", model="gpt-4.1").message


def test_a_reply_gets_its_sound_and_keeps_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    reply = mute(chat, client, fake)
    message = chat.speak(client, position=2, model=MODEL, voice="coral", speed=2)
    assert (asked(fake)[0]["input"], asked(fake)[0]["speed"]) == (TEXT, 2)
    assert (message.position, message.body, message.audio.made_by, message.audio.voice) == (2, reply.body, MODEL, "coral")
    stored = chat.history()
    assert (len(stored), stored[1].audio, chat.load(stored[1].audio).data) == (2, message.audio, message.audio.data)
    assert chat.usage().calls == 2
    assert ill(store) == []


def test_a_reply_that_has_sound_is_given_as_it_is(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    mute(chat, client, fake)
    first = chat.speak(client, position=2, model=MODEL)
    again = chat.speak(client, position=2, model=MODEL, voice="sage")
    own = chat.send(client, "And?", model="gpt-audio-1.5", voice="alloy")
    theirs = chat.speak(client, position=4, model=MODEL)
    assert (again.audio, again.audio.data) == (first.audio, first.audio.data)
    assert (theirs.audio.data, theirs.audio.made_by) == (own.audio.data, None)
    assert len(asked(fake)) == 1


def test_a_shared_reply_has_its_sound_on_each_line(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    mute(chat, client, fake)
    fork = chat.fork()
    message = fork.speak(client, position=2, model=MODEL)
    assert chat.history()[1].audio == fork.history()[1].audio == message.audio
    assert (chat.usage().calls, fork.usage().calls) == (1, 1)
    assert ill(store) == []


def test_one_that_was_changed_meanwhile_is_a_conflict_and_its_call_is_counted(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    chat = store.create()
    mute(chat, client, fake)
    meanwhile(lambda: other.get(chat.id).redact(2))
    with pytest.raises(convo.ConflictError):
        chat.speak(client, position=2, model=MODEL)
    assert (chat.usage().calls, blobs(chat)) == (2, 0)
    with pytest.raises(convo.EmptyContent):
        chat.speak(client, position=2, model=MODEL)


def test_what_the_model_only_called_has_nothing_to_say(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add({"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    ]})  # fmt: skip
    with pytest.raises(convo.EmptyContent):
        chat.speak(client, position=1, model=MODEL)
    chat.add(recording())
    with pytest.raises(convo.NotAReply):
        chat.speak(client, position=2, model=MODEL)
    assert asked(fake) == []


def test_anothers_conversation_is_not_spoken_in(database: Database, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as mine, fake.client() as client:
        chat = mine.create()
        chat.speak(client, TEXT, model=MODEL, key="k")
        theirs = mine.owned_by(f"other-{chat.id}")
        theirs.create().speak(client, "Another.", model=MODEL, key="k")
        assert theirs.usage().calls == 1
        chat.move_to(f"new-{chat.id}")
        again = chat.speak(client, TEXT, model=MODEL, key="k")
        assert (again.position, chat.usage().calls) == (1, 1)
        assert again.audio is not None
        assert again.audio.data == sound.speech(TEXT).encoded("wav")


@pytest.mark.parametrize("how", ["voice", "preset"])
def test_the_id_of_a_voice_of_ones_own_may_be_written_as_text(store: Any, client: Any, fake: FakeAPI, how: str) -> None:
    given = {"voice": "voice_7"} if how == "voice" else {"preset": convo.Preset("own", "voice_7")}
    message = store.create().speak(client, TEXT, model=MODEL, **given)
    assert (asked(fake)[0]["voice"], message.audio.voice) == ({"id": "voice_7"}, "voice_7")
