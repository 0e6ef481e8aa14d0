"""Performs the effects that steps ask for, in the thread of the caller."""

from __future__ import annotations

import logging
import threading
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import convo.steps
from convo.errors import ConvoError, StoreError, StoreNotFound, StoreReplaced
from convo.heartbeat import Heartbeat
from convo.logs import Swallowed, note
from convo.protocol import CHECKPOINT_EVERY, LEASE
from convo.steps.effects import Call, Doubt, Finish, Invoke, Pause, Together, Told, Upgrade, Work

if TYPE_CHECKING:
    from convo.reply import Reply
    from convo.steps.effects import Ask, Effect, Lease, Steps
    from convo.steps.place import Tools
    from convo.steps.streaming import Incoming
    from convo.store import engine as engines

T = TypeVar("T")
LOGGER = logging.getLogger("convo.stream")


class Driver:
    """Performs the effects of steps, one after the other, in the caller's thread."""

    def __init__(self, runner: engines.Runner | engines.Within, tools: Tools, *, checked: bool = False) -> None:
        self.runner = runner
        self.tools = tools
        self.heartbeat = Heartbeat(self._renew)
        self.streams: Heartbeat[Incoming] = Heartbeat(self._look_after, CHECKPOINT_EVERY)
        self.checked = checked
        self._checking = threading.Lock()

    def do(self, steps: Steps[T]) -> T:
        """Perform steps; the tables are seen to first, once."""
        if not self.checked:
            with self._checking:
                if not self.checked:
                    if not self.tools.writable:
                        self.runner.check_there()
                    creates = self.runner.creates and self.tools.writable
                    self._perform_all(convo.steps.stores.ready(self.runner.place, creates=creates))
                    self.checked = True
        if forsaken := [incoming for incoming in self.streams.held() if incoming.forsaken]:
            self._end_streams(forsaken)
        try:
            return self._perform_all(steps)
        except (StoreReplaced, StoreNotFound):
            self.checked = False  # whatever is at the place next may have other tables
            raise

    def look(self, steps: Steps[T]) -> T:
        """Perform steps on a database as it is: tables may be missing or old, and are left so. Raises `StoreNotFound`."""
        self.runner.check_there()
        return self._perform_all(steps)

    def upgrade(self, partitions: int | None = None) -> str | None:
        """Make or upgrade the tables; give the revision that was found."""
        found = self._perform_all(convo.steps.upgrading.upgraded(partitions))
        self.checked = True
        return found

    def _perform_all(self, steps: Steps[T]) -> T:
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
                result, error = self._perform(effect), None
            except BaseException as raised:  # noqa: BLE001 - handed to the steps, which raise it again
                error = doubt.noted(raised)

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Work):
            return self.runner.run(effect.function, *effect.arguments, mode=effect.mode, **effect.named)
        if isinstance(effect, Upgrade):
            return self.runner.upgrade(effect.partitions)
        if isinstance(effect, Pause):
            return time.sleep(effect.seconds)
        if isinstance(effect, Call):
            return convo.steps.calling.called(effect.function, effect.arguments, effect.named)
        if isinstance(effect, Invoke):
            raw = attrgetter(effect.endpoint)(effect.client).with_raw_response.create(**effect.arguments)
            return Told.of(raw, self.tools.now())
        with self.heartbeat.keeping(effect.lease):
            return self._perform_kept(effect)

    def _perform_kept(self, effect: Ask | Finish | Together) -> Any:
        """Perform an effect whose lease is kept alive meanwhile."""
        if isinstance(effect, Finish):
            return self._perform_all(effect.steps)
        if isinstance(effect, Together):
            return [self._perform_all(steps) for steps in effect.steps]
        raw = attrgetter(effect.endpoint)(effect.client).with_raw_response.create(**effect.request)
        return Told.of(raw, self.tools.now())

    def _renew(self, lease: Lease) -> object:
        from convo.store import exchanges

        until = self.tools.now() + LEASE
        return self.runner.run(exchanges.renew, lease.owner, lease.branch, lease.exchange, lease.attempt, until, mode="write")

    def _look_after(self, incoming: Incoming) -> object:
        """Save what a stream has received; end one that nobody can ask for any more."""
        if not incoming.forsaken:
            return self.do(convo.steps.streaming.saved(incoming))
        return self._end_forsaken(incoming)

    def _end_forsaken(self, incoming: Incoming) -> object:
        """End a stream that nobody can ask for any more, once: a beat, the next call and the end of the store may meet."""
        if not self.streams.drop(incoming):
            return None
        try:
            return self.end(incoming, convo.steps.streaming.interrupted(incoming))
        finally:
            self.heartbeat.drop(incoming.lease)

    def _end_streams(self, streams: list[Incoming]) -> None:
        """End streams one after the other, until the database fails: then the leases of the others run out."""
        for incoming in streams:
            try:
                self._end_forsaken(incoming)
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

    def end(self, incoming: Incoming, steps: Steps[Reply | None]) -> Reply | None:
        """Perform the last steps of a stream and let it go; when they are interrupted, the next beat ends it."""
        try:
            with Swallowed(LOGGER, "a stream of the API did not close", level=logging.DEBUG):
                incoming.told.answer.close()
            with incoming.whole.around():
                steps = convo.steps.watched.recorded(incoming.place, incoming.current, steps)
                incoming.reply = self._perform_all(steps)
        except ConvoError:
            self.release(incoming)
            raise
        except BaseException:
            incoming.forsaken = True
            raise
        incoming.over = True
        self.release(incoming)
        return incoming.reply

    def close(self) -> None:
        """End the streams that are still open, stop renewing leases, and close the connections."""
        self._end_streams(self.streams.held())
        self.streams.close()
        self.heartbeat.close()
        self.runner.close()
