"""Messages and arguments as the server takes them, where it is not quite the API: the same said in another way. Pure.

Every message stays one message at its place; `how` and why it is sent are what they were. What is changed is a note.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convo.canonical import encode

if TYPE_CHECKING:
    from convo.assembly.target import Target
    from convo.servers import Server

Wire = dict[str, Any]
_LETTERS = re.compile(r"[a-zA-Z0-9]+")
_MARK = "prompt_cache_breakpoint"


def in_dialect(wires: list[Wire], target: Target) -> tuple[list[Wire], list[str]]:
    """Give the messages of a request as the server of its target takes them, and a note for each kind of change."""
    server = target.server
    notes = []
    for needed, change, said in _CHANGES:
        if needed(target):
            changed = [change(wire, server) for wire in wires]
            if any(new is not old for new, old in zip(changed, wires, strict=True)):
                wires = changed
                notes.append(f"for {server.title}: {said}")
    return wires, notes


def accepted(arguments: Mapping[str, Any], server: Server) -> tuple[dict[str, Any], list[str]]:
    """Give the arguments of a call without those that the server refuses, and notes on what was left out or renamed."""
    given, notes = dict(arguments), []
    for name, known_as in server.instead.items():
        if name in given:
            given = {known_as: given[name], **{key: value for key, value in given.items() if key != name}}
            notes.append(f"for {server.title}: {name} is sent as {known_as}")
    if refused := [name for name in given if name in server.refuses]:
        given = {name: value for name, value in given.items() if name not in refused}
        notes.append(f"for {server.title}, which refuses it: {', '.join(refused)} not sent")
    if server.custom_tools is False and (custom := [tool for tool in _tools(given) if _is_custom(tool)]):
        given = _with_tools(given, [tool for tool in _tools(given) if not _is_custom(tool)])
        names = ", ".join(str(_name(tool)) for tool in custom)
        notes.append(f"for {server.title}, which takes functions only: the tools {names} not sent")
    return given, notes


# --- arguments -------------------------------------------------------------------------------------


def _tools(given: Mapping[str, Any]) -> Sequence[Any]:
    tools = given.get("tools")
    return tools if isinstance(tools, Sequence) else ()


def _is_custom(tool: object) -> bool:
    return isinstance(tool, Mapping) and tool.get("type") == "custom"


def _name(tool: Mapping[str, Any]) -> Any:
    inner = tool.get("custom")
    return inner.get("name") if isinstance(inner, Mapping) else None


def _with_tools(given: Mapping[str, Any], tools: list[Any]) -> dict[str, Any]:
    """Give arguments with fewer tools; what speaks of tools that are gone goes with them."""
    gone = set() if tools else {"tools", "parallel_tool_calls", "tool_choice"}
    if _is_custom(given.get("tool_choice")):
        gone.add("tool_choice")
    return {name: tools if name == "tools" else value for name, value in given.items() if name not in gone}


# --- messages --------------------------------------------------------------------------------------


def _as_system(wire: Wire, server: Server) -> Wire:
    del server
    return {**wire, "role": "system"} if wire["role"] == "developer" else wire


def _nameless(wire: Wire, server: Server) -> Wire:
    del server
    if "name" not in wire or wire["role"] == "function":
        return wire
    return {key: value for key, value in wire.items() if key != "name"}


def _refusal_as_text(wire: Wire, server: Server) -> Wire:
    del server
    content, refusal = wire.get("content"), wire.get("refusal")
    if isinstance(content, list) and any(part["type"] == "refusal" for part in content):
        content = [{"type": "text", "text": part["refusal"]} if part["type"] == "refusal" else part for part in content]
    elif refusal is None:
        return wire
    kept = {key: value for key, value in wire.items() if key not in ("content", "refusal")}
    return {**kept, "content": _with_text(content, refusal)}


def _with_text(content: Any, text: str | None) -> Any:
    if not content or not text:
        return text or content
    return f"{content}\n{text}" if isinstance(content, str) else [*content, {"type": "text", "text": text}]


def _as_functions(wire: Wire, server: Server) -> Wire:
    del server
    calls = wire.get("tool_calls")
    if not calls or all(call["type"] != "custom" for call in calls):
        return wire
    return {**wire, "tool_calls": [_as_function(call) for call in calls]}


def _as_function(call: dict[str, Any]) -> dict[str, Any]:
    if call["type"] != "custom":
        return call
    name, text = call["custom"]["name"], call["custom"]["input"]
    return {"id": call["id"], "type": "function", "function": {"name": name, "arguments": encode({"input": text}).strip()}}


def _with_own_ids(wire: Wire, server: Server) -> Wire:
    length = server.call_id or 0
    calls, answered = wire.get("tool_calls"), wire.get("tool_call_id")
    if calls:
        fitting = [{**call, "id": _fitting(call["id"], length)} for call in calls]
        return {**wire, "tool_calls": fitting} if fitting != calls else wire
    if answered is not None and (fit := _fitting(answered, length)) != answered:
        return {**wire, "tool_call_id": fit}
    return wire


def _fitting(identifier: str, length: int) -> str:
    """Give the id, or one made from its hash: the same for a call and for its result, in every request."""
    if len(identifier) == length and _LETTERS.fullmatch(identifier):
        return identifier
    return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _unmarked(wire: Wire, server: Server) -> Wire:
    del server
    content = wire.get("content")
    if not isinstance(content, list) or all(_MARK not in part for part in content):
        return wire
    return {**wire, "content": [{key: value for key, value in part.items() if key != _MARK} for part in content]}


def _has_no_custom_tools(target: Target) -> bool:
    """Say whether calls of custom tools need another form: who passes such tools says that the server takes them."""
    takes = target.server.custom_tools
    return not takes and (takes is False or not any(_is_custom(tool) for tool in _tools(target.arguments)))


_CHANGES: Sequence[tuple[Callable[[Target], object], Callable[[Wire, Server], Wire], str]] = (
    (lambda target: not target.server.developer, _as_system, "messages of the role developer go as system messages"),
    (lambda target: target.server.names is False, _nameless, "names of those who speak are not sent"),
    (lambda target: not target.server.refusals, _refusal_as_text, "refusals go as text"),
    (_has_no_custom_tools, _as_functions, "calls of custom tools go as calls of functions"),
    (lambda target: target.server.call_id, _with_own_ids, "ids of tool calls are made anew, in the length that it takes"),
    (lambda target: not target.server.prompt_cache, _unmarked, "marks of the prompt cache are not sent"),
)
"""Who needs a change, the change, which gives the same message where there is nothing to do, and its note."""
