"""A Realtime response as it is made: one event after another, until it is done, cancelled, or found to be impossible.

The order of the events is that of a capture of the API: an item is done in the conversation before it is in the response.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from convo.testing.realtime_items import Item
from convo.testing.realtime_output import CHUNKS
from convo.testing.realtime_usage import NOTHING, response_usage
from convo.testing.usage import Tokens

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from convo.testing.asked import Json
    from convo.testing.realtime_items import Conversation
    from convo.testing.realtime_output import Output
    from convo.testing.realtime_plan import Plan
    from convo.testing.refusals import ApiRefusal


class Response:
    """A response in progress. Its items join `conversation` as they are made, unless it is None."""

    def __init__(self, plan: Plan, conversation: Conversation | None) -> None:
        self._plan = plan
        self._conversation = conversation
        self._current: tuple[int, Output, str | None] | None = None
        self._finished: list[tuple[Json, Tokens]] = []
        self._owed: deque[Json] = deque()
        self._events = self._made()
        self.taken = 0
        self.chunks = 0
        self.done = False

    @property
    def id(self) -> str:
        """The id of the response."""
        given: str = self._plan.shown["id"]
        return given

    @property
    def context(self) -> Tokens:
        """What it cost to read."""
        return self._plan.context

    def take(self) -> Json:
        """Give the next event; not once it is `done`."""
        event = next(self._events)
        self.taken += 1
        self.chunks += event["type"] in CHUNKS
        return event

    def rest(self) -> Iterator[Json]:
        """Give all events that are left."""
        while not self.done:
            yield self.take()

    def cancel(self, reason: str) -> Iterator[Json]:
        """Give the events of a response that ends now: `turn_detected` or `client_cancelled`."""
        self._events.close()
        yield from self._pay(())
        yield from self._pay(self._closing("incomplete"))
        yield self._done("cancelled", {"type": "cancelled", "reason": reason})

    def _made(self) -> Generator[Json]:
        yield {"type": "response.created", "response": self._plan.shown}
        if self._plan.failure is not None:
            yield self._done("failed", {"type": "failed", "error": _error(self._plan.failure)})
            return
        for index, output in enumerate(self._plan.outputs):
            yield from self._pay(self._opening(index, output))
            for event in output.pieces():
                yield self._of_output(event)
            yield from self._pay(self._closing(self._status_of(index)))
        if self._plan.incomplete is not None:
            yield self._done("incomplete", {"type": "incomplete", "reason": self._plan.incomplete})
        else:
            yield self._done("completed", None)

    def _pay(self, events: Iterable[Json]) -> Iterator[Json]:
        """Give events that are owed: also when the response is cancelled in between, for each that opens has one that closes."""
        self._owed.extend(events)
        while self._owed:
            yield self._owed.popleft()

    def _status_of(self, index: int) -> str:
        last = index == len(self._plan.outputs) - 1
        return "incomplete" if last and self._plan.incomplete is not None else "completed"

    def _opening(self, index: int, output: Output) -> Iterator[Json]:
        body = output.body("in_progress")
        yield {"type": "response.output_item.added", "response_id": self.id, "output_index": index, "item": body}
        previous = None
        if self._conversation is not None:
            previous = self._conversation.add(Item(body))
            yield {"type": "conversation.item.added", "previous_item_id": previous, "item": body}
        self._current = (index, output, previous)
        yield from [self._of_output(event) for event in output.beginning()]

    def _of_output(self, event: Json) -> Json:
        assert self._current is not None  # noqa: S101 - an output was opened
        index, output, _ = self._current
        return {**event, "response_id": self.id, "item_id": output.body("")["id"], "output_index": index}

    def _closing(self, status: str) -> Iterator[Json]:
        if self._current is None:
            return
        index, output, previous = self._current
        yield from [self._of_output(event) for event in output.end()]
        self._current = None
        body = output.body(status)
        self._finished.append((body, output.tokens()))
        if self._conversation is not None:
            if body["id"] in self._conversation:
                item = self._conversation[body["id"]]
                item.body, item.sound = body, output.sound()
            yield {"type": "conversation.item.done", "previous_item_id": previous, "item": body}
        yield {"type": "response.output_item.done", "response_id": self.id, "output_index": index, "item": body}

    def _done(self, status: str, details: Json | None) -> Json:
        self.done = True
        told = {
            **self._plan.shown,
            "status": status,
            "status_details": details,
            "output": [body for body, _ in self._finished],
            "usage": response_usage(*self._cost()) | self._plan.usage,
        }
        return {"type": "response.done", "response": told}

    def _cost(self) -> tuple[Tokens, Tokens, Tokens]:
        if self._plan.failure is not None:
            return NOTHING, NOTHING, NOTHING
        return self._plan.context, self._plan.cached, _sum(tokens for _, tokens in self._finished)


def _error(refusal: ApiRefusal) -> Json:
    return {"type": refusal.type, "code": refusal.code, "message": refusal.message}


def _sum(parts: Iterable[Tokens]) -> Tokens:
    read = list(parts)
    return Tokens(text=sum(one.text for one in read), audio=sum(one.audio for one in read))
