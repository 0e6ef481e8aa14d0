"""What a store's servers change in a call: through both edges, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.errors import UnsupportedMedia
from convo.servers import Server
from tests.support.builders import recording
from tests.support.histories import PNG

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.conftest import World

TEXT: dict[str, Any] = {"model": "gpt-5.5"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
NEEDED = convo.Policy(missing_transcript="transcribe")


def told(world: World, server: str | Server) -> Any:
    """Open a store whose application says which server the client of the test leads to."""
    return world.open(catalogue=convo.Catalogue.default().with_servers({str(world.client.base_url): server}))


def test_a_call_is_made_in_the_dialect_of_the_server(world: World, fake: FakeAPI) -> None:
    chat = told(world, "mistral").create()
    chat.add("Be brief.", role="developer")
    chat.send(world.client, "Hello", store=True, max_completion_tokens=50, **TEXT)
    assert fake.last.body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert set(fake.last.body) == {"model", "messages", "max_tokens"}
    assert "for mistral, which refuses it: store not sent" in chat.request(client=world.client, store=True, **TEXT).explain()
    assert [message.role for message in chat.history()] == ["developer", "user", "assistant"]


def test_the_key_of_the_prompt_cache_goes_where_it_is_known_to_be_taken(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    assert fake.last.body["prompt_cache_key"] == str(chat.id)
    for server in ("groq", "vllm"):
        told(world, server).get(chat.id).send(world.client, "Hello again", **TEXT)
        assert "prompt_cache_key" not in fake.last.body


def test_a_reply_is_a_reference_where_the_server_takes_its_ids_back(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.send(world.client, "Is it a good dog?", **VOICE)
    audio_id = chat.history()[-1].audio_id
    request = chat.request(client=world.client, **VOICE)
    assert request["messages"][-1] == {"role": "assistant", "audio": {"id": audio_id}}
    other = told(world, "vllm").get(chat.id).request(client=world.client, **VOICE)
    assert other["messages"][-1] == {"role": "assistant", "content": chat.history()[-1].text}
    assert "at vllm" in other.explain()


def test_a_recording_is_converted_for_a_server_that_takes_none_of_its_format(world: World, fake: FakeAPI) -> None:
    chat = told(world, Server(name="mine", input_audio=("mp3",))).create()
    chat.send(world.client, recording(None), **VOICE)
    (part,) = fake.last.body["messages"][0]["content"]
    assert part["input_audio"]["format"] == "mp3"


def test_a_recording_is_transcribed_for_a_server_that_takes_none_of_its_format_where_nothing_converts_it(
    world: World, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convo.steps.requests.can_convert", lambda: False)
    fake.will_transcribe("Is it loyal?")
    chat = told(world, Server(name="mine", input_audio=("mp3",))).create()
    chat.send(world.client, recording(None), policy=NEEDED, **VOICE)
    assert fake.last.body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Is it loyal?"}]}]


def test_an_image_that_the_server_does_not_take_is_an_error_before_anything_is_stored(world: World, fake: FakeAPI) -> None:
    chat = told(world, "deepseek").create()
    with pytest.raises(UnsupportedMedia, match="the server deepseek takes no image"):
        chat.send(world.client, "What is it?", convo.Image(data=PNG), **TEXT)
    assert len(chat.history()) == 0
    assert not fake.received


def test_an_unknown_server_with_a_model_of_its_own_gets_what_every_server_takes(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.add("Be brief.", role="developer")
    request = chat.request("somebody-elses-model", client=world.client)
    assert request["messages"] == [{"role": "system", "content": "Be brief."}]
    assert "is not known: it gets what every server takes; see Catalogue.with_servers()" in request.explain()
