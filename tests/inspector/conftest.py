"""A store with a conversation that has met everything, and clients that look at it through the inspector."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import openai
import pytest
from starlette.testclient import TestClient

import convo
from convo.inspector import application
from convo.testing import FakeAPI, FixedClock
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEAKS: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@attrs.frozen
class Looked:
    """A store of the owner "anna", the conversation in it, and where the database is."""

    path: Path
    store: convo.Store
    chat: convo.Conversation
    clock: FixedClock
    fake: FakeAPI
    client: Any


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Looked]:
    """What the tests of a module look at."""
    path = tmp_path_factory.mktemp("inspected") / "chat.db"
    shutil.copyfile(sqlite_template, path)
    clock = FixedClock(datetime.now(UTC).replace(microsecond=0))  # pages and browsers tell the time by the machine's
    fake = FakeAPI(clock=clock)
    with convo.Store(f"sqlite:///{path}", owner="anna", clock=clock) as store, fake.client() as client:
        yield Looked(path, store, talked(store, client, fake, clock), clock, fake, client)


def talked(store: convo.Store, client: Any, fake: FakeAPI, clock: FixedClock) -> convo.Conversation:
    """A conversation by voice, with tools, an image, a refused id, a failed call, another branch and a fork."""
    chat = store.create(instructions="Answer briefly.", title="About dogs", metadata={"channel": "phone"}, key="call-1")
    chat.send(client, recording("Is a poodle a dog?"), **SPEAKS, key="webhook-1")
    clock.advance(20)
    fake.will_reply(tool_calls=[("weather", '{"place": "Bonn"}')])
    chat.send(
        client, "Rain in Bonn?", model="gpt-5.5", tools=[WEATHER], tool_functions={"weather": lambda place: {"rain": place}}
    )
    clock.advance(20)
    chat.send(client, "Say that again.", **SPEAKS)
    chat.fork(at=3, title="What if")
    fake.revoke(chat.history()[-1].audio.id)  # type: ignore[union-attr, arg-type]
    chat.send(client, "And louder.", **SPEAKS)
    fake.will_fail(400, code="invalid_value")
    with pytest.raises(openai.BadRequestError):
        chat.send(client, "Hello?", model="gpt-5.5")
    chat.edit(len(chat.history()), "Look at this:", convo.Image.open(PNG))
    clock.advance(20)
    chat.send(client, model="gpt-5.5")
    chat.send(client, "Say it aloud.", **SPEAKS)
    chat.annotate(3, thumbs=1)
    return chat


@pytest.fixture(scope="module", params=["sync", "async"])
def web(request: pytest.FixtureRequest, looked: Looked) -> Iterator[TestClient]:
    """The inspector of anna's conversations, over a store of either kind."""
    if request.param == "sync":
        store = convo.Store.existing(f"sqlite:///{looked.path}", clock=looked.clock)
        with store, TestClient(application(store, owner=lambda _: "anna")) as client:
            yield client
        return
    asynchronous = convo.AsyncStore.existing(f"sqlite:///{looked.path}", clock=looked.clock)
    with TestClient(application(asynchronous, owner=lambda _: "anna")) as client:
        yield client
        client.portal.call(asynchronous.close)  # type: ignore[union-attr]
