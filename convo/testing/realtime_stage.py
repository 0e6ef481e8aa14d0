"""What the Realtime sessions of a fake share, what one shows of itself, and how it may end."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import attrs

from convo.testing.clock import aware

if TYPE_CHECKING:
    import threading
    from collections import deque
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from convo.testing.asked import Json
    from convo.testing.hold import Hold
    from convo.testing.names import Names
    from convo.testing.realtime_script import UserScript
    from convo.testing.script import Script


@attrs.frozen
class Close:
    """The end of a session by the server."""

    code: int
    reason: str


@attrs.frozen
class Cut:
    """The connection breaks, without a word."""


@attrs.frozen
class Stage:
    """What the sessions of a fake share."""

    clock: Callable[[], datetime]
    names: Names
    script: Script
    user: UserScript
    holds: deque[Hold]
    models: Mapping[str, str]
    lock: threading.Lock

    def now(self) -> datetime:
        """Give the time."""
        return aware(self.clock(), "the fake's clock").astimezone(UTC)


@attrs.frozen
class RealtimeSession:
    """A Realtime session that the fake had: what came in, what went out, and its items as the API holds them.

    `received` are the events of the client, also those that were refused, and `sent` those of the server, oldest first.
    `items` are in the order of the conversation, with their sound in base64. `id` and `model` are empty when the session
    was refused. `ended` tells that its connection is over.
    """

    id: str
    model: str
    headers: Mapping[str, str]
    received: tuple[Json, ...]
    sent: tuple[Json, ...]
    items: tuple[Json, ...]
    ended: bool
