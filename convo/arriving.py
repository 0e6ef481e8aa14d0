"""What the streams of the sync and the async edge share."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from convo.audio.wave import wav_header
from convo.errors import NoReply
from convo.events import Delta
from convo.reply import Reply
from convo.steps.exchange import goes_on, key_of_round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Draft
    from convo.steps.exchange import Turn
    from convo.steps.streaming import Incoming

Event = Delta | Reply
"""What a stream yields: what is new as it comes, then the recorded reply."""


class Arriving:
    """A stream on its way: what has come and was not asked for yet, the replies, and how it ends."""

    def __init__(self, turn: Turn, drafts: Sequence[Draft], key: str | None, expected_head: int | None) -> None:
        self._turn = turn
        self._drafts = drafts
        self._key = key
        self._expected_head = expected_head
        self._ready: deque[Event] = deque()
        self._replies: list[Reply] = []
        self._incoming: Incoming | None = None
        self._over = False

    def __repr__(self) -> str:
        """Say whether it goes on; what was said is not shown."""
        return f"<{type(self).__name__} {'ended' if self._over else 'open'}>"

    def __del__(self) -> None:
        """Leave the end to whoever saves it next: nothing may wait here, in whatever thread this runs."""
        incoming = getattr(self, "_incoming", None)
        if incoming is not None:
            incoming.forsaken = True

    @property
    def reply(self) -> Reply:
        """The recorded reply, once the stream has ended. Raises `NoReply` before that, and when nothing was received."""
        if not self._over or not self._replies:
            raise NoReply("this stream" if self._over else "a stream that has not ended")
        *earlier, last = self._replies
        return attrs.evolve(last, earlier=tuple(earlier)) if earlier else last

    @property
    def wav_header(self) -> bytes:
        """The header that makes the audio of the deltas, written after it as they come, a wav that players know."""
        return wav_header()

    def _round(self) -> tuple[Sequence[Draft], str | None, int | None, Reply | None]:
        """Give what the next round says, its key, the head that the caller has seen, and the reply before it."""
        if not self._replies:
            return self._drafts, self._key, self._expected_head, None
        return (), key_of_round(self._key, len(self._replies)), None, self._replies[-1]

    def _recorded(self, recorded: Reply, reply: Reply) -> None:
        """Give a reply that is in the log; the stream goes on when functions answer what it asks for.

        `recorded` is the reply as it was noted before it was spoken for, unless it was cut meanwhile.
        """
        if self._replies[-1] is recorded:
            self._replies[-1] = reply
        self._over = self._over or not goes_on(self._turn, reply, len(self._replies) - 1)
        self._ready.append(reply)

    def _taken(self) -> Incoming | None:
        """Take the reply on its way, so that it is ended once."""
        incoming, self._incoming = self._incoming, None
        return incoming
