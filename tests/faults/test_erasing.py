"""An erasure that is killed goes on; and a harness that would not notice what is left is no harness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from convo.store import erasure, tables, words
from tests.faults.erasing import tried

if TYPE_CHECKING:
    from pathlib import Path


def test_a_killed_erasure_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    counts = tried(4, tmp_path)
    assert counts.attempts == 4


def test_a_table_that_is_forgotten_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    all_but_one = [table for table in erasure.emptied() if table is not tables.preset]
    monkeypatch.setattr(erasure, "emptied", lambda: all_but_one)
    with pytest.raises(AssertionError, match=r"chat\.db: b'zebra4711owner'"):
        tried(1, tmp_path)


def test_words_that_stay_in_the_index_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "can_rewrite", lambda connection: False)
    monkeypatch.setattr(words, "count", lambda connection, owner: 0)
    with pytest.raises(AssertionError, match=r"chat\.db: b'zebra4711owner'"):
        tried(1, tmp_path)
