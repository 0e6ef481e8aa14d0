"""A stream that stands still until a test lets it go on: no sleeping, no chance."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 30.0
"""Seconds after which a wait in a test is a fault of the test."""


class _Signal:
    """Something that happens once; threads and event loops can wait for it."""

    def __init__(self) -> None:
        self._happened = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], object]] = []

    def set(self) -> None:
        with self._lock:
            self._happened.set()
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            with suppress(RuntimeError):  # its event loop is closed: nobody waits any more
                wake()

    def is_set(self) -> bool:
        return self._happened.is_set()

    def wait(self, timeout: float, what: str) -> None:
        if not self._happened.wait(timeout):
            raise TimeoutError(what)

    async def wait_async(self, timeout: float, what: str) -> None:  # noqa: ASYNC109 - the same call as for threads
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if self._happened.is_set():
                return
            self._waiting.append(lambda: loop.call_soon_threadsafe(woken.set))
        try:
            async with asyncio.timeout(timeout):
                await woken.wait()
        except TimeoutError:
            raise TimeoutError(what) from None


@attrs.frozen(eq=False)
class Hold:
    """An answer that is held `after` so many chunks. `fake.hold()` makes it; call it from any thread or task."""

    after: int
    _held: _Signal = attrs.field(factory=_Signal, init=False, repr=False)
    _released: _Signal = attrs.field(factory=_Signal, init=False, repr=False)

    @property
    def held(self) -> bool:
        """Whether the answer has come to where it is held."""
        return self._held.is_set()

    @property
    def released(self) -> bool:
        """Whether the answer may go on."""
        return self._released.is_set()

    def wait_until_held(self, timeout: float = _PATIENCE) -> None:
        """Wait until the chunks before the hold were taken and the next one is wanted; a `TimeoutError` if they are not."""
        self._held.wait(timeout, _NOT_HELD)

    async def async_wait_until_held(self, timeout: float = _PATIENCE) -> None:  # noqa: ASYNC109 - see above
        """Wait as `wait_until_held` does, in a task."""
        await self._held.wait_async(timeout, _NOT_HELD)

    def release(self) -> None:
        """Let the answer go on; before it was held, it will not be."""
        self._released.set()

    def stop(self) -> None:
        """Stand still, in the thread that carries the answer, until released."""
        self._held.set()
        self._released.wait(_PATIENCE, _NOT_RELEASED)

    async def async_stop(self) -> None:
        """Stand still, in the task that carries the answer, until released."""
        self._held.set()
        await self._released.wait_async(_PATIENCE, _NOT_RELEASED)


_NOT_HELD = "the answer did not come to where it is to be held: was a stream asked for, and were its chunks taken?"
_NOT_RELEASED = "the answer was held, and nobody called release()"
