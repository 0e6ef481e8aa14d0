"""Backups under load hold all that was acknowledged before; and the harness finds a copy without its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.restores import Writers, copied_without_its_log, restore

if TYPE_CHECKING:
    from pathlib import Path


def test_backups_under_load_hold_all_that_was_acknowledged(tmp_path: Path) -> None:
    with Writers.started(tmp_path) as writers:
        for _ in range(2):
            wrong, turns = restore(writers, tmp_path)
            assert wrong == []
            assert turns
        wrong, _ = restore(writers, tmp_path, copied_without_its_log)
        assert any("lost" in one for one in wrong)
