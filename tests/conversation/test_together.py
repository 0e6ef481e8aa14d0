"""A store that went through everything: the parts of the library where they meet."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

import convo
from convo import AudioDelta
from convo.steps import ears, truncating
from convo.store import checkpoints, tables
from tests.conversation.test_deletion import counted
from tests.conversation.test_interruptions import die, save_now, until
from tests.conversation.test_transcripts import ran
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT: dict[str, Any] = {"model": "gpt-4.1"}
HEARS: dict[str, Any] = {"model": "gpt-audio-1.5", "modalities": ["text"]}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
SAID = "Kestrel hovers above the wide meadow, and falls upon a vole which nobody else has seen there."


def unheard(number: int) -> convo.Audio:
    return recording(None, wav(0.2, pitch=220.0 + number))


def sick(store: Any, owner: str | None = None) -> list[str]:
    """What a doctor finds in rows that is worse than a note, of one owner where others share the database."""
    found = [one for one in store.doctor() if one.owner is not None and one.severity != "note"]
    return [f"{one.kind}: {one.message}" for one in found if owner in (None, one.owner)]


def places(store: Any, text: str) -> list[tuple[Any, int]]:
    return [(hit.conversation, hit.position) for hit in store.search(text)]


def test_a_store_that_went_through_everything_is_healthy(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    store = world.open()
    client = world.client
    chat = store.create(instructions="Be brief.", title="all of it")
    fake.will_reply(SAID)
    stream = chat.stream(client, unheard(1), **VOICE)
    until(stream, AudioDelta, 3)
    stream.close()
    fake.will_reply(SAID)
    chat.send(client, "And more?", **VOICE, format="wav")
    assert chat.truncate(chat.head, heard_until=1.0).status == "interrupted"
    fake.will_reply(tool_calls=[("look_up", '{"bird":"vulture"}', "call_1")])
    fake.will_reply("It is written there.")
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    chat.send(client, "Look it up", **HEARS, tools=tools, tool_functions={"look_up": lambda bird: f"about the {bird}"})
    chat.annotate(3, thumbs=1)
    assert sick(store) == []
    go_through_everything(store, chat, client, clock)
    assert sick(store.everyone(), chat.owner) == []


def go_through_everything(store: Any, chat: Any, client: Any, clock: FixedClock) -> None:
    """Change a conversation in all ways until it is deleted; the doctor is content on the way.

    It has an unheard recording at 2, its spoken reply at 3, spoken turns, and the call of a tool at 7.
    """
    owner = chat.owner
    fork = chat.fork()
    assert chat.transcribe(client).done == 1
    fork.set_transcript(2, "a falcon perhaps")
    before = chat.branches()[0]
    chat.edit(4, "And less?")
    chat.update(instructions="Be long.")
    chat.regenerate()
    chat.switch(before)
    fork.redact(4)
    fork.redact(5)
    fork.redact(7)
    assert sick(store) == []
    assert sick(store.everyone(), chat.owner) == []
    dead = fork.stream(client, "Who is there?", **VOICE)
    until(dead, AudioDelta, 2)
    save_now(dead)
    die(dead)
    clock.advance(31)
    assert "exchange_expired" in [found.kind for found in store.doctor()]
    fork.edit(2, unheard(2))
    fork.transcribe(client)
    store.search("falcon")
    store.doctor(repair=lambda finding: True)
    assert sick(store) == []
    fork.move_to(f"{owner}-user")
    assert sick(store) == []
    theirs = store.owned_by(f"{owner}-user")
    assert sick(theirs) == []
    again = theirs.get(fork.id).fork(2)
    for one in (chat, fork, again):
        assert one.to_chat()
        assert store.create(messages=one.to_chat()).history().head == one.head
        assert one.transcript()
        one.usage()
        one.pending()
    theirs.delete(fork.id)
    store.delete(chat.id)
    clock.advance(10_000)
    assert sick(store) == sick(theirs) == []


def test_what_is_derived_of_a_redacted_message_is_what_the_doctor_expects(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "my secret"}])
    chat.redact(1)
    assert sick(store) == []


def in_between(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Any) -> None:
    """Do something once, right before a function of the library runs: what another worker may do between two steps."""
    real, left = getattr(module, name), [act]

    def acting(*args: Any, **kwargs: Any) -> Any:
        while left:
            left.pop()()
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, acting)


def test_a_redacted_reply_stays_redacted_when_it_is_truncated(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, "Hello?", **VOICE, format="wav")
    chat.redact(2)
    before = chat.history()
    assert chat.truncate(2, heard_until=0) == before[1]
    assert chat.history() == before
    assert sick(store) == []


@pytest.mark.parametrize("act", ["redact", "delete"])
def test_a_reply_that_is_redacted_or_deleted_while_it_is_truncated_does_not_come_back(
    world: World, database: Database, fake: FakeAPI, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    store = world.open()
    chat = store.create()
    fake.will_reply(SAID)
    chat.send(world.client, "Hello?", **VOICE, format="wav")

    def meanwhile() -> None:
        with convo.Store(database.url, clock=clock, **database.options) as other:
            other.get(chat.id).redact(2) if act == "redact" else other.delete(chat.id)

    in_between(monkeypatch, truncating, "cut_to", meanwhile)
    if act == "redact":
        assert chat.truncate(2, heard_until=1.0).status == "redacted"
        assert "Kestrel" not in str(chat.to_chat())
    else:
        with pytest.raises(convo.ConversationNotFound):
            chat.truncate(2, heard_until=1.0)
        assert not any(counted(database).values())
    assert sick(store) == []


@pytest.mark.parametrize("position", [0, -1, 1 << 70, "2", None, True, 2.0])
def test_only_a_position_of_a_message_is_truncated(store: Any, client: Any, fake: FakeAPI, position: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello?", **VOICE, format="wav")
    before = chat.history()
    with pytest.raises((convo.InputError, convo.MessageNotFound)):
        chat.truncate(position, heard_until=1)
    assert chat.history() == before


def test_a_recording_that_is_redacted_while_it_is_transcribed_says_nothing(
    world: World, database: Database, fake: FakeAPI, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.open()
    chat = store.create()
    chat.add(unheard(1))
    fake.will_transcribe("a whispered word")

    def meanwhile() -> None:
        with convo.Store(database.url, clock=clock, **database.options) as other:
            other.get(chat.id).redact(1)

    in_between(monkeypatch, ears, "file_of", meanwhile)
    chat.transcribe(world.client)
    assert chat.history()[0].status == "redacted"
    assert "whispered" not in chat.transcript()
    assert store.search("whispered") == []
    assert sick(store) == []


def test_the_bytes_of_what_came_too_late_move_with_it_and_go_with_the_redacted_reply(
    world: World, database: Database, clock: FixedClock
) -> None:
    store = world.open()
    chat = store.create()
    visitor, user = chat.owner, f"{chat.owner}-user"
    chat.add("Hello?")
    request = chat.request("gpt-audio-1.5", client=world.client, voice="alloy", format="wav")
    call = chat.exchange(request)
    call.__enter__()
    clock.advance(31)
    chat.send(world.client, **VOICE, format="wav")
    with pytest.raises(convo.ExchangeLost):
        call.record(spoken("Too late."))
    assert len(digests(chat)) == 2
    chat.move_to(user)
    assert len(digests(chat)) == 2
    assert digests(store.create()) == []
    assert sick(store.owned_by(user)) == sick(store) == []
    chat.move_to(visitor)
    chat.redact(2)
    assert digests(chat) == []


def spoken(said: str) -> dict[str, Any]:
    """An answer of the API in speech."""
    sound = base64.b64encode(wav(0.3, pitch=333.0)).decode()
    audio = {"id": "audio_late", "data": sound, "expires_at": 2_000_000_000, "transcript": said}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None, "audio": audio}}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-audio-1.5", "choices": [choice]}


def digests(chat: Any) -> list[str]:
    """The bytes that the owner of a conversation has in whole."""
    known, chunk = tables.blob.c, tables.blob_chunk.c
    whole = sa.select(known.digest).join(tables.blob_chunk, (chunk.owner == known.owner) & (chunk.digest == known.digest))
    return ran(chat, whole.where(known.owner == chat.owner).distinct())


def test_what_a_stream_left_of_a_reply_is_redacted_with_it(world: World, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    store = world.open()
    chat = store.create()
    stream = chat.stream(world.client, "Hello?", **VOICE)
    until(stream, AudioDelta)
    save_now(stream)
    monkeypatch.setattr(checkpoints, "clear", lambda connection, owner, exchange: None)
    stream.close()
    monkeypatch.undo()
    left = sa.select(tables.checkpoint.c.number).where(tables.checkpoint.c.owner == chat.owner)
    assert ran(chat, left)
    chat.redact(2)
    assert ran(chat, left) == []


def test_a_doctor_that_finds_what_another_has_just_deleted_goes_on(
    world: World, database: Database, fake: FakeAPI, clock: FixedClock
) -> None:
    store = world.open()
    chat, second = store.create(), store.create()
    for one in (chat, second):
        stream = one.stream(world.client, "Hello?", **VOICE)
        until(stream, AudioDelta)
        save_now(stream)
        die(stream)
    clock.advance(31)
    asked: list[Any] = []

    def repair(finding: convo.Finding) -> bool:
        if not asked:
            with convo.Store(database.url, clock=clock, **database.options) as other:
                other.delete(str(finding.conversation))
        asked.append(finding)
        return True

    store.doctor(repair=repair)
    assert len(asked) == 2
    assert sick(store) == []


def test_search_finds_what_is_shown_and_the_index_holds_nothing_that_is_gone(
    world: World, database: Database, fake: FakeAPI
) -> None:
    store = world.open()
    client = world.client
    names = ("zanzibar", "quokka", "vervet", "ocelot", "pangolin", "wombat", "narwhal", "tapir", "kinkajou", "okapi", "numbat")
    chat = store.create(messages=[{"role": "user", "content": "zanzibar"}, {"role": "user", "content": "quokka vervet"}])
    visitor, user = chat.owner, f"{chat.owner}-user"
    fake.will_reply("One two three four ocelot five six seven eight nine ten pangolin")
    chat.send(client, "Hello?", **VOICE, format="wav")
    heard = store.create()
    heard.add(unheard(3))
    fork = chat.fork(2)
    chats = [chat, heard, fork]

    def check() -> None:
        for owner in (visitor, user):
            own = store.owned_by(owner)
            for name in names:
                shown = {one.id for one in chats if one.owner == owner and any(name in m.text for m in one.history())}
                assert {hit.conversation for hit in own.search(name)} == shown, (owner, name)
        kept = {name for name in names for one in chats for m in lines_of(one) if name in m.text}
        assert {name for name in names if indexed(chats[0], database, (visitor, user), name)} == kept

    check()
    fake.will_transcribe("narwhal")
    heard.transcribe(client)
    check()
    heard.set_transcript(1, "tapir")
    check()
    chat.truncate(4, heard_until=0.5)
    check()
    first = fork.branches()[0]
    fork.edit(2, "kinkajou")
    check()
    fork.switch(first)
    check()
    chat.redact(1)
    check()
    fork.move_to(user)
    check()
    chat.edit(3, "okapi")
    chats.remove(chat)
    store.delete(chat.id)
    check()
    fork.switch(fork.branches()[1])
    fork.add("numbat")
    check()
    fork.redact(2)
    fork.move_to(visitor)
    check()


def lines_of(chat: Any) -> list[convo.Message]:
    """The messages of all branches of a conversation."""
    found: list[convo.Message] = []
    before = next(branch for branch in chat.branches() if branch.shown)
    for branch in chat.branches():
        chat.switch(branch)
        found += chat.history()
    chat.switch(before)
    return found


def indexed(chat: Any, database: Database, owners: tuple[str, ...], word: str) -> bool:
    """Whether the full-text index holds a word for these owners."""
    if database.kind == "sqlite":
        [count] = ran(chat, sa.text("SELECT count(*) FROM convo_words WHERE convo_words MATCH :word").bindparams(word=word))
        return bool(count)
    words, rows = (
        sa.table("convo_words", sa.column("number"), sa.column("words"), schema=database.options["schema"]),
        tables.search.c,
    )
    holds = words.c.words.op("@@")(sa.cast(word, postgresql.TSQUERY))
    return bool(ran(chat, sa.select(rows.number).join(words, words.c.number == rows.number).where(rows.owner.in_(owners), holds)))


def test_a_file_holds_no_byte_of_what_is_gone(tmp_path: Path, fake: FakeAPI) -> None:
    path = tmp_path / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store, fake.client() as client:
        store.upgrade()
        chat = store.create(messages=[{"role": "user", "content": "the zanzibar"}, {"role": "user", "content": "a quokka"}])
        fake.will_reply("One two three four vervet five six seven eight nine ten pangolin")
        chat.send(client, "Hello?", **VOICE, format="wav")
        fork, other = chat.fork(2), store.create(messages=[{"role": "user", "content": "some wombat"}])
        chat.annotate(1, note="narwhal")
        assert [len(store.search(word)) for word in ("zanzibar", "pangolin", "wombat")] == [2, 1, 1]
        chat.truncate(4, heard_until=0.5)
        fork.redact(1)
        store.delete(other.id)
        store.search("anything")
    held = path.read_bytes()
    words = ("zanzibar", "quokka", "vervet", "pangolin", "wombat", "narwhal")
    assert [word for word in words if word.encode() in held] == ["quokka"]
