"""The blocks in which spans are the current ones, and where they end. What fails in them is logged, never raised."""

from __future__ import annotations

import functools
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
from opentelemetry import context, trace

from convo.logs import code_of, note
from convo.reply import Reply
from convo.telemetry import conventions as names
from convo.telemetry import facts
from convo.watching import Part, Whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.trace import Span

    from convo.telemetry.facts import Attributes
    from convo.telemetry.spans import SpanWatch

LOGGER = logging.getLogger("convo.telemetry")
T = TypeVar("T")


def safely(default: Any) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Log what a function raises, and give `default` then: providers and exporters are the application's."""

    def decorated(function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def safe(*arguments: Any, **named: Any) -> T:
            try:
                return function(*arguments, **named)
            except Exception as error:  # noqa: BLE001 - whatever it is, a send goes on without telemetry
                note(LOGGER, logging.WARNING, "telemetry failed", error=error, what=function.__name__)
                found: T = default
                return found

        return safe

    return decorated


INSIDE: ContextVar[Block | None] = ContextVar("convo_part", default=None)
"""The innermost part that is being done here, so that an error that goes through several is counted once."""


class Block(Part):
    """The length of a block in which a span is the current one."""

    def __init__(self, watch: SpanWatch, span: Span) -> None:
        self._watch = watch
        self._span = span
        self._outer: Block | None = None
        self._token: Any = None
        self.counted: BaseException | None = None

    def __enter__(self) -> Self:
        self._outer = INSIDE.get()
        INSIDE.set(self)
        self._attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None) -> None:
        INSIDE.set(self._outer)
        self._detach()
        self._over(error)

    @safely(None)
    def _attach(self) -> None:
        self._token = context.attach(trace.set_span_in_context(self._span))

    @safely(None)
    def _detach(self) -> None:
        if self._token is not None:
            context.detach(self._token)

    def _over(self, error: BaseException | None) -> None:
        """The block has ended."""


class WorkPart(Block):
    """A part of the work: its span begins and ends with the block."""

    def __init__(self, watch: SpanWatch, span: Span, name: str) -> None:
        super().__init__(watch, span)
        self._name = name

    @safely(None)
    def gave(self, value: Any) -> None:
        if isinstance(value, Reply):
            self._replied(value)
        elif (plan := getattr(value, "plan", None)) is not None:
            if hasattr(value, "begun"):
                self._watch.meters.assembled(facts.of_plan(plan), plan)
            if self._span.is_recording():
                self._span.set_attributes({names.REQUEST_MODEL: plan.target.model.name, **facts.of_assembly(plan)})

    def _replied(self, reply: Reply) -> None:
        if self._span.is_recording():
            self._span.set_attributes({names.REPLAYED: reply.replayed, names.POSITION: reply.message.position})
        if self._name == "assemble":
            self._watch.meters.replays.add(1)
        elif self._name == "record_answer" and not reply.replayed:
            model = reply.message.model or ""
            self._watch.meters.used(facts.call_attributes(reply.message.api, model, "", ""), reply.usage, reply.cost)
            if self._span.is_recording():
                self._span.set_attributes(facts.of_reply(reply))

    @safely(None)
    def _over(self, error: BaseException | None) -> None:
        if error is not None:
            self._watch.failed(self._span, error, {names.PART: self._name}, self)
        self._span.end()


class Stretch(Whole):
    """A part of the work that goes on between calls."""

    def __init__(self, watch: SpanWatch, span: Span, name: str) -> None:
        self.watch = watch
        self.span = span
        self.name = name
        self.closed = False

    def around(self) -> Part:
        return Around(self)

    @safely(None)
    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.span.end()


class Around(Block):
    """A block of a part that goes on."""

    def __init__(self, whole: Stretch) -> None:
        super().__init__(whole.watch, whole.span)
        self._whole = whole

    @safely(None)
    def _over(self, error: BaseException | None) -> None:
        if error is not None and not self._whole.closed:
            self._watch.failed(self._span, error, {names.PART: self._whole.name}, self)


@attrs.define(eq=False)
class Seen:
    """A call on its way. Times are those of `time.perf_counter`, `ended_at` is in nanoseconds since 1970."""

    span: Span
    call: Attributes
    began: float = attrs.field(factory=time.perf_counter)
    first: float | None = None
    ended: float | None = None
    ended_at: int | None = None
    recoveries: int = 0

    def arrived(self) -> None:
        """Note that the first piece of the answer has come."""
        self.first = self.first or time.perf_counter()

    def over(self) -> None:
        """Note that the answer has come; only the first time counts."""
        if self.ended is None:
            self.ended, self.ended_at = time.perf_counter(), time.time_ns()


class Asking(Block):
    """The length of a request of a turn. Its span goes on: it ends when the answer is recorded, with the time it came."""

    def __init__(self, watch: SpanWatch, seen: Seen, *, streamed: bool) -> None:
        super().__init__(watch, seen.span)
        self._seen = seen
        self._streamed = streamed

    @safely(None)
    def _over(self, error: BaseException | None) -> None:
        if error is not None or not self._streamed:
            self._seen.ended = None  # of the try before
            self._seen.over()


class Calling(Block):
    """A call of an endpoint for what is no turn."""

    def __init__(self, watch: SpanWatch, span: Span, call: Attributes) -> None:
        super().__init__(watch, span)
        self._call = call
        self._began = time.perf_counter()

    @safely(None)
    def gave(self, value: Any) -> None:
        self._watch.kept(self._span, self._call, value)

    @safely(None)
    def _over(self, error: BaseException | None) -> None:
        seconds = time.perf_counter() - self._began
        call = self._call
        if error is not None:
            self._watch.failed(self._span, error, call, self)
            call = {**call, names.ERROR_TYPE: code_of(error)}
        self._watch.meters.duration.record(seconds, call)
        self._span.end()
