"""Databases for benchmarks: a SQLite file in a temporary folder, and a PostgreSQL server with its durability on."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def sqlite_file() -> Iterator[Path]:
    """Give the path of a file that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="convo-bench-") as folder:
        yield Path(folder) / "chat.db"


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """Give the URL of a server: `CONVO_TEST_POSTGRES_URL`, or one of our own with the settings it ships with."""
    given = os.environ.get("CONVO_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with postgres.server(settings=("max_connections=50",)) as url:
        yield url
