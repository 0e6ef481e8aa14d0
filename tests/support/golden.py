"""The golden databases: stores of each revision, made by the code of its time, to upgrade."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

import convo
from convo.testing import CountedIds, FixedClock

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "store" / "golden"
REVISIONS = tuple(sorted(path.stem for path in FOLDER.glob("convo_*.json")))
_numbers = count(1)


@attrs.frozen
class Golden:
    """A copy of a golden database: where it is, and what must be read of it after any upgrade."""

    revision: str
    url: str
    schema: str | None
    told: dict[str, Any]

    def store(self, **more: Any) -> convo.Store:
        """Open it, a minute after the last of what is in it."""
        clock = FixedClock(datetime.fromisoformat(self.told["now"]))
        clock.advance(60)
        return convo.Store(self.url, schema=self.schema, clock=clock, new_id=CountedIds(1_000_000), **more)

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """A connection that is not the store's."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            if self.schema:
                connection.exec_driver_sql(f"SET LOCAL search_path TO {self.schema}")
            yield connection
        engine.dispose()


def told(revision: str) -> dict[str, Any]:
    """Give what must be read of the golden databases of a revision."""
    found: dict[str, Any] = json.loads((FOLDER / f"{revision}.json").read_text(encoding="ascii"))
    return found


def in_sqlite(revision: str, folder: Path) -> Golden:
    """Copy one into a folder."""
    file = folder / f"{revision}.db"
    for left in folder.glob(f"{file.name}*"):
        left.unlink()
    shutil.copyfile(FOLDER / f"{revision}.sqlite", file)
    return Golden(revision, f"sqlite:///{file}", None, told(revision))


@contextmanager
def in_postgresql(revision: str, url: str) -> Iterator[Golden]:
    """Load one into a schema of its own, which is dropped in the end."""
    schema = f"golden_{os.getpid()}_{next(_numbers)}"
    dump = (FOLDER / f"{revision}.sql").read_text(encoding="utf-8").replace("convo_golden", schema)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute(re.sub(r"(?m)^SET \w+_timeout = 0;\n", "", dump))
        yield Golden(revision, url, schema, told(revision))
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        engine.dispose()
