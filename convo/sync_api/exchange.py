"""`Exchange`: the protection of a call that the caller makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from convo.errors import CallClosed
from convo.gathering import gathered
from convo.steps import ending as ending_steps
from convo.steps import exchange as exchange_steps
from convo.steps import requests as request_steps
from convo.steps.effects import finish
from convo.steps.watched import recorded

if TYPE_CHECKING:
    from types import TracebackType

    from convo.assembly import Request
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
        self._open: ending_steps.Open | None = None
        self._lease: Lease | None = None

    def __enter__(self) -> Self:
        self._open = self._driver.do(exchange_steps.begin(self._place, self._request))
        self._lease = self._open.lease(self._place)
        self._driver.heartbeat.hold(self._lease)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        current = self._close()
        if current is None:
            return
        if error is None:
            self._place.tools.watch.ended(self._place, current, None)
            self._driver.do(ending_steps.abandon(self._place, current.begun.id))
        else:
            self._driver.do(ending_steps.failed(self._place, current, error))

    def record(self, answer: object) -> Reply:
        """Store the answer and end the exchange. Raises `AnswerError`, and `ExchangeLost` when it came too late.

        A stream is read to its end. Of one that you read yourself pass the fold that was fed with it (`ChatFold`,
        `ResponseFold`). One that breaks is recorded as interrupted, and its error raised.
        """
        current = self._current()
        whole, broken = gathered(answer)
        steps = recorded(self._place, current, ending_steps.completed(self._place, current, whole))
        reply = self._driver.do(finish(steps, current.lease(self._place)))
        self._close()
        if broken is not None:
            raise broken
        return reply

    def recover(self, error: BaseException) -> Request | None:
        """Give the request to try next after an error of the API, None when there is nothing to recover from."""
        current = self._current()
        if not exchange_steps.try_again(current, error):
            return None
        return self._driver.do(request_steps.filled(self._place, current.plan))

    def _current(self) -> ending_steps.Open:
        if self._open is None:
            raise CallClosed(self._request)
        return self._open

    def _close(self) -> ending_steps.Open | None:
        current, self._open = self._open, None
        if self._lease is not None:
            self._driver.heartbeat.drop(self._lease)
        return current
