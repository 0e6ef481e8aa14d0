"""A proxy that speaks enough of PostgreSQL's protocol to cut a connection at a byte, or swallow the reply to a commit.

It runs in a thread of its own. A `Cut` is armed for what comes next and spent once it was made; what is open then is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from typing import TYPE_CHECKING, Literal, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

Way = Literal["up", "down"]
WRITES = (b"INSERT INTO", b"UPDATE ", b"DELETE FROM")
_STARTUP = 8
"""Bytes that a first message has at least: its length and its code."""
_HEADER = 5


@attrs.frozen
class Cut:
    """Where the wire is cut.

    `reply`: the server has done the `at`-th write or commit from now, and its reply is swallowed. `up`, `down`: after `at`
    bytes to the server, or from it. `refuse`: the request of the `at`-th write never reaches the server.
    """

    kind: Literal["reply", "refuse", "up", "down"]
    at: int


class Wire:
    """The proxy: `port` is where clients connect; `made` counts the cuts that were made."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.made = 0
        self.bytes = {"up": 0, "down": 0}
        self.writes = 0
        self.delay = 0.0
        self.down = False
        self._cut: Cut | None = None
        self._passed = {"up": 0, "down": 0, "writes": 0}
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="wire", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *details: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def arm(self, cut: Cut | None) -> None:
        """Cut once, from now on counting from zero; None: cut no more, and only count."""
        self._passed = {"up": 0, "down": 0, "writes": 0}
        self._cut = cut

    @property
    def passed(self) -> dict[str, int]:
        """What has passed since the wire was armed: bytes to the server (`up`), from it (`down`), and `writes`."""
        return dict(self._passed)

    def url(self, url: str) -> str:
        """Give the URL of the same database through the wire, unencrypted."""
        import sqlalchemy as sa

        parsed = sa.engine.make_url(url).set(host="127.0.0.1", port=self.port)
        plain = {"ssl": "disable"} if "asyncpg" in parsed.drivername else {"sslmode": "disable", "gssencmode": "disable"}
        return parsed.update_query_dict(plain).render_as_string(hide_password=False)

    def cut_all(self) -> None:
        """Cut every connection now."""
        done = threading.Event()

        def cut() -> None:
            for writer in list(self._open):
                _abort(writer)
            self._loop.call_soon(done.set)  # behind what closes the sockets

        self._loop.call_soon_threadsafe(cut)
        done.wait()

    # --- the thread --------------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            _abort(writer)
            return
        try:
            above, to_server = await asyncio.open_connection(*self.target)
        except OSError:
            _abort(writer)
            return
        talk = _Talk()
        self._open |= {writer, to_server}
        pumps = [
            asyncio.ensure_future(pump)
            for pump in (self._pump("up", reader, to_server, talk), self._pump("down", above, writer, talk))
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the thread ends; streams would print it
            return
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, to_server):
                _abort(end)
            self._open -= {writer, to_server}

    async def _pump(
        self, way: Literal["up", "down"], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, talk: _Talk
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                passing = self._take(way, data, talk)
                writer.write(data if passing is None else data[:passing])
                await writer.drain()
                if passing is not None:
                    self.made += 1
                    if passing:
                        await asyncio.sleep(0.001)
                    return

    def _take(self, way: Way, data: bytes, talk: _Talk) -> int | None:
        """Count what passes; give how many bytes still pass where the wire is cut in them, else None."""
        before = self._passed[way]
        self._passed[way] += len(data)
        committed = talk.down(data) if way == "down" else 0
        if way == "up":
            talk.up(data)
        cut = self._cut
        if cut is None:
            self._passed["writes"] += committed
            return None
        if cut.kind == way and before + len(data) >= cut.at:
            self._cut = None
            return max(cut.at - before, 0)
        if cut.kind == "refuse" and way == "up" and talk.writing and self._passed["writes"] + 1 == cut.at:
            self._cut = None
            return 0
        if committed:
            self._passed["writes"] += committed
            if cut.kind == "reply" and self._passed["writes"] >= cut.at:
                self._cut = None
                return 0
        return None


def _abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(Exception):
        writer.transport.abort()


class _Talk:
    """One connection: which of its statements write, and when the server has done what was asked."""

    def __init__(self) -> None:
        self._up, self._down = bytearray(), bytearray()
        self._started = False
        self._names: dict[bytes, bool] = {}
        self.writing = False

    def up(self, data: bytes) -> None:
        """Take what the client says."""
        self._up += data
        if not self._started:
            self._start()
        for kind, body in _messages(self._up) if self._started else ():
            self._asked(kind, body)

    def _start(self) -> None:
        if len(self._up) >= _STARTUP:
            (length,) = struct.unpack_from("!i", self._up)
            if len(self._up) >= length:
                del self._up[:length]
                self._started = True

    def _asked(self, kind: int, body: bytes) -> None:
        if kind == ord("P"):
            name, _, rest = body.partition(b"\0")
            self._names[name] = any(word in rest for word in WRITES)
        elif kind == ord("B"):
            _, _, rest = body.partition(b"\0")
            self.writing |= self._names.get(rest.partition(b"\0")[0], False)
        elif kind == ord("Q"):
            self.writing |= body.startswith((b"COMMIT", *WRITES))

    def down(self, data: bytes) -> int:
        """Take what the server says; give how many writes it has done, transactions at their end."""
        self._down += data
        done = 0
        for kind, body in _messages(self._down):
            if kind == ord("Z"):
                done += self.writing and body == b"I"
                self.writing = self.writing and body != b"I"
        return done


def _messages(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole messages out of a buffer."""
    while len(buffer) >= _HEADER:
        (length,) = struct.unpack_from("!i", buffer, 1)
        if len(buffer) < length + 1:
            return
        yield buffer[0], bytes(buffer[_HEADER : length + 1])
        del buffer[: length + 1]


@contextlib.contextmanager
def wire(url: str) -> Iterator[Wire]:
    """Put a wire before the server of a URL."""
    import sqlalchemy as sa

    parsed = sa.engine.make_url(url)
    with Wire(parsed.host or "127.0.0.1", parsed.port or 5432) as made:
        yield made
