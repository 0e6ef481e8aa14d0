"""Notes beside the log, and redaction: what a message said is gone, and its place is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from tests.support.builders import WAV, recording, wav

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT = {"model": "gpt-4.1"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"secret": 1}'}}
TOOL_TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "a secret"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "a secret"},
    {"role": "assistant", "content": "It is a secret."},
]


def everything(database: Database) -> str:
    """All that the owner's tables hold, as one text."""
    with convo.Store(database.url, **database.options) as store:
        runner: Any = store._driver.runner
        options = {"schema_translate_map": {None: database.options.get("schema")}}
        with runner.engines.reading.connect() as connection:
            rows = [
                row
                for table in tables.metadata.tables.values()
                if "owner" in table.c
                for row in connection.execute(
                    sa.select(table).where(table.c.owner == database.options.get("owner", "")), execution_options=options
                )
            ]
    return "\n".join(map(str, rows))


# --- notes -----------------------------------------------------------------------------------------


def test_notes_change_beside_the_log_and_are_never_sent(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    before = chat.history()
    assert chat.annotate(2, thumbs=1, label="ä", position={"x": [None, 1.5, 2**70]}) == {
        "label": "ä",
        "position": {"x": [None, 1.5, 2**70]},
        "thumbs": 1,
    }
    assert chat.annotate(2, thumbs=-1, label=None) == {"position": {"x": [None, 1.5, 2**70]}, "thumbs": -1}
    chat.annotate(1, seen=True)
    assert world.open().get(chat.id).annotations() == {1: {"seen": True}, 2: chat.annotate(2)}
    assert (chat.history(), chat.head) == (before, 2)
    chat.send(world.client, "More", **TEXT)
    assert "thumbs" not in str(fake.last.body)


def test_notes_belong_to_the_message_and_lines_that_share_it_have_them(store: Any) -> None:
    chat = store.create(messages=TOOL_TURN)
    fork = chat.fork()
    chat.annotate(1, thumbs=1)
    chat.annotate(4, thumbs=-1)
    assert fork.annotations() == chat.annotations()
    fork.regenerate()
    assert fork.annotations() == {1: {"thumbs": 1}}
    fork.annotate(1, thumbs=2)
    store.delete(chat.id)
    assert fork.annotations() == {1: {"thumbs": 2}}


BAD_NOTES: dict[str, tuple[Any, type[Exception], str]] = {
    "of no message": (lambda chat: chat.annotate(5, a=1), convo.MessageNotFound, "no message 5"),
    "of no position": (lambda chat: chat.annotate("1", a=1), convo.InputError, "position takes"),
    "of a place before the first": (lambda chat: chat.annotate(0, a=1), convo.InputError, "less than 1"),
    "with a bad name": (lambda chat: chat.annotate(1, **{"a b": 1}), convo.InvalidMetadata, "a b"),
    "that are no JSON": (lambda chat: chat.annotate(1, a=object()), convo.InvalidMetadata, "no JSON"),
    "that are no number": (lambda chat: chat.annotate(1, a=float("nan")), convo.InvalidMetadata, "nan"),
    "with NUL": (lambda chat: chat.annotate(1, a="\0"), convo.InvalidMetadata, "NUL"),
    "that are too many": (lambda chat: chat.annotate(1, **{f"a{n}": n for n in range(101)}), convo.InvalidMetadata, "100"),
    "that are too many by now": (
        lambda chat: [chat.annotate(1, **{f"a{n}": n}) for n in range(101)],
        convo.InvalidMetadata,
        "100",
    ),
    "that are too long": (lambda chat: chat.annotate(1, a="x" * 100_001), convo.InvalidMetadata, "100,000"),
    "redacted before the first": (lambda chat: chat.redact(0), convo.InputError, "less than 1"),
    "redacted past the end": (lambda chat: chat.redact(1 << 70), convo.MessageNotFound, "no message"),
}


@pytest.mark.parametrize("case", BAD_NOTES)
def test_notes_that_cannot_be_kept_say_so(store: Any, case: str) -> None:
    call, error, words = BAD_NOTES[case]
    chat = store.create(messages=TOOL_TURN)
    with pytest.raises(error, match=words):
        call(chat)
    assert "a100" not in chat.annotations().get(1, {})
    assert chat.history().to_chat() == TOOL_TURN


def test_a_view_that_reads_writes_no_notes_and_a_deleted_conversation_has_none(store: Any) -> None:
    chat = store.create(messages=TOOL_TURN)
    chat.annotate(1, thumbs=1)
    view = store.everyone().get(chat.id)
    assert view.annotations() == {1: {"thumbs": 1}}
    writes: list[Any] = [lambda: view.annotate(1, a=1), lambda: view.redact(1)]
    for write in writes:
        with pytest.raises(convo.ReadOnlyView):
            write()
    store.delete(chat.id)
    calls: list[Any] = [chat.annotations, lambda: chat.annotate(1, a=1), lambda: chat.redact(1)]
    for call in calls:
        with pytest.raises(convo.ConversationNotFound):
            call()


# --- redaction -------------------------------------------------------------------------------------


def test_what_a_message_said_is_gone_everywhere(world: World, database: Database) -> None:
    chat = world.open().create()
    said: Any = {"name": "swordfish", "metadata": {"a": "swordfish"}, "key": "k"}
    chat.add("swordfish", recording("swordfish"), **said)
    chat.annotate(1, note="swordfish")
    fork = chat.fork()
    assert "swordfish" in everything(database)
    chat.redact(1)
    assert "swordfish" not in everything(database)
    for line in (chat, fork):
        [message] = line.history()
        assert (message.status, message.role, message.position, message.text) == ("redacted", "user", 1, "[redacted]")
        assert (message.media, message.metadata, message.raw.get("name")) == ((), {}, None)
        assert "[redacted]" in line.transcript()
        assert line.annotations() == {}
    chat.redact(1)
    assert (
        chat.add("swordfish", recording("swordfish"), name="swordfish", metadata={"a": "swordfish"}, key="k").status == "redacted"
    )


def test_a_redacted_reply_loses_its_audio_and_replays_as_redacted(world: World, database: Database, fake: FakeAPI) -> None:
    chat = world.open().create()
    reply = chat.send(world.client, "Hello", **VOICE, key="k")
    identifier = chat.history()[-1].audio.id
    chat.redact(2)
    stored = everything(database)
    assert reply.text not in stored
    assert identifier not in stored
    assert "[redacted]" in stored
    again = chat.send(world.client, "Hello", **VOICE, key="k")
    assert (again.replayed, again.text, again.audio, again.usage) == (True, "[redacted]", None, reply.usage)
    assert again.raw["choices"][0]["message"]["content"] == "[redacted]"
    with pytest.raises(convo.BlobNotFound):
        chat.load(convo.Audio.stored(format="wav", digest=reply.audio.digest, size=1))
    request = chat.request("gpt-audio-1.5", client=world.client, voice="alloy")
    assert [message["role"] for message in request["messages"]] == ["user"]
    assert "it was redacted" in request.explain()
    chat.send(world.client, "More", **VOICE)


@pytest.mark.parametrize("position", [1, 2, 3, 4])
def test_a_tool_turn_is_sent_whatever_of_it_was_redacted(world: World, fake: FakeAPI, position: int) -> None:
    chat = world.open().create(messages=TOOL_TURN)
    chat.redact(position)
    chat.send(world.client, "Go on", **TEXT)
    sent = fake.last.body["messages"]
    assert str(sent).count("secret") == (2 if position == 2 else 3)
    roles = [message["role"] for message in sent]
    assert (
        roles
        == {
            1: ["assistant", "tool", "assistant", "user"],
            2: ["user", "assistant", "user"],
            3: ["user", "assistant", "tool", "assistant", "user"],
            4: ["user", "assistant", "tool", "user"],
        }[position]
    )
    if position == 3:
        assert sent[2]["content"] == "[redacted]"


def test_redacted_instructions_are_in_force_no_more(world: World, fake: FakeAPI) -> None:
    chat = world.open().create(instructions="Old.")
    chat.update(instructions="A secret.")
    chat.redact(2)
    assert (chat.instructions, chat.history().instructions, world.open().get(chat.id).instructions) == (None, None, None)
    chat.send(world.client, "Hello", **TEXT)
    assert [message["role"] for message in fake.last.body["messages"]] == ["user"]
    chat.update(instructions="New.")
    assert chat.instructions == "New."


def test_a_redacted_question_can_be_written_anew(store: Any) -> None:
    chat = store.create(messages=TOOL_TURN)
    chat.redact(1)
    assert chat.edit(1, "no secret").text == "no secret"
    assert [m.status for m in chat.history()] == ["complete"]


def test_bytes_that_others_refer_to_stay(store: Any, clock: FixedClock) -> None:
    chat, other = store.create(), store.create()
    other.add(recording())
    clock.advance(1)
    chat.add(recording())
    chat.redact(1)
    audio = other.history()[0].audio
    assert other.load(audio).data == WAV
    clock.advance(3_600)
    other.redact(1)
    with pytest.raises(convo.BlobNotFound):
        other.load(audio)


def test_bytes_that_somebody_has_just_put_stay_for_a_while(world: World, database: Database, clock: FixedClock) -> None:
    from convo.store import blobs

    chat = world.open().create()
    data = wav(0.1)
    chat.add(recording(data=data))
    audio = chat.add(recording(data=data)) and chat.history()[0].audio
    clock.advance(60)
    with convo.Store(database.url, clock=clock, **database.options) as other:
        place = other._driver
        place.runner.run(blobs.put, chat.owner, audio.digest, data, place.tools.now(), mode="write")
        chat.redact(1)
        chat.redact(2)
        assert chat.load(audio).data == data
        clock.advance(601)
        late = chat.add("x")
        gone = {audio.digest: late.created - 1_000_000_000}
        place.runner.run(blobs.drop_unused, chat.owner, gone, place.tools.now(), mode="write")
    with pytest.raises(convo.BlobNotFound):
        chat.load(audio)


def test_what_came_too_late_is_redacted_with_the_reply(world: World, database: Database, clock: FixedClock) -> None:
    from convo.protocol import LEASE

    chat = world.open().create()
    chat.add("Hello")
    request = chat.request("gpt-4.1", client=world.client)
    call = chat.exchange(request)
    call.__enter__()
    clock.advance(LEASE / 1_000_000 + 1)
    chat.send(world.client, **TEXT)
    with pytest.raises(convo.ExchangeLost):
        call.record(answer("swordfish"))
    assert "swordfish" in everything(database)
    chat.redact(2)
    assert "swordfish" not in everything(database)
    assert chat.usage().calls == 2


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"id": "chatcmpl-1", "model": "gpt-4.1", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
