"""Performs the effects that steps ask for, awaiting each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from convo.async_heartbeat import AsyncHeartbeat
from convo.protocol import LEASE
from convo.steps import stores as store_steps
from convo.steps.effects import Finish, Pause, Told, Transcribe, Upgrade, Work
from convo.store import async_engine as engines
from convo.store import exchanges

if TYPE_CHECKING:
    from convo.steps.effects import Effect, Lease, Steps
    from convo.steps.place import Tools

T = TypeVar("T")


class AsyncDriver:
    """Performs the effects of steps, one after the other; work on the database outlives a cancelled caller."""

    def __init__(
        self, runner: engines.AsyncRunner | engines.ThreadRunner | engines.AsyncWithin, tools: Tools, *, checked: bool = False
    ) -> None:
        self.runner = runner
        self.tools = tools
        self.heartbeat = AsyncHeartbeat(self._renew)
        self._shield = engines.Shield()
        self.checked = checked
        self._checking = asyncio.Lock()

    async def do(self, steps: Steps[T]) -> T:
        """Perform steps; the tables are seen to first, once."""
        if not self.checked:
            async with self._checking:
                if not self.checked:
                    if not self.tools.writable:
                        self.runner.check_there()
                    creates = self.runner.creates and self.tools.writable
                    await self._perform_all(store_steps.ready(self.runner.place, creates=creates))
                    self.checked = True
        return await self._perform_all(steps)

    async def upgrade(self) -> None:
        """Make or upgrade the tables."""
        await self.runner.upgrade()
        self.checked = True

    async def _perform_all(self, steps: Steps[T]) -> T:
        result: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            try:
                result, error = await self._perform(effect), None
            except BaseException as raised:  # noqa: BLE001 - handed to the steps, which raise it again
                error = raised

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Work):
            return await self.runner.run(effect.function, *effect.arguments, mode=effect.mode, **effect.named)
        if isinstance(effect, Upgrade):
            return await self.runner.upgrade()
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Finish):
            with self.heartbeat.keeping(effect.lease):
                return await self._shield.run(self._perform_all(effect.steps))
        if isinstance(effect, Transcribe):
            heard = await effect.client.audio.transcriptions.with_raw_response.create(**effect.arguments)
            return Told(heard.parse(), {name.lower(): value for name, value in heard.headers.items()}, self.tools.now())
        with self.heartbeat.keeping(effect.lease):
            raw = await effect.client.chat.completions.with_raw_response.create(**effect.request)
            return Told(raw.parse(), {name.lower(): value for name, value in raw.headers.items()}, self.tools.now())

    async def _renew(self, lease: Lease) -> object:
        until = self.tools.now() + LEASE
        return await self.runner.run(
            exchanges.renew, lease.owner, lease.branch, lease.exchange, lease.attempt, until, mode="write"
        )

    async def close(self) -> None:
        """Stop renewing leases and close the connections."""
        self.heartbeat.close()
        await self.runner.close()
