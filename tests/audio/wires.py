"""Web servers on the loopback, for fetches: each answers a connection with what a test says, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from convo.audio.fetch import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TLS = Path(__file__).parent / "tls"
"""A certificate for the name `localhost`, which nobody trusts, and its key."""


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Give a whole answer of HTTP; `length` is a lie about its body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def moved(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {location}", status=status)


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


@attrs.define
class Web:
    """One server: what it answers by path, and the requests that came."""

    port: int
    answers: dict[str, bytes | Callable[[socket.socket], None]] = attrs.field(factory=dict)
    requests: list[str] = attrs.field(factory=list)
    context: ssl.SSLContext | None = None
    over: threading.Event = attrs.field(factory=threading.Event)
    """Set when the test is over: what drips ends then."""

    def url(self, path: str = "/a.wav", host: str = "media.test", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def drip(self, start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
        """Answer with a start, and then piece by piece without an end."""

        def answering(connection: socket.socket) -> None:
            connection.sendall(start)
            while not self.over.wait(0.01):
                connection.sendall(piece)

        return answering

    def flood(self, start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
        """Answer with a start, and then as fast as can be without an end."""

        def answering(connection: socket.socket) -> None:
            connection.sendall(start)
            while not self.over.is_set():
                connection.sendall(piece)

        return answering

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted, self._wrapped(accepted) as connection:
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096) or b"\r\n\r\n"
            self.requests.append(request.decode())
            found = self.answers[request.split(b" ")[1].decode()]
            if isinstance(found, bytes):
                connection.sendall(found)
            else:
                found(connection)

    def _wrapped(self, accepted: socket.socket) -> socket.socket:
        return accepted if self.context is None else self.context.wrap_socket(accepted, server_side=True)


@contextlib.contextmanager
def web(*, tls: bool = False) -> Iterator[Web]:
    """Run a server until the test is over."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "localhost.pem", TLS / "localhost.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Web(listener.getsockname()[1], context=context)
        threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
        try:
            yield server
        finally:
            server.over.set()


def trusting() -> ssl.SSLContext:
    """Trust the certificate of the tests."""
    return ssl.create_default_context(cafile=str(TLS / "localhost.pem"))


def loopback(**names: str) -> Network:
    """Give a network in which every host is the loopback, which counts as public; `names` have other addresses."""
    table = {name.replace("_", "."): found.split() for name, found in names.items()}
    return Network(
        resolve=lambda host, _: table.get(host, ["127.0.0.1"]),
        allowed=lambda address: address == "127.0.0.1",
        ports=lambda _: True,
        trust=trusting,
    )
