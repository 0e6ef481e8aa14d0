"""Processes that are killed while they store, move and delete bytes leave no row without them; a planted bug is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults import objects
from tests.faults.forked import Forked
from tests.faults.objects import Killing

if TYPE_CHECKING:
    from pathlib import Path


def test_no_row_is_left_without_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "planted").mkdir()
    with Forked.started(objects.__name__) as workers:
        killing = Killing(workers, tmp_path)
        for tenth in range(1, 10):
            assert killing.kill(killing.steps * tenth // 10) == []
        planted = Killing(workers, tmp_path / "planted", planted=True)
        assert any(planted.kill(at) for at in range(60, planted.steps, planted.steps // 8))
