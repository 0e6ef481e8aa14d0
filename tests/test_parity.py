"""Both edges have the same names, the same parameters, the same words about them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo import async_api, sync_api
from convo.async_api import tables as async_tables
from convo.sync_api import tables as sync_tables

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = [
    (convo.Store, convo.AsyncStore),
    (convo.Conversation, convo.AsyncConversation),
    (convo.Exchange, convo.AsyncExchange),
    (convo.Stream, convo.AsyncStream),
    (convo.Listener, convo.AsyncListener),
    (sync_tables.Tables, async_tables.AsyncTables),
    (sync_tables.Table, async_tables.AsyncTable),
]
ENTRIES = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}
NOT_AWAITED = {
    "__init__",
    "__iter__",
    "__repr__",
    "existing",
    "exchange",
    "stream",
    "listen",
    "position_of",
    "owned_by",
    "everyone",
    "within",
    "tables",
    "__str__",
}
"""What an async edge has without `await`: what does no work by itself."""


def members(kind: type) -> dict[str, Any]:
    """The public names of a class and its own special methods, with what stands behind them."""
    names = {name for name in dir(kind) if not name.startswith("_")} | {name for name in vars(kind) if name in SPECIAL}
    return {name: inspect.getattr_static(kind, name) for name in names}


SPECIAL = {"__init__", "__repr__", *ENTRIES, *ENTRIES.values()}


def function_of(member: Any) -> Callable[..., Any] | None:
    """The function behind a method, a class method or a property; None for anything else."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, classmethod | staticmethod):
        found: Callable[..., Any] = member.__func__
        return found
    return member if inspect.isfunction(member) else None


def pairs_of_functions() -> list[Any]:
    found = []
    for sync, asynchronous in PAIRS:
        theirs = members(asynchronous)
        for name, member in sorted(members(sync).items()):
            other = theirs.get(ENTRIES.get(name, name))
            found.append(pytest.param(name, member, other, id=f"{sync.__name__}.{name}"))
    return found


def plain(annotation: object) -> str:
    """An annotation as the sync edge would write it."""
    text = re.sub(r"\b(_?)Async(?=[A-Z])", r"\1", str(annotation)).replace("Engine | Engine", "Engine")
    return re.sub(r"\bengines\.(?=Durability)", "", text)


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_edges_have_the_same_names(sync: type, asynchronous: type) -> None:
    assert {ENTRIES.get(name, name) for name in members(sync)} == set(members(asynchronous))


@pytest.mark.parametrize(("name", "sync", "asynchronous"), pairs_of_functions())
def test_both_edges_are_called_the_same_way(name: str, sync: Any, asynchronous: Any) -> None:
    assert type(sync) is type(asynchronous)
    one, other = function_of(sync), function_of(asynchronous)
    assert one is not None
    assert other is not None
    mine, theirs = inspect.signature(one), inspect.signature(other)
    assert list(mine.parameters) == list(theirs.parameters)
    for parameter, twin in zip(mine.parameters.values(), theirs.parameters.values(), strict=True):
        assert parameter.kind is twin.kind, parameter.name
        assert parameter.default is twin.default or parameter.default == twin.default, parameter.name
        assert plain(parameter.annotation) == plain(twin.annotation), parameter.name
    assert plain(mine.return_annotation) == plain(theirs.return_annotation)


@pytest.mark.parametrize(("name", "sync", "asynchronous"), pairs_of_functions())
def test_what_works_is_awaited_and_nothing_else(name: str, sync: Any, asynchronous: Any) -> None:
    one, other = function_of(sync), function_of(asynchronous)
    assert one is not None
    assert other is not None
    assert not inspect.iscoroutinefunction(one)
    assert inspect.iscoroutinefunction(other) == (name not in NOT_AWAITED and not isinstance(sync, property))


@pytest.mark.parametrize(("name", "sync", "asynchronous"), pairs_of_functions())
def test_both_edges_say_the_same(name: str, sync: Any, asynchronous: Any) -> None:
    one, other = function_of(sync), function_of(asynchronous)
    assert one is not None
    assert other is not None
    written = inspect.getdoc(one) or ""
    assert plain(written.replace("async with", "with").replace("await ", "")) == plain(
        (inspect.getdoc(other) or "").replace("async with", "with").replace("await ", "")
    )


def classes_of(edge: Any) -> set[str]:
    """The classes that the modules of an edge define."""
    modules = [importlib.import_module(f"{edge.__name__}.{module.name}") for module in pkgutil.iter_modules(edge.__path__)]
    return {name for found in modules for name, kind in vars(found).items() if _is_defined_in(kind, found)}


def _is_defined_in(kind: Any, module: Any) -> bool:
    return inspect.isclass(kind) and kind.__module__ == module.__name__


def test_every_class_of_the_edges_has_its_twin() -> None:
    mine, theirs = classes_of(sync_api), classes_of(async_api)
    assert mine == {name.removeprefix("Async") for name in theirs}
    assert {sync.__name__ for sync, _ in PAIRS} == mine - {"Driver"}
