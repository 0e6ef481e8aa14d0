"""What was said, and what identifies people or opens doors, is in no log, span or metric: canaries are put everywhere."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING, Any
from uuid import UUID

import openai
import pytest

import convo
from convo.telemetry import conventions as names
from tests.support.builders import recording, wav
from tests.support.canaries import MARK, canary

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World
    from tests.support.canaries import Told

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
TOOL = {
    "type": "function",
    "function": {"name": "look_up", "description": canary("description"), "parameters": {"type": "object", "properties": {}}},
}
_owners = itertools.count(1)


@pytest.fixture
def store(world: World, told: Told) -> Any:
    """A store of an owner who is a canary."""
    return world.open(owner=f"{canary('owner')}-{os.getpid()}-{next(_owners)}", telemetry=told.telemetry())


@pytest.fixture
def client(world: World) -> Any:
    """A client whose key is a canary."""
    return world.client.with_options(api_key=canary("api-key"))


def begun(store: Any, **more: Any) -> Any:
    return store.create(
        instructions=canary("instructions"), title=canary("title"), metadata={canary("name"): canary("value")}, key=canary("key"),
        **more,
    )  # fmt: skip


def test_the_canaries_would_be_found(told: Told) -> None:
    """In names of this test is `content`, so that the fixture looks away."""
    told.tracers.get_tracer("x").start_span(canary("span")).end()
    with pytest.raises(AssertionError):
        told.check()
    told.exporter.clear()


def test_the_main_job(store: Any, client: Any, clock: FixedClock, told: Told) -> None:
    chat = begun(store)
    first = chat.send(client, canary("question"), recording(canary("transcript")), key=canary("turn"), **VOICE)
    chat.send(client, canary("again"), **VOICE)
    clock.advance(3_600)
    chat = store.get(key=canary("key"))
    chat.send(client, canary("later"), **VOICE)
    with chat.stream(client, canary("streamed"), model="gpt-4.1") as stream:
        list(stream)
    chat.speak(client, canary("spoken"), model="gpt-4o-mini-tts", voice="alloy")
    assert store.search(canary("question"))
    assert first.exchange
    assert len(told.records.all) > 8


def test_recovery_transcripts_and_summaries(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = begun(store)
    first = chat.send(client, recording(None), **VOICE)
    fake.revoke(first.audio.id)
    fake.will_transcribe(canary("heard"))
    chat.transcribe(client, prompt=canary("prompt"))
    chat.send(client, canary("why"), **VOICE)
    fake.will_reply(canary("summary"))
    chat.compact(client, model="gpt-4.1", keep=1, prompt=canary("prompt"))


def test_tools(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = begun(store)

    def look_up(word: str = "") -> str:
        raise ValueError(canary(word))

    fake.will_reply(tool_calls=[("look_up", json.dumps({"word": canary("argument")}))])
    fake.will_reply(canary("reply"))
    chat.send(client, canary("question"), model="gpt-4.1", tools=[TOOL], tool_functions={"look_up": look_up})


def test_errors_of_the_api(store: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    chat = begun(store)
    for code in (canary("code"), f"{canary('code')} in words", None):
        fake.will_fail(400, code=code and code.replace(MARK, "c"), message=canary("message"), param=canary("param"))
        with pytest.raises(openai.BadRequestError):
            chat.send(client, canary("question"), **VOICE)
    fake.will_drop(chunks=1)
    with pytest.raises(openai.APIError), chat.stream(client, canary("question"), model="gpt-4.1") as stream:
        list(stream)
    assert told.points(names.ERRORS)


def test_a_constraint_that_the_database_words_with_what_was_stored(world: World, client: Any, told: Told) -> None:
    """PostgreSQL says in DETAIL which row it refused."""
    del client
    owner = f"{canary('owner')}-{os.getpid()}-{next(_owners)}"
    store = world.open(owner=owner, new_id=lambda: UUID(int=7), telemetry=told.telemetry())
    begun(store)
    with pytest.raises(convo.StoreFailed):
        store.create(title=canary("title"), instructions=canary("instructions"))
    assert "the database refused a statement" in told.records.messages()


def test_objects_that_cannot_be_deleted_and_the_doctor(world: World, client: Any, told: Told, tmp_path: Any) -> None:
    class Stuck(convo.FolderBlobs):
        def delete(self, name: str) -> None:
            raise PermissionError(f"{canary('path')}/{name}")

    owner = f"{canary('owner')}-{os.getpid()}-{next(_owners)}"
    blobs = Stuck(tmp_path / canary("folder"))
    store = world.open(owner=owner, blobs=blobs, keep_audio="none", telemetry=told.telemetry())
    chat = begun(store)
    chat.send(client, recording(canary("transcript"), wav(0.4)), **VOICE)
    store.doctor()
    assert "an object could not be deleted; prune() and doctor() find it" in told.records.messages()


def test_content_is_told_where_it_is_asked_for_and_sound_never(world: World, fake: FakeAPI, told: Told) -> None:
    chat = world.open(telemetry=told.telemetry(content=True)).create(instructions="Be nice.")
    fake.will_reply(tool_calls=[("look_up", '{"word": "rain"}', "call_1")])
    sound = recording("Is it a good dog?")
    chat.send(world.client, sound, model="gpt-audio-1.5", modalities=["text"], tools=[TOOL])
    chat.tool_output("call_1", {"rain": True})
    chat.send(world.client, model="gpt-audio-1.5", modalities=["text"], tools=[TOOL])

    first, second = (span for span in told.spans if span.name.startswith("chat "))
    asked = json.loads(str((first.attributes or {})[names.INPUT_MESSAGES]))
    assert asked == [
        {"role": "system", "parts": [{"type": "text", "content": "Be nice."}]},
        {"role": "user", "parts": [
            {"type": "text", "content": "Is it a good dog?"}, {"type": "audio", "mime_type": None, "format": "wav"},
        ]},
    ]  # fmt: skip
    assert json.loads(str((first.attributes or {})[names.OUTPUT_MESSAGES]))[0]["parts"] == [
        {"type": "tool_call", "id": "call_1", "name": "look_up", "arguments": {"word": "rain"}}
    ]
    assert json.loads(str((second.attributes or {})[names.INPUT_MESSAGES]))[-1]["parts"] == [
        {"type": "tool_call_response", "id": "call_1", "response": '{"rain":true}'}
    ]
    assert json.loads(str((first.attributes or {})[names.TOOL_DEFINITIONS])) == [{"type": "function", "name": "look_up"}]
    assert fake.last.body["messages"][1]["content"][0]["input_audio"]["data"][:64] not in " ".join(told.texts())
