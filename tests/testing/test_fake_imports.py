"""The fake imports little: no optional package until it is used, and nothing of the product that it judges."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convo.testing
from convo.errors import MissingDependency
from convo.testing import FakeAPI

SOURCES = sorted(Path(convo.testing.__file__).parent.glob("*.py"))
OPTIONAL = ("openai", "starlette", "uvicorn", "httpx2", "websockets")


def imported(source: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        f"{'.' * node.level}{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_fake_imports_no_optional_package() -> None:
    code = f"import sys, convo.testing; print([name for name in {OPTIONAL!r} if name in sys.modules])"
    assert run(code) == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_judge_shares_no_rules_with_the_judged(source: Path) -> None:
    product = {name for name in imported(source) if name.split(".")[0] == "convo" and not name.startswith("convo.testing.")}
    assert product <= {"convo.errors.MissingDependency"}
    assert not any(name.startswith(".") for name in imported(source))


def test_the_public_names_are_all_there() -> None:
    assert sorted(convo.testing.__all__) == convo.testing.__all__
    assert all(hasattr(convo.testing, name) for name in convo.testing.__all__)


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("openai", "client()"),
        ("httpx2", "client()"),
        ("openai", "async_client()"),
        ("uvicorn", "serve()"),
        ("websockets", "serve()"),
        ("starlette", "serve()"),
        ("starlette", "asgi()"),
    ],
)
def test_a_missing_package_is_named_with_the_way_to_install_it(package: str, call: str) -> None:
    code = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        f"from convo.testing import FakeAPI\ntry: FakeAPI().{call}\nexcept ImportError as e: print(type(e).__name__, e)"
    )
    name = call.removesuffix("()")
    assert run(code) == (
        f"MissingDependency FakeAPI.{name}() needs the package {package!r}; install it with: pip install 'convo[testing]'"
    )


def test_another_failed_import_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "convo.testing.serve", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        FakeAPI().serve()
    assert not isinstance(caught.value, MissingDependency)
