"""A call in Realtime, before and after it the other APIs: seeded, recorded, dropped, taken up again; over a real socket."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, OpenAI
from websockets.exceptions import ConnectionClosed

import convo
from tests.support.builders import wav
from tests.support.validate import validate_live_items, validate_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

MODEL = "gpt-realtime-2.1"
SOUND = base64.b64encode(wav(0.5, rate=24_000)[44:]).decode()
SETUP: Any = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}}},
}


@pytest.fixture
def base_url(fake: FakeAPI) -> Iterator[str]:
    with fake.serve() as url:
        yield url
    validate_sessions(fake.sessions)


def say(connection: Any, heard: convo.Listener) -> None:
    """Say something, and have it recorded with its sound."""
    heard.feed({"type": "input_audio_buffer.append", "audio": SOUND})
    connection.input_audio_buffer.append(audio=SOUND)
    connection.input_audio_buffer.commit()
    connection.response.create()


def listen(connection: Any, heard: convo.Listener) -> list[Any]:
    """Record what comes until the response is over."""
    found: list[Any] = []
    for event in connection:
        found += heard.feed(event)
        if event.type == "rate_limits.updated":
            break
    return found


def test_one_history_goes_from_chat_into_a_call_and_on_in_responses(
    database: Database, clock: FixedClock, fake: FakeAPI, base_url: str
) -> None:
    with (
        convo.Store(database.url, clock=clock, **database.options) as store,
        OpenAI(base_url=base_url, api_key="test-key") as client,
    ):
        chat = store.create(instructions="Be brief.")
        spoken = chat.send(client, "What is a golden retriever?", model="gpt-audio-1.5", voice="alloy")
        fake.will_hear("Is it loyal?")
        fake.will_reply("Very loyal.")
        with client.realtime.connect(model=MODEL) as connection, chat.listen(MODEL, client=client) as heard:
            connection.session.update(session=SETUP)
            seeds = chat.seed(connection, MODEL)
            say(connection, heard)
            listen(connection, heard)
        assert [item["content"][0]["text"] for item in seeds.items] == [
            "Be brief.", "What is a golden retriever?", spoken.transcript,
        ]  # fmt: skip
        history = chat.history()
        assert [(m.role, m.text, m.api) for m in history[3:]] == [
            ("user", "Is it loyal?", "realtime"), ("assistant", "Very loyal.", "realtime"),
        ]  # fmt: skip
        heard_of, spoken_of = history[3].audio, history[4].audio
        assert heard_of is not None
        assert spoken_of is not None
        assert chat.load(heard_of).wav()[44:] == base64.b64decode(SOUND)
        assert chat.load(spoken_of).data
        assert chat.usage().usage.output_audio
        assert not any("item" in message for message in chat.to_chat()), "items are the session's"
        ways = {one.position: one.reason for one in chat.request("gpt-audio-1.5", client=client).renderings}
        assert ways[5] == "it was said in a session, which gives its audio no id"
        chat.send(client, "And clever?", model="gpt-5.5", api="responses")
        said = [item["content"] for item in fake.last.body["input"] if isinstance(item["content"], str)]
        assert said == ["Be brief.", "What is a golden retriever?", spoken.transcript, "Very loyal.", "And clever?"]
        chat.send(client, "Aloud, please.", model="gpt-audio-1.5", voice="alloy")
        roles = [message["role"] for message in fake.last.body["messages"]]
        assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user"]
        assert fake.last.body["messages"][3]["content"][0]["type"] == "input_audio", "what was said in the call is heard"


def test_a_session_that_is_dropped_goes_on_in_a_new_one_with_one_call(
    database: Database, clock: FixedClock, fake: FakeAPI, base_url: str
) -> None:
    with (
        convo.Store(database.url, clock=clock, **database.options) as store,
        OpenAI(base_url=base_url, api_key="test-key") as client,
    ):
        chat = store.create()
        fake.will_hear("Is it loyal?")
        fake.will_drop(chunks=9)
        fake.will_reply("Very loyal, and patient, and glad of company all day long.")
        with client.realtime.connect(model=MODEL) as connection, chat.listen(MODEL, client=client) as heard:
            connection.session.update(session=SETUP)
            say(connection, heard)
            with suppress(ConnectionClosed):
                listen(connection, heard)
        assert [(m.role, m.status) for m in chat.history()] == [("user", "complete"), ("assistant", "interrupted")]
        received = chat.history()[-1].text
        assert received
        with client.realtime.connect(model=MODEL) as connection, chat.listen(MODEL, client=client) as heard:
            connection.session.update(session=SETUP)
            seeds = chat.seed(connection, MODEL)
            connection.response.create()
            listen(connection, heard)
        assert [item["role"] for item in seeds.items] == ["user", "assistant"]
        assert seeds.items[1]["content"] == [{"type": "output_text", "text": received}]
        assert [m.role for m in chat.history()] == ["user", "assistant", "assistant"], "seeds are not recorded again"


async def test_async_stores_and_clients_do_the_same(clock: FixedClock, fake: FakeAPI, base_url: str) -> None:
    async with (
        convo.AsyncStore("sqlite://", clock=clock) as store,
        AsyncOpenAI(base_url=base_url, api_key="test-key") as client,
    ):
        chat = await store.create()
        await chat.send(client, "What is a golden retriever?", model="gpt-5.5")
        fake.will_reply("Very loyal.")
        async with client.realtime.connect(model=MODEL) as connection, chat.listen(MODEL, client=client) as heard:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            await chat.seed(connection, MODEL)
            await connection.response.create()
            async for event in connection:
                await heard.feed(event)
                if event.type == "rate_limits.updated":
                    break
        assert [m.role for m in await chat.history()] == ["user", "assistant", "assistant"]


def test_a_live_session_begins_with_the_newest_that_fits(fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store("sqlite://", clock=clock, count_tokens=lambda text: len(text.split())) as store:
        roles = ("user", "assistant")
        messages = [{"role": roles[n % 2], "content": f"{n} " + "word " * 99} for n in range(200)]
        chat = store.create(instructions="Be brief.", messages=messages)
        seeds = chat.request("gpt-live-1", api="live")
        validate_live_items(seeds.items)
        assert len(seeds.items) == 82, "8,192 tokens"
        assert seeds.items[0] == {
            "type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}],
        }  # fmt: skip
        assert seeds.items[-1]["content"][0]["text"].startswith("199 ")
        short = store.create(messages=[{"role": roles[n % 2], "content": f"{n}"} for n in range(300)])
        assert len(short.request("gpt-live-1", api="live").items) == 128
