"""`Exchange`: the protection of a call that the caller makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from convo import steps
from convo.errors import CallClosed
from convo.gathering import gathered
from convo.steps.effects import finish

if TYPE_CHECKING:
    from types import TracebackType

    from convo.assembly.request import Request
    from convo.reply import Reply
    from convo.steps.effects import Lease
    from convo.steps.place import Place
    from convo.sync_api.driver import Driver


class Exchange:
    """An exchange around a call that the caller makes. Its lease is renewed until the block ends.

    A block that ends without `record` gives the exchange up.
    """

    def __init__(self, driver: Driver, place: Place, request: Request) -> None:
        self._driver = driver
        self._place = place
        self._request = request
        self._open: steps.ending.Open | None = None
        self._lease: Lease | None = None

    def __enter__(self) -> Self:
        self._open = self._driver.do(steps.exchange.begin(self._place, self._request))
        self._lease = self._open.lease(self._place)
        self._driver.heartbeat.hold(self._lease)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        current = self._close()
        if current is None:
            return
        if error is None:
            self._place.tools.watch.ended(self._place, current, None)
            self._driver.do(steps.ending.abandon(self._place, current.begun.id))
        else:
            self._driver.do(steps.ending.failed(self._place, current, error))

    def record(self, answer: object) -> Reply:
        """Store the answer and end the exchange. Raises `AnswerError`, and `ExchangeLost` when it came too late.

        A stream is read to its end. Of one that you read yourself pass the fold that was fed with it (`ChatFold`,
        `ResponseFold`). One that breaks is recorded as interrupted, and its error raised.
        """
        current = self._current()
        whole, broken = gathered(answer)
        sequence = steps.watched.recorded(self._place, current, steps.ending.completed(self._place, current, whole))
        reply = self._driver.do(finish(sequence, current.lease(self._place)))
        self._close()
        if broken is not None:
            raise broken
        return reply

    def recover(self, error: BaseException) -> Request | None:
        """Give the request to try next after an error of the API, None when there is nothing to recover from."""
        current = self._current()
        if not steps.exchange.try_again(current, error):
            return None
        return self._driver.do(steps.requests.filled(self._place, current.plan))

    def _current(self) -> steps.ending.Open:
        if self._open is None:
            raise CallClosed(self._request)
        return self._open

    def _close(self) -> steps.ending.Open | None:
        current, self._open = self._open, None
        if self._lease is not None:
            self._driver.heartbeat.drop(self._lease)
        return current
