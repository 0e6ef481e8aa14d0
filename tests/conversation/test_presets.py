"""Presets: kept by owner and name, and used by that name wherever a voice is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.presets import Preset
from tests.support.builders import recording

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI
    from tests.conftest import World

PHONE = convo.Preset("phone", "coral", format="mp3", speed=1.25)
AUDIO = {"model": "gpt-audio-1.5"}
AGENT = convo.Policy.voice_agent("gpt-4o-mini-tts")


# --- the value -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""}, {"name": "a b"}, {"name": "x" * 65}, {"name": "ä"}, {"name": 1}, {"name": "a\n"},
        {"voice": ""}, {"voice": None}, {"voice": {"id": ""}}, {"voice": {"id": "v", "name": "x"}}, {"voice": {}},
        {"voice": "a\0"}, {"voice": "v" * 256}, {"voice": 7}, {"voice": "\ud800"},
        {"format": "ogg"}, {"format": "pcm"}, {"format": ""}, {"format": 1},
        {"speed": 0}, {"speed": 0.24}, {"speed": 4.01}, {"speed": float("nan")}, {"speed": True}, {"speed": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_preset_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(convo.InputError):
        convo.Preset(**{"name": "phone", "voice": "coral", **bad})


_PRESETS = st.builds(
    Preset,
    st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True),
    st.sampled_from(["alloy", "marin", {"id": "voice_1"}]),
    st.sampled_from([None, "wav", "aac", "mp3", "flac", "opus", "pcm16"]),
    st.none() | st.floats(0.25, 4.0),
)


@given(_PRESETS, st.booleans())
def test_what_a_call_says_wins_and_nothing_else_is_changed(preset: Preset, stream: bool) -> None:
    said = {"voice": "sage", "format": "wav", "temperature": 0, "stream": stream}
    assert preset.arguments(said) == said
    assert preset.arguments({"audio": {"voice": "sage", "format": "wav"}}) == {"audio": {"voice": "sage", "format": "wav"}}
    assert preset.arguments({"modalities": ["text"]}) == {"modalities": ["text"]}
    bare = preset.arguments({"stream": stream, "voice": None})
    assert bare["voice"] == preset.voice
    assert bare.get("format") == (None if stream else preset.format)
    assert "speed" not in bare


# --- kept ------------------------------------------------------------------------------------------


def test_they_are_kept_replaced_listed_and_forgotten(store: Any) -> None:
    own = convo.Preset("Zoe", {"id": "voice_7"})
    for preset in (own, PHONE, convo.Preset("b", "sage")):
        store.save_preset(preset)
    store.save_preset(convo.Preset("b", "marin", speed=2))
    assert store.presets() == [own, convo.Preset("b", "marin", speed=2), PHONE]
    assert store.preset("phone") == PHONE
    store.delete_preset("b")
    assert [preset.name for preset in store.presets()] == ["Zoe", "phone"]
    for call in (store.preset, store.delete_preset):
        with pytest.raises(convo.PresetNotFound, match="no preset 'b'") as caught:
            call("b")
        assert isinstance(caught.value, LookupError)
        for bad in ("a b", 7, None):
            with pytest.raises(convo.InputError):
                call(bad)
    with pytest.raises(convo.InputError):
        store.save_preset({"name": "phone", "voice": "coral"})


def test_they_are_the_owners_own(world: World) -> None:
    store = world.open()
    other = store.owned_by(f"other-{store.create().id}")
    store.save_preset(PHONE)
    assert other.presets() == []
    other.save_preset(convo.Preset("phone", "sage"))
    other.delete_preset("phone")
    assert store.presets() == [PHONE]
    with pytest.raises(convo.PresetNotFound):
        other.create().request("gpt-audio-1.5", preset="phone")


def test_a_view_that_only_reads_writes_none_and_uses_the_conversations_own(world: World) -> None:
    store = world.open()
    store.save_preset(PHONE)
    chat = store.create()
    chat.add("Hi.")
    view = store.everyone()
    for call, argument in ((view.save_preset, PHONE), (view.delete_preset, "phone")):
        with pytest.raises(convo.ReadOnlyView):
            call(argument)
    for look, arguments in ((view.presets, ()), (view.preset, ("phone",))):
        with pytest.raises(convo.InputError, match="owned_by"):
            look(*arguments)
    assert view.get(chat.id).request("gpt-audio-1.5", preset="phone")["audio"] == {"voice": "coral", "format": "mp3"}


def test_in_a_transaction_of_the_caller_they_come_and_go_with_it(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/chat.db")
    with convo.Store(engine) as store:
        store.upgrade()
        with engine.connect() as connection:
            store.within(connection).save_preset(PHONE)
            assert store.within(connection).preset("phone") == PHONE
            connection.rollback()
        assert store.presets() == []
        with engine.begin() as connection:
            store.within(connection).save_preset(PHONE)
        assert store.presets() == [PHONE]
    engine.dispose()


# --- used ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["phone", PHONE], ids=["name", "value"])
def test_its_voice_and_format_are_asked_for(store: Any, client: Any, fake: FakeAPI, preset: Any) -> None:
    store.save_preset(PHONE)
    chat = store.create()
    reply = chat.send(client, "Hi.", **AUDIO, preset=preset)
    assert fake.last.body["audio"] == {"voice": "coral", "format": "mp3"}
    assert (reply.audio.voice, reply.audio.format, reply.spoken) == ("coral", "mp3", True)
    assert chat.request(**AUDIO, preset=preset)["audio"] == {"voice": "coral", "format": "mp3"}
    with chat.stream(client, "And?", **AUDIO, preset=preset) as stream:
        list(stream)
    assert fake.last.body["audio"] == {"voice": "coral", "format": "pcm16"}
    assert stream.reply.audio.voice == "coral"


def test_what_the_caller_names_wins(store: Any, client: Any, fake: FakeAPI) -> None:
    store.save_preset(PHONE)
    chat = store.create()
    chat.send(client, "Hi.", **AUDIO, preset="phone", voice="sage")
    assert fake.last.body["audio"] == {"voice": "sage", "format": "mp3"}
    chat.send(client, "Hi.", **AUDIO, preset="phone", audio={"voice": "sage", "format": "wav"})
    assert fake.last.body["audio"] == {"voice": "sage", "format": "wav"}
    chat.send(client, recording(), **AUDIO, preset="phone", modalities=["text"])
    assert "audio" not in fake.last.body


def test_a_preset_without_a_format_leaves_that_to_the_policy(store: Any, client: Any, fake: FakeAPI) -> None:
    policy = convo.Policy(format="flac")
    store.create().send(client, "Hi.", **AUDIO, preset=convo.Preset("p", {"id": "voice_7"}), policy=policy)
    assert fake.last.body["audio"] == {"voice": {"id": "voice_7"}, "format": "flac"}


@pytest.mark.parametrize("preset", ["phone", PHONE], ids=["name", "value"])
def test_a_model_that_does_not_speak_is_spoken_for_with_its_voice_format_and_speed(
    store: Any, client: Any, fake: FakeAPI, preset: Any
) -> None:
    store.save_preset(PHONE)
    reply = store.create().send(client, "Hi.", model="gpt-5.5", preset=preset, policy=AGENT)
    body = fake.last.body
    assert (body["voice"], body["response_format"], body["speed"]) == ("coral", "mp3", 1.25)
    assert (reply.audio.voice, reply.audio.format, reply.made_by) == ("coral", "mp3", "gpt-4o-mini-tts")
    with store.create().stream(client, "Hi.", model="gpt-5.5", preset=preset, policy=AGENT) as stream:
        list(stream)
    assert (fake.last.body["response_format"], fake.last.body["speed"]) == ("pcm", 1.25)


def test_a_name_that_nobody_has_asks_nothing_and_stores_nothing(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with pytest.raises(convo.PresetNotFound):
        chat.send(client, "Hi.", **AUDIO, preset="phone")
    with pytest.raises(convo.PresetNotFound), chat.stream(client, "Hi.", **AUDIO, preset="phone"):
        pass
    with pytest.raises(convo.PresetNotFound):
        chat.speak(client, "Hi.", model="tts-1", preset="phone")
    for call in (chat.send, chat.speak):
        for bad in ("a b", 7):
            with pytest.raises(convo.InputError):
                call(client, "Hi.", model="gpt-4o-mini-tts", preset=bad)
    assert (chat.history().head, fake.received) == (0, [])


@pytest.mark.parametrize("call", ["send", "stream", "request"])
def test_a_speed_of_chat_says_where_it_belongs(store: Any, client: Any, call: str) -> None:
    chat = store.create()
    chat.add("Hi.")
    with pytest.raises(convo.ConflictingArguments, match="Speech API"):
        getattr(chat, call)(*([] if call == "request" else [client]), **AUDIO, voice="coral", speed=1.5)


def test_a_preset_costs_one_read_when_it_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from convo.store import presets

    store = world.open()
    store.save_preset(PHONE)
    read: list[str] = []
    get = presets.get

    def counted(connection: Any, owner: str, name: str) -> Preset:
        read.append(name)
        return get(connection, owner, name)

    monkeypatch.setattr(presets, "get", counted)
    chat = store.create()
    chat.send(world.client, "Hi.", **AUDIO, preset="phone")
    assert read == ["phone"]
    chat.send(world.client, "Hi.", **AUDIO, preset=PHONE)
    chat.send(world.client, "Hi.", **AUDIO, voice="coral")
    assert read == ["phone"]


@pytest.mark.parametrize("call", ["send", "stream"])
def test_a_key_that_has_its_reply_needs_no_preset_any_more(store: Any, client: Any, fake: FakeAPI, call: str) -> None:
    store.save_preset(convo.Preset("phone", "coral"))
    chat = store.create()

    def say() -> Any:
        if call == "send":
            return chat.send(client, "Hello?", model="gpt-audio-1.5", preset="phone", key="k")
        with chat.stream(client, "Hello?", model="gpt-audio-1.5", preset="phone", key="k") as stream:
            for _ in stream:
                pass
        return stream.reply

    reply = say()
    store.delete_preset("phone")
    assert (say().text, say().replayed, len(fake.received)) == (reply.text, True, 1)
    with pytest.raises(convo.PresetNotFound):
        chat.send(client, "Hello?", model="gpt-audio-1.5", preset="phone", key="other")
