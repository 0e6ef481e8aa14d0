"""Steps of an upgrade: it never stands in the way of readers, and so may have to come several times."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from convo.errors import StoreBusy
from convo.logs import note
from convo.steps.effects import pause, upgrade

if TYPE_CHECKING:
    from convo.steps.effects import Steps

LOGGER = logging.getLogger("convo.store")
PATIENCE = 30.0
"""Seconds for which an upgrade comes again while others have the tables."""
BETWEEN = 0.25
"""Seconds between two tries, in which those who waited behind the upgrade are served."""


def upgraded() -> Steps[str | None]:
    """Make the tables, or bring them up to date; give the revision that was found.

    Each try is a transaction of its own. Raises `StoreBusy` when none got hold of the tables in `PATIENCE`.
    """
    started = time.monotonic()
    while True:
        try:
            return (yield from upgrade())
        except StoreBusy as error:
            if time.monotonic() - started >= PATIENCE:
                raise StoreBusy(_remedy()) from error
            note(LOGGER, logging.WARNING, "the upgrade waits for others who have the tables, and is tried again", error=error)
        yield from pause(BETWEEN)


def _remedy() -> str:
    return (
        f"the tables could not be upgraded within {PATIENCE:g} seconds, and nothing was changed: others had them all the time; "
        "end long queries and transactions"
    )
