"""Keeps the leases of exchanges alive while their answers are awaited: one thread a store, only while it is needed."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convo.errors import ConvoError
from convo.protocol import RENEW_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.steps.effects import Lease


class Heartbeat:
    """Calls `renew(lease)` for each lease held, every `every` seconds. A renewal that fails is tried at the next beat."""

    def __init__(self, renew: Callable[[Lease], object], every: float = RENEW_EVERY) -> None:
        self._renew = renew
        self._every = every
        self._begin()

    def _begin(self) -> None:
        self._held: dict[int, Lease] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    @contextmanager
    def keeping(self, lease: Lease) -> Iterator[None]:
        """Hold a lease for the length of a block."""
        self.hold(lease)
        try:
            yield
        finally:
            self.drop(lease)

    def hold(self, lease: Lease) -> None:
        """Begin to renew a lease."""
        if self._pid != os.getpid():
            self._begin()  # a fork: the leases, and the thread, are the parent's
        with self._changed:
            self._held[id(lease)] = lease
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="convo-heartbeat", daemon=True)
                self._thread.start()

    def drop(self, lease: Lease) -> None:
        """Stop renewing a lease."""
        with self._changed:
            self._held.pop(id(lease), None)

    def close(self) -> None:
        """Drop all leases and end the thread."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    def _beat(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(self._every)
                if not self._held:
                    self._thread = None
                    return
                leases = list(self._held.values())
            for lease in leases:
                self._try(lease)

    def _try(self, lease: Lease) -> None:
        try:
            self._renew(lease)
        except ConvoError:
            return
