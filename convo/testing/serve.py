"""The fake on a real socket: a server in a thread, for as long as a block runs.

The socket is bound before the thread starts, so the address is known, and a caller who connects early waits in its queue.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from convo.testing.app import application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

    from convo.testing.realtime_app import Opening
    from convo.testing.wire import Answering

_LARGEST = 32 * 1024 * 1024
"""Bytes of a message on a WebSocket: room for the most sound that one may hold, in base64."""
_LOGGERS = ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")


@contextmanager
def serving(answering: Answering, opening: Opening, host: str, port: int) -> Iterator[str]:
    """Serve until the block ends; give the base URL for a client."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    # Connections inherit it; without it the second of two small messages waits 40 ms for the first to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(answering, opening)
    thread = threading.Thread(target=server.run, args=([listener],), name="convo-fake-api", daemon=True)
    with _silent():
        thread.start()
        server.wait_for_start()
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/v1"
        finally:
            server.stop()
            thread.join()
            listener.close()


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the server from logging, and put the loggers back as they were."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


class _Server(uvicorn.Server):
    """A server that waits to be stopped where uvicorn's looks ten times a second."""

    def __init__(self, answering: Answering, opening: Opening) -> None:
        super().__init__(
            uvicorn.Config(
                application(answering, opening, self._cut),
                http="h11",
                ws="websockets-sansio",
                ws_max_size=_LARGEST,
                ws_ping_interval=None,
                loop="asyncio",
                lifespan="off",
                log_config=None,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._started = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until stopped; a failure to start ends the wait for it."""
        try:
            super().run(sockets)
        finally:
            self._started.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and make it known."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        await super().startup(sockets)
        self._started.set()

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self._stopped.wait()

    def wait_for_start(self) -> None:
        """Wait, in another thread, until connections are served."""
        self._started.wait()
        if not self.started:
            message = "the fake API's server did not start"
            raise RuntimeError(message)

    def stop(self) -> None:
        """End the server, from any thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    def _cut(self, scope: Scope) -> None:
        """Close the connection of a request once what was sent has left."""
        for connection in self.server_state.connections:
            if isinstance(connection, H11Protocol | WebSocketsSansIOProtocol) and connection.client == scope["client"]:
                connection.transport.close()
