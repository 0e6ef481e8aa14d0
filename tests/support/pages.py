"""What the tests of the web examples share: an owner for each page, and waiting for what a server still has to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database

PATIENCE = 120.0
"""Seconds after which a wait is a fault of the test."""


def tokens_of(database: Database) -> dict[str, str]:
    """Tokens of two users that no other test has."""
    test = database.options.get("owner", "")
    return {"token-of-anna": f"{test}-anna", "token-of-bert": f"{test}-bert"}


def wait_for(found: Callable[[], Any]) -> Any:
    """Ask again and again, until there is something."""
    until = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < until, "it never came"
    return value
