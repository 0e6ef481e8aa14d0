"""Keeps the leases of exchanges alive while their answers are awaited: one task a store, only while it is needed."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convo.errors import ConvoError
from convo.protocol import RENEW_EVERY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from convo.steps.effects import Lease


class AsyncHeartbeat:
    """Awaits `renew(lease)` for each lease held, every `every` seconds. A renewal that fails is tried at the next beat."""

    def __init__(self, renew: Callable[[Lease], Awaitable[object]], every: float = RENEW_EVERY) -> None:
        self._renew = renew
        self._every = every
        self._held: dict[int, Lease] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def keeping(self, lease: Lease) -> Iterator[None]:
        """Hold a lease for the length of a block."""
        self.hold(lease)
        try:
            yield
        finally:
            self.drop(lease)

    def hold(self, lease: Lease) -> None:
        """Begin to renew a lease."""
        self._held[id(lease)] = lease
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._beat(), name="convo-heartbeat")

    def drop(self, lease: Lease) -> None:
        """Stop renewing a lease; the task ends with the last one."""
        self._held.pop(id(lease), None)
        if not self._held:
            self.close()

    def close(self) -> None:
        """Drop all leases and end the task."""
        self._held.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            for lease in list(self._held.values()):
                try:
                    await self._renew(lease)
                except ConvoError:
                    continue
