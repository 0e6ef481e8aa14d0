"""What does it cost to import convo, and to start a command, against SQLAlchemy?

Each import runs in a process of its own, from compiled files. A name of convo is imported when it is first asked for, so it is
asked for `Store`, which brings in what a turn needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import convo
from benchmarks.databases import sqlite_file
from benchmarks.side_by_side import Ways

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Effort, Found

NOT_IMPORTED = ("openai", "alembic", "psycopg", "click", "starlette")


def importing(statement: str) -> Callable[[], object]:
    """Run a statement in a new interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True, env=environment)


def commanding(*arguments: str) -> Callable[[], object]:
    """Run a command of the command line as its script does."""
    program = f"import sys; sys.argv = {['convo', *arguments]!r}; from convo.cli import main; main()"
    return lambda: subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def run(effort: Effort) -> Found:
    """Compare; fail when importing convo brings in what it must not."""
    del effort
    check = f"import sys, convo; convo.Store; assert not {{*sys.modules}} & {{*{NOT_IMPORTED!r}}}, sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
    ways = {"import sqlalchemy": importing("import sqlalchemy"), "convo": importing("import convo; convo.Store")}
    yield Ways("an import in a new process", ways, {"convo": 1.3}, rounds=15)
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        store.create(title="Dogs")
        helped, listed = commanding("--help"), commanding("--store", str(path), "list")
        ways = {"import sqlalchemy": importing("import sqlalchemy"), "convo --help": helped, "convo list": listed}
        yield Ways("a command in a new process", ways, {"convo --help": 0.5, "convo list": 1.5}, rounds=15)
