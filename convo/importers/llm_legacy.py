"""Conversations of `llm` before its threads: a row of `responses` for each prompt with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost, in_line
from convo.importers.reading import Unreadable, json_of, known_by, moment, notes, text_of, title_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from convo.importers.databases import ForeignDatabase
    from convo.importers.llm_attachments import Attachments

NAME = "llm"
_COLUMNS = (
    "id", "model", "resolved_model", "prompt", "system", "response", "reasoning", "options_json", "schema_id", "conversation_id",
    "duration_ms", "datetime_utc", "input_tokens", "output_tokens", "token_details",
)  # fmt: skip
_ABOUT = ("resolved_model", "reasoning", "options_json", "duration_ms", "input_tokens", "output_tokens", "token_details")
_ALONE = "response:"
"""Before the id of a response that belongs to no conversation."""


class LegacyConversations:
    """The conversations of the old tables."""

    def __init__(self, database: ForeignDatabase, attachments: Attachments) -> None:
        self._database = database
        self._attachments = attachments

    def ids(self) -> list[str]:
        """Give the ids of conversations that hold something; a response without one is one of its own."""
        rows = self._database.rows("responses", ("id", "conversation_id"), order=("datetime_utc", "id"))
        return list(dict.fromkeys(str(row["conversation_id"] or f"{_ALONE}{row['id']}") for row in rows))

    def conversation_of(self, identifier: str) -> ForeignConversation:
        """Give one of them."""
        alone = identifier.startswith(_ALONE)
        where: dict[str, Any] = {"id": identifier.removeprefix(_ALONE)} if alone else {"conversation_id": identifier}
        rows = self._database.rows("responses", _COLUMNS, order=("datetime_utc", "id"), **where)
        named = [] if alone else self._database.rows("conversations", ("name",), id=identifier)
        lost: list[Lost] = []
        messages: list[ForeignMessage] = []
        system: str | None = None
        for row in rows:
            said = self._joined(row, "system", lost)
            if said and said != system:
                messages.append(_message(row, "system", content=[said], kind="instructions", role="system"))
                system = said
            messages += self._turn(row, lost)
        messages = in_line(messages)
        metadata, _ = notes(NAME, identifier, {})
        return ForeignConversation(
            id=known_by(identifier), messages=messages, tip=messages[-1].id if messages else None,
            title=title_of(named[0]["name"]) if named else None,
            created=moment(rows[0]["datetime_utc"]) if rows else None, metadata={"source": NAME, **metadata}, lost=lost,
        )  # fmt: skip

    def _turn(self, row: Mapping[str, Any], lost: list[Lost]) -> Iterator[ForeignMessage]:
        """Give the messages of a response: results of the calls before it, the prompt, the answer."""
        for place, result in enumerate(self._of("tool_results", row, "id", "name", "output", "tool_call_id", "exception")):
            call = str(result["tool_call_id"] or f"call_{place}")
            body = {"role": "tool", "tool_call_id": call, "content": str(result["output"] or result["exception"] or "")}
            beside = [
                one.beside
                for one in self._attached("tool_results_attachments", "tool_result_id", result["id"], lost)
                if one.beside
            ]
            yield _message(row, f"result-{result['id']}", content=[body], role="tool", beside=beside)
        attached = self._attached("prompt_attachments", "response_id", row["id"], lost)
        content: list[object] = [text] if (text := self._joined(row, "prompt", lost)) else []
        content += [one.part for one in attached if one.part is not None]
        beside = [one.beside for one in attached if one.part is None and one.beside is not None]
        if content or beside:
            yield _message(row, "prompt", content=content or ["[file]"], beside=beside)
        yield self._answer(row)

    def _answer(self, row: Mapping[str, Any]) -> ForeignMessage:
        body: dict[str, Any] = {"role": "assistant", "content": text_of(row["response"])}
        calls = [
            {
                "id": str(call["tool_call_id"] or f"call_{place}"),
                "type": "function",
                "function": {"name": str(call["name"]), "arguments": str(call["arguments"] or "{}")},
            }
            for place, call in enumerate(self._of("tool_calls", row, "id", "name", "arguments", "tool_call_id"))
        ]
        if calls:
            body["tool_calls"] = calls
        schema = self._database.rows("schemas", ("content",), id=row["schema_id"]) if row["schema_id"] else []
        rest = {**{name: row[name] for name in _ABOUT}, "schema": _parsed(schema[0]["content"]) if schema else None}
        return _message(row, "response", rest=rest, content=[body], role="assistant", model=row["model"])

    def _of(self, table: str, row: Mapping[str, Any], *columns: str) -> Sequence[Mapping[str, Any]]:
        return self._database.rows(table, columns, order=("id",), response_id=row["id"]) if self._database.has(table) else []

    def _joined(self, row: Mapping[str, Any], name: str, lost: list[Lost]) -> str:
        """Give a prompt as it was sent: fragments first, then what was typed."""
        table = f"{name}_fragments"
        used = (
            self._database.rows(table, ("fragment_id",), order=("order",), response_id=row["id"])
            if self._database.has(table)
            else []
        )
        texts = []
        for one in used:
            found = self._database.rows("fragments", ("content",), id=one["fragment_id"])
            if not found:
                lost.append(Lost("missing_fragment", f"the fragment {one['fragment_id']} is not in the database"))
            texts += [str(fragment["content"]) for fragment in found]
        return "\n".join(text for text in (*texts, row[name]) if text)

    def _attached(self, table: str, column: str, identifier: object, lost: list[Lost]) -> list[Any]:
        if not self._database.has(table):
            return []
        where: dict[str, Any] = {column: identifier}
        rows = self._database.rows(table, ("attachment_id",), order=("order",), **where)
        return [one for row in rows if (one := self._attachments.get(row["attachment_id"], lost)) is not None]


def _message(row: Mapping[str, Any], what: str, rest: Mapping[str, Any] | None = None, **facts: Any) -> ForeignMessage:
    identifier = f"{row['id']}.{what}"
    metadata, _ = notes(NAME, identifier, without_nothing(rest or {}))
    return ForeignMessage(identifier, created=moment(row["datetime_utc"]), metadata=metadata, **facts)


def _parsed(text: object) -> Any:
    try:
        return json_of(text) if isinstance(text, str) else None
    except Unreadable:
        return text
