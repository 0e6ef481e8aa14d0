"""ChatGPT's data export: conversations are trees of nodes, whose other branches are edits and regenerated replies. Pure.

The format is not documented by those who make it; what is read here is what tools that read it agree on:

    {"conversation_id", "title", "create_time", "current_node", "mapping": {node: {"parent", "message": {"author": {"role"},
     "content": {"content_type", "parts" or "text" ...}, "recipient", "create_time", "metadata": {"model_slug", ...}}}}}

A reply to anyone but "all" is a call of a tool; what the tool says next answers it. Thoughts, and what else says nothing to
anybody, stand in the metadata of the message after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.chat import chat_name
from convo.canonical import encode
from convo.importers.chatgpt_content import Said, said_by
from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost
from convo.importers.reading import Unreadable, json_of, known_by, moment, notes, text_of, title_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convo.importers.chatgpt_files import Found

    Find = Callable[[str], Found | None]

NAME = "chatgpt"
_OWN = ("mapping", "title", "create_time", "id", "conversation_id", "current_node")
_USUAL = {"weight": 1.0, "status": "finished_successfully", "recipient": "all", "end_turn": True}
_ALOUD = (None, "", "all")
"""Recipients of what everybody sees."""


@attrs.frozen
class _Path:
    """What is known where a node stands: the message that it follows, the call that waits for its tool, what is carried along."""

    message: str | None = None
    call: str | None = None
    carried: tuple[Any, ...] = ()
    created: int | None = None


def conversation_of(raw: object, find: Find) -> ForeignConversation:
    """Give a conversation of the export; `find` gives the file of an asset. Raises `Unreadable`."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("mapping"), Mapping):
        raise Unreadable("it has no mapping of nodes")
    identifier = raw.get("conversation_id") or raw.get("id")
    if not isinstance(identifier, str):
        raise Unreadable("it has no conversation_id")
    lost: list[Lost] = []
    created = moment(raw.get("create_time"))
    paths, messages = _walked(raw["mapping"], _Path(created=created), find, lost)
    metadata, dropped = notes(NAME, identifier, without_nothing({k: v for k, v in raw.items() if k not in _OWN}))
    lost += [Lost("metadata", f"{name} of the conversation is too large to be kept") for name in dropped]
    tip = paths.get(str(raw.get("current_node")))
    return ForeignConversation(
        id=known_by(identifier),
        messages=_with_ends(messages),
        tip=tip.message if tip is not None else messages[-1].id if messages else None,
        title=title_of(raw.get("title")),
        created=created,
        metadata={"source": NAME, **metadata},
        lost=lost,
    )


def _walked(
    mapping: Mapping[str, Any], start: _Path, find: Find, lost: list[Lost]
) -> tuple[dict[str, _Path], list[ForeignMessage]]:
    """Go through the tree, a line at a time and each node behind its parent. Raises `Unreadable` for what is no tree."""
    nodes = {name: node for name, node in mapping.items() if isinstance(node, Mapping)}
    children: dict[str | None, list[str]] = {}
    for name, node in nodes.items():
        parent = node.get("parent")
        children.setdefault(parent if isinstance(parent, str) and parent in nodes else None, []).append(name)
    paths: dict[str, _Path] = {}
    messages: list[ForeignMessage] = []
    waiting = [(name, start) for name in reversed(_in_order(children.get(None, []), {}))]
    while waiting:
        name, above = waiting.pop()
        below = children.get(name, [])
        paths[name] = path = _step(name, nodes[name], above, find, messages, lost)
        if not below and path.carried:
            kinds = ", ".join(sorted({str(_content(one).get("content_type")) for one in path.carried}))
            lost.append(Lost("nothing_follows", f"{kinds} at the end of a line: no message follows that could hold it"))
        waiting += [(child, path) for child in reversed(_in_order(below, nodes[name]))]
    if len(paths) < len(nodes):
        raise Unreadable("its nodes follow each other in a ring")
    return paths, messages


def _in_order(names: Sequence[str], node: Mapping[str, Any]) -> list[str]:
    """Give children in the order in which their parent names them."""
    named = node.get("children")
    places = {name: place for place, name in enumerate(named) if isinstance(name, str)} if isinstance(named, list) else {}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _step(
    name: str, node: Mapping[str, Any], above: _Path, find: Find, messages: list[ForeignMessage], lost: list[Lost]
) -> _Path:
    """Add the message of a node, if it is one, and give the path as it goes on."""
    raw = node.get("message")
    if not isinstance(raw, Mapping):
        return above
    said = said_by(_content(raw), raw, find)
    lost += said.lost
    created = moment(raw.get("create_time")) or above.created
    if said.is_empty:
        carried = (*above.carried, raw) if said.carried else above.carried
        return attrs.evolve(above, carried=carried, created=created)
    facts, call = _facts(name, raw, said, above)
    metadata, dropped = notes(NAME, name, _rest(raw, said, above.carried))
    lost += [Lost("metadata", f"{key} of message {name} is too large to be kept") for key in dropped]
    slug = _object(raw.get("metadata")).get("model_slug")
    message = ForeignMessage(
        id=known_by(name),
        parent=above.message,
        status="interrupted" if raw.get("status") == "in_progress" and facts["role"] == "assistant" else "complete",
        model=text_of(slug) if facts["role"] == "assistant" else None,
        created=created,
        metadata=metadata,
        beside=said.beside,
        **facts,
    )
    messages.append(message)
    return _Path(message.id, call, (), created)


def _facts(name: str, raw: Mapping[str, Any], said: Said, above: _Path) -> tuple[dict[str, Any], str | None]:
    """Give role, content and kind of a message, and the call that waits for its tool behind it."""
    author = _object(raw.get("author"))
    role, recipient = author.get("role"), raw.get("recipient")
    if said.instructs:
        return {"role": "system", "content": [said.text], "kind": "instructions"}, None
    if role == "assistant" and recipient not in _ALOUD:
        call = f"call_{name.replace('-', '')}"[:40]
        asked = {"name": chat_name(str(recipient)), "arguments": _arguments(said.text)}
        calls = [{"id": call, "type": "function", "function": asked}]
        return {"role": "assistant", "content": [{"role": "assistant", "content": None, "tool_calls": calls}]}, call
    if role == "tool":
        return _result(str(author.get("name") or "tool"), said, above.call), None
    if role == "assistant":
        body: dict[str, Any] = {"role": "assistant", "content": said.text or None}
        if said.speech is not None:
            body = {"role": "assistant", "content": None, "audio": {"data": said.speech, "transcript": said.text}}
        return {"role": "assistant", "content": [body]}, above.call
    if role == "system":
        return {"role": "system", "content": [said.text]}, above.call
    return {"role": "user", "content": said.content}, above.call


def _result(name: str, said: Said, call: str | None) -> dict[str, Any]:
    """Give the answer of a tool; one that nothing waits for, such as its second, is said by a function of that name."""
    text = said.text or said.placeholder
    if call is not None:
        return {"role": "tool", "content": [{"role": "tool", "tool_call_id": call, "content": text}]}
    return {"role": "function", "content": [{"role": "function", "name": chat_name(name), "content": text}]}


def _arguments(text: str) -> str:
    """Give what was written for a tool as the arguments of a function."""
    try:
        if isinstance(json_of(text), dict):
            return text
    except Unreadable:
        pass
    return encode({"input": text})


def _content(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(raw.get("content"))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rest(raw: Mapping[str, Any], said: Said, carried: Sequence[Any]) -> dict[str, Any]:
    """Give what a message has no other place for."""
    own = ("id", "content", "create_time")
    rest = {key: value for key, value in raw.items() if key not in own and _USUAL.get(key, _USUAL) != value}
    rest["author"] = {key: value for key, value in _object(raw.get("author")).items() if key != "role"}
    kind = _content(raw).get("content_type")
    found = {**rest, "content_type": None if kind == "text" else kind, "parts": said.parts, "before": list(carried)}
    return without_nothing({key: without_nothing(value) if isinstance(value, Mapping) else value for key, value in found.items()})


def _with_ends(messages: Sequence[ForeignMessage]) -> list[ForeignMessage]:
    """Give messages with calls of tools that nothing follows as interrupted: nobody can answer them any more."""
    followed = {message.parent for message in messages}
    return [
        attrs.evolve(message, status="interrupted") if message.id not in followed and _calls(message) else message
        for message in messages
    ]


def _calls(message: ForeignMessage) -> bool:
    body = message.content[0] if message.content else None
    return isinstance(body, Mapping) and bool(body.get("tool_calls"))
