"""The public names with their members and parameters, as lines, to be held against those of before.

    python -m tests.support.names > tests/public_names.txt      # before a release: the file only grows

A line is `convo.Store.create(*, instructions=, key=)`: what follows `*` is by keyword alone, and `=` means a default. Of the
classes that callers make themselves, the class has its parameters, too.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

import attrs

import convo

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = ("convo", "convo.testing")
MADE_BY_CALLERS = {
    "Absent", "Anonymous", "AsyncStore", "Between", "BucketBlobs", "Budget", "ChatFold", "Cipher", "CountedIds", "FakeAPI",
    "Fetch", "File", "FixedClock", "FolderBlobs", "GrowingWav", "Image", "Limits", "OneOf", "Policy", "Present", "Preset",
    "ResponseFold", "Store", "StreamShape", "Telemetry",
}  # fmt: skip


def names() -> Iterator[str]:
    """All lines."""
    for module in MODULES:
        home = importlib.import_module(module)
        for name in home.__all__:
            value = getattr(home, name)
            called = name in MADE_BY_CALLERS or inspect.isfunction(value)
            yield f"{module}.{name}{written(value) if called else ''}"
            if inspect.isclass(value):
                yield from sorted(f"{module}.{name}.{member}" for member in members(value))


def members(kind: type) -> Iterator[str]:
    """The members of a class, methods with their parameters; without those of another public class."""
    fields = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set()
    bases = [base for base in kind.__mro__[1:] if base.__module__.partition(".")[0] == "convo"]
    own = {name for base in (kind, *bases) if base is kind or base.__name__ not in convo.__all__ for name in vars(base)}
    for name in fields | own:
        if not name.startswith("_"):
            found = inspect.getattr_static(kind, name, None)
            function = getattr(found, "__func__", found)
            yield name + (written(getattr(kind, name)) if inspect.isfunction(function) else "")


def written(function: Any) -> str:
    """The parameters of a function, or of a class."""
    parts, by_keyword = [], False
    for one in parameters(function):
        if one.kind is one.KEYWORD_ONLY and not by_keyword:
            parts.append("*")
        by_keyword = by_keyword or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(one.kind.name, "")
        parts.append(f"{stars}{one.name}{'' if one.default is one.empty else '='}")
    return f"({', '.join(parts)})"


def parameters(function: Any) -> list[inspect.Parameter]:
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if found and found[0].name == "self" else found


def missed(line: str) -> str | None:
    """Say what a caller who relies on a line would miss now; None for nothing."""
    path, _, given = line.partition("(")
    module = max((name for name in MODULES if path.startswith(f"{name}.")), key=len)
    value: Any = importlib.import_module(module)
    for part in path.removeprefix(f"{module}.").split("."):
        if inspect.isclass(value) and part in {field.name for field in (attrs.fields(value) if attrs.has(value) else ())}:
            return None
        if not hasattr(value, part):
            return f"{path} is gone"
        value = getattr(value, part)
    return _refused(path, given.removesuffix(")"), value) if given else None


def _refused(path: str, given: str, value: Any) -> str | None:
    now = {one.name: (index, one) for index, one in enumerate(parameters(value))}
    taken, by_keyword = set(), False
    for index, part in enumerate(filter(None, given.split(", "))):
        name = part.strip("*=")
        by_keyword = by_keyword or part.startswith("*")
        if not name:
            continue
        taken.add(name)
        if name not in now:
            return f"{path} takes no {name} any more"
        at, one = now[name]
        if not by_keyword and (at != index or one.kind is one.KEYWORD_ONLY):
            return f"{path} takes {name} at another place"
        if part.endswith("=") and one.default is one.empty:
            return f"{path} demands {name}"
    needed = [
        name
        for name, (_, one) in now.items()
        if name not in taken and one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    return f"{path} demands {', '.join(needed)}" if needed else None


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in names())
