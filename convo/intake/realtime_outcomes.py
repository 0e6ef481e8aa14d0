"""What a Realtime session gives to the log: items, corrections of items that were given before, and ended responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from convo.messages import Draft
    from convo.usage import Usage


@attrs.frozen
class Final:
    """An item that enters the log. `response` is the id of the response that it is of, None for what others said.

    `begun` says that its beginning was heard: nothing came before the session was joined.
    """

    session: str
    item: str
    response: str | None
    draft: Draft
    begun: bool


@attrs.frozen
class Truncated:
    """Of an item only the first `seconds` were heard. One that is given later is cut already."""

    session: str
    item: str
    seconds: float


@attrs.frozen
class Transcript:
    """The words of an item's part of speech, and what it cost to find them. An item that is given later has them already.

    `error` is the code by which the API failed to find any; there are no words then.
    """

    session: str
    item: str
    part: int
    text: str
    model: str | None
    usage: Usage
    raw: str = attrs.field(repr=False)
    error: str | None = None


@attrs.frozen
class Ended:
    """A response that has ended, all of whose items were given. `raw` is the API's own JSON without them.

    `finish_reason` is the API's word: `completed`, or why it did not complete (`turn_detected`, `client_cancelled`,
    `max_output_tokens`, `content_filter`, `failed` ...).
    """

    session: str
    response: str
    items: tuple[str, ...]
    model: str | None
    status: str
    finish_reason: str
    error: str | None
    usage: Usage
    voice: str | None
    format: str | None
    raw: str = attrs.field(repr=False)


Outcome = Final | Truncated | Transcript | Ended
