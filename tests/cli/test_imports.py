"""The command line is quick to say what it can do: nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from convo.cli import main

HEAVY = {"openai", "alembic", "httpx2", "pydantic", "starlette", "uvicorn", "convo.inspector", "convo.testing"}
WATCHED = """
import sys
import convo
before = set(sys.modules)
try:
    from convo.cli import main
    main({arguments})
except SystemExit as end:
    assert end.code == 0
import json
print("\\n" + json.dumps([sorted(before), sorted(sys.modules)]))
"""


def _modules(*arguments: str) -> tuple[set[str], set[str]]:
    """Give the modules that are imported with convo itself, and those once a command has run."""
    program = WATCHED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout.splitlines()[-1])
    return set(before), set(after)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("demo", "--help"), ("list", "--help")], ids=" ".join)
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    before, after = _modules(*arguments)
    assert after & HEAVY == set()
    assert {name for name in after - before if name.startswith("sqlalchemy")} == set(), "beyond what convo itself imports"


def test_a_reading_command_imports_neither_alembic_nor_openai(tmp_path: object) -> None:
    from pathlib import Path

    import convo

    path = Path(str(tmp_path)) / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
    _, after = _modules("--store", str(path), "list")
    assert after & HEAVY == set()


def test_the_command_line_is_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "convo", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("convo ")


def test_every_command_says_what_it_does() -> None:
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in main.list_commands(context)]
    shown = [command for command in commands if command is not None and not command.hidden]
    assert sorted(command.name or "" for command in shown) == [
        "backup",
        "blobs",
        "chat",
        "completion",
        "demo",
        "doctor",
        "erase",
        "export",
        "fake-api",
        "import",
        "inspect",
        "list",
        "plot",
        "prune",
        "reprice",
        "search",
        "show",
        "stats",
        "upgrade",
    ]
    assert all(command.help for command in shown)
