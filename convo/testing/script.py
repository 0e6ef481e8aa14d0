"""What the fake was told to answer: replies, errors and broken connections, in the order in which they were queued."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import attrs

from convo.testing.refusals import ApiRefusal
from convo.testing.shape import StreamShape
from convo.testing.speech import Voicing
from convo.testing.transcription import Hearing, Translating

ToolCall = tuple[str, str] | tuple[str, str, str] | Mapping[str, Any]
"""A call: name and arguments; name, arguments and id; or the API's own object, for custom tools.

Either API's object will do for a Response.
"""


@attrs.frozen
class Saying:
    """What one answer says."""

    text: str | None = None
    spoken: bool = True
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    finish_reason: str | None = None
    content: str | None = None
    usage: Mapping[str, Any] = attrs.field(factory=dict)
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    stream: StreamShape = attrs.field(factory=StreamShape)
    reasoning: str | None = None
    phase: str | None = None
    output: tuple[Mapping[str, Any], ...] | None = None


@attrs.frozen
class Failure:
    """An error answer, whatever the request is."""

    refusal: ApiRefusal
    headers: Mapping[str, str]


@attrs.frozen
class Break:
    """A connection that breaks: before the request is looked at, once it was answered, or after so many chunks of it.

    With `inside`, half of the chunk that follows arrives too.
    """

    after: bool = False
    chunks: int = 0
    inside: bool = False


Step = Saying | Hearing | Translating | Voicing | Failure | Break
T = TypeVar("T", Saying, Hearing, Translating, Voicing)


class Script:
    """The queue. Replies, texts and speech wait for a request that is accepted; an error or a break meets the next one."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()

    def add(self, step: Step, times: int = 1) -> None:
        """Queue a step, several times over if asked."""
        self._steps.extend([step] * times)

    def next_fault(self) -> Failure | Break | None:
        """Take the error or break that stands first, if one does."""
        step = self._steps[0] if self._steps else None
        if not isinstance(step, Failure | Break):
            return None
        self._steps.popleft()
        return step

    def next_saying(self) -> Saying | None:
        """Take the reply that stands first, if one does."""
        return self.next_of(Saying)

    def next_of(self, kind: type[T]) -> T | None:
        """Take the step that stands first, if it is of this kind."""
        step = self._steps[0] if self._steps else None
        if not isinstance(step, kind):
            return None
        self._steps.popleft()
        return step


_OVERLOADED = "The engine is currently overloaded, please try again later"
_USUAL: Mapping[int, ApiRefusal] = {
    401: ApiRefusal(401, "Incorrect API key provided: test-key.", code="invalid_api_key"),
    403: ApiRefusal(403, "You are not allowed to sample from this model"),
    429: ApiRefusal(429, "Rate limit reached for requests", "requests", code="rate_limit_exceeded"),
    500: ApiRefusal(500, "The server had an error while processing your request. Sorry about that!", "server_error"),
    503: ApiRefusal(503, _OVERLOADED, "server_error"),
}
_CONTEXT = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 128001 tokens. "
    "Please reduce the length of the messages."
)
_USUAL_CODES: Mapping[str, ApiRefusal] = {
    "context_length_exceeded": ApiRefusal(400, _CONTEXT, param="messages", code="context_length_exceeded"),
    "insufficient_quota": ApiRefusal(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        code="insufficient_quota",
    ),
}


def usual_error(status: int, code: str | None) -> ApiRefusal:
    """Give the error that the API usually gives with this code or, without one, with this status."""
    if code is not None and code in _USUAL_CODES:
        return attrs.evolve(_USUAL_CODES[code], status=status)
    usual = _USUAL.get(status) or _plain_error(status)
    return attrs.evolve(usual, code=code or usual.code)


def _plain_error(status: int) -> ApiRefusal:
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    return ApiRefusal(status, f"The request failed with status {status}.", kind)
