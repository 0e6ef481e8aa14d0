"""A conversation as rows, whole, and rows as a conversation again: what a session file holds.

Rows go out as the columns have them, ids and instants in their Python form, without what is made of other columns: the owner,
the hash of a body, and the text that queries look at. A branch of another conversation, of which this one is a fork, goes with
it as far as it is shown, as one that is kept for its rows, whether that conversation is still there or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.canonical import decode, digest, encode
from convo.errors import ConflictError, ConversationNotFound, KeyTaken
from convo.messages import Media, text_of
from convo.store import conversations, tables
from convo.store.sealed import keyring_of, run, seal_row
from convo.store.spans import in_schema
from convo.summary import column_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.store.conversations import Found

    Rows = list[dict[str, Any]]

_B, _S = tables.branch.c, tables.segment.c
TABLES: Mapping[str, sa.Table] = {
    "conversation": tables.conversation, "branches": tables.branch, "segments": tables.segment, "messages": tables.message,
    "attachments": tables.attachment, "annotations": tables.annotation, "exchanges": tables.exchange, "memories": tables.memory,
}  # fmt: skip
"""What a session holds, in the order in which rows refer to each other; a conversation is one row."""
DERIVED = {"messages": ("hash", "text")}
SHARED = "shared"
"""The column, beside those of its table, of a branch that is another conversation's."""
_ELSEWHERE = "import the session for another owner"
BATCH = 500
_SOME = 400
"""Values that one statement compares with."""


def columns_of(name: str) -> list[sa.Column[Any]]:
    """Give the columns of a table that stand in a session."""
    left_out = ("owner", *DERIVED.get(name, ()))
    return [column for column in TABLES[name].columns if column.name not in left_out]


# --- out -------------------------------------------------------------------------------------------


def taken(connection: Connection, owner: str, conversation: UUID) -> dict[str, Rows]:
    """Give the rows of a conversation by table, nulls left out. Raises `ConversationNotFound`."""
    found: dict[str, Rows] = {"conversation": _rows(connection, "conversation", owner, "id", [conversation])}
    if not found["conversation"] or found["conversation"][0]["branch"] == tables.NOWHERE:
        raise ConversationNotFound(conversation)
    if found["conversation"][0].get("metadata") == encode({}):
        del found["conversation"][0]["metadata"]
    held = _rows(connection, "branches", owner, "conversation", [conversation])
    own = [branch for branch in held if branch["state"] != tables.KEPT]
    ids = [branch["id"] for branch in own]
    found["segments"] = _rows(connection, "segments", owner, "branch", ids)
    shared = _shared(connection, owner, conversation, found["segments"], set(ids))
    found["branches"] = [*own, *shared]
    ends = {branch["id"]: branch["head"] for branch in shared}
    for name in ("messages", "attachments", "annotations"):
        rows = _rows(connection, name, owner, "branch", [*ids, *ends])
        found[name] = [row for row in rows if row["branch"] not in ends or row["position"] <= ends[row["branch"]]]
    found["exchanges"] = _rows(connection, "exchanges", owner, "branch", ids)
    found["memories"] = _rows(connection, "memories", owner, "branch", ids)
    return found


def _shared(connection: Connection, owner: str, conversation: UUID, segments: Rows, own: set[UUID]) -> Rows:
    """Give the branches of others as far as the lines of this conversation show them."""
    ends: dict[UUID, int] = {}
    for segment in segments:
        if segment["source"] not in own:
            ends[segment["source"]] = max(ends.get(segment["source"], 0), segment["last"])
    rows = _rows(connection, "branches", owner, "id", list(ends))
    kept = ("id", "created_at", "parent", "forked_at")
    more = {"conversation": conversation, "state": tables.KEPT, "attempt": 0, SHARED: True}
    return [{**{name: row[name] for name in kept if name in row}, "head": ends[row["id"]], **more} for row in rows]


def _rows(connection: Connection, name: str, owner: str, column: str, values: Sequence[Any]) -> Rows:
    """Give the rows of a table in the order of its key."""
    table, columns = TABLES[name], columns_of(name)
    found: Rows = []
    for start in range(0, len(values), _SOME):
        some = values[start : start + _SOME]
        statement = sa.select(*columns).where(table.c.owner == owner, table.c[column].in_(some)).order_by(*table.primary_key)
        for row in run(connection, statement):
            pairs = zip(columns, row, strict=True)
            found.append({one.name: value for one, value in pairs if value is not None})
    return found


# --- in --------------------------------------------------------------------------------------------


def restored(connection: Connection, owner: str, session: Mapping[str, Rows]) -> Found:
    """Write the rows of a session, which were checked; where the conversation is there already, it stays as it is.

    Raises `ConflictError` where it is another one, or where a branch of it is part of another one, and `KeyTaken`.
    """
    (conversation,) = session["conversation"]
    id_, key = conversation["id"], conversation.get("key")
    # A write comes first, so that nobody else does the same meanwhile.
    _lock(connection, owner, id_)
    if conversations.exists(connection, owner, id_):
        _check_same(connection, owner, id_, session)
        return conversations.get(connection, owner, id_=id_)
    if key is not None and conversations.has_key(connection, owner, key):
        raise KeyTaken("key", key)
    _write(connection, "conversation", owner, [_with_notes(connection, conversation)])
    branches, messages = _there(connection, owner, session)
    new = [branch for branch in session["branches"] if branch["id"] not in branches]
    _write(connection, "branches", owner, [{name: v for name, v in branch.items() if name != SHARED} for branch in new])
    _write(connection, "segments", owner, session["segments"])
    texts = _transcripts(session["attachments"])
    for name in ("messages", "attachments", "annotations"):
        rows = [row for row in session[name] if (row["branch"], row["position"]) not in messages]
        _write(connection, name, owner, [_with_derived(row, texts) for row in rows] if name == "messages" else rows)
    _write(connection, "exchanges", owner, session["exchanges"])
    _write(connection, "memories", owner, session["memories"])
    return conversations.get(connection, owner, id_=id_)


def _lock(connection: Connection, owner: str, id_: UUID) -> None:
    statement = sa.update(tables.conversation).values(hold=tables.conversation.c.hold)
    where = (tables.conversation.c.owner == owner, tables.conversation.c.id == id_)
    connection.execute(statement.where(*where), execution_options=in_schema(connection))


def _with_notes(connection: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a conversation with metadata, even if they say nothing, where content is sealed; see `conversations`."""
    return {"metadata": encode({}), **row} if keyring_of(connection).seals else dict(row)


def _check_same(connection: Connection, owner: str, id_: UUID, session: Mapping[str, Rows]) -> None:
    known = {(row["branch"], row["position"]): row["body"] for row in taken(connection, owner, id_)["messages"]}
    if any(known.get((row["branch"], row["position"])) != row["body"] for row in session["messages"]):
        reason = f"conversation {id_} is there already, and holds other messages than the session; delete it, or keep it"
        raise ConflictError(reason)


def _there(connection: Connection, owner: str, session: Mapping[str, Rows]) -> tuple[set[UUID], set[tuple[UUID, int]]]:
    """Give the branches and messages that are there already: of a conversation that it is a fork of, or that is a fork of it.

    Raises `ConflictError` where they are others.
    """
    branches = {branch["id"]: branch for branch in session["branches"]}
    there = {row["id"]: row for row in _rows(connection, "branches", owner, "id", list(branches))}
    rows = _rows(connection, "messages", owner, "branch", list(there))
    known = {(row["branch"], row["position"]): row["body"] for row in rows}
    whole = {id_ for id_, row in there.items() if branches[id_].get(SHARED) and row["state"] != tables.KEPT}
    for row in session["messages"]:
        lacks = None if row["branch"] in whole else row["body"]
        if known.get((row["branch"], row["position"]), lacks) != row["body"]:
            reason = f"branch {row['branch']} is part of another conversation, with other messages; {_ELSEWHERE}"
            raise ConflictError(reason)
    for id_, row in there.items():
        if not branches[id_].get(SHARED):
            last = max((position for branch, position in known if branch == id_), default=0)
            _take_back(connection, owner, row, branches[id_], last)
        elif id_ not in whole and branches[id_]["head"] > row["head"]:
            _change(connection, owner, id_, {"head": branches[id_]["head"]})
    return set(there), set(known)


def _take_back(connection: Connection, owner: str, row: Mapping[str, Any], branch: Mapping[str, Any], last: int) -> None:
    """Give a branch, of which the messages up to `last` are there, back to the conversation that it was handed over from."""
    if row["state"] != tables.KEPT:
        reason = f"branch {row['id']} belongs to conversation {row['conversation']}, which shows it; {_ELSEWHERE}"
        raise ConflictError(reason)
    if last > branch["head"]:
        reason = (
            f"the session is older than a fork of it that is there, which shows branch {row['id']} up to {last}; {_ELSEWHERE}"
        )
        raise ConflictError(reason)
    _change(connection, owner, row["id"], {one.name: branch.get(one.name) for one in columns_of("branches") if one.name != "id"})


def _change(connection: Connection, owner: str, id_: UUID, values: Mapping[str, Any]) -> None:
    statement = sa.update(tables.branch).where(_B.owner == owner, _B.id == id_).values(values)
    connection.execute(statement, execution_options=in_schema(connection))


def _transcripts(attachments: Iterable[Mapping[str, Any]]) -> dict[Any, tuple[Media, ...]]:
    found: dict[Any, tuple[Media, ...]] = {}
    for row in attachments:
        key = (row["branch"], row["position"])
        piece = Media(row["part"], row["kind"], row.get("format"), row["digest"], row["size"], transcript=row.get("transcript"))
        found[key] = (*found.get(key, ()), piece)
    return found


def _with_derived(row: Mapping[str, Any], media: Mapping[Any, tuple[Media, ...]]) -> dict[str, Any]:
    """Give a message with what is derived of it."""
    text = text_of(decode(row["body"]), media.get((row["branch"], row["position"]), ()))
    return {**row, "hash": digest(row["body"]), "text": column_text(text, row["kind"])}


def _write(connection: Connection, name: str, owner: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, sealed where the store seals."""
    table = TABLES[name]
    names = [column.name for column in table.columns]
    for start in range(0, len(rows), BATCH):
        some = [{**dict.fromkeys(names), **row, "owner": owner} for row in rows[start : start + BATCH]]
        sealed = [seal_row(connection, table, row) for row in some]
        connection.execute(sa.insert(table), sealed, execution_options=in_schema(connection))
