"""Chat histories of LangChain: `SQLChatMessageHistory` (table `message_store`) and langchain-postgres' (any table).

    message_store(id, session_id, message)    chat_history(id, session_id uuid, message jsonb, created_at)

A row holds `{"type": "human", "data": {...}}`, what `message_to_dict` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import encode
from convo.content import ROLES
from convo.importers.databases import ForeignSessions
from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost, Skipped, in_line
from convo.importers.langchain_parts import parts_of, texts_of
from convo.importers.reading import Unreadable, is_too_deep, json_of, known_by, moment, notes, text_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "langchain"
_USUAL = "message_store"
_COLUMNS = ("id", "session_id", "message", "created_at")
_OWN = ("content", "type", "id", "example", "tool_calls", "tool_call_id", "name")


class Histories(ForeignSessions):
    """A database of histories, opened. `done` of `total` sessions are read."""

    def __init__(self, place: object, table: str | None) -> None:
        """Open it; `table` is that of the messages where its name is another. Raises `NotImportable`."""
        super().__init__(place, NAME, _COLUMNS[:3], named=table, usual=_USUAL)

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read the histories, oldest first."""
        for identifier, rows in self._sessions(_COLUMNS):
            yield conversation_of(identifier, rows)


def conversation_of(identifier: object, rows: Sequence[Mapping[str, Any]]) -> ForeignConversation:
    """Give the conversation of a session."""
    lost: list[Lost] = []
    found = [message for row in rows if (message := _message(row, lost)) is not None]
    times = [message.created for message in found if message.created is not None]
    metadata, _ = notes(NAME, str(identifier), {})
    messages = in_line(_instructed(found))
    return ForeignConversation(
        id=known_by(identifier), messages=messages, tip=messages[-1].id if messages else None,
        created=min(times, default=None), metadata={"source": NAME, **metadata}, lost=lost,
    )  # fmt: skip


def _instructed(messages: Sequence[ForeignMessage]) -> list[ForeignMessage]:
    """Give messages with a system message that comes first as the instructions."""
    first = messages[0] if messages else None
    if first is None or first.role != "system":
        return list(messages)
    return [attrs.evolve(first, kind="instructions"), *messages[1:]]


def _message(row: Mapping[str, Any], lost: list[Lost]) -> ForeignMessage | None:
    raw, number = row["message"], row["id"]
    try:
        value = raw if isinstance(raw, Mapping) else json_of(raw if isinstance(raw, str | bytes) else "null")
    except Unreadable:
        value = None
    before = len(lost)
    if is_too_deep(value):
        lost.append(Lost("unreadable_message", f"row {number} is nested too deeply"))
        return None
    match value:
        case {"type": str(kind), "data": Mapping() as data}:
            body, used = _body(number, kind, data, lost)
        case _:
            lost.append(Lost("unreadable_message", f"row {number} holds no message of LangChain"))
            return None
    if body is None:
        return None
    rest = {key: data[key] for key in data if key not in used or (key == "content" and len(lost) > before)}
    metadata, dropped = notes(NAME, str(number), without_nothing(rest))
    lost += [Lost("metadata", f"{name} of row {number} is too large to be kept") for name in dropped]
    about = data.get("response_metadata")
    model = (text_of(about.get("model_name")) or text_of(about.get("model"))) if isinstance(about, Mapping) else None
    return ForeignMessage(
        str(number), [body], role=str(body["role"]), created=moment(row["created_at"]), metadata=metadata,
        model=model if body["role"] == "assistant" else None,
    )  # fmt: skip


def _body(  # noqa: PLR0911 - one for each type
    number: object, kind: str, data: Mapping[str, Any], lost: list[Lost]
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Give the message of Chat Completions, and the keys of the data that are in it; None for what says nothing."""
    kind = kind.removesuffix("MessageChunk").lower()
    content = data.get("content")
    match kind:
        case "human":
            return {"role": "user", "content": parts_of(number, content, lost)}, _OWN
        case "system":
            return {"role": "system", "content": texts_of(number, content, lost)}, _OWN
        case "ai":
            return _reply(number, data, lost), (*_OWN, "invalid_tool_calls")
        case "tool":
            call = str(data.get("tool_call_id") or "unknown")
            return {"role": "tool", "tool_call_id": call, "content": texts_of(number, content, lost)}, (*_OWN,)
        case "function":
            body = {
                "role": "function",
                "name": text_of(data.get("name")) or "function",
                "content": texts_of(number, content, lost),
            }
            return body, _OWN
        case "chat":
            role = data.get("role")
            known = role if role in ROLES and role not in ("tool", "function") else "user"
            if known != role:
                lost.append(Lost("unknown_role", f"row {number} is of the role {role!r}, which no API knows; it is a user's now"))
            return {"role": known, "content": texts_of(number, content, lost)}, _OWN
    lost.append(Lost("unknown_message", f"row {number} is of the type {kind!r}, which is no message that is sent"))
    return None, ()


def _reply(number: object, data: Mapping[str, Any], lost: list[Lost]) -> dict[str, Any]:
    more = data.get("additional_kwargs")
    more = more if isinstance(more, Mapping) else {}
    body: dict[str, Any] = {"role": "assistant", "content": texts_of(number, data.get("content"), lost, called=True) or None}
    calls = [call for kind in ("tool_calls", "invalid_tool_calls") for call in _calls(data.get(kind))]
    if calls:
        body["tool_calls"] = calls
    elif isinstance(given := more.get("tool_calls"), list) and given:
        body["tool_calls"] = given
    for name in ("audio", "refusal", "function_call"):
        if more.get(name):
            body[name] = more[name]
    return body


def _calls(given: object) -> Iterator[dict[str, Any]]:
    for place, call in enumerate(given if isinstance(given, list) else []):
        if isinstance(call, Mapping) and text_of(call.get("name")):
            args = call.get("args")
            function = {"name": call["name"], "arguments": args if isinstance(args, str) else encode(args or {}).lstrip()}
            yield {"id": str(call.get("id") or f"call_{place}"), "type": "function", "function": function}
