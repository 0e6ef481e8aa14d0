"""What does it cost to import convo, against SQLAlchemy? Each import runs in a process of its own, from compiled files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.side_by_side import compare

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_IMPORTED = ("openai", "alembic", "psycopg", "click", "starlette")


def importing(statement: str) -> Callable[[], object]:
    """Run a statement in a new interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True, env=environment)


def run() -> None:
    """Print the ratio; fail when importing convo brings in what it must not."""
    check = f"import sys, convo; assert not {{*sys.modules}} & {{*{NOT_IMPORTED!r}}}, sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
    ways = {"import sqlalchemy": importing("import sqlalchemy"), "import convo": importing("import convo")}
    compare(ways, rounds=15, limits={"import convo": 1.3})
