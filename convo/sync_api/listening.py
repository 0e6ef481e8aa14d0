"""`Listener`: what records a Realtime session as it goes."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Self

from convo import steps

if TYPE_CHECKING:
    from types import TracebackType

    from convo.messages import Message
    from convo.reply import Reply
    from convo.sync_api.driver import Driver


class Listener:
    """What records a Realtime session: feed it each event. Several threads may, such as one that hears and one that speaks.

    Nothing is held between two events, and no lease: a worker that dies loses at most what was not final. Whoever listens
    to the same session then, from its beginning or from where they join it, records the rest; nothing is recorded twice.
    """

    def __init__(self, driver: Driver, listening: steps.listening.Listening) -> None:
        self._driver = driver
        self._listening = listening
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        """Name the session; what was said is not shown."""
        return f"<{type(self).__name__} {self.id} {'closed' if self._listening.over else 'open'}>"

    @property
    def id(self) -> str | None:
        """The id of the session, None until it is known."""
        return self._listening.fold.session

    def feed(self, event: object) -> list[Message | Reply]:
        """Take an event, and give what it made of the log: messages that entered it, and replies of responses that ended.

        A message is given again when it is corrected: by the transcript of what a user said, or by a truncation, of which
        only what was heard stays. Takes events of the SDK, dicts or JSON text: those of the server, and of the application
        those that append, commit or clear audio, or create items. The bytes of what a user says are kept only if they are fed.
        An event that came before does nothing. Raises `AnswerError` for what is no event, and nothing is changed;
        `ListenerClosed`; and errors of the store, after which what was not stored is stored with the next event.
        """
        with self._lock:
            return self._driver.do(steps.listening.fed(self._listening, event))

    def position_of(self, item_id: str) -> int | None:
        """Give the position of the message of an item, None for one that is not in the log (yet)."""
        return self._listening.position_of(item_id)

    def close(self) -> list[Message | Reply]:
        """Store what was still being said, as interrupted, and give it; a second time does nothing."""
        with self._lock:
            return self._driver.do(steps.listening.closed(self._listening))
