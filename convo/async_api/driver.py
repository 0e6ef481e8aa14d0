"""Performs the effects that steps ask for, awaiting each."""

from __future__ import annotations

import asyncio
import inspect
import logging
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import convo.steps
from convo.async_heartbeat import AsyncHeartbeat
from convo.errors import ConvoError, StoreError, StoreNotFound, StoreReplaced
from convo.logs import Swallowed, note
from convo.protocol import CHECKPOINT_EVERY, LEASE
from convo.steps.effects import Call, Doubt, Finish, Invoke, Pause, Together, Told, Upgrade, Work
from convo.store import async_engine as engines

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from convo.reply import Reply
    from convo.steps.effects import Ask, Effect, Lease, Steps
    from convo.steps.place import Tools
    from convo.steps.streaming import Incoming

T = TypeVar("T")
LOGGER = logging.getLogger("convo.stream")


class AsyncDriver:
    """Performs the effects of steps, one after the other; work on the database outlives a cancelled caller."""

    def __init__(
        self, runner: engines.AsyncRunner | engines.ThreadRunner | engines.AsyncWithin, tools: Tools, *, checked: bool = False
    ) -> None:
        self.runner = runner
        self.tools = tools
        self.heartbeat = AsyncHeartbeat(self._renew)
        self.streams: AsyncHeartbeat[Incoming] = AsyncHeartbeat(self._look_after, CHECKPOINT_EVERY)
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
                    await self._perform_all(convo.steps.stores.ready(self.runner.place, creates=creates))
                    self.checked = True
        if forsaken := [incoming for incoming in self.streams.held() if incoming.forsaken]:
            await self._end_streams(forsaken)
        try:
            return await self._perform_all(steps)
        except (StoreReplaced, StoreNotFound):
            self.checked = False  # whatever is at the place next may have other tables
            raise

    async def look(self, steps: Steps[T]) -> T:
        """Perform steps on a database as it is: tables may be missing or old, and are left so. Raises `StoreNotFound`."""
        self.runner.check_there()
        return await self._perform_all(steps)

    async def upgrade(self, partitions: int | None = None) -> str | None:
        """Make or upgrade the tables; give the revision that was found."""
        found = await self._perform_all(convo.steps.upgrading.upgraded(partitions))
        self.checked = True
        return found

    async def _perform_all(self, steps: Steps[T]) -> T:
        result: Any = None
        error: BaseException | None = None
        doubt = Doubt()
        while True:
            try:
                effect = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            except StoreError as raised:
                doubt.tell(raised)
                raise
            try:
                result, error = await self._perform(effect), None
            except BaseException as raised:  # noqa: BLE001 - handed to the steps, which raise it again
                error = doubt.noted(raised)

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Work):
            run = self.runner.run_beside if effect.beside else self.runner.run
            return await run(effect.function, *effect.arguments, mode=effect.mode, **effect.named)
        if isinstance(effect, Upgrade):
            return await self.runner.upgrade(effect.partitions)
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Call):
            return await _called(effect)
        if isinstance(effect, Invoke):
            raw = await attrgetter(effect.endpoint)(effect.client).with_raw_response.create(**effect.arguments)
            return Told.of(raw, self.tools.now())
        with self.heartbeat.keeping(effect.lease):
            return await self._perform_kept(effect)

    async def _perform_kept(self, effect: Ask | Finish | Together) -> Any:
        """Perform an effect whose lease is kept alive meanwhile."""
        if isinstance(effect, Finish):
            return await self._shield.run(self._perform_all(effect.steps))
        if isinstance(effect, Together):
            return await _together([self._perform_all(steps) for steps in effect.steps])
        raw = await attrgetter(effect.endpoint)(effect.client).with_raw_response.create(**effect.request)
        return Told.of(raw, self.tools.now())

    async def _renew(self, lease: Lease) -> object:
        from convo.store import exchanges

        until = self.tools.now() + LEASE
        return await self.runner.run(
            exchanges.renew, lease.owner, lease.branch, lease.exchange, lease.attempt, until, mode="write"
        )

    async def _look_after(self, incoming: Incoming) -> object:
        """Save what a stream has received; end one that nobody can ask for any more."""
        if not incoming.forsaken:
            return await self.do(convo.steps.streaming.saved(incoming))
        return await self._end_forsaken(incoming)

    async def _end_forsaken(self, incoming: Incoming) -> object:
        """End a stream that nobody can ask for any more, once: a beat, the next call and the end of the store may meet."""
        if not self.streams.drop(incoming):
            return None
        try:
            return await self.end(incoming, convo.steps.streaming.interrupted(incoming))
        finally:
            self.heartbeat.drop(incoming.lease)

    async def _end_streams(self, streams: list[Incoming]) -> None:
        """End streams one after the other, until the database fails: then the leases of the others run out."""
        for incoming in streams:
            try:
                await self._end_forsaken(incoming)
            except StoreError as error:
                note(LOGGER, logging.WARNING, "streams could not be ended; their leases run out", error=error)
                return
            except ConvoError as error:
                note(LOGGER, logging.WARNING, "a stream could not be ended", error=error)
                continue

    def hold(self, incoming: Incoming) -> None:
        """Keep a stream's lease alive, and save what it receives, until it is released."""
        self.heartbeat.hold(incoming.lease)
        self.streams.hold(incoming)

    def release(self, incoming: Incoming) -> None:
        """Stop looking after a stream."""
        self.streams.drop(incoming)
        self.heartbeat.drop(incoming.lease)
        incoming.whole.close()

    async def end(self, incoming: Incoming, steps: Steps[Reply | None]) -> Reply | None:
        """Perform the last steps of a stream and let it go, even when the caller is cancelled."""
        return await self._shield.run(self._end(incoming, steps))

    async def _end(self, incoming: Incoming, steps: Steps[Reply | None]) -> Reply | None:
        try:
            with Swallowed(LOGGER, "a stream of the API did not close", level=logging.DEBUG):
                await incoming.told.answer.close()
            with incoming.whole.around():
                steps = convo.steps.watched.recorded(incoming.place, incoming.current, steps)
                incoming.reply = await self._perform_all(steps)
        except ConvoError:
            self.release(incoming)
            raise
        except BaseException:
            incoming.forsaken = True
            raise
        incoming.over = True
        self.release(incoming)
        return incoming.reply

    async def close(self) -> None:
        """End the streams that are still open, stop renewing leases, and close the connections."""
        await self._end_streams(self.streams.held())
        self.streams.close()
        self.heartbeat.close()
        await self._shield.settle()
        await self.runner.close()


async def _called(effect: Call) -> Any:
    """Await a coroutine function; any other runs in a thread, where it may wait without holding up the loop."""
    try:
        if inspect.iscoroutinefunction(effect.function):
            return await effect.function(*effect.arguments, **effect.named)
        value = await asyncio.to_thread(convo.steps.calling.called, effect.function, effect.arguments, effect.named)
        return await value if inspect.isawaitable(value) else value
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise convo.steps.calling.misplaced(error) from error  # nobody cancels us: it is the function's own


async def _together(works: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Await all at once; when one fails, or the caller is cancelled, the others are cancelled and awaited first."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
