"""What is done in a thread of its own while the caller does something else."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def in_thread(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Call a function in a thread, which a program that ends waits for; what it raises is raised by `result()`."""
    found: Future[Any] = Future()

    def run() -> None:
        try:
            found.set_result(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - handed to who waits
            found.set_exception(error)

    threading.Thread(target=run, name="convo-beside").start()
    return found


AT_ONCE = 2
"""Pages of rows that come at once: on PostgreSQL one takes longer than to make a batch of it."""
IDLE = 5
"""Seconds after which a process, or a connection, that nobody asks for a page any more ends."""


class Coming:
    """Rows that a thread reads while the caller does something else."""

    def __init__(self, read: Callable[..., Any], *arguments: Any) -> None:
        self._process = os.getpid()
        self._found = in_thread(read, *arguments)

    def rows(self) -> Any:
        """Wait for them; None where they are to be asked for anew. Raises what reading them raised."""
        return self._found.result() if self._process == os.getpid() else None  # a fork has no such thread
