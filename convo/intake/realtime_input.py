"""The input audio buffer of a Realtime session, as far as the application fed what it sent: which bytes an item was made of."""

from __future__ import annotations

from collections import deque

SILENCE = 60_000
"""Milliseconds that are kept while the API listens for speech and hears none."""
BEFORE = 5_000
"""Milliseconds that are kept of what came before: speech begins a moment before the API notices, and says so later."""


class InputBuffer:
    """All audio that was sent, from the first byte that is still needed on.

    The API counts milliseconds from the first byte of the session. Without turn detection an item is what was sent since
    the item before. `whole` says that the first byte is that of the session.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self._data = bytearray()
        self._base = 0
        self._start = 0
        self._commits: deque[int] = deque()
        self._spans: dict[str, list[int | None]] = {}

    @property
    def _end(self) -> int:
        return self._base + len(self._data)

    def append(self, data: bytes, rate: int, *, detecting: bool) -> None:
        """Take what was sent; `rate` is in bytes a millisecond, `detecting` says that the API looks for speech in it."""
        self._data += data
        if detecting and not self._spans and len(self._data) > (SILENCE + BEFORE) * rate:
            self._forget(self._end - SILENCE * rate)

    def commit(self) -> None:
        """Note that the application has asked for an item of what it has sent so far."""
        self._commits.append(self._end)

    def clear(self) -> None:
        """Forget what was sent and is in no item."""
        self._start = self._end
        self._commits.clear()

    def speech(self, item: str, *, start: int | None = None, end: int | None = None) -> None:
        """Note where the API has heard the speech of an item begin or end, in milliseconds."""
        span = self._spans.setdefault(item, [None, None])
        span[0] = span[0] if start is None else start
        span[1] = span[1] if end is None else end

    def committed(self, item: str, rate: int) -> bytes:
        """Give the bytes that an item was made of, `b""` where they were not fed; `rate` is in bytes a millisecond."""
        start, end = self._spans.pop(item, [None, None])
        until = self._commits.popleft() if self._commits else self._end
        if self.whole and start is not None:
            first, last = start * rate, until if end is None else end * rate
        else:
            first, last = self._start, until
        first, last = max(first, self._base), min(last, self._end)
        found = bytes(self._data[first - self._base : last - self._base]) if first < last else b""
        self._start = max(self._start, last)
        self._forget(self._start - BEFORE * rate)
        return found

    def _forget(self, until: int) -> None:
        gone = max(0, until - self._base)
        del self._data[:gone]
        self._base += gone
        self._start = max(self._start, self._base)
