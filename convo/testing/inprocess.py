"""The real OpenAI clients, on a transport that calls the fake instead of a network.

The clients' own environment variables do not reach them: what a test does not say must not depend on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
from openai import AsyncOpenAI, OpenAI

from convo.testing.hold import Hold
from convo.testing.wire import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from convo.testing.wire import Answering, Wire


def sync_client(answering: Answering, options: Mapping[str, Any]) -> OpenAI:
    """Give a client whose requests `answering` answers."""
    given = _with_defaults(options)
    client = OpenAI(http_client=httpx2.Client(transport=_transport(answering)), **given)
    client.organization, client.project = given.get("organization"), given.get("project")
    return client


def async_client(answering: Answering, options: Mapping[str, Any]) -> AsyncOpenAI:
    """Give an asynchronous client whose requests `answering` answers."""
    given = _with_defaults(options)
    client = AsyncOpenAI(http_client=httpx2.AsyncClient(transport=_transport(answering)), **given)
    client.organization, client.project = given.get("organization"), given.get("project")
    return client


def _with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"api_key": "test-key", "base_url": "http://fake.test/v1", "max_retries": 0, **options}


def _transport(answering: Answering) -> httpx2.MockTransport:
    def handle(request: httpx2.Request) -> httpx2.Response:
        query = dict(request.url.params)
        wire = answering(Call(request.method, request.url.path, dict(request.headers), request.content, query))
        if wire.status is None:
            raise _broken(request)
        return httpx2.Response(wire.status, headers=dict(wire.headers), stream=_Pieces(wire, request), request=request)

    return httpx2.MockTransport(handle)


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """The pieces of an answer, one by one, and at the end the break if there is one."""

    def __init__(self, wire: Wire, request: httpx2.Request) -> None:
        self._wire = wire
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for step in self._wire.steps():
            if isinstance(step, Hold):
                step.stop()
            else:
                yield step
        if self._wire.broken:
            raise _broken(self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._wire.steps():
            if isinstance(step, Hold):
                await step.async_stop()
            else:
                yield step
        if self._wire.broken:
            raise _broken(self._request)


def _broken(request: httpx2.Request) -> httpx2.RemoteProtocolError:
    return httpx2.RemoteProtocolError("the fake broke the connection, as it was told to", request=request)
