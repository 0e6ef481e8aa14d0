"""The fake as an ASGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from convo.testing.wire import Call

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from convo.testing.wire import Answering, Wire

Cut = Callable[["Scope"], None]
"""How to break the connection of a request."""

_METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


def cannot_cut(scope: Scope) -> None:
    """Break a connection in the only way that every server has: by failing."""
    message = f"the fake broke the connection to {scope['path']}, as it was told to"
    raise ConnectionResetError(message)


def application(answering: Answering, cut: Cut = cannot_cut) -> Starlette:
    """Give an application whose requests `answering` answers and whose connections `cut` breaks."""

    async def respond(request: Request) -> _Response:
        path = "/" + request.path_params["path"]
        call = Call(request.method, path, dict(request.headers), await request.body())
        return _Response(answering(call), cut)

    return Starlette(routes=[Route("/{path:path}", respond, methods=_METHODS)])


class _Response:
    """Sends an answer piece by piece, and breaks the connection where the answer says so."""

    def __init__(self, wire: Wire, cut: Cut) -> None:
        self._wire = wire
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._wire.status is not None:
            await self._send(send, self._wire.status)
        if self._wire.broken:
            self._cut(scope)
            await _disconnected(receive)
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, status: int) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._wire.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for piece in self._wire.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
