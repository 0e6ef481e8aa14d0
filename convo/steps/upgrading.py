"""Steps of an upgrade: it never stands in the way of readers, and so may have to come several times."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from convo.errors import StoreBusy
from convo.logs import note
from convo.steps.effects import pause, read, upgrade, write
from convo.store.schema import partition, unpartitioned

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.steps.effects import Steps

T = TypeVar("T")

LOGGER = logging.getLogger("convo.store")
PATIENCE = 30.0
"""Seconds for which an upgrade comes again while others have the tables."""
BETWEEN = 0.25
"""Seconds between two tries, in which those who waited behind the upgrade are served."""


def upgraded(partitions: int | None = None) -> Steps[str | None]:
    """Make the tables, or bring them up to date, and split them by owner; give the revision that was found.

    Each try is a transaction of its own, and so is the split of each table: where that is interrupted, the next upgrade goes
    on with it. Raises `StoreBusy` when none got hold of the tables in `PATIENCE`.
    """
    found = yield from _tried(lambda: upgrade(partitions))
    names: list[str] = (yield from read(unpartitioned, partitions)) if partitions else []
    for name in names:
        yield from _tried(partial(write, partition, name, partitions))
    return found


def _tried(steps: Callable[[], Steps[T]]) -> Steps[T]:
    """Perform steps, again and again while others have the tables."""
    started = time.monotonic()
    while True:
        try:
            return (yield from steps())
        except StoreBusy as error:
            if time.monotonic() - started >= PATIENCE:
                raise StoreBusy(_remedy()) from error
            note(LOGGER, logging.WARNING, "the upgrade waits for others who have the tables, and is tried again", error=error)
        yield from pause(BETWEEN)


def _remedy() -> str:
    return (
        f"the tables could not be upgraded within {PATIENCE:g} seconds: others had them all the time. "
        "No table is left half done; end long queries and transactions"
    )
