"""Python functions behind a model's tool calls: their arguments from the model's text, their outcome as a result."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from convo.canonical import printable
from convo.errors import ConflictingArguments, InputError
from convo.messages import calls_of

if TYPE_CHECKING:
    from convo.messages import Message, ToolCall

Functions = Mapping[str, Callable[..., Any]]

CALL_ID = "call_id"
"""A function that has a parameter of this name is given the id of the call, to know one that it has answered before."""
MAX_ERROR = 2_000
"""Characters of an exception's text that the model is told."""


class Outcome(NamedTuple):
    """What came of a call: the output to store, and whether it is an error."""

    output: object
    error: bool = False


def check_functions(functions: Functions | None, tools: object, *, asynchronous: bool) -> None:
    """Raise `InputError` for what cannot be called, `ConflictingArguments` for functions that no tool describes."""
    if functions is None:
        return
    if not isinstance(functions, Mapping):
        reason = "tool_functions= is no mapping; pass {name of the tool: function}"
        raise InputError(reason)
    for name, function in functions.items():
        if not callable(function):
            reason = f"tool_functions={{{name!r}: ...}} is no function; pass something to call"
            raise InputError(reason)
        if not asynchronous and inspect.iscoroutinefunction(function):
            reason = f"the function of the tool {name!r} is a coroutine function; use it with AsyncStore"
            raise InputError(reason)
    if functions and not tools:
        raise ConflictingArguments("tool_functions= needs tools=, which describes them to the model; pass both or neither")


def names_of(tools: object) -> frozenset[str]:
    """Give the names of the tools of a request, of Chat Completions or of Responses, where a namespace may hold several."""
    found = []
    for tool in _list(tools):
        if isinstance(tool, Mapping):
            found += [tool.get("function") or tool.get("custom") or tool, *_list(tool.get("tools"))]
    return frozenset(inner["name"] for inner in found if isinstance(inner, Mapping) and isinstance(inner.get("name"), str))


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def open_calls(messages: Sequence[Message]) -> list[ToolCall]:
    """Give the calls at the end of a log that have no result yet, in their order."""
    answered: set[str] = set()
    for message in reversed(messages):
        if message.role == "tool":
            answered.add(message.tool_call_id or "")
        elif message.kind != "message":
            continue
        elif message.role == "assistant":
            calls = calls_of(message.raw) if message.status == "complete" else []
            return [call for call in calls if call.id not in answered]
        else:
            break
    return []


def can_run(calls: Sequence[ToolCall], functions: Functions, tools: frozenset[str]) -> bool:
    """Say whether each call can be answered: by its function, or with an error where the model has made up the tool.

    There are servers that give calls an empty id: no result can refer to those.
    """
    return bool(calls) and all(call.id and (call.name in functions or call.name not in tools) for call in calls)


def arguments_of(call: ToolCall, function: Callable[..., Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give what to call a function with: the model's JSON by name, or a custom tool's text.

    Raises `ValueError` for text that is no JSON object.
    """
    named: dict[str, Any] = {}
    if call.type == "function":
        try:
            named = json.loads(call.arguments or "{}")
        except RecursionError as error:
            reason = "the arguments are nested too deeply"
            raise ValueError(reason) from error
        if not isinstance(named, dict):
            reason = f"the arguments are no JSON object: {printable(call.arguments, 200)}"
            raise ValueError(reason)
    if _takes_call_id(function):
        named[CALL_ID] = call.id
    return ((call.arguments,) if call.type == "custom" else ()), named


def _takes_call_id(function: Callable[..., Any]) -> bool:
    try:
        return CALL_ID in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def failure_of(error: Exception) -> Outcome:
    """Give what the model is told of an exception: its kind and its text."""
    try:
        told = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an exception of the application that cannot be written
        told = type(error).__name__
    return Outcome(printable(told, MAX_ERROR), error=True)


def unknown_tool(name: str) -> Outcome:
    """Give what the model is told when it calls a tool that it was not given."""
    return Outcome(f"there is no tool {printable(name, 100)!r}", error=True)
