"""`logs.db` of the program `llm`: threads of messages that are known by what they say, and the tables before those.

    threads(id, name, tip_message_hash)   messages(hash, parent_hash, role)   parts(message_hash, position, type, text, payload)
    turns(thread_id, parent_message_hash, tip_message_hash, model, datetime_utc ...)      since llm 0.32
    conversations(id, name, model)        responses(conversation_id, prompt, system, response ...)     before it

A conversation of the old tables that was gone on with is a thread of the same id, which holds all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import encode
from convo.errors import NotImportable
from convo.importers.databases import ForeignDatabase
from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost, Skipped
from convo.importers.llm_attachments import Attached, Attachments
from convo.importers.llm_legacy import LegacyConversations
from convo.importers.reading import Unreadable, is_too_deep, json_of, known_by, moment, notes, title_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = "llm"
_NEW = ("threads", "turns", "messages", "parts")
_OLD = ("conversations", "responses")
_TURN = (
    "id", "thread_id", "parent_message_hash", "tip_message_hash", "model", "resolved_model", "options_json", "schema_id",
    "input_tokens", "output_tokens", "token_details", "duration_ms", "datetime_utc",
)  # fmt: skip
_ABOUT = _TURN[5:12]


class Logs:
    """A `logs.db`, opened. `done` of `total` conversations are read."""

    def __init__(self, place: object) -> None:
        """Open it. Raises `NotImportable`."""
        self.done = 0
        self._database = ForeignDatabase(place, NAME)
        try:
            self._look()
        except BaseException:
            self.close()
            raise
        self.total = len(self._threads) + len(self._older)

    def _look(self) -> None:
        """See what there is. Raises `NotImportable` where there are no tables of `llm`."""
        database = self._database
        new, old = database.has(*_NEW), database.has(*_OLD)
        if not new and not old:
            reason = f"{database.place} has neither the tables of llm's threads nor those of its conversations"
            raise NotImportable(NAME, reason, "pass the file that `llm logs path` names, brought up to date by `llm logs`")
        columns = ("id", "name", "tip_message_hash", "forked_from", "datetime_utc")
        self._threads = database.rows("threads", columns, order=("id",)) if new else []
        self._attachments = Attachments(database)
        self._legacy = LegacyConversations(database, self._attachments)
        known = {thread["id"] for thread in self._threads}
        self._older = [one for one in self._legacy.ids() if one not in known] if old else []

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read the conversations: those of the old tables, then threads."""
        for identifier in self._older:
            self.done += 1
            yield self._legacy.conversation_of(identifier)
        for thread in self._threads:
            self.done += 1
            try:
                yield self._thread(thread)
            except Unreadable as error:
                yield Skipped(known_by(thread["id"]), Lost("conversation", str(error)))

    # --- threads -----------------------------------------------------------------------------------

    def _thread(self, thread: Mapping[str, Any]) -> ForeignConversation:
        """Give the conversation of a thread: its line, and those of turns that it has left."""
        turns = self._database.rows("turns", _TURN, order=("datetime_utc", "id"), thread_id=thread["id"])
        tips = [thread["tip_message_hash"], *(turn["tip_message_hash"] for turn in turns)]
        rows = self._lines([tip for tip in tips if tip])
        about = _turns_of(rows, turns)
        reader = _Reader(self._database, self._attachments, about)
        messages = [message for row in rows.values() for message in reader.messages(row)]
        metadata, _ = notes(NAME, str(thread["id"]), without_nothing({"forked_from": thread["forked_from"]}))
        return ForeignConversation(
            id=known_by(thread["id"]),
            messages=messages,
            tip=reader.ends.get(thread["tip_message_hash"]),
            title=title_of(thread["name"]),
            created=moment(thread["datetime_utc"]),
            metadata={"source": NAME, **metadata},
            lost=reader.lost,
        )

    def _lines(self, tips: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Give the messages from the first to each tip, by their hashes, each behind its parent. Raises `Unreadable`."""
        found: dict[str, Mapping[str, Any]] = {}
        for tip in tips:
            line: dict[str, Mapping[str, Any]] = {}
            hash_: str | None = tip
            while hash_ is not None and hash_ not in found:
                rows = self._database.rows("messages", ("hash", "parent_hash", "role", "provider_metadata"), hash=hash_)
                if not rows or hash_ in line:
                    raise Unreadable(f"its message {hash_} is {'its own parent' if rows else 'missing'}")
                line[hash_] = rows[0]
                hash_ = rows[0]["parent_hash"]
            found |= dict(reversed(line.items()))
        return found


def _turns_of(rows: Mapping[str, Mapping[str, Any]], turns: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Give the turn in which each message came first."""
    found: dict[str, Mapping[str, Any]] = {}
    for turn in turns:
        hash_ = turn["tip_message_hash"]
        while hash_ in rows and hash_ not in found:
            found[hash_] = turn
            hash_ = rows[hash_]["parent_hash"]
    return found


class _Reader:
    """Makes messages of rows. `ends` gives, by hash, the last of the messages that a row became."""

    def __init__(self, database: ForeignDatabase, attachments: Attachments, turns: Mapping[str, Mapping[str, Any]]) -> None:
        self._database = database
        self._attachments = attachments
        self._turns = turns
        self._instructions: set[str] = set()
        self.ends: dict[str, str | None] = {}
        self.lost: list[Lost] = []

    def messages(self, row: Mapping[str, Any]) -> list[ForeignMessage]:
        """Give the messages of a row; one of results is one for each. What says nothing is none."""
        hash_, role = row["hash"], row["role"]
        parts = self._parts(hash_)
        found: list[dict[str, Any]] = []
        if role == "tool":
            found = [self._result(part, row) for part in parts if part["type"] == "tool_result"]
        elif role == "system":
            text = _texts(parts)
            found = [{"role": "system", "content": [text], "kind": "instructions"}] if text else []
        elif role == "assistant":
            found = [self._reply(parts, row)]
        else:
            content, beside = self._said(parts)
            found = [{"role": "user", "content": content, "beside": beside}] if content else []
        return self._known(row, parts, [one for one in found if one])

    def _known(
        self, row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], found: Sequence[dict[str, Any]]
    ) -> list[ForeignMessage]:
        """Give messages their ids, parents and facts."""
        hash_ = str(row["hash"])
        turn = self._turns.get(hash_, {})
        before = self.ends.get(row["parent_hash"])
        made: list[ForeignMessage] = []
        for place, one in enumerate(found, 1):
            identifier = hash_ if place == len(found) else f"{hash_}.{place}"
            last = place == len(found)
            answered = turn.get("tip_message_hash") == hash_ and last
            rest = {name: turn.get(name) for name in _ABOUT} if answered else {}
            metadata, dropped = notes(NAME, identifier, without_nothing({**rest, **_unsaid(row, parts)}))
            self.lost += [Lost("metadata", f"{name} of message {identifier} is too large to be kept") for name in dropped]
            made.append(
                ForeignMessage(
                    id=identifier,
                    parent=before,
                    model=turn.get("model") if row["role"] == "assistant" else None,
                    created=moment(turn.get("datetime_utc")),
                    metadata=metadata,
                    **one,
                )
            )
            before = identifier
        self.ends[hash_] = before
        return made

    def _reply(self, parts: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
        calls = [part for part in parts if part["type"] == "tool_call" and not part.get("server_executed")]
        body: dict[str, Any] = {"role": "assistant", "content": _texts(parts) or None}
        if calls:
            body["tool_calls"] = [
                {
                    "id": str(call.get("tool_call_id") or f"call_{str(row['hash'])[-16:]}_{place}"),
                    "type": "function",
                    "function": {"name": str(call.get("name")), "arguments": encode(call.get("arguments") or {}).lstrip()},
                }
                for place, call in enumerate(calls)
            ]
        attached = [attached for part in parts if (attached := self._attached(part))]
        beside = [one.beside for one in attached if one.beside is not None]
        return {"role": "assistant", "content": [body], "beside": beside}

    def _result(self, part: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
        call = part.get("tool_call_id") or f"call_{str(row['parent_hash'])[-16:]}_{part['place']}"
        body = {"role": "tool", "tool_call_id": str(call), "content": str(part.get("output") or part.get("exception") or "")}
        beside = []
        for reference in part.get("attachments") or []:
            attached = self._attachments.get(reference.get("id"), self.lost)
            if attached is not None and attached.beside is not None:
                beside.append(attached.beside)
        return {"role": "tool", "content": [body], "beside": beside}

    def _said(self, parts: Sequence[Mapping[str, Any]]) -> tuple[list[object], list[Any]]:
        """Give what a user says, and the bytes that have no place in it."""
        content: list[object] = []
        beside = []
        for part in parts:
            attached = self._attached(part)
            if part["type"] == "text" and part.get("text"):
                content.append(part["text"])
            elif attached is not None and attached.part is not None:
                content.append(attached.part)
            elif attached is not None and attached.beside is not None:
                beside.append(attached.beside)
        return content or (["[file]"] if beside else []), beside

    def _attached(self, part: Mapping[str, Any]) -> Attached | None:
        if part["type"] != "attachment":
            return None
        return self._attachments.get((part.get("attachment") or {}).get("id"), self.lost)

    def _parts(self, hash_: str) -> list[dict[str, Any]]:
        """Give the parts of a message, references to fragments resolved. Raises `Unreadable`."""
        rows = self._database.rows("parts", ("position", "type", "text", "payload"), order=("position",), message_hash=hash_)
        found = []
        for place, row in enumerate(rows):
            payload = json_of(row["payload"]) if row["payload"] else {}
            if is_too_deep(payload):
                raise Unreadable(f"a part of its message {hash_} is nested too deeply")
            part = {**(payload if isinstance(payload, dict) else {}), "type": row["type"], "place": place}
            _check_references(part, hash_)
            if row["text"] is not None:
                part["text"] = row["text"]
            if isinstance(pieces := part.pop("text_ref", None), list):
                part["text"] = "".join(self._piece(piece) for piece in pieces)
            found.append(part)
        return found

    def _piece(self, piece: Mapping[str, Any]) -> str:
        if "literal" in piece:
            return str(piece["literal"])
        rows = self._database.rows("fragments", ("content",), id=piece.get("fragment"))
        if not rows:
            self.lost.append(Lost("missing_fragment", f"the fragment {piece.get('fragment')} is not in the database"))
        return str(rows[0]["content"]) if rows else ""


def _check_references(part: Mapping[str, Any], hash_: str) -> None:
    """Raise `Unreadable` for a part whose attachments, or whose pieces of text, are no objects."""
    given = [part.get("attachments") or [], [part["attachment"]] if part.get("attachment") else [], part.get("text_ref") or []]
    if not all(isinstance(some, list) and all(isinstance(one, dict) for one in some) for some in given):
        raise Unreadable(f"a part of its message {hash_} refers to what is no attachment, or no text")


def _texts(parts: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(part["text"]) for part in parts if part["type"] == "text" and part.get("text"))


def _unsaid(row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give what has no place in a message: reasoning, what the provider did and told."""
    kept = [
        {key: value for key, value in part.items() if key != "place"}
        for part in parts
        if part["type"] == "reasoning" or part.get("server_executed") or part.get("provider_metadata") or part.get("exception")
    ]
    try:
        told = json_of(row["provider_metadata"]) if row["provider_metadata"] else None
    except Unreadable:
        told = None
    return {"parts": kept, "provider_metadata": told}
