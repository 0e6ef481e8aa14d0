"""A clock that stands still and ids that count: what a deterministic test injects.

Both are callables, made to be passed as `clock=` and `new_id=`.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

_START = datetime(2026, 11, 1, 12, tzinfo=UTC)
_FIRST_MILLISECOND = int(_START.timestamp() * 1000)


def aware(time: datetime, what: str) -> datetime:
    """Give `time` back when it has a time zone; a naive one is a `ValueError` that names `what`."""
    if time.utcoffset() is None:
        message = f"{what} has no time zone; pass an aware datetime, such as datetime(2026, 11, 1, tzinfo=UTC)"
        raise ValueError(message)
    return time


class FixedClock:
    """A clock that moves only when it is told to. Call it for the time, an aware datetime.

    It may be read and moved from any thread.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._now = aware(start, "the clock's start")
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Give the time the clock was last set or moved to."""
        with self._lock:
            return self._now

    def advance(self, by: float | timedelta) -> None:
        """Move the clock by seconds or a timedelta; a negative amount moves it back."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        with self._lock:
            self._now += step

    def set(self, time: datetime) -> None:
        """Put the clock at `time`, which may be earlier than now."""
        with self._lock:
            self._now = aware(time, "the clock's time")

    def __repr__(self) -> str:
        """Show the time."""
        return f"FixedClock({self().isoformat()})"


class CountedIds:
    """An id maker whose ids are the same in every run. Call it for a UUID in version 7 layout.

    The ids sort in the order of the calls, also across threads. Two makers with the same start make
    the same ids.
    """

    def __init__(self, start: int = 1) -> None:
        self._next = start
        self._lock = threading.Lock()

    def __call__(self) -> UUID:
        """Give the next id."""
        with self._lock:
            number = self._next
            self._next += 1
        return _counted(number)


def _counted(number: int) -> UUID:
    """Give the UUID of a count, which stands in its time and, for people to read, in its last digits."""
    version, variant = 0x7 << 76, 0b10 << 62
    return UUID(int=(_FIRST_MILLISECOND + number) << 80 | version | variant | number)
