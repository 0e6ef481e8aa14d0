"""What was billed is recorded although its sound cannot be stored; what was let go can still be cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI
    from tests.conftest import World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


class Refusing(convo.FolderBlobs):
    """A folder that takes nothing, until the test says otherwise."""

    refuses = True

    def put(self, name: str, data: bytes) -> None:
        if self.refuses:
            raise convo.BlobStoreFailed("the folder", "it refused the request", "see to it")
        super().put(name, data)


@pytest.mark.parametrize("call", ["send", "stream"])
def test_a_reply_whose_sound_no_store_takes_is_recorded_with_its_words(
    world: World, fake: FakeAPI, tmp_path: Path, call: str
) -> None:
    blobs = Refusing(tmp_path / "blobs")
    chat = world.open(blobs=blobs).create()

    def say() -> Any:
        if call == "send":
            return chat.send(world.client, "Hello?", **VOICE, key="k")
        with chat.stream(world.client, "Hello?", model="gpt-audio-1.5", voice="alloy", key="k") as stream:
            for _ in stream:
                pass
        return stream.reply

    with pytest.warns(convo.AudioNotKept, match=r"message 2 is not stored, its words are: .*refused"):
        reply = say()
    assert reply.audio.data
    assert (chat.pending(), chat.usage().calls, len(fake.received)) == ([], 1, 1)
    kept = chat.history()[1]
    assert (kept.text, kept.audio.duration) == (reply.text, reply.audio.duration)
    with pytest.raises(convo.AudioDropped):
        chat.load(kept.audio)
    blobs.refuses = False
    again = chat.send(world.client, "Hello?", **VOICE, key="k")
    assert (again.text, again.replayed, len(fake.received)) == (reply.text, True, 1)
    chat.send(world.client, "And?", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "audio": {"id": kept.audio_id}}


def test_the_calls_of_speech_that_no_store_takes_are_counted(world: World, tmp_path: Path) -> None:
    blobs = Refusing(tmp_path / "blobs")
    chat = world.open(blobs=blobs).create()
    with pytest.raises(convo.BlobStoreFailed):
        chat.speak(world.client, "Hello.", model="gpt-4o-mini-tts", voice="alloy", key="k")
    assert (chat.usage().calls, len(chat.history())) == (1, 0)
    blobs.refuses = False
    assert chat.speak(world.client, "Hello.", model="gpt-4o-mini-tts", voice="alloy", key="k").text == "Hello."
    assert (chat.usage().calls, len(chat.history())) == (2, 1)


@pytest.mark.parametrize("made", [False, True])
def test_speech_that_was_let_go_is_cut_as_if_it_were_here(world: World, fake: FakeAPI, made: bool) -> None:  # noqa: FBT001
    texts = []
    for keep in ("all", "user"):
        chat = world.open(keep_audio=keep).create()
        fake.will_reply("I have read all of it.", spoken=not made)
        if made:
            chat.send(world.client, "Hello?", model="gpt-5.5")
            chat.speak(world.client, position=2, model="gpt-4o-mini-tts", voice="alloy", format="pcm16")
        else:
            chat.send(world.client, "Hello?", **VOICE)
        sound = chat.history()[1].audio
        texts.append(chat.truncate(2, heard_until=sound.duration / 2).text)
        assert chat.history()[1].audio.duration == pytest.approx(sound.duration / 2, abs=0.01)
    assert texts[0] == texts[1] != "I have read all of it."
