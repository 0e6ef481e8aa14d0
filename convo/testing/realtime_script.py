"""What the fake was told of the user of a Realtime session: what is heard, when it interrupts, when the line breaks."""

from __future__ import annotations

from collections import deque
from typing import Literal

import attrs

Arrival = Literal["at_once", "during", "after"]
"""When a transcription arrives: before, during or after the response that follows."""


@attrs.frozen
class Heard:
    """What the user says next. Without a text nobody understands it. It is heard in so many pieces of sound."""

    text: str | None
    appends: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    arrives: Arrival = attrs.field(default="at_once", validator=attrs.validators.in_(("at_once", "during", "after")))


@attrs.frozen
class UserScript:
    """The queues, which all sessions of a fake share: what is heard, after how many chunks or events something happens."""

    heard: deque[Heard] = attrs.field(factory=deque)
    interruptions: deque[int] = attrs.field(factory=deque)
    breaks: deque[int] = attrs.field(factory=deque)
