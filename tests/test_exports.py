"""The public names: listed, importable, described; and the errors as one tree."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import pickle
import pkgutil
import re
import types
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import convo
import convo.testing
from convo import errors
from tests.support.names import missed

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC = (convo, convo.testing)
HELD = (Path(__file__).parent / "public_names.txt").read_text().splitlines()
SECRET = "what the user said in confidence"  # noqa: S105 - no password


def objects(module: types.ModuleType) -> list[tuple[str, Any]]:
    return [(name, getattr(module, name)) for name in module.__all__]


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_all_names_what_is_there_once(module: types.ModuleType) -> None:
    """That it is sorted, ruff says."""
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_all_names_everything_public_and_each_is_what_type_checkers_take_it_for() -> None:
    assert set(convo._HOMES) <= set(convo.__all__)
    tree = ast.parse(Path(convo.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    named: dict[str, object] = {}
    for node in checked.body:
        assert isinstance(node, ast.ImportFrom)
        home = importlib.import_module(str(node.module))
        named |= {alias.asname or alias.name: getattr(home, alias.name) for alias in node.names}
    assert set(named) == set(convo.__all__)
    assert all(getattr(convo, name) is value for name, value in named.items())


def test_a_slip_of_the_finger_is_no_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'AsyncStor'"):
        convo.AsyncStor  # type: ignore[attr-defined]  # noqa: B018 - what a slip of the finger gives
    assert set(convo.__all__) <= set(dir(convo))


def test_a_star_import_gives_exactly_the_public_names() -> None:
    namespace: dict[str, Any] = {}
    exec("from convo import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(convo.__all__)


def test_no_public_name_is_gone_and_none_asks_for_more_than_before() -> None:
    """What is held here goes only after it was deprecated for a minor version, and then by hand; see `tests.support.names`."""
    assert [problem for line in HELD if (problem := missed(line))] == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("convo.Store", None),
        ("convo.Store.create()", None),
        ("convo.Store.create(*, title=)", None),
        ("convo.Message.position", None),
        ("convo.Stor", "convo.Stor is gone"),
        ("convo.Message.place", "convo.Message.place is gone"),
        ("convo.Store.create(title=)", "convo.Store.create takes title at another place"),
        ("convo.Store.get(key=, id=)", "convo.Store.get takes key at another place"),
        ("convo.Store.get(id=, *, name=)", "convo.Store.get takes no name any more"),
        ("convo.Audio.open(source=)", "convo.Audio.open demands source"),
        ("convo.Audio.open()", "convo.Audio.open demands source"),
    ],
)
def test_what_breaks_a_caller_is_seen(line: str, problem: str | None) -> None:
    assert missed(line) == problem


def test_the_values_of_public_signatures_are_public() -> None:
    """What a method gives can be named, to annotate the code that takes it."""
    given = set()
    for kind in (convo.Store, convo.Conversation, convo.Exchange, convo.Reply, convo.Request, convo.History, convo.Message):
        for member in vars(kind).values():
            function = member.fget if isinstance(member, property) else member
            if inspect.isfunction(function) and not function.__name__.startswith("_"):
                annotation = str(inspect.signature(function).return_annotation)
                given |= set(re.findall(r"\b[A-Z]\w+", annotation))
    foreign = {"Self", "None", "Any", "UUID", "T", "Literal", "Mapping", "Sequence", "Iterator", "Decimal", "Callable"}
    assert given - foreign <= set(convo.__all__)


# --- words -----------------------------------------------------------------------------------------


def described() -> Iterator[Any]:
    """The public classes and functions, and the public methods of the classes."""
    for module in PUBLIC:
        for name, value in objects(module):
            if isinstance(value, types.UnionType | Mapping):
                continue
            yield pytest.param(value, id=f"{module.__name__}.{name}")
            if not inspect.isclass(value):
                continue
            for member, inner in vars(value).items():
                function = inner.fget if isinstance(inner, property) else getattr(inner, "__func__", inner)
                if not member.startswith("_") and inspect.isfunction(function):
                    yield pytest.param(function, id=f"{module.__name__}.{name}.{member}")


@pytest.mark.parametrize("value", list(described()))
def test_each_public_class_function_and_method_says_what_it_is_for(value: Any) -> None:
    written = value.__doc__
    assert written, "no docstring of its own"
    assert written.strip().split("\n")[0][-1] in ".:;`", written
    assert not written.startswith("Method generated by attrs")


@pytest.mark.filterwarnings("ignore:Direct usage of named widget classes:DeprecationWarning")  # ChatKit's own, on import
@pytest.mark.parametrize("module", [name for _, name, _ in pkgutil.walk_packages(convo.__path__, "convo.")])
def test_each_module_says_what_it_is_for(module: str) -> None:
    if module.endswith("__main__"):
        return
    with contextlib.suppress(convo.MissingDependency):
        assert importlib.import_module(module).__doc__


# --- errors ----------------------------------------------------------------------------------------


def kinds() -> list[type[convo.ConvoError]]:
    found = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, convo.ConvoError)]
    return [kind for kind in found if kind.__module__ == errors.__name__]


LINE = re.compile(r"^    (?P<indent>[│├└─ ]*)(?P<name>\w+)(?: \((?P<standard>\w+)\))?(?:  +(?P<words>\S.*))?$")


def tree() -> list[tuple[str, str | None, str | None, str | None]]:
    """The tree of the module's docstring: name, parent, what the standard library calls it, words."""
    assert errors.__doc__ is not None
    found: list[tuple[str, str | None, str | None, str | None]] = []
    line_above: list[str] = []
    for line in errors.__doc__.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        depth = len(match["indent"]) // 4
        line_above[depth:] = [match["name"]]
        found.append((match["name"], line_above[depth - 1] if depth else None, match["standard"], match["words"]))
    return found


def test_the_tree_in_the_docstring_names_every_error_once() -> None:
    named = [name for name, *_ in tree()]
    assert sorted(named) == sorted({kind.__name__ for kind in kinds()})
    assert named[0] == "ConvoError"


@pytest.mark.parametrize(("name", "parent", "standard", "words"), tree())
def test_an_error_is_where_the_tree_says(name: str, parent: str | None, standard: str | None, words: str | None) -> None:
    bases = [base.__name__ for base in getattr(errors, name).__bases__]
    assert bases == [part for part in (parent or "Exception", standard) if part is not None]


def test_every_error_is_exported() -> None:
    assert {kind.__name__ for kind in kinds()} <= set(convo.__all__)


def test_every_error_has_a_code_of_its_own_and_words() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    assert all(vars(kind).get("__doc__") for kind in kinds())


VALUES: dict[str, Any] = {
    "position": 7, "size": 9, "limit": 8, "expected": 3, "actual": 4, "retry_after": 2.0, "seconds": 9.5, "committed": "unknown",
    "call_ids": ["call_1", "call_2"], "known": ["chat"], "identifier": UUID(int=7), "exchange": UUID(int=8),
    "spent": Decimal("4.5"), "needed": 5, "calls": 2, "within": timedelta(days=30),
    "duration": 0.05, "shortest": 0.1, "status": 503,
}  # fmt: skip


def example(kind: type[convo.ConvoError]) -> convo.ConvoError:
    """An error of each kind, with a value for each fact that it takes."""
    if "__init__" not in {name for base in kind.__mro__ if base.__module__ == errors.__name__ for name in vars(base)}:
        return kind("what happened; what to do")
    parameters = list(inspect.signature(kind).parameters.values())
    return kind(*(VALUES.get(parameter.name, f"the-{parameter.name}") for parameter in parameters))


@pytest.mark.parametrize("kind", kinds())
def test_an_error_says_what_happened_and_keeps_its_facts(kind: type[convo.ConvoError]) -> None:
    error = example(kind)
    assert str(error)[-1] not in ".!"
    assert repr(error).startswith(kind.__name__)
    assert error.committed in ("yes", "no", "unknown")
    assert isinstance(error.retryable, bool)
    for fact, value in vars(error).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert f"{value:g}" in str(error) or f"{value:,}" in str(error), fact


def test_errors_survive_a_process_boundary() -> None:
    for kind in kinds():
        error = example(kind)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_errors_hold_no_text_of_messages(tmp_path: Any) -> None:
    found = []
    with convo.Store(f"sqlite:///{tmp_path / 'chat.db'}") as store:
        chat = store.create(key="one")
        chat.add(SECRET, key="turn-1")
        for call in (
            lambda: chat.add(f"{SECRET}!", key="turn-1"),
            lambda: chat.add(f"{SECRET}\ud800"),
            lambda: chat.add(SECRET, expected_head=9),
            lambda: chat.add({"role": "user", "content": [{"type": "text", "text": 3, "other": SECRET}]}),
            lambda: chat.add({"role": "nobody", "content": SECRET}),
            lambda: chat.add(convo.Audio.from_bytes(SECRET.encode())),
            lambda: chat.tool_output("call_9", SECRET),
            lambda: chat.record({"choices": SECRET}),
            lambda: chat.add({"role": "user", "content": {"wrong": SECRET}}),
            lambda: chat.add("Hello?", metadata={"bad key": SECRET}),
            lambda: chat.add(
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": SECRET, "format": "wav"}}]}
            ),
        ):
            with pytest.raises(convo.ConvoError) as caught:
                call()
            found.append(caught.value)
    for error in found:
        assert SECRET not in str(error)
        assert SECRET not in repr(error)
