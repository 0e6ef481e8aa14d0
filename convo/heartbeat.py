"""Looks after exchanges while their answers come: keeps leases alive, saves what streams receive.

One thread for each of the two, only while it is needed.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from convo.errors import ConvoError
from convo.logs import note
from convo.protocol import RENEW_EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


T = TypeVar("T")
LOGGER = logging.getLogger("convo.stream")
BEAT_FAILED = "a lease was not renewed, or a stream not saved; it is tried again"


class Heartbeat(Generic[T]):
    """Calls `act(item)` for each item held, every `every` seconds. One that fails is tried at the next beat.

    What fails by other errors than those of a database is told to `threading.excepthook`.
    """

    def __init__(self, act: Callable[[T], object], every: float = RENEW_EVERY) -> None:
        self._act = act
        self._every = every
        self._begin()

    def _begin(self) -> None:
        self._held: dict[int, T] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    @contextmanager
    def keeping(self, item: T) -> Iterator[None]:
        """Hold an item for the length of a block."""
        self.hold(item)
        try:
            yield
        finally:
            self.drop(item)

    def hold(self, item: T) -> None:
        """Begin to look after an item."""
        if self._pid != os.getpid():
            self._begin()  # a fork: the items, and the thread, are the parent's
        with self._changed:
            self._held[id(item)] = item
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="convo-heartbeat", daemon=True)
                self._thread.start()

    def held(self) -> list[T]:
        """Give the items that are looked after; in a fork none are."""
        if not self._held or self._pid != os.getpid():
            return []
        with self._changed:
            return list(self._held.values())

    def drop(self, item: T) -> bool:
        """Stop looking after an item; False when it was not."""
        if self._pid != os.getpid():
            return False
        with self._changed:
            return self._held.pop(id(item), None) is not None

    def close(self) -> None:
        """Drop all items and end the thread."""
        if self._pid != os.getpid():
            return
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
                items = list(self._held.values())
            for item in items:
                self._try(item)

    def _try(self, item: T) -> None:
        try:
            self._act(item)
        except ConvoError as error:
            note(LOGGER, logging.WARNING, BEAT_FAILED, error=error, what=type(item).__name__)
        except Exception:  # noqa: BLE001 - the caller's clock, for one; others must not lose their leases by it
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
