"""What a store tells while a test runs; no canary may be in it when the test is over."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.canaries import Told

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    """All that is told; tests marked with `content` look themselves."""
    told = Told()
    logger = logging.getLogger("convo")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(told.records)
    try:
        yield told
    finally:
        logger.removeHandler(told.records)
        logger.setLevel(level)
    if "content" not in request.node.name:
        told.check()
