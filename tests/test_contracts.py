"""What may import, call and load what: the three rings, and the promises that follow from them."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convo import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "pyproject.toml"


@functools.cache
def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return found


def pure_modules() -> set[str]:
    """The innermost ring, as the contract names it."""
    layers = next(contract["layers"] for contract in contracts() if contract["type"] == "layers")
    return {name.strip() for name in layers[-1].split(":")}


@functools.cache
def parsed() -> dict[str, ast.Module]:
    """The modules of the package by their names without `convo.`, such as `store.engine`."""
    files = sorted((ROOT / "convo").rglob("*.py"))
    names = {path: ".".join(path.relative_to(ROOT / "convo").with_suffix("").parts) for path in files}
    return {name.removesuffix(".__init__"): ast.parse(path.read_text(encoding="utf-8")) for path, name in names.items()}


def pure() -> dict[str, ast.Module]:
    return {name: tree for name, tree in parsed().items() if name.partition(".")[0] in pure_modules()}


# --- who imports whom ------------------------------------------------------------------------------


LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"


def test_the_import_contracts_hold() -> None:
    done = subprocess.run([sys.executable, "-c", LINT, CONFIGURATION], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contracts_name_the_ring_of_every_module() -> None:
    layers = next(contract for contract in contracts() if contract["type"] == "layers")
    assert layers["exhaustive"]
    assert "ignore_imports" not in layers
    named = {name.strip(" :|") for layer in layers["layers"] for name in layer.replace("|", ":").split(":")}
    assert named == {name.partition(".")[0] for name in parsed()} - {"__init__"}


def test_what_the_design_calls_pure_is_in_the_innermost_ring() -> None:
    assert pure_modules() >= {
        "messages", "history", "policy", "memory", "origin", "canonical", "checks", "times", "ids", "content", "extract", "media",
        "metadata", "protocol", "recovery", "reply", "usage", "models", "transcript", "assembly", "intake", "audio",
        "entries", "servers",
    }  # fmt: skip


# --- what an import costs --------------------------------------------------------------------------

LATER = (
    "openai", "alembic", "starlette", "uvicorn", "psycopg", "asyncpg", "click", "httpx", "httpx2", "pydantic", "av",
    "sqlalchemy.ext.asyncio", "convo.testing", "convo.cli",
)  # fmt: skip
"""What is imported where it is used, never by `import convo`."""


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_convo_loads_nothing_that_may_be_missing_or_is_not_needed_yet() -> None:
    assert loaded_after("import convo") & {*LATER, "sqlalchemy", "attrs"} == set()
    assert loaded_after("from convo import Store") & set(LATER) == set()


@pytest.mark.parametrize("make", ["Store", "AsyncStore"])
def test_making_a_sqlite_store_loads_no_driver_of_a_server(make: str) -> None:
    assert not loaded_after(f"import convo; convo.{make}('sqlite:///never-opened.db')") & {
        "openai",
        "alembic",
        "psycopg",
        "asyncpg",
    }
    assert not (ROOT / "never-opened.db").exists()


UNASKED = (
    "convo.audio.value", "convo.content", "convo.events", "convo.intake", "convo.reply", "convo.steps.blobs",
    "convo.steps.exchange", "convo.steps.log", "convo.store.append", "convo.store.exchanges", "convo.store.tables_beside",
    "convo.usage",
)  # fmt: skip
"""What a process does not need that goes on with a conversation of text: what writes, calls a model, or knows audio."""


def test_a_new_process_that_assembles_a_request_loads_what_that_takes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/chat.db"
    with Store(url) as store:
        chat = store.create(messages=[{"role": "user", "content": "Is a golden retriever a good family dog?"}])
    found = loaded_after(f"import convo; convo.Store({url!r}).get({str(chat.id)!r}).request('gpt-5.5')")
    assert {"convo.store.log", "convo.assembly.plan"} <= found
    assert found & set(UNASKED) == set()


def imports_at_once(tree: ast.Module) -> Iterator[str]:
    """The modules that a module imports when it is imported: not in functions, not for types only."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        else:
            pending.extend(ast.iter_child_nodes(node))


OPTIONAL = {"openai", "httpx", "httpx2", "starlette", "uvicorn", "psycopg", "asyncpg", "alembic", "av", "jinja2"}
AT_ONCE = {
    "audio.child": "imported in the codec's child process only",
    "inspector.asked": "imported by convo.inspector.application()",
    "inspector.media": "imported by convo.inspector.application()",
    "inspector.pages": "imported by convo.inspector.application()",
    "testing.inprocess": "imported by FakeAPI.client()",
    "testing.app": "imported by FakeAPI.asgi()",
    "testing.serve": "imported by FakeAPI.serve()",
    "testing.realtime_app": "imported by what imports testing.app",
}
"""Modules made of an optional package, with the function in which they are imported."""


def test_optional_packages_are_imported_inside_functions() -> None:
    roots = {name: {module.partition(".")[0] for module in imports_at_once(tree)} for name, tree in parsed().items()}
    assert {name for name, found in roots.items() if OPTIONAL & found} == set(AT_ONCE)


LOADED_FIRST = {
    "cli": "a process of its own, of one thread",
    "documents": "other modules import it first, but for the inspector's",
    "inspector": "application() has made it before a request comes",
    "store.doctor": "other modules import it first",
    "testing": "its names are imported before anything of it is used",
}
"""Packages that import their modules, with why no thread is in one of these while another loads the package."""


def test_packages_that_threads_may_load_at_once_import_none_of_their_modules() -> None:
    """One thread that loads the package and one that loads a module of it would wait for each other: Python gives up on both."""
    found = {
        name
        for name, tree in parsed().items()
        if any(f"{module}.".startswith(f"convo.{name}.") for module in imports_at_once(tree))
    }
    assert found == set(LOADED_FIRST)


# --- what pure modules may not do ------------------------------------------------------------------

FORBIDDEN_MODULES = {
    "asyncio", "concurrent", "glob", "http", "importlib", "io", "locale", "logging", "multiprocessing", "os", "pathlib",
    "platform", "random", "secrets", "select", "shutil", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib.request", "zoneinfo",
}  # fmt: skip
FORBIDDEN_CALLS = {"open", "print", "input", "now", "utcnow", "today", "uuid1", "uuid4", "uuid6", "uuid7", "getenv", "token_hex"}
FORBIDDEN_METHODS = {
    "open", "read_bytes", "read_text", "write_bytes", "write_text", "unlink", "exists", "replace_file", "now", "utcnow", "today",
    "uuid1", "uuid4", "getenv", "environ",
}  # fmt: skip

ALLOWED = {
    ("analysis.exported", "import sys"): "sys.version_info: the same function is other code in another Python",
    ("analysis.plots", "import io"): "io.BytesIO: a picture in memory",
    ("analysis.plots", "import pathlib"): "Plot.save: a file that its caller names",
    ("analysis.plots", ".write_bytes()"): "Plot.save",
    ("analysis.plots", "import zoneinfo"): "the rules of the time zone that its caller names",
    ("frames", "open()"): "convo stats --arrow FILE: a file that its caller names",
    ("audio.extra", "import importlib"): "importlib.util: whether an extra is installed, and where, without importing it",
    ("audio.extra", "import pathlib"): "the folder of the extra, for the child process",
    ("audio.isolated", "import io"): "io.BytesIO: bytes that grow in memory",
    ("audio.isolated", "import os"): "the environment, of which the child process gets next to nothing",
    ("audio.isolated", "import pathlib"): "where this package is, for the child process",
    ("audio.isolated", "import subprocess"): "the child process",
    ("audio.isolated", "import sys"): "the interpreter that is started",
    ("audio.isolated", "import threading"): "the timer that ends a child process which hangs",
    ("audio.confined", "import io"): "io.BytesIO: the recording in memory, for libav to seek in",
    ("audio.confined", "import os"): "the child process itself: its descriptors and its end",
    ("audio.confined", "import sys"): "the child process itself: stdin",
    ("audio.confined", "open()"): "how much address space the child process has, before it is limited",
    ("audio.child", "import io"): "io.BytesIO: bytes in memory, as libav reads and writes them",
    ("audio.child", ".open()"): "av.open: a container in memory",
    ("audio.levels", "import sys"): "the byte order of the machine",
    ("audio.files", "import os"): "the names of files that a caller gives",
    ("audio.files", "import pathlib"): "Audio.open and Audio.save: files that a caller names",
    ("audio.files", "import secrets"): "Audio.save: the name of the temporary file, which is moved to its place when it is whole",
    ("audio.files", ".read_bytes()"): "Audio.open",
    ("audio.files", ".open()"): "Audio.save",
    ("audio.files", ".unlink()"): "Audio.save takes its temporary file away when writing fails",
    ("audio.value", "import pathlib"): "a path as the source of Audio.open",
    ("audio.value", "import asyncio"): "Audio.open_async: the thread in which a recording is opened",
    ("audio.fetch", "import time"): "the deadline of a fetch that the caller allowed",
    ("audio.fetch", "import socket"): "the look-up of a name, for a fetch that the caller allowed",
    ("audio.fetch", "import ssl"): "whom a fetch trusts",
    ("audio.fetch", "import http"): "the errors of an answer that is no HTTP",
    ("audio.http", "import http"): "how an answer is framed",
    ("audio.http", "import io"): "what http.client reads from",
    ("audio.http", "import socket"): "the connection of a fetch",
    ("audio.http", "import threading"): "a look-up of a name has no timeout of its own",
    ("audio.http", "import time"): "the deadline of a fetch",
    ("audio.growing", "import os"): "GrowingWav: the file that the caller names, safe on the disk when it is closed",
    ("audio.growing", "open()"): "GrowingWav: the file that the caller names",
    ("media", "import pathlib"): "Image.open and File.open: files that a caller names",
    ("media", ".read_bytes()"): "Image.open and File.open",
    ("models", "import pathlib"): "Catalogue.open: a file that a caller names",
    ("entries", "import importlib"): "importlib.resources: the descriptions that are part of the package",
    ("entries", ".read_text()"): "the descriptions, once",
    ("models", ".read_bytes()"): "a catalogue that its caller names",
    ("voices", "import importlib"): "importlib.resources: the descriptions that are part of the package",
    ("voices", ".read_bytes()"): "the descriptions, once",
}
"""What pure modules do all the same, and why."""


def impurities(tree: ast.Module) -> Iterator[str]:
    """What a module does that depends on more than its arguments; imports for types only do nothing."""
    for name in imports_of(tree):
        yield from (f"import {module}" for module in FORBIDDEN_MODULES if f"{name}.".startswith(f"{module}."))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield f"{node.func.id}()"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS:
            yield f".{node.func.attr}()"


def imports_of(tree: ast.Module) -> Iterator[str]:
    """The names of all modules that a module imports, in functions too, but for types only."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_pure_modules_have_no_clock_no_chance_no_environment_and_no_files() -> None:
    found = {(name, what) for name, tree in pure().items() for what in impurities(tree)}
    assert found - set(ALLOWED) == set()


def test_what_pure_modules_may_do_all_the_same_they_do() -> None:
    found = {(name, what) for name, tree in pure().items() for what in impurities(tree)}
    assert set(ALLOWED) - found == set()


@pytest.mark.parametrize(
    ("code", "impurity"),
    [
        ("import time\ntime.time()", "import time"),
        ("from datetime import datetime\ndatetime.now()", ".now()"),
        ("def f():\n    import random", "import random"),
        ("import os\nos.environ['X']", "import os"),
        ("import logging", "import logging"),
        ("open('x')", "open()"),
        ("from uuid import uuid4\nuuid4()", "uuid4()"),
        ("from pathlib import Path\nPath('x').read_text()", ".read_text()"),
    ],
)
def test_an_impurity_is_seen(code: str, impurity: str) -> None:
    assert impurity in set(impurities(ast.parse(code)))


# --- what no module may do -------------------------------------------------------------------------

NEVER_IMPORTED = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "yaml",
    "imp",
    "code",
    "codeop",
    "runpy",
    "telnetlib",
}
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "import_module", "breakpoint", "globals"}


def dangers(tree: ast.Module) -> Iterator[str]:
    """What runs code that came from somewhere else."""
    yield from (name for name in imports_of(tree) if name.partition(".")[0] in NEVER_IMPORTED)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NEVER_CALLED:
            yield f"{node.func.id}()"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NEVER_CALLED - {"compile"}:
            yield f".{node.func.attr}()"
        if isinstance(node, ast.ImportFrom) and any(alias.name in NEVER_CALLED for alias in node.names):
            yield f"from {node.module}"


def test_nothing_that_is_stored_or_sent_is_ever_run() -> None:
    found = {name for name, tree in parsed().items() for _ in dangers(tree)}
    assert found == {
        "__init__",  # the modules of the public names, out of a table in it
        "steps",  # the modules of that package, out of the list in it
        "cli.faults",  # those of the commands, out of the table in convo.cli
        "cli.exports",  # `convo export --redact MODULE:FUNCTION`: who types the command names it
    }


@pytest.mark.parametrize(
    "code",
    ["import pickle", "eval('1')", "exec('x = 1')", "import yaml", "from importlib import import_module", "__import__('os')",
     "import importlib\nimportlib.import_module('os')", "compile('1', '', 'eval')"],
)  # fmt: skip
def test_a_danger_is_seen(code: str) -> None:
    assert list(dangers(ast.parse(code)))


def test_the_package_prints_and_logs_nothing_but_on_the_command_line() -> None:
    said = {
        name
        for name, tree in parsed().items()
        if name.partition(".")[0] not in ("cli", "__main__")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    }
    assert said == set()
