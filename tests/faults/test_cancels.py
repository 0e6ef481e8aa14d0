"""A small cancellation storm over each async driver; the long form is `python -m benchmarks faults cancels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import convo
from convo.store import exchanges
from tests.faults.cancels import DRIVERS, storm_of

if TYPE_CHECKING:
    from pathlib import Path


def url_of(driver: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if driver == "sqlite":
        return f"sqlite:///{tmp_path / 'chat.db'}"
    url: str = request.getfixturevalue("postgres_url")
    with convo.Store(url) as store:
        store.upgrade()
    return url


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_cancelled_turn_is_whole_or_not_there_and_leaves_nothing(
    driver: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    found = storm_of(url_of(driver, request, tmp_path), driver, 80)
    assert found.problems == []
    assert found.counts["cancels"] > 25


def test_a_store_that_lets_a_cancelled_turn_wait_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(exchanges, "fail", lambda *details: None)
    found = storm_of(f"sqlite:///{tmp_path / 'chat.db'}", "sqlite", 40)
    assert found.counts["unknown"] > 0
    assert any("not settled" in problem for problem in found.problems)
