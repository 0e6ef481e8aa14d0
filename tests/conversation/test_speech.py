"""Speech made of a reply that came as text though speech was asked for: kept beside it, marked, and never in the way."""

from __future__ import annotations

import asyncio
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import speeches, tables
from convo.testing import FakeAPI, speech
from convo.testing import fake as fakes
from tests.conversation.test_deletion import counted
from tests.conversation.test_transcripts import ran
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FixedClock
    from tests.conftest import Database, World

MODEL = "gpt-4o-mini-tts"
SPEAKING = convo.Policy(speak="missing", speech_model=MODEL)
SPOKEN: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav", "policy": SPEAKING}
TEXT = "Yes, very good ones."
LONG = "It is a good family dog. " * 400
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def asked(fake: FakeAPI) -> list[dict[str, Any]]:
    """The requests to speak."""
    return [one.body for one in fake.received if one.path == "/v1/audio/speech"]


def mute(store: Any, client: Any, fake: FakeAPI, text: str = TEXT, **changes: Any) -> tuple[Any, Any]:
    """Give a conversation and its reply, which came as text."""
    chat = store.create()
    fake.will_reply(text, spoken=False)
    return chat, chat.send(client, "Is it a good dog?", **{**SPOKEN, **changes})


@pytest.fixture
def other(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    """Another worker on the same database."""
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        yield opened


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Do something while the speech is made."""

    def register(act: Callable[[], Any]) -> None:
        def spoken(body: dict[str, Any]) -> bytes:
            monkeypatch.undo()
            act()
            return speech.spoken(body)

        monkeypatch.setattr(fakes, "spoken", spoken)

    return register


# --- what is spoken --------------------------------------------------------------------------------


def test_a_reply_in_text_is_spoken_by_another_model_and_says_so(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake)
    assert asked(fake) == [{"model": MODEL, "voice": "alloy", "input": TEXT, "response_format": "wav"}]
    assert (reply.text, reply.transcript, reply.spoken, reply.made_by) == (TEXT, None, False, MODEL)
    assert (reply.audio.format, reply.audio.voice, reply.audio.id, reply.audio.expires_at) == ("wav", "alloy", None, None)
    assert (reply.audio.transcript, reply.audio.made_by) == (TEXT, MODEL)
    assert reply.audio.duration == pytest.approx(1.6)
    assert reply.speech_error is None
    stored = chat.history()[-1]
    assert stored.raw == reply.message.raw
    assert stored.raw["content"] == TEXT
    assert stored.audio == reply.audio
    assert chat.load(stored.audio).data == reply.audio.data
    assert chat.history().audio() == (stored.audio,)


def test_a_reply_that_the_model_speaks_itself_is_its_own(store: Any, client: Any, fake: FakeAPI) -> None:
    reply = store.create().send(client, "Is it?", **SPOKEN)
    assert (reply.spoken, reply.made_by, reply.audio.made_by, reply.speech_error) == (True, None, None, None)
    assert not asked(fake)


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ({"text": TEXT, "spoken": False}, {"policy": convo.Policy()}),
        ({"text": TEXT, "spoken": False}, {"policy": convo.Policy(speech_model=MODEL)}),
        ({"text": TEXT, "spoken": False}, {"voice": None, "format": None}),
        ({"text": TEXT}, {"model": "gpt-5.5", "voice": None, "format": None}),
        ({"refusal": "I will not."}, {}),
        ({"text": TEXT, "spoken": False, "tool_calls": [("look_up", "{}")]}, {"tools": [TOOL]}),
        ({"text": " \n", "spoken": False}, {}),
    ],
    ids=["no policy", "a model alone", "nobody asked", "text model", "refusal", "calls", "nothing said"],
)
def test_nothing_is_spoken_that_need_not_be(
    store: Any, client: Any, fake: FakeAPI, answer: dict[str, Any], changes: dict[str, Any]
) -> None:
    fake.will_reply(**answer)
    reply = store.create().send(client, "Is it?", **{**SPOKEN, **changes})
    assert not asked(fake)
    assert (reply.audio, reply.spoken, reply.made_by, reply.speech_error) == (None, False, None, None)


def test_a_text_model_is_given_a_voice_that_way(store: Any, client: Any, fake: FakeAPI) -> None:
    policy = attrs.evolve(SPEAKING, missing_transcript="transcribe")
    chat = store.create()
    fake.will_transcribe("Is it a good dog?")
    fake.will_reply(TEXT)
    reply = chat.send(client, recording(None), **{**SPOKEN, "model": "gpt-5.5", "policy": policy})
    assert [one.path.rpartition("/")[2] for one in fake.received] == ["transcriptions", "completions", "speech"]
    assert (reply.made_by, reply.audio.format) == (MODEL, "wav")
    assert chat.usage().calls == 3


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "aac", "flac", "pcm16"])
def test_it_is_in_the_format_that_was_asked_for(store: Any, client: Any, fake: FakeAPI, name: str) -> None:
    _, reply = mute(store, client, fake, format=name, model="gpt-5.5")  # the fake's audio models speak three of them only
    assert reply.speech_error is None
    assert reply.audio.format == name
    assert asked(fake)[0]["response_format"] == ("pcm" if name == "pcm16" else name)


def test_a_voice_of_its_own_and_the_policys_voice(store: Any, client: Any, fake: FakeAPI) -> None:
    _, reply = mute(store, client, fake, voice={"id": "voice_7"})
    assert (reply.audio.voice, asked(fake)[0]["voice"]) == ("voice_7", {"id": "voice_7"})
    mute(store, client, fake, voice=None, format=None, modalities=["text", "audio"], policy=attrs.evolve(SPEAKING, voice="sage"))
    assert (asked(fake)[1]["voice"], asked(fake)[1]["response_format"]) == ("sage", "wav")


@pytest.mark.parametrize(("name", "becomes"), [("wav", "wav"), ("mp3", "wav"), ("pcm16", "pcm16")])
def test_a_long_text_is_spoken_in_pieces_and_joined(store: Any, client: Any, fake: FakeAPI, name: str, becomes: str) -> None:
    chat, reply = mute(store, client, fake, LONG, format=name)
    assert reply.speech_error is None
    pieces = asked(fake)
    assert len(pieces) == 3
    assert " ".join(piece["input"] for piece in pieces) == LONG.strip()
    assert {piece["response_format"] for piece in pieces} == {"pcm"}
    assert (reply.audio.format, reply.audio.duration) == (becomes, pytest.approx(2400 * 0.4))
    assert chat.usage().calls == 4


def test_a_text_that_has_many_tokens_is_within_the_limit_of_the_api(store: Any, client: Any, fake: FakeAPI) -> None:
    _, reply = mute(store, client, fake, "犬は忠実です。" * 500)
    assert reply.speech_error is None


def test_what_is_no_text_is_spoken_as_well_as_may_be(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake, "Yes\0 \ud83d, very.")
    assert reply.speech_error is None
    assert asked(fake)[0]["input"] == "Yes\0 \ufffd, very."
    assert chat.history()[-1].audio.transcript == "Yes\ufffd \ufffd, very."


def test_after_functions_answered_the_last_reply_is_spoken(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("look_up", "{}")])
    fake.will_reply(TEXT, spoken=False)
    reply = store.create().send(client, "Is it?", **SPOKEN, tools=[TOOL], tool_functions={"look_up": lambda: 42})
    assert (reply.made_by, [one.audio for one in reply.earlier]) == (MODEL, [None])
    assert len(asked(fake)) == 1


# --- what is recorded ------------------------------------------------------------------------------


def test_each_call_is_an_exchange_of_unknown_cost(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake)
    totals = chat.usage()
    assert (totals.calls, totals.unpriced) == (2, 1)
    assert totals.usage == attrs.evolve(reply.usage, input_characters=len(reply.text))
    x = tables.exchange.c
    mine = x.owner == chat.owner
    assert ran(chat, sa.select(x.api).where(mine).order_by(x.api)) == ["chat", "speech"]
    for column, value in {
        "model": MODEL, "voice": "alloy", "format": "wav", "status": "done", "key": None, "cost": None, "input_tokens": None,
        "position": None,
    }.items():  # fmt: skip
        assert ran(chat, sa.select(x[column]).where(mine, x.api == "speech")) == [value]
    assert ran(chat, sa.select(x.request_id).where(mine, x.api == "speech"))[0].startswith("req_")
    assert ran(chat, sa.select(x.spoken).where(mine, x.api == "chat")) == [False]
    assert chat.pending() == []


def test_a_budget_of_tokens_counts_no_speech_and_one_of_money_says_that_it_is_unknown(
    store: Any, client: Any, fake: FakeAPI
) -> None:
    chat, _ = mute(store, client, fake)
    within = attrs.evolve(SPEAKING, budgets=[convo.Budget(tokens=100_000)])
    assert chat.send(client, "Why?", **{**SPOKEN, "policy": within}).spoken
    money = convo.Budget(money=100, per="conversation")
    with pytest.raises(convo.SpendingUnknown):
        chat.send(client, "Why?", **{**SPOKEN, "policy": attrs.evolve(SPEAKING, budgets=[money])})
    free = attrs.evolve(SPEAKING, budgets=[attrs.evolve(money, unknown="ignore")])
    assert chat.send(client, "Why?", **{**SPOKEN, "policy": free}).spoken


def test_the_same_key_has_the_same_sound_and_nobody_is_asked_again(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake, key="k")
    again = chat.send(client, "Is it a good dog?", **SPOKEN, key="k")
    assert again.replayed
    assert (again.made_by, again.audio, again.audio.data) == (MODEL, reply.audio, reply.audio.data)
    assert len(fake.received) == 2
    plain = chat.send(client, "Is it a good dog?", model="gpt-audio-1.5", voice="alloy", key="k")
    assert plain.made_by == MODEL


def test_it_is_sent_as_text_and_never_as_a_reference(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, _ = mute(store, client, fake)
    chat.add("Why?")
    request = chat.request("gpt-audio-1.5", client=client, voice="alloy")
    assert request["messages"][1] == {"role": "assistant", "content": TEXT}
    assert request.renderings[1].how == "text"
    reminding = convo.Policy(reminder="after_fallback")
    assert chat.request("gpt-audio-1.5", client=client, voice="alloy", policy=reminding).renderings[-1].how == "reminder"
    assert [message["content"] for message in chat.to_chat()] == ["Is it a good dog?", TEXT, "Why?"]
    assert chat.history().to_chat()[1] == chat.to_chat()[1]
    assert chat.transcript() == f"User: Is it a good dog?\n\nAssistant: {TEXT}\n\nUser: Why?"
    assert [hit.position for hit in store.search("good ones")] == [2]
    assert chat.transcribe(client) == convo.Transcribed(0)


# --- what goes wrong -------------------------------------------------------------------------------


def _fails(status: int) -> Callable[[FakeAPI], None]:
    return lambda fake: fake.will_fail(status)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_fails(500), openai.InternalServerError),
        (_fails(401), openai.AuthenticationError),
        (_fails(429), openai.RateLimitError),
        (lambda fake: fake.will_drop(after=True), openai.APIConnectionError),
        (lambda fake: fake.will_speak(b""), convo.BadAudio),
        (lambda fake: fake.will_speak(b"<html>"), convo.UnknownAudioFormat),
    ],
    ids=["500", "401", "429", "drop", "nothing", "no audio"],
)
def test_what_the_speech_api_does_wrong_loses_nothing_and_the_key_tries_again(
    store: Any, client: Any, fake: FakeAPI, fault: Callable[[FakeAPI], None], error: type[Exception]
) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    fault(fake)
    reply = chat.send(client, "Is it a good dog?", **SPOKEN, key="k")
    assert isinstance(reply.speech_error, error)
    assert (reply.text, reply.audio, reply.made_by, reply.spoken) == (TEXT, None, None, False)
    assert [message.text for message in chat.history()] == ["Is it a good dog?", TEXT]
    again = chat.send(client, "Is it a good dog?", **SPOKEN, key="k")
    assert (again.replayed, again.made_by, again.speech_error) == (True, MODEL, None)
    assert chat.history()[-1].audio == again.audio


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voice": "nobody"}, "Input should be"),
        ({"policy": convo.Policy(speak="missing", speech_model="gpt-6")}, "does not exist"),
    ],
)
def test_what_the_speech_api_does_not_know_is_told(
    store: Any, client: Any, fake: FakeAPI, changes: dict[str, Any], words: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", convo.UnknownVoice)
        _, reply = mute(store, client, fake, **changes)
    assert words in str(reply.speech_error)


def test_a_speech_model_that_is_shut_down_is_not_asked_and_the_turn_goes_on(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    clock.set(datetime(2027, 1, 6, tzinfo=UTC))
    _, reply = mute(store, client, fake, model="gpt-audio-1.5")
    assert isinstance(reply.speech_error, convo.ModelShutDown)
    assert (reply.text, asked(fake)) == (TEXT, [])
    fake.will_reply(TEXT, spoken=False)
    ignoring = attrs.evolve(SPEAKING, shut_down="ignore")
    told = store.create().send(client, "Is it?", **{**SPOKEN, "policy": ignoring}).speech_error
    assert isinstance(told, openai.NotFoundError)


def test_a_server_that_knows_one_format_only_is_taken_at_its_bytes(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    fake.will_speak(speech.spoken({"input": TEXT, "response_format": "mp3"}))
    assert chat.send(client, "Is it?", **SPOKEN).audio.format == "mp3"


def test_calls_that_were_answered_are_counted_when_a_later_one_fails(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(LONG, spoken=False)
    fake.will_speak(b"\0\0" * 24_000)
    fake.will_fail(500)
    reply = chat.send(client, "Is it?", **SPOKEN)
    assert isinstance(reply.speech_error, openai.InternalServerError)
    assert reply.audio is None
    assert (chat.usage().calls, len(asked(fake))) == (2, 2)


def test_speech_that_cannot_be_stored_is_given_all_the_same(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bool:
        raise sa.exc.IntegrityError("no", None, Exception("no"))

    monkeypatch.setattr(speeches, "keep", broken)
    chat, reply = mute(store, client, fake)
    assert isinstance(reply.speech_error, convo.StoreError)
    assert reply.audio.duration == pytest.approx(1.6)
    assert chat.history()[-1].audio is None


def test_a_commit_whose_confirmation_was_lost_is_not_done_twice(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake)
    x = tables.exchange.c
    row = dict(zip(x.keys(), _row(chat), strict=True))

    def again(connection: Any) -> bool:
        piece = attrs.evolve(reply.message.media[0])
        return speeches.keep(connection, chat.owner, row["branch"], 2, reply.message.body, piece, [row], 0)[0]

    assert _within(chat, again) is False
    assert chat.usage().calls == 2
    assert chat.load(chat.history()[-1].audio).loaded


def _row(chat: Any) -> Any:
    def work(connection: Any) -> Any:
        x = tables.exchange.c
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        wanted = sa.select(*x).where(x.owner == chat.owner, x.api == "speech")
        return tuple(connection.execute(wanted, execution_options=options).one())

    return _within(chat, work)


def _within(chat: Any, work: Callable[[Any], Any]) -> Any:
    from tests.support.both import resolved

    return resolved(chat, chat._driver.runner.run(work, mode="write"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"speak": "always"}, "'never' or 'missing'"),
        ({"speak": "missing"}, "needs speech_model="),
        ({"speak": "missing", "speech_model": ""}, "no name of a model"),
        ({"speech_model": 5}, "the name of a model"),
        ({"reminder": "often"}, "'after_fallback'"),
        ({"reminder_text": " "}, "says nothing"),
        ({"reminder_text": 5}, "text"),
        ({"reminder_text": "\ud800"}, "surrogate"),
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_followed_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(convo.InputError, match=words):
        convo.Policy(**wrong)


@pytest.mark.parametrize("model", ["gpt-audio-1.5", "gpt-5.5"])
def test_contradicting_wishes_are_refused_before_anything_is_stored(store: Any, client: Any, fake: FakeAPI, model: str) -> None:
    chat = store.create()
    with pytest.raises(convo.ConflictingArguments):
        chat.send(client, "Is it?", **{**SPOKEN, "model": model}, audio={"voice": "sage"})
    assert (chat.head, fake.received) == (0, [])


# --- what others do meanwhile, and later -----------------------------------------------------------


def test_a_reply_that_was_redacted_meanwhile_gets_no_speech(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, database: Database, meanwhile: Any
) -> None:
    chat = store.create()
    meanwhile(lambda: other.get(chat.id).redact(2))
    fake.will_reply(TEXT, spoken=False)
    reply = chat.send(client, "Is it?", **SPOKEN)
    assert isinstance(reply.speech_error, convo.ConflictError)
    assert (reply.audio, chat.history()[-1].audio, chat.history()[-1].status) == (None, None, "redacted")
    assert counted(database)["attachment"] == 0
    assert not [one for one in store.doctor() if one.kind.startswith("blob")]
    assert ran(chat, sa.select(tables.blob.c.digest).where(tables.blob.c.owner == chat.owner)) == []
    assert chat.usage().calls == 2


@pytest.mark.parametrize("act", ["delete", "move_to"])
def test_a_conversation_that_is_gone_meanwhile_stays_gone(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, database: Database, meanwhile: Any, act: str
) -> None:
    chat = store.create()
    owner = chat.owner
    meanwhile(lambda: other.delete(chat.id) if act == "delete" else other.get(chat.id).move_to(f"{owner}-user"))
    fake.will_reply(TEXT, spoken=False)
    reply = chat.send(client, "Is it?", **SPOKEN)
    assert isinstance(reply.speech_error, convo.ConflictError)
    assert reply.text == TEXT
    assert not any(counted(database).values())
    if act == "move_to":
        theirs = other.owned_by(f"{owner}-user").get(chat.id)
        assert theirs.history()[-1].audio is None
        assert theirs.usage().calls == 1


def test_what_another_worker_made_meanwhile_is_taken(
    world: World, fake: FakeAPI, other: convo.Store, database: Database, meanwhile: Any
) -> None:
    store = world.open()
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    fake.will_fail(500)
    chat.send(world.client, "Is it?", **SPOKEN, key="k")
    first: list[Any] = []

    def theirs() -> None:
        with FakeAPI(clock=fake._clock).client() as client:
            first.append(other.get(chat.id).send(client, "Is it?", **{**SPOKEN, "format": "pcm16"}, key="k"))

    meanwhile(theirs)
    reply = chat.send(world.client, "Is it?", **SPOKEN, key="k")
    assert first[0].made_by == MODEL
    assert (reply.speech_error, reply.made_by) == (None, MODEL)
    assert reply.audio == first[0].audio
    assert reply.audio.data == first[0].audio.data
    assert counted(database)["attachment"] == 1
    assert chat.usage().calls == 3
    assert ran(chat, sa.select(tables.blob.c.digest).where(tables.blob.c.owner == chat.owner)) == [reply.audio.digest]


def test_on_a_line_that_was_left_meanwhile_the_reply_has_its_speech(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, meanwhile: Any
) -> None:
    chat = store.create()
    meanwhile(lambda: other.get(chat.id).regenerate())
    fake.will_reply(TEXT, spoken=False)
    assert chat.send(client, "Is it?", **SPOKEN).made_by == MODEL
    fake.will_reply("Yes.", spoken=False)
    chat = store.get(chat.id)
    assert chat.send(client, **SPOKEN).made_by == MODEL
    assert [branch.shown for branch in chat.branches()].count(True) == 1
    chat.switch(next(branch for branch in chat.branches() if not branch.shown))
    assert (chat.history()[-1].text, chat.history()[-1].audio.made_by) == (TEXT, MODEL)


def test_a_fork_shares_it_and_keeps_it(store: Any, client: Any, fake: FakeAPI, database: Database) -> None:
    chat, reply = mute(store, client, fake)
    fork = chat.fork()
    assert fork.history()[-1].audio == reply.audio
    store.delete(chat.id)
    assert fork.load(fork.history()[-1].audio).data == reply.audio.data
    store.delete(fork.id)
    assert not any(counted(database).values())


def test_it_moves_with_its_conversation(store: Any, client: Any, fake: FakeAPI, database: Database) -> None:
    chat, reply = mute(store, client, fake, key="k")
    chat.move_to(f"{chat.owner}-user")
    assert chat.history()[-1].audio == reply.audio
    assert chat.load(chat.history()[-1].audio).loaded
    again = chat.send(client, "Is it a good dog?", **SPOKEN, key="k")
    assert (again.replayed, again.made_by, again.audio) == (True, MODEL, reply.audio)
    assert not any(counted(database).values())


def test_redaction_takes_it_with_the_words(store: Any, client: Any, fake: FakeAPI, database: Database) -> None:
    chat, reply = mute(store, client, fake)
    chat.redact(2)
    assert chat.history().audio() == ()
    assert counted(database)["attachment"] == 0
    with pytest.raises(convo.BlobNotFound):
        chat.load(attrs.evolve(reply.audio, data=None))


def test_the_doctor_finds_nothing_wrong_and_what_is_missing(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, _ = mute(store, client, fake)

    def kinds() -> list[str]:
        return [one.kind for one in store.doctor() if one.severity != "note" and one.owner is not None]

    assert kinds() == []
    ran(chat, sa.delete(tables.blob_chunk).where(tables.blob_chunk.c.owner == chat.owner))
    ran(chat, sa.delete(tables.blob).where(tables.blob.c.owner == chat.owner))
    assert kinds() == ["blob_missing"]


def test_nobody_else_sees_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, reply = mute(store, client, fake)
    stranger = store.owned_by(f"{chat.owner}-other").create()
    with pytest.raises(convo.BlobNotFound):
        stranger.load(attrs.evolve(reply.audio, data=None))


# --- streams ---------------------------------------------------------------------------------------

STREAMED: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "policy": SPEAKING}


@pytest.mark.parametrize("text", [TEXT, LONG], ids=["short", "long"])
def test_a_stream_ends_with_the_speech_and_the_reply(store: Any, client: Any, fake: FakeAPI, text: str) -> None:
    chat = store.create()
    fake.will_reply(text, spoken=False)
    with chat.stream(client, "Is it?", **STREAMED, key="k") as stream:
        *deltas, sound, reply = list(stream)
    assert "".join(delta.text for delta in deltas) == text
    assert isinstance(sound, convo.AudioDelta)
    assert reply is stream.reply
    assert (reply.made_by, reply.spoken, reply.audio.format, reply.audio.data) == (MODEL, False, "pcm16", sound.data)
    assert chat.history()[-1].audio == reply.audio
    with chat.stream(client, "Is it?", **STREAMED, key="k") as again:
        events = list(again)
    assert [type(event).__name__ for event in events] == ["TextDelta", "AudioDelta", "Reply"]
    assert events[1].data == sound.data


def test_a_stream_whose_speech_fails_ends_with_the_text_and_its_key_tries_again(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    fake.will_fail(500)
    with chat.stream(client, "Is it?", **STREAMED, key="k") as stream:
        events = list(stream)
    assert not [event for event in events if isinstance(event, convo.AudioDelta)]
    assert isinstance(stream.reply.speech_error, openai.InternalServerError)
    with chat.stream(client, "Is it?", **STREAMED, key="k") as stream:
        assert [type(event).__name__ for event in stream] == ["TextDelta", "AudioDelta", "Reply"]


def test_a_stream_that_was_interrupted_is_not_spoken(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    with chat.stream(client, "Is it?", **STREAMED) as stream:
        next(iter(stream))
    assert stream.reply.interrupted
    assert not asked(fake)


@pytest.mark.parametrize("name", ["wav", "pcm16", "mp3", "opus"])
def test_of_speech_that_was_cut_only_what_was_heard_stays(store: Any, client: Any, fake: FakeAPI, name: str) -> None:
    chat, whole = mute(store, client, fake, format=name, model="gpt-5.5")
    assert chat.truncate(2, heard_until=60).audio == whole.audio
    cut = chat.truncate(2, heard_until=0.8)
    assert (cut.text, cut.status) == ("Yes, very", "interrupted")
    assert cut.raw["content"] == "Yes, very"
    if name in ("wav", "pcm16"):
        assert (cut.audio.duration, cut.audio.transcript, cut.audio.made_by) == (pytest.approx(0.8), "Yes, very", MODEL)
        assert cut.audio.voice == "alloy"
    else:
        assert cut.audio is None
    stored = chat.history()[-1]
    assert (stored.text, stored.audio, stored.raw) == (cut.text, cut.audio, cut.raw)
    assert not [one for one in store.doctor() if one.kind in ("derived_wrong", "body_changed", "attachment_missing")]
    assert chat.truncate(2, heard_until=0).raw["content"] is None


def test_a_stream_cut_while_its_speech_plays_keeps_what_was_heard(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    stream = chat.stream(client, "Is it?", **STREAMED)
    list(stream)
    stream.close(heard_until=0.8)
    assert (stream.reply.text, stream.reply.audio.duration, stream.reply.made_by) == ("Yes, very", pytest.approx(0.8), MODEL)


def test_a_reply_cut_while_its_speech_is_made_stays_cut(
    store: Any, client: Any, fake: FakeAPI, other: convo.Store, meanwhile: Any
) -> None:
    chat = store.create()
    fake.will_reply(TEXT, spoken=False)
    meanwhile(lambda: other.get(chat.id).truncate(2, heard_until=0.5))
    reply = chat.send(client, "Is it?", **SPOKEN)
    assert isinstance(reply.speech_error, convo.ConflictError)
    assert (chat.history()[-1].status, chat.history()[-1].audio) == ("interrupted", None)


# --- cancelled -------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [False, True])
async def test_a_task_that_is_cancelled_while_speech_is_made_leaves_the_reply(
    database: Database, clock: FixedClock, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch, streams: bool
) -> None:
    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        fake.will_reply(TEXT, spoken=False)
        begun = asyncio.Event()

        async def endless(**_: Any) -> Any:
            begun.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(client.audio.speech.with_raw_response, "create", endless)
            stream = chat.stream(client, "Is it?", **STREAMED, key="k")

            async def run() -> None:
                if streams:
                    async for _ in stream:
                        pass
                else:
                    await chat.send(client, "Is it?", **STREAMED, format="wav", key="k")

            task = asyncio.create_task(run())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        if streams:
            assert stream.reply.text == TEXT
        assert [message.text for message in await chat.history()] == ["Is it?", TEXT]
        assert await chat.pending() == []
        assert (await chat.send(client, "Is it?", **STREAMED, key="k")).made_by == MODEL
