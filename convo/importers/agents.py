"""Sessions of the OpenAI Agents SDK: `SQLiteSession` and `SQLAlchemySession`, whose rows are items of the Responses API.

    agent_sessions(session_id, created_at, updated_at)   agent_messages(id, session_id, message_data, created_at)

`AdvancedSQLiteSession` says beside them, in `message_structure`, which rows make up which branch. What an `EncryptedSession`
wrote cannot be read. Items that the model made one after the other are one reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.importers.databases import ForeignSessions
from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost, Skipped
from convo.importers.reading import Unreadable, is_too_deep, json_of, known_by, moment, notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "openai-agents"
_USUAL = "agent_messages"
_SESSIONS = "agent_sessions"
_STRUCTURE = "message_structure"
_COLUMNS = ("id", "session_id", "message_data", "created_at")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "summary_text": "text"}
_CIPHER = "__enc__"


class Sessions(ForeignSessions):
    """A database of sessions, opened. `done` of `total` sessions are read."""

    def __init__(self, place: object, table: str | None) -> None:
        """Open it; `table` is that of the messages where its name is another. Raises `NotImportable`."""
        super().__init__(place, NAME, _COLUMNS, named=table, usual=_USUAL)

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read the sessions, oldest first."""
        for identifier, rows in self._sessions(_COLUMNS):
            began = (
                self._database.rows(_SESSIONS, ("created_at",), session_id=identifier) if self._database.has(_SESSIONS) else []
            )
            try:
                yield conversation_of(identifier, rows, self._lines(identifier), began[0]["created_at"] if began else None)
            except Unreadable as error:
                kind = "encrypted" if "encrypted" in str(error) else "conversation"
                yield Skipped(known_by(identifier), Lost(kind, str(error)))

    def _lines(self, identifier: str) -> dict[str, list[int]]:
        """Give the rows of each branch of an advanced session, that of `main` first; nothing for any other."""
        columns = ("branch_id", "message_id", "sequence_number", "id")
        if not self._database.columns(_STRUCTURE) >= {*columns, "session_id"}:
            return {}
        rows = self._database.rows(_STRUCTURE, columns, order=("sequence_number", "id"), session_id=identifier)
        found: dict[str, list[int]] = {}
        for row in sorted(rows, key=lambda row: row["branch_id"] != "main"):
            found.setdefault(row["branch_id"], []).append(row["message_id"])
        return found


def conversation_of(
    identifier: str, rows: Sequence[Mapping[str, Any]], lines: Mapping[str, Sequence[int]], began: object
) -> ForeignConversation:
    """Give the conversation of a session. Raises `Unreadable` where every item is encrypted."""
    lost: list[Lost] = []
    items = {row["id"]: (item, moment(row["created_at"])) for row in rows if (item := _item(row, lost)) is not None}
    if not items and any(one.kind == "encrypted" for one in lost):
        raise Unreadable("all of its items are encrypted; write it out by the program that has the key")
    messages: dict[str, ForeignMessage] = {}
    tip = None
    for line in lines.values() or [list(items)]:
        before: str | None = None
        for message in _messages([(number, *items[number]) for number in line if number in items], lost):
            message = attrs.evolve(message, parent=before)  # noqa: PLW2901 - the same message, in its place
            if message.id in messages and messages[message.id].parent != before:
                message = attrs.evolve(message, id=f"{message.id} after {before}")  # noqa: PLW2901 - as above
            messages.setdefault(message.id, message)
            before = message.id
        tip = tip or before
    metadata, _ = notes(NAME, str(identifier), {"branches": list(lines)} if len(lines) > 1 else {})
    return ForeignConversation(
        id=known_by(identifier),
        messages=list(messages.values()),
        tip=tip,
        created=moment(began),
        metadata={"source": NAME, **metadata},
        lost=list(dict.fromkeys(lost)),
    )


def _item(row: Mapping[str, Any], lost: list[Lost]) -> Mapping[str, Any] | None:
    try:
        item = json_of(row["message_data"] if isinstance(row["message_data"], str | bytes) else "null")
    except Unreadable:
        item = None
    if not isinstance(item, Mapping):
        lost.append(Lost("unreadable_item", f"row {row['id']} holds no JSON object"))
    elif is_too_deep(item):
        lost.append(Lost("unreadable_item", f"row {row['id']} is nested too deeply"))
    elif _CIPHER in item:
        lost.append(Lost("encrypted", f"row {row['id']} is encrypted; write it out by the program that has the key"))
    elif item.get("type") == "item_reference":
        lost.append(Lost("reference", f"row {row['id']} refers to an item that only the API has"))
    else:
        return item
    return None


def _messages(items: Sequence[tuple[int, Mapping[str, Any], int | None]], lost: list[Lost]) -> Iterator[ForeignMessage]:
    """Give the messages of a line; what the model made in a row is one reply."""
    made: list[tuple[int, Mapping[str, Any], int | None]] = []
    for number, item, created in items:
        message = _message(number, item, created, lost)
        if message is None:
            made.append((number, item, created))
            continue
        if made:
            yield _reply(made)
            made = []
        yield message
    if made:
        yield _reply(made)


def _reply(made: Sequence[tuple[int, Mapping[str, Any], int | None]]) -> ForeignMessage:
    identifier = f"{made[0][0]}-{made[-1][0]}" if len(made) > 1 else str(made[0][0])
    metadata, _ = notes(NAME, identifier, {})
    return ForeignMessage(
        identifier, role="assistant", output=[dict(item) for _, item, _ in made], created=made[-1][2], metadata=metadata
    )


def _message(number: int, item: Mapping[str, Any], created: int | None, lost: list[Lost]) -> ForeignMessage | None:
    """Give the message of an item that is one of itself; None for what the model made."""
    kind, role, content = item.get("type"), item.get("role"), item.get("content")
    before = len(lost)
    if kind in _OUTPUTS:
        body: dict[str, Any] = {
            "role": "tool",
            "tool_call_id": str(item.get("call_id")),
            "content": _output(number, item.get("output"), lost),
        }
    elif kind in (None, "message") and role in ("user", "system", "developer"):
        body = {"role": role, "content": _content(number, content, lost)}
    elif kind in (None, "message") and role == "assistant" and isinstance(content, str):
        body = {"role": "assistant", "content": content}
    else:
        return None
    own = {"type", "role", "content", "call_id", "output"} - ({"content", "output"} if len(lost) > before else set())
    rest = {key: value for key, value in item.items() if key not in own}
    metadata, _ = notes(NAME, str(number), rest)
    return ForeignMessage(str(number), [body], role=str(body["role"]), created=created, metadata=metadata)


def _content(number: int, content: object, lost: list[Lost]) -> Any:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    return [_part(number, part, lost) for part in content]


def _part(number: int, part: object, lost: list[Lost]) -> dict[str, Any]:
    """Give a part of an input item as Chat Completions has it."""
    match part:
        case {"type": str(kind), "text": str(text)} if kind in _PARTS:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str(url)} if isinstance(part, Mapping):
            detail = part.get("detail")
            return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if isinstance(detail, str) else {})}}
        case {"type": "input_file"} if isinstance(part, Mapping):
            inner = {name: part[name] for name in ("file_id", "file_data", "filename") if isinstance(part.get(name), str)}
            if "file_id" in inner or "file_data" in inner:
                return {"type": "file", "file": inner}
        case {"type": "input_audio", "input_audio": Mapping() as inner}:
            return {"type": "input_audio", "input_audio": dict(inner)}
    kind = str(part.get("type")) if isinstance(part, Mapping) else type(part).__name__
    lost.append(Lost("unknown_part", f"item {number} has a part of the type {kind}, which Chat Completions do not have"))
    return {"type": "text", "text": f"[{kind}]"}


def _output(number: int, output: object, lost: list[Lost]) -> Any:
    """Give what a tool gave: texts as they are, and for what is none its name."""
    if not isinstance(output, list):
        return output if isinstance(output, str) else ""
    parts = [_part(number, part, lost) for part in output]
    lost += [
        Lost("tool_media", f"item {number}, what a tool gave, has a part of the type {part['type']}, which has no place there")
        for part in parts
        if part["type"] != "text"
    ]
    return [part if part["type"] == "text" else {"type": "text", "text": f"[{part['type']}]"} for part in parts]
