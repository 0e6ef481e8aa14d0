"""`Stream`: a reply as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from convo import steps
from convo.arriving import Arriving
from convo.checks import check_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from convo.arriving import Event
    from convo.messages import Draft
    from convo.steps.exchange import Turn
    from convo.steps.place import Place
    from convo.steps.streaming import Incoming
    from convo.sync_api.driver import Driver


class Stream(Arriving):
    """A reply as it comes: iterate it for typed events, of which the last is the recorded `Reply`.

    Nothing happens before the first event is asked for, or its block begins. However it ends (`close`, the end of its
    block, an error, or when nothing refers to it any more), what was received is recorded as an interrupted reply.
    """

    def __init__(
        self, driver: Driver, place: Place, turn: Turn, drafts: Sequence[Draft], key: str | None, expected_head: int | None
    ) -> None:
        super().__init__(turn, drafts, key, expected_head)
        self._driver = driver
        self._place = place
        self._pieces: Iterator[Any] = iter(())

    def __enter__(self) -> Self:
        self._next_round()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        while not self._ready:
            if self._over:
                raise StopIteration
            if self._incoming is None:
                self._next_round()
            else:
                self._pull(self._incoming)
        return self._ready.popleft()

    def close(self, *, heard_until: float | None = None) -> None:
        """End the stream; what was received is recorded as an interrupted reply, a second time does nothing.

        With `heard_until`, the seconds of audio that were played before somebody spoke, only what was heard stays,
        also of a reply that had come to its end and was still being played.
        """
        if heard_until is not None:
            check_seconds(heard_until)
        self._over = True
        incoming = self._taken()
        self._ready.clear()
        if incoming is not None:
            self._interrupt(incoming, heard_until=heard_until)
        elif heard_until is not None and self._replies:
            sequence = steps.truncating.truncated(self._place, self._replies[-1].message.position, heard_until)
            self._replies[-1] = attrs.evolve(self._replies[-1], message=self._driver.do(sequence))

    def _next_round(self) -> None:
        if self._over or self._incoming is not None:
            return
        whole = self._place.tools.watch.whole("stream", self._place.found.id)
        try:
            with whole.around():
                incoming = self._begun()
        except BaseException:
            self._over = True
            whole.close()
            raise
        if incoming is None:
            whole.close()
            return
        incoming.whole = whole
        self._incoming = incoming
        self._driver.hold(incoming)
        self._pieces = iter(incoming.told.answer)
        if self._over and self._taken() is not None:  # closed while the request was on its way
            self._interrupt(incoming)

    def _begun(self) -> Incoming | None:
        """Begin a round; None where its key had its reply already, which is ready then."""
        drafts, key, expected_head, before = self._round()
        if self._turn.preset is not None:
            self._turn = self._driver.do(steps.exchange.with_voice(self._place, self._turn, self._key))
        sequence = steps.exchange.started(self._place, self._turn, drafts, key, expected_head, before)
        found = self._driver.do(sequence)
        if not isinstance(found, steps.ending.Open):
            self._replies.append(found)
            reply = self._driver.do(steps.exchange.voiced(self._place, self._turn, found))
            self._ready.extend(steps.streaming.events_of(reply))
            self._recorded(found, reply)
            return None
        try:
            told = self._driver.do(steps.exchange.asked(self._place, self._turn, found, drafts))
            return steps.streaming.Incoming(self._place, found, told)
        except Exception:
            raise
        except BaseException as error:  # Ctrl-C, maybe when the answer was there and nobody had it yet; else this does nothing
            self._driver.do(steps.ending.withdrawn(self._place, found.begun, error))
            raise

    def _pull(self, incoming: Incoming) -> None:
        try:
            piece = next(self._pieces, None)
            if piece is not None:
                events = incoming.feed(piece)
                if self._incoming is incoming:
                    self._ready.extend(events)
                return
        except BaseException as error:
            if self._taken() is None:
                if isinstance(error, Exception):
                    return  # closed meanwhile
                raise
            self._over = True
            self._interrupt(incoming, error)
            raise
        if self._taken() is not None:
            self._finish(incoming)

    def _finish(self, incoming: Incoming) -> None:
        try:
            found = self._driver.end(incoming, steps.streaming.ended(incoming))
            if found is None:
                return
            self._replies.append(found)  # whoever closes the stream while speech is made of it finds it
            with incoming.whole.around():
                reply = self._driver.do(steps.exchange.voiced(self._place, self._turn, found))
        except BaseException:
            self._over = True
            raise
        self._ready.extend(steps.streaming.made_for(reply))
        self._recorded(found, reply)

    def _interrupt(self, incoming: Incoming, error: BaseException | None = None, *, heard_until: float | None = None) -> None:
        if not incoming.over:  # the store may have been closed
            self._driver.end(incoming, steps.streaming.interrupted(incoming, error, heard_until=heard_until))
        if incoming.reply is not None:
            self._replies.append(incoming.reply)
