"""A Realtime session on a WebSocket: what the client sends goes in, what the session says goes out, one event a message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from convo.testing.realtime_stage import Close, Cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Scope
    from starlette.websockets import WebSocket

    from convo.testing.hold import Hold
    from convo.testing.realtime import Talk

    Opening = Callable[[Mapping[str, str], Mapping[str, str]], Talk]
    """What begins a session for a query and headers."""


async def converse(socket: WebSocket, opening: Opening, cut: Callable[[Scope], None]) -> None:
    """Carry a session until one side ends it."""
    talk = opening(dict(socket.query_params), dict(socket.headers))
    await socket.accept()
    try:
        await _Line(socket, talk, cut).carry()
    except WebSocketDisconnect:
        pass
    finally:
        talk.end()


class _Line:
    """A connection, with the message that it waits for."""

    def __init__(self, socket: WebSocket, talk: Talk, cut: Callable[[Scope], None]) -> None:
        self._socket = socket
        self._talk = talk
        self._cut = cut
        self._receiving = asyncio.ensure_future(socket.receive())
        self._standing: tuple[Hold, asyncio.Task[None]] | None = None

    async def carry(self) -> None:
        """Send what there is to say; when there is nothing, wait for the client or for a hold to be released."""
        try:
            while await self._step(self._talk.next()):
                pass
        finally:
            self._receiving.cancel()
            self._stand(None)

    async def _step(self, step: str | Hold | Close | Cut | None) -> bool:
        if isinstance(step, str):
            await self._socket.send_text(step)
            return True
        if isinstance(step, Close):
            await self._socket.close(step.code, step.reason)
            return False
        if isinstance(step, Cut):
            self._cut(self._socket.scope)
            await self._disconnected()
            return False
        self._stand(step)
        return await self._wait()

    def _stand(self, hold: Hold | None) -> None:
        """Stand still at a hold, once, and no longer at another."""
        if self._standing is not None and self._standing[0] is not hold:
            self._standing[1].cancel()
            self._standing = None
        if hold is not None and self._standing is None:
            self._standing = (hold, asyncio.ensure_future(hold.async_stop()))

    async def _wait(self) -> bool:
        waits: list[asyncio.Future[Any]] = [self._receiving, *([self._standing[1]] if self._standing else [])]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if self._standing is not None and self._standing[1].done():
            self._standing[1].result()
        if not self._receiving.done():
            return True
        message = self._receiving.result()
        if message["type"] == "websocket.disconnect":
            return False
        text = message.get("text")
        self._talk.receive(message["bytes"] if text is None else text)
        self._receiving = asyncio.ensure_future(self._socket.receive())
        return True

    async def _disconnected(self) -> None:
        while (await self._receiving)["type"] != "websocket.disconnect":
            self._receiving = asyncio.ensure_future(self._socket.receive())
