"""The JSON of a session: written from rows, and read into rows that may be written, or refused as a whole."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pybase64
import sqlalchemy as sa

from convo.canonical import decode, encode, printable
from convo.errors import ConvoError, NotASession
from convo.store import tables
from convo.store.log import END
from convo.store.sessions import SHARED, TABLES, columns_of
from convo.store.types import Id, Instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Rows = list[dict[str, Any]]

VERSION = 1
_CHOICES = {
    "kind": {"messages": ("message", "instructions", "summary"), "attachments": ("audio", "image", "file")},
    "status": {"messages": ("complete", "interrupted", "redacted")},
    "state": {"branches": (tables.SHOWN, tables.LEFT, tables.KEPT)},
}
"""Words that a column may hold."""
_JSON = {("conversation", "metadata"), ("messages", "body"), ("messages", "metadata"), ("annotations", "value")}
_DIGEST = re.compile("[0-9a-f]{64}")
_MOST = 1 << 63


def written(session: Mapping[str, Rows], blobs: Mapping[str, bytes]) -> str:
    """Give the JSON text, in ASCII."""
    rows = {name: [_out(row) for row in session[name]] for name in TABLES if name != "conversation"}
    data = {digest: pybase64.b64encode_as_string(blobs[digest]) for digest in sorted(blobs)}
    (conversation,) = session["conversation"]
    found = {"convo": "session", "version": VERSION, "conversation": _out(conversation), **rows, "blobs": data}
    return json.dumps(found, indent=1)


def _out(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


# --- reading ---------------------------------------------------------------------------------------


def read(text: str | bytes) -> tuple[dict[str, Rows], dict[str, bytes]]:
    """Give the rows of a session by table, and its bytes by their digests. Raises `NotASession`."""
    try:
        found = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise NotASession("it is no JSON") from error
    if not isinstance(found, dict) or found.get("convo") != "session":
        raise NotASession('it does not begin with "convo": "session"')
    if found.get("version") != VERSION:
        raise NotASession(f"it is of version {_shown(found.get('version'))}, and this convo reads {VERSION}")
    session = {name: _table(name, found.get(name)) for name in TABLES}
    _check_whole(session)
    return session, _bytes(found.get("blobs"))


def _refused(name: str) -> Any:
    raise ValueError(name)


def _shown(value: object) -> str:
    return repr(value)[:40]


def _table(name: str, value: object) -> Rows:
    rows = [value] if name == "conversation" else value
    if not isinstance(rows, list):
        raise NotASession(f"{name} is no list")
    known = {column.name: column for column in columns_of(name)}
    found = [_row(name, known, row) for row in rows]
    keys = [column.name for column in TABLES[name].primary_key if column.name != "owner"]
    if len({tuple(row[key] for key in keys) for row in found}) != len(found):
        raise NotASession(f"{name} has a row twice")
    return found


def _row(name: str, known: Mapping[str, sa.Column[Any]], row: object) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise NotASession(f"{name} holds what is no row")
    more = {SHARED} if name == "branches" else set()
    if unknown := sorted(set(row) - set(known) - more):
        raise NotASession(f"{name} has no column {_shown(unknown[0])}")
    if lacking := [column.name for column in known.values() if not column.nullable and row.get(column.name) is None]:
        raise NotASession(f"a row of {name} has no {lacking[0]}")
    found = {key: _value(name, known[key], value) for key, value in row.items() if key in known and value is not None}
    return {**found, SHARED: True} if name == "branches" and row.get(SHARED) is True else found


def _value(name: str, column: sa.Column[Any], value: object) -> Any:
    try:
        found = next(check for kind, check in _CHECKS if isinstance(column.type, kind))(value)
        _check_value(name, column.name, found)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError, ConvoError) as error:
        raise NotASession(f"{column.name} of {name} is {_shown(value)}") from error
    return found


def _check_value(name: str, column: str, value: Any) -> None:
    words = _CHOICES.get(column, {}).get(name)
    wrong = words is not None and value not in words
    wrong |= (name, column) in _JSON and encode(decode(value)) != value
    if wrong or (column == "digest" and not _DIGEST.fullmatch(value)):
        raise ValueError


def _text(value: Any) -> str:
    if not isinstance(value, str) or printable(value, len(value)) != value:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_MOST <= value < _MOST:
        raise ValueError
    return value


def _instant(value: Any) -> int:
    from convo.times import from_micros

    from_micros(_whole(value))
    return int(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - one error for all that is no value
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


_CHECKS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Id, UUID), (Instant, _instant), (sa.Boolean, _flag), (sa.Double, _number), (sa.Integer, _whole),
    (sa.LargeBinary, bytes.fromhex), (sa.Text, _text),
)  # fmt: skip


def _bytes(value: object) -> dict[str, bytes]:
    if not isinstance(value, dict):
        raise NotASession("blobs is no object")
    found = {}
    for digest, text in value.items():
        try:
            data = pybase64.b64decode(text, validate=True)
        except (ValueError, TypeError) as error:
            raise NotASession(f"the bytes {digest[:64]} are no base64") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise NotASession(f"the bytes {digest[:64]} are others than they should be")
        found[digest] = data
    return found


# --- what must hold between rows -------------------------------------------------------------------


def _check_whole(session: Mapping[str, Rows]) -> None:
    """Raise `NotASession` where rows do not make up a conversation."""
    (conversation,) = session["conversation"]
    id_ = conversation["id"]
    branches = {branch["id"]: branch for branch in session["branches"]}
    own = {branch for branch, row in branches.items() if not row.get(SHARED)}
    shown = [branch["id"] for branch in session["branches"] if branch["state"] == tables.SHOWN]
    _hold(all(row["conversation"] == id_ for row in branches.values()), "a branch is of another conversation")
    _hold(shown == [conversation["branch"]] and shown[0] in own, "it does not show one branch")
    _hold(all(row["state"] == tables.KEPT for row in branches.values() if row.get(SHARED)), "a shared branch is shown")
    for name in ("exchanges", "memories", "segments"):
        _hold(all(row["branch"] in own for row in session[name]), f"{name} are of a branch that it has not")
    _hold(all(row["conversation"] == id_ for row in session["exchanges"]), "a call is of another conversation")
    keys = [row["key"] for row in session["exchanges"] if "key" in row]
    _hold(len(keys) == len(set(keys)), "two calls have one key")
    there = {(row["branch"], row["position"]) for row in session["messages"]}
    _hold(all(branch in branches and position > 0 for branch, position in there), "a message is of a branch that it has not")
    _hold(
        all(position <= branches[branch]["head"] for branch, position in there), "a message stands behind the end of its branch"
    )
    for name in ("attachments", "annotations"):
        _hold(all((row["branch"], row["position"]) in there for row in session[name]), f"{name} are of a message that it has not")
    for branch in own:
        if branches[branch]["state"] != tables.KEPT:
            _check_line(branches[branch], session["segments"], set(branches), there)


def _check_line(branch: Mapping[str, Any], segments: Iterable[Mapping[str, Any]], known: set[UUID], there: set[Any]) -> None:
    """See that the line of a branch has each position from 1 to its head, once."""
    head, position = branch["head"], 0
    mine = sorted((one for one in segments if one["branch"] == branch["id"]), key=lambda one: one["first"])
    _hold(bool(mine) and mine[-1]["last"] == END and mine[-1]["source"] == branch["id"], "the line of a branch has no end")
    for segment in mine:
        last = min(segment["last"], head)
        follows = segment["first"] == position + 1 and segment["source"] in known
        _hold(follows, "the segments of a branch do not follow each other")
        _hold(last - position <= len(there), "messages are missing")
        _hold(all((segment["source"], at) in there for at in range(segment["first"], last + 1)), "messages are missing")
        position = segment["last"]
    _hold(head >= 0 and mine[-1]["first"] <= head + 1, "the line of a branch has a gap")


def _hold(holds: bool, reason: str) -> None:  # noqa: FBT001 - what holds, or does not
    if not holds:
        raise NotASession(reason)
