"""A Realtime connection of the real client, sync or async, used in one way; what does not come is a failure, not a wait."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
from openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "gpt-realtime-2.1"
_PATIENCE = 10.0


class Line:
    """A connection: events of the client go out as dicts, events of the server come in as dicts."""

    def __init__(self, connection: Any, loop: asyncio.AbstractEventLoop | None) -> None:
        self._connection = connection
        self._loop = loop

    def send(self, kind: str, **fields: Any) -> None:
        """Send an event as it is, good or bad."""
        self.send_raw(json.dumps({"type": kind, **fields}))

    def send_raw(self, message: str | bytes) -> None:
        """Send a message that need not be an event."""
        self._done(self._connection._connection.send(message))

    def say(self, text: str, **fields: Any) -> None:
        """Add what the user writes."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        self.send("conversation.item.create", item=item, **fields)

    def next(self) -> dict[str, Any]:
        """Give the next event."""
        if self._loop is None:
            data = self._connection._connection.recv(timeout=_PATIENCE, decode=False)
        else:
            data = self._loop.run_until_complete(asyncio.wait_for(self._connection.recv_bytes(), _PATIENCE))
        event: dict[str, Any] = json.loads(data)
        return event

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Give the events up to one of this kind, which is the last."""
        events = [self.next()]
        while events[-1]["type"] != kind:
            events.append(self.next())
        return events

    def answer(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send an event, and give the next of the server."""
        self.send(kind, **fields)
        return self.next()

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send an event, and give the error that comes next."""
        event = self.answer(kind, **fields)
        assert event["type"] == "error", event
        error: dict[str, Any] = event["error"]
        return error

    def update(self, **session: Any) -> dict[str, Any]:
        """Update the session, and give what it then is."""
        event = self.answer("session.update", session={"type": "realtime", **session})
        assert event["type"] == "session.updated", event
        config: dict[str, Any] = event["session"]
        return config

    def _done(self, result: Any) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(result)


@contextmanager
def line(base_url: str, *, asynchronous: bool, model: str = MODEL, **options: Any) -> Iterator[Line]:
    """Connect, for as long as the block runs; `options` are those of the client's `connect`."""
    # Whose certificates to trust takes long to read, and is not asked here.
    if not asynchronous:
        with (
            OpenAI(base_url=base_url, api_key="test-key", http_client=httpx2.Client(verify=False)) as client,
            client.realtime.connect(model=model, **options) as connection,
        ):
            yield Line(connection, None)
        return
    loop = asyncio.new_event_loop()
    async_client = AsyncOpenAI(base_url=base_url, api_key="test-key", http_client=httpx2.AsyncClient(verify=False))
    opened = loop.run_until_complete(async_client.realtime.connect(model=model, **options).enter())
    try:
        yield Line(opened, loop)
    finally:
        loop.run_until_complete(opened.close())
        loop.run_until_complete(async_client.close())
        loop.close()


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """Give the types of events; where one follows itself, once."""
    names = [event["type"] for event in events]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def done(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the response as it is at its end."""
    (event,) = [event for event in events if event["type"] == "response.done"]
    response: dict[str, Any] = event["response"]
    return response
