"""The inspector served on this machine alone: on the loopback, under a path that nobody can guess."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from convo.errors import MissingDependency
from convo.inspector.app import application

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from convo.async_api.store import AsyncStore
    from convo.sync_api.store import Store

HOST = "127.0.0.1"
NAMES = frozenset({HOST, "localhost"})
"""What the `Host` of a request may be. A page elsewhere whose name was made to lead here (DNS rebinding) has another."""


class Secret:
    """An application under a path that begins with a random word, for whoever knows it; for others there is nothing here.

    The word stands in the path and not in a cookie, since cookies of this machine's servers are shared by all of its ports;
    no page is told where another came from, so that it does not leave. `once` is another word, that leads to the first and
    works one time: it may be seen by other users of the machine, in the arguments of the browser's process.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in NAMES}
        self._word = secrets.token_urlsafe(24)
        self._once: str | None = secrets.token_urlsafe(24)
        self.url = f"http://{HOST}:{port}/{self._word}/"
        self.url_once = f"http://{HOST}:{port}/{self._once}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        word, slash, rest = scope["path"].removeprefix("/").partition("/")
        if [value for name, value in scope["headers"] if name == b"host"] not in [[host] for host in self._hosts]:
            await _answer(send, 421)
        elif slash and _same(word, self._word):
            root = f"{scope.get('root_path', '')}/{self._word}"
            await self._app({**scope, "root_path": root, "path": f"{root}/{rest}"}, receive, send)
        elif self._once is not None and _same(word, self._once):
            self._once = None
            await _answer(send, 303, [(b"location", f"/{self._word}/{quote(rest)}".encode())])
        else:
            await _answer(send, 404)


def _same(word: str, other: str) -> bool:
    return secrets.compare_digest(word.encode(), other.encode())


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    told = [*(headers or []), (b"content-length", b"0"), (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": b""})


class Serving:
    """A server of an owner's part of a store, on this machine alone; port 0 is any that is free. It listens at once.

    `url` is its address, and `url_once` one that works one time. Raises `MissingDependency`, and `OSError` for a port that is
    taken.
    """

    def __init__(self, store: Store | AsyncStore, owner: str, *, port: int = 0, title: str = "") -> None:
        try:
            import uvicorn
        except ModuleNotFoundError as error:
            raise MissingDependency("uvicorn", "inspector", "the inspector") from error
        inside = application(store, owner=lambda _: owner, title=title)
        self._listening = socket.create_server((HOST, port))
        app = Secret(inside, self._listening.getsockname()[1])
        self.url, self.url_once = app.url, app.url_once
        quiet: dict[str, Any] = {"access_log": False, "log_config": None, "server_header": False}
        self._server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", **quiet))

    def run(self) -> None:
        """Serve until it is stopped, or interrupted."""
        with self._listening, suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._listening])

    def stop(self) -> None:
        """Let `run` end; it may be called in another thread."""
        self._server.should_exit = True
