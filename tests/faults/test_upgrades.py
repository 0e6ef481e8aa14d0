"""Upgrades that are killed leave the old tables or the new ones, with every row; and the harness finds a planted bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults import upgrades
from tests.faults.forked import Forked
from tests.faults.upgrades import KINDS, Killing
from tests.support import golden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def upgraders() -> Iterator[Forked]:
    """The process whose children are killed."""
    with Forked.started(upgrades.__name__) as found:
        yield found


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str | None:
    """The URL of a server, None for a file."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None


def test_a_killed_upgrade_leaves_old_or_new_tables(upgraders: Forked, tmp_path: Path, url: str | None) -> None:
    killing = Killing(upgraders, golden.REVISIONS[0], tmp_path, url)
    last = killing.known()[2]
    for at in (last // 2, last * 9 // 10):
        assert killing.kill(at) == []


def test_an_upgrade_that_is_killed_about_its_commit_is_whole(upgraders: Forked, tmp_path: Path) -> None:
    killing = Killing(upgraders, golden.REVISIONS[-1], tmp_path, None)
    last = killing.known()[2]
    assert [killing.kill(at) for at in range(last - 2, last + 2)] == [[], [], [], None]


def test_tables_that_are_changed_outside_the_transaction_are_found(upgraders: Forked, tmp_path: Path, url: str | None) -> None:
    killing = Killing(upgraders, "convo_0004", tmp_path, url, planted=True)
    wrong = killing.kill(killing.known()[2] * 9 // 10)
    assert wrong
    assert any("half" in one for one in wrong)
    assert any("stuck" in one for one in wrong)
