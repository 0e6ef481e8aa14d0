"""HTTP without a server: calls as values, what was given to each, and the bytes to send.

Whatever carries the bytes, an in-process transport or a real server, reads a `Call` and sends a `Wire`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from email.utils import format_datetime
from typing import TYPE_CHECKING, NoReturn

import attrs

from convo.testing.refusals import ApiRefusal, invalid, wrong_type
from convo.testing.stream import OBSERVED, events, half

if TYPE_CHECKING:
    from datetime import datetime

    from convo.testing.asked import Json
    from convo.testing.hold import Hold
    from convo.testing.shape import StreamShape

_UNREADABLE = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
    "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble "
    "figuring out how to fix this, please contact us through our help center at help.openai.com.)"
)
_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API "
    "from your browser and are prompted for a username and password. You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)


@attrs.frozen
class Call:
    """A request as it came in; the names of headers are in lower case, `query` is what follows the path."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes = b""
    query: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Given:
    """What a call was answered. `arrives` is how many chunks of a stream arrive; 0: nothing at all; None: everything.

    With `inside`, half of the chunk after those arrives too. An answer that is no JSON has its bytes in `data`; one whose
    stream is not that of a ChatCompletion has its events in `told`.
    """

    status: int | None
    body: Json | None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    stream: bool = False
    include_usage: bool = False
    arrives: int | None = None
    inside: bool = False
    shape: StreamShape = OBSERVED
    hold: Hold | None = None
    data: bytes | None = attrs.field(default=None, repr=False)
    told: tuple[bytes, ...] | None = attrs.field(default=None, repr=False)

    @property
    def dropped(self) -> bool:
        """Whether the caller does not get all of the answer."""
        return self.arrives is not None or (self.stream and self.shape.broken)


@attrs.frozen
class Wire:
    """An answer in bytes. Without a status the connection breaks at once; `broken` breaks it after the pieces.

    `hold` stops it before the piece with that number, from 0; where there are fewer, at its end.
    """

    status: int | None
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    broken: bool = False
    hold: Hold | None = None

    def steps(self) -> Iterator[bytes | Hold]:
        """Give the pieces, and the hold where it is."""
        at = None if self.hold is None else min(self.hold.after, len(self.pieces))
        for index, piece in enumerate((*self.pieces, None)):
            if self.hold is not None and index == at:
                yield self.hold
            if piece is not None:
                yield piece


Answering = Callable[[Call], Wire]
"""What answers calls."""


def refused(refusal: ApiRefusal, headers: Mapping[str, str] | None = None) -> Given:
    """Give an error answer."""
    return Given(refusal.status, refusal.body, headers or {})


def key_refusal(call: Call) -> ApiRefusal | None:
    """Refuse a call that brings no API key; any key will do."""
    if call.headers.get("authorization", "").removeprefix("Bearer").strip():
        return None
    return ApiRefusal(401, _NO_KEY)


def no_such_url(call: Call) -> ApiRefusal:
    """Refuse a method and path that the fake does not have."""
    return ApiRefusal(404, f"Invalid URL ({call.method} {call.path})")


def parsed(raw: bytes) -> Json | ApiRefusal:
    """Read a body; what is no JSON object, or holds numbers or text that JSON has not, is refused."""
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
        if b"\\ud" in raw.lower():
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return invalid(_UNREADABLE, None, None)
    return body if isinstance(body, dict) else wrong_type("body", "an object", body)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def wire_of(given: Given, headers: Mapping[str, str]) -> Wire:
    """Give the bytes of an answer. `headers` are those that every answer has."""
    lost = (given.arrives == 0 and not given.inside) or (given.arrives is not None and not given.stream)
    if given.status is None or given.body is None or lost:
        return Wire(None, {}, (), broken=True)
    if given.stream:
        told = given.told or events(given.body, include_usage=given.include_usage, shape=given.shape)
        pieces = _arriving(told, given)
        kind: dict[str, str] = {"content-type": "text/event-stream; charset=utf-8"}
    else:
        pieces = (json.dumps(given.body).encode() if given.data is None else given.data,)
        kind = {"content-type": "application/json", "content-length": str(len(pieces[0]))}
    return Wire(given.status, {**kind, **headers, **given.headers}, pieces, given.arrives is not None, given.hold)


def _arriving(pieces: tuple[bytes, ...], given: Given) -> tuple[bytes, ...]:
    if given.arrives is None or not given.inside:
        return pieces[: given.arrives]
    return (*pieces[: given.arrives], *(half(piece) for piece in pieces[given.arrives : given.arrives + 1]))


def usual_headers(call: Call, request_id: str, now: datetime, organization: str) -> dict[str, str]:
    """Give the headers that every answer has."""
    return {
        "date": format_datetime(now, usegmt=True),
        "x-request-id": request_id,
        "openai-organization": call.headers.get("openai-organization", organization),
        "openai-processing-ms": "12",
        "openai-version": "2020-10-01",
    }
