"""Over real HTTP the fake behaves as it does in-process."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import socket
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from starlette.applications import Starlette
from starlette.routing import Mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock

HELLO: Any = {"role": "user", "content": "hello"}
SPEAK: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


@pytest.fixture
def remote(base_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=base_url, api_key="test-key", max_retries=0) as client:
        yield client


def test_the_url_names_the_port(base_url: str) -> None:
    assert base_url.startswith("http://127.0.0.1:")
    assert base_url.endswith("/v1")


def test_an_answer_comes_over_http(remote: OpenAI) -> None:
    answer = remote.chat.completions.create(model="gpt-audio-1.5", messages=[HELLO], **SPEAK)
    spoken = answer.choices[0].message.audio
    assert spoken is not None
    with wave.open(io.BytesIO(base64.b64decode(spoken.data))) as reader:
        assert reader.getnframes() == 48_000


def test_errors_come_over_http(remote: OpenAI, fake: FakeAPI, clock: FixedClock) -> None:
    remote.chat.completions.create(model="gpt-audio-1.5", messages=[HELLO], **SPEAK)
    (audio_id,) = fake.audio_ids
    clock.advance(3600)
    past: Any = {"role": "assistant", "audio": {"id": audio_id}}
    with pytest.raises(openai.BadRequestError) as caught:
        remote.chat.completions.create(model="gpt-audio-1.5", messages=[HELLO, past, HELLO], **SPEAK)
    assert caught.value.response.json() == {
        "error": {
            "message": f"Assistant audio {audio_id} not found.",
            "type": "invalid_request_error",
            "param": "content.messages[1].audio.id",
            "code": "audio_not_found",
        }
    }


def test_the_only_date_is_the_clocks(remote: OpenAI, clock: FixedClock) -> None:
    clock.advance(90)
    raw = remote.models.with_raw_response.list()
    assert raw.headers.get_list("date") == ["Sun, 01 Nov 2026 12:01:30 GMT"]
    assert "server" not in raw.headers


def test_organization_and_project_reach_the_fake(base_url: str, fake: FakeAPI) -> None:
    with OpenAI(base_url=base_url, api_key="test-key", organization="org-a", project="p") as client:
        raw = client.models.with_raw_response.list()
    assert raw.headers["openai-organization"] == "org-a"
    assert fake.last.headers["openai-project"] == "p"


def test_a_stream_comes_over_http(remote: OpenAI) -> None:
    chunks = remote.chat.completions.create(model="gpt-4.1", messages=[HELLO], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "I have read 1 message."


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_breaks_over_http(remote: OpenAI, fake: FakeAPI, after: bool) -> None:  # noqa: FBT001 - a case
    fake.will_drop(after=after)
    with pytest.raises(openai.APIConnectionError) as caught:
        remote.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert isinstance(caught.value.__cause__, httpx2.RemoteProtocolError)
    assert remote.chat.completions.create(model="gpt-4.1", messages=[HELLO]).object == "chat.completion"


def test_a_stream_breaks_in_the_middle_over_http(remote: OpenAI, fake: FakeAPI) -> None:
    fake.will_drop(chunks=3)
    received: list[Any] = []
    chunks = remote.chat.completions.create(model="gpt-4.1", messages=[HELLO], stream=True)
    with pytest.raises(openai.APIConnectionError):
        received.extend(chunks)
    assert len(received) == 3


@pytest.mark.asyncio
async def test_the_async_client_works_over_http(base_url: str) -> None:
    async with AsyncOpenAI(base_url=base_url, api_key="test-key", max_retries=0) as client:
        answer = await client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert answer.choices[0].message.content == "I have read 1 message."


def test_many_callers_at_once_get_answers_of_their_own(remote: OpenAI, fake: FakeAPI) -> None:
    def ask(_: int) -> str:
        return remote.chat.completions.create(model="gpt-4.1", messages=[HELLO]).id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(ask, range(40)))
    assert len(set(ids)) == len(fake.received) == 40


def test_the_server_is_gone_after_the_block(fake: FakeAPI) -> None:
    before = threading.active_count()
    with fake.serve() as url:
        port = urlsplit(url).port
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_the_server_ends_though_the_block_fails(fake: FakeAPI) -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), fake.serve():
        _ = 1 / 0
    assert threading.active_count() == before


def test_the_server_ends_though_a_client_holds_its_connection(fake: FakeAPI) -> None:
    with contextlib.ExitStack() as stack:
        with fake.serve() as url:
            client = stack.enter_context(OpenAI(base_url=url, api_key="test-key", max_retries=0))
            next(iter(client.chat.completions.create(model="gpt-4.1", messages=[HELLO], stream=True)))
        with pytest.raises(openai.APIConnectionError):
            client.models.list()


def test_the_port_can_be_chosen(fake: FakeAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with fake.serve(port=port) as url:
        assert urlsplit(url).port == port


def test_a_port_that_is_taken_is_an_error(fake: FakeAPI) -> None:
    with fake.serve() as url, pytest.raises(OSError, match="in use"), fake.serve(port=urlsplit(url).port or 0):
        pass


def test_one_fake_can_be_served_twice(fake: FakeAPI) -> None:
    with fake.serve() as first, fake.serve() as second:
        for url in (first, second):
            with OpenAI(base_url=url, api_key="test-key") as client:
                client.models.list()
    assert len(fake.received) == 2


def test_the_server_logs_nothing_and_leaves_the_loggers_as_they_were(
    fake: FakeAPI, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, "uvicorn"), fake.serve() as url:
        fake.will_drop()
        with OpenAI(base_url=url, api_key="test-key", max_retries=1) as client:
            client.models.list()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("uvicorn.error").disabled


@pytest.mark.asyncio
async def test_the_application_can_be_mounted(fake: FakeAPI) -> None:
    outer = Starlette(routes=[Mount("/openai", fake.asgi())])
    http_client = httpx2.AsyncClient(transport=httpx2.ASGITransport(outer))
    async with AsyncOpenAI(base_url="http://host/openai/v1", api_key="test-key", http_client=http_client) as client:
        answer = await client.chat.completions.create(model="gpt-4.1", messages=[HELLO])
    assert answer.choices[0].message.content == "I have read 1 message."
    assert fake.last.path == "/v1/chat/completions"


@pytest.mark.asyncio
async def test_a_mounted_application_breaks_connections_by_failing(fake: FakeAPI) -> None:
    fake.will_drop()
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(fake.asgi())) as client:
        with pytest.raises(ConnectionResetError, match="as it was told to"):
            await client.post("http://host/v1/chat/completions", json={}, headers={"authorization": "Bearer x"})
