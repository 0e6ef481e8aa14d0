"""Looks after exchanges while their answers come: keeps leases alive, saves what streams receive.

One task for each of the two, only while it is needed.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from convo.errors import ConvoError
from convo.heartbeat import BEAT_FAILED, LOGGER
from convo.logs import note
from convo.protocol import RENEW_EVERY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


T = TypeVar("T")


class AsyncHeartbeat(Generic[T]):
    """Awaits `act(item)` for each item held, every `every` seconds. One that fails is tried at the next beat.

    What fails by other errors than those of a database is told to the exception handler of the event loop.
    """

    def __init__(self, act: Callable[[T], Awaitable[object]], every: float = RENEW_EVERY) -> None:
        self._act = act
        self._every = every
        self._held: dict[int, T] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def keeping(self, item: T) -> Iterator[None]:
        """Hold an item for the length of a block."""
        self.hold(item)
        try:
            yield
        finally:
            self.drop(item)

    def hold(self, item: T) -> None:
        """Begin to look after an item."""
        self._held[id(item)] = item
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._beat(), name="convo-heartbeat")

    def held(self) -> list[T]:
        """Give the items that are looked after."""
        return list(self._held.values())

    def drop(self, item: T) -> bool:
        """Stop looking after an item; False when it was not. The task ends with the last one."""
        found = self._held.pop(id(item), None)
        if not self._held and self._task is not asyncio.current_task():
            self.close()
        return found is not None

    def close(self) -> None:
        """Drop all items and end the task."""
        self._held.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _beat(self) -> None:
        while self._held:
            await asyncio.sleep(self._every)
            for item in list(self._held.values()):
                try:
                    await self._act(item)
                except ConvoError as error:
                    note(LOGGER, logging.WARNING, BEAT_FAILED, error=error, what=type(item).__name__)
                except Exception as error:  # noqa: BLE001 - the caller's clock, for one; others must not lose their leases by it
                    told = {"message": "convo could not look after an exchange; it will try again", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(told)
