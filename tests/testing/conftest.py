"""What the tests of the fake share: a clock that stands still, a fake on it, clients, and requests in one line."""

from __future__ import annotations

import base64
import io
import wave
from typing import TYPE_CHECKING, Any

import openai
import pytest

from convo.testing import FakeAPI, FixedClock
from tests.support.line import Line, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openai import OpenAI
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

SPEAK: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}


@pytest.fixture
def clock() -> FixedClock:
    """Give a clock at its usual start."""
    return FixedClock()


@pytest.fixture
def fake(clock: FixedClock) -> FakeAPI:
    """Give a fake on the clock."""
    return FakeAPI(clock=clock)


@pytest.fixture
def client(fake: FakeAPI) -> Iterator[OpenAI]:
    """Give a real client of the fake."""
    with fake.client() as client:
        yield client


@pytest.fixture
def base_url(fake: FakeAPI) -> Iterator[str]:
    """Serve the fake on a socket."""
    with fake.serve() as url:
        yield url


@pytest.fixture(params=["sync", "async"])
def talk(base_url: str, request: pytest.FixtureRequest) -> Iterator[Line]:
    """Give a connection to a new Realtime session, whose first event was read."""
    with line(base_url, asynchronous=request.param == "async") as opened:
        assert opened.next()["type"] == "session.created"
        yield opened


@pytest.fixture
def ask(client: OpenAI) -> Callable[..., ChatCompletion]:
    """Ask a text model, or another; messages as given, or one that says hello."""

    def asking(*messages: Any, model: str = "gpt-4.1", **arguments: Any) -> ChatCompletion:
        given: Any = messages or [HELLO]
        answer: ChatCompletion = client.chat.completions.create(model=model, messages=given, **arguments)
        return answer

    return asking


@pytest.fixture
def ask_aloud(ask: Callable[..., ChatCompletion]) -> Callable[..., ChatCompletion]:
    """Ask an audio model for speech."""

    def asking(*messages: Any, **arguments: Any) -> ChatCompletion:
        return ask(*messages, **{"model": "gpt-audio-1.5", **SPEAK, **arguments})

    return asking


@pytest.fixture
def error(client: OpenAI) -> Callable[..., dict[str, Any]]:
    """Send a body as it is, to a text model unless it names one; give the error of the answer with its status."""

    def failing(*messages: Any, **arguments: Any) -> dict[str, Any]:
        body = {"model": "gpt-4.1", "messages": list(messages) or [HELLO], **arguments}
        with pytest.raises(openai.APIStatusError) as caught:
            client.post("/chat/completions", body=body, cast_to=object)
        return {"status": caught.value.status_code, **caught.value.response.json()["error"]}

    return failing


@pytest.fixture
def error_aloud(error: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Send a body that asks an audio model for speech; give the error."""

    def failing(*messages: Any, **arguments: Any) -> dict[str, Any]:
        return error(*messages, **{"model": "gpt-audio-1.5", **SPEAK, **arguments})

    return failing


@pytest.fixture
def respond(client: OpenAI) -> Callable[..., Response]:
    """Ask a model that reasons, or another, for a response; items as given, or one that says hello."""

    def asking(*items: Any, model: str = "gpt-5.5", **arguments: Any) -> Response:
        given: Any = list(items) or [HELLO]
        response: Response = client.responses.create(**{"model": model, "input": given, **arguments})
        return response

    return asking


@pytest.fixture
def response_error(client: OpenAI) -> Callable[..., dict[str, Any]]:
    """Send a request for a response as it is, without what is `...`; give the error of the answer with its status."""

    def failing(*items: Any, **arguments: Any) -> dict[str, Any]:
        body = {"model": "gpt-5.5", "input": list(items) or [HELLO], **arguments}
        sent = {key: value for key, value in body.items() if value is not ...}
        with pytest.raises(openai.APIStatusError) as caught:
            client.post("/responses", body=sent, cast_to=object)
        return {"status": caught.value.status_code, **caught.value.response.json()["error"]}

    return failing


@pytest.fixture
def recording() -> str:
    """One second of silence as a wav file, in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(bytes(32_000))
    return base64.b64encode(file.getvalue()).decode()


HELLO = {"role": "user", "content": "hello"}
