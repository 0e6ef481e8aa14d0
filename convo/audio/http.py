"""One GET over a connection that we make ourselves: to a given address, within one deadline, up to so many bytes."""

from __future__ import annotations

import io
import queue
import socket
import threading
from http.client import HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from convo.errors import FetchFailed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from _typeshed import WriteableBuffer

    from convo.audio.urls import Target

_PIECE = 65_536
_FRAMED, _HEADERS = 2, 1_000_000
"""What is read of an answer at most: twice the body, for the sizes of its chunks, and bytes of headers."""
T = TypeVar("T")


@attrs.frozen
class Answer:
    """What a server answered; `body` is empty unless the status is 200."""

    status: int
    location: str | None
    body: bytes


class _Wire(io.RawIOBase):
    """What comes from a socket: each read waits no longer than what is left of the time, and there is an end to it.

    The end is for what no length bounds: headers without end, interim answers, and chunk sizes that `http.client` takes for
    "all that there is".
    """

    def __init__(self, sock: socket.socket, most: int, deadline: float) -> None:
        self._sock = sock
        self._left = most
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise OSError("the answer does not end")
        return count

    def makefile(self, *_: object) -> io.BufferedReader:
        """Stand for the socket, whose file is all that a response of `http.client` asks for."""
        return io.BufferedReader(self, _PIECE)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def within(deadline: float, function: Callable[[], T]) -> T:
    """Call what cannot be given a timeout, such as a look-up of a name; raise `TimeoutError` when it takes too long.

    It goes on in its own thread then, which keeps no process alive.
    """
    results: queue.SimpleQueue[tuple[bool, object]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((True, function()))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was called from
            results.put((False, error))

    threading.Thread(target=run, name="convo-resolve", daemon=True).start()
    try:
        done, value = results.get(timeout=_left(deadline))
    except queue.Empty:
        raise TimeoutError from None
    if not done:
        raise cast("BaseException", value)
    return cast("T", value)


def answer_of(
    target: Target, addresses: Sequence[str], trust: Callable[[], ssl.SSLContext], most: int, deadline: float
) -> Answer:
    """Ask one of the addresses for a target's path, without a look-up of the name. Raises `OSError`, `FetchFailed`."""
    with _connected(target, addresses, trust, deadline) as sock:
        sock.settimeout(_left(deadline))
        sock.sendall(_request(target))
        response = HTTPResponse(cast("socket.socket", _Wire(sock, _FRAMED * most + _HEADERS, deadline)), method="GET")
        try:
            response.begin()
            body = _body(response, target, most) if response.status == 200 else b""  # noqa: PLR2004 - HTTP's OK
            return Answer(response.status, _location(response), body)
        finally:
            response.close()


def _location(response: HTTPResponse) -> str | None:
    found = response.getheader("Location")
    # Headers are read as Latin-1; a path that is not escaped is UTF-8.
    return None if found is None else found.encode("latin-1", "replace").decode(errors="replace")


def _request(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1", f"Host: {target.authority}", "User-Agent: convo", "Accept: audio/*, */*;q=0.5",
        "Accept-Encoding: identity", "Connection: close", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode("ascii")


def _connected(target: Target, addresses: Sequence[str], trust: Callable[[], ssl.SSLContext], deadline: float) -> socket.socket:
    failure = OSError("it has no address")
    distinct = list(dict.fromkeys(addresses))
    for tried, address in enumerate(distinct):
        try:
            # An address that never answers leaves time for the others.
            sock = socket.create_connection((address, target.port), timeout=_left(deadline) / (len(distinct) - tried))
        except OSError as error:
            failure = error
            continue
        return _wrapped(sock, target, trust, deadline) if target.scheme == "https" else sock
    raise failure


def _wrapped(sock: socket.socket, target: Target, trust: Callable[[], ssl.SSLContext], deadline: float) -> socket.socket:
    try:
        sock.settimeout(_left(deadline))
        return trust().wrap_socket(sock, server_hostname=target.host)
    except BaseException:
        sock.close()
        raise


def _body(response: HTTPResponse, target: Target, most: int) -> bytes:
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    framing = (response.getheader("Transfer-Encoding") or "chunked").strip().lower()
    if encoding != "identity" or framing != "chunked":
        reason = f"the server compressed it ({encoding if encoding != 'identity' else framing}) although none was asked for"
        raise FetchFailed(target.shown, reason, "fetch the bytes yourself and pass them", response.status)
    declared = response.length
    if declared is not None and declared > most:
        raise _too_large(target, most)
    parts, size = [], 0
    while piece := response.read(_PIECE):
        parts.append(piece)
        size += len(piece)
        if size > most:
            raise _too_large(target, most)
    if declared is not None and size < declared:
        reason = f"the connection ended after {size:,} of {declared:,} bytes"
        raise FetchFailed(target.shown, reason, "try again")
    return b"".join(parts)


def _too_large(target: Target, most: int) -> FetchFailed:
    return FetchFailed(target.shown, f"it is larger than {most:,} bytes", "allow more: Fetch(max_bytes=...)", 200)
