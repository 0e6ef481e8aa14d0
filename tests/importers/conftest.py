"""A store to import into: SQLite, sync; what databases and edges have to do with it, `test_importing.py` asks."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import convo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, sqlite_template: Path) -> Iterator[convo.Store]:
    """An empty store."""
    path = tmp_path / "here.db"
    shutil.copyfile(sqlite_template, path)
    with convo.Store(f"sqlite:///{path}") as store:
        yield store
