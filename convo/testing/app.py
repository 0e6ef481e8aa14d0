"""The fake as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from convo.testing.hold import Hold
from convo.testing.realtime_app import converse
from convo.testing.wire import Call

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send
    from starlette.websockets import WebSocket

    from convo.testing.realtime_app import Opening
    from convo.testing.wire import Answering, Wire

Cut = Callable[["Scope"], None]
"""How to break the connection of a request."""

_METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


def cannot_cut(scope: Scope) -> None:
    """Break a connection in the only way that every server has: by failing."""
    message = f"the fake broke the connection to {scope['path']}, as it was told to"
    raise ConnectionResetError(message)


def application(answering: Answering, opening: Opening, cut: Cut = cannot_cut) -> Starlette:
    """Give an application: `answering` answers its requests, `opening` begins its sessions, `cut` breaks its connections."""

    async def respond(request: Request) -> _Response:
        path = "/" + request.path_params["path"]
        call = Call(request.method, path, dict(request.headers), await request.body(), dict(request.query_params))
        return _Response(answering(call), cut)

    async def talk(socket: WebSocket) -> None:
        await converse(socket, opening, cut)

    routes = [WebSocketRoute("/v1/realtime", talk), Route("/{path:path}", respond, methods=_METHODS)]
    return Starlette(routes=routes)


class _Response:
    """Sends an answer piece by piece, and breaks the connection where the answer says so."""

    def __init__(self, wire: Wire, cut: Cut) -> None:
        self._wire = wire
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._wire.status is not None:
            await self._start(send, self._wire.status)
            await self._send(send, receive)
        if self._wire.broken:
            self._cut(scope)
            await _disconnected(receive)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, send: Send, status: int) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._wire.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def _send(self, send: Send, receive: Receive) -> None:
        for step in self._wire.steps():
            if isinstance(step, Hold):
                await _first_of(step.async_stop(), _disconnected(receive))
            else:
                await send({"type": "http.response.body", "body": step, "more_body": True})


async def _first_of(*waits: Coroutine[Any, Any, None]) -> None:
    """Wait until one is over, and end the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
