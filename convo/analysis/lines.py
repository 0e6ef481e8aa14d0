"""Rows of the database as the columns of a table: turns are numbered, texts and calls of tools read from bodies."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

from convo.analysis import vectors
from convo.canonical import decode, printable
from convo.content import TEXT_COLUMN
from convo.errors import IntegrityError
from convo.messages import Media, calls_of, text_of
from convo.summary import column_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Rows = Sequence[Sequence[Any]]
    Columns = Mapping[str, Sequence[Any]]

_SECOND = 1_000_000


class Before(NamedTuple):
    """What came before messages in their conversation: its turn so far, and the role of the last one."""

    turn: int
    role: str | None


NOTHING = Before(0, None)


def columns_of(names: Sequence[str], rows: Any) -> dict[str, Any]:
    """Give columns of rows, or of an Arrow table."""
    if not isinstance(rows, list | tuple):
        return dict(zip(names, vectors.columns(rows), strict=True))
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def numbered(
    owners: Sequence[str], conversations: Sequence[Any], roles: Sequence[str], before: Before
) -> tuple[list[int], Before]:
    """Give the turn of each message of lines that follow one another, and what comes before the next message of the last.

    A turn begins with a message of a user that follows none of a user. `before` is of the first conversation.
    """
    turn, last = before
    turns: list[int] = []
    owner, conversation = (owners[0], conversations[0]) if owners else (None, None)
    for whose, which, role in zip(owners, conversations, roles, strict=True):
        if which != conversation or whose != owner:
            owner, conversation, turn, last = whose, which, 0, None
        if role == "user" and last != "user":
            turn += 1
        last = role
        turns.append(turn)
    return turns, Before(turn, last)


def message_columns(names: Sequence[str], rows: Rows, beside: Mapping[str, Rows], before: Before) -> tuple[Columns, Before]:
    """Give the columns of messages, and what comes before the next; see `numbered`. Raises `IntegrityError`."""
    found = columns_of(names, rows)
    if not isinstance(rows, list | tuple) and "roles" not in beside:
        return _vector_columns(found, before)
    if not isinstance(rows, list | tuple):
        found = {name: values.to_pylist() for name, values in found.items()}
    if (whole := beside.get("roles")) is not None:
        line = columns_of((*_KEY, "role"), whole)
        turns, before = numbered(line["owner"], line["conversation"], line["role"], before)
        known = dict(zip(_keys(line), turns, strict=True))
        found["turn"] = [known.get(key) for key in _keys(found)]
        if None in found["turn"]:  # by now it is not shown any more, or erased
            there = [turn is not None for turn in found["turn"]]
            found = {name: list(compress(values, there)) for name, values in found.items()}
    else:
        found["turn"], before = numbered(found["owner"], found["conversation"], found["role"], before)
    if (within := found.pop("within", None)) is not None and not all(within):
        found = {name: list(compress(values, within)) for name, values in found.items()}
    bodies = _bodies(found["position"], found["body"])
    if (said := beside.get("transcripts")) is not None:
        found["text"] = _texts(found, bodies, _by_message(said))
    calls, answered = _calls(found["role"], bodies)
    return {**found, "tool_calls": calls, "tool_call_id": answered}, before


_KEY = ("owner", "conversation", "branch", "position")


def _keys(columns: Columns) -> Iterable[tuple[Any, ...]]:
    return zip(*(columns[name] for name in _KEY), strict=True)


def _vector_columns(found: dict[str, Any], before: Before) -> tuple[Columns, Before]:
    """Give the columns of messages that came as Arrow, but for the few that ask or answer a tool without a loop."""
    found["turn"] = vectors.turns(found["owner"], found["conversation"], found["role"], *before)
    if count := len(found["role"]):
        before = Before(found["turn"][count - 1].as_py(), found["role"][count - 1].as_py())
    if (within := found.pop("within", None)) is not None:
        found = vectors.kept(found, within)
    count, needed = len(found["body"]), vectors.places(found["body"])
    if not needed:
        none = vectors.nothing(count)
        return {**found, "tool_calls": none, "tool_call_id": none}, before
    calls: list[Any] = [None] * count
    answered: list[str | None] = [None] * count
    roles, positions, texts = (found[name].take(needed).to_pylist() for name in ("role", "position", "body"))
    for at, called, answer in zip(needed.to_pylist(), *_calls(roles, _bodies(positions, texts)), strict=True):
        calls[at], answered[at] = called, answer
    return {**found, "tool_calls": calls, "tool_call_id": answered}, before


def _bodies(positions: Sequence[int], bodies: Sequence[str | None]) -> list[Any]:
    return [None if body is None else _decoded(position, body) for position, body in zip(positions, bodies, strict=True)]


def _decoded(position: int, body: str) -> Any:
    try:
        return decode(body)
    except ValueError as error:
        raise IntegrityError(position) from error


def _texts(found: Columns, bodies: Sequence[Any], media: Mapping[Any, tuple[Media, ...]]) -> list[str]:
    keys = zip(found["owner"], found["branch"], found["position"], strict=True)
    texts = []
    for key, kind, body in zip(keys, found["kind"], bodies, strict=True):
        text = text_of(body, media.get(key, ()))
        texts.append(column_text(text, kind))
    return texts


def _by_message(rows: Rows) -> dict[Any, tuple[Media, ...]]:
    found: dict[Any, tuple[Media, ...]] = {}
    for owner, branch, position, part, kind, format_, digest, size, transcript in rows:
        piece = Media(part, kind, format_, digest, size, transcript=transcript)
        key = (owner, branch, position)
        found[key] = (*found.get(key, ()), piece)
    return found


_CALL = ("id", "name", "arguments")


def _calls(roles: Sequence[str], bodies: Sequence[Any]) -> tuple[list[Any], list[str | None]]:
    calls: list[Any] = [None] * len(bodies)
    answered: list[str | None] = [None] * len(bodies)
    for index, (role, body) in enumerate(zip(roles, bodies, strict=True)):
        if not isinstance(body, dict):
            continue
        if role == "assistant":
            asked = [
                {"id": _plain(one.id), "name": _plain(one.name), "arguments": _plain(one.arguments)} for one in calls_of(body)
            ]
            calls[index] = asked or None
        elif role == "tool" and isinstance(answer := body.get("tool_call_id"), str):
            answered[index] = _plain(answer)
    return calls, answered


def _plain(text: str) -> str:
    return printable(text, TEXT_COLUMN)


def exchange_columns(names: Sequence[str], rows: Rows) -> Columns:
    """Give the columns of calls. They took time, unless they were recorded afterwards."""
    found = columns_of(names, rows)
    if not isinstance(rows, list | tuple):
        first, last = (vectors.seconds(found["started_at"], found[name]) for name in ("first_byte_at", "finished_at"))
        return {**found, "first_byte_seconds": first, "duration_seconds": last}
    return {
        **found,
        "first_byte_seconds": seconds_between(found["started_at"], found["first_byte_at"]),
        "duration_seconds": seconds_between(found["started_at"], found["finished_at"]),
    }


def seconds_between(begins: Iterable[int | None], ends: Iterable[int | None]) -> list[float | None]:
    """Give the seconds from one instant to another, which is later; None where one is not known, or it is not later."""
    pairs = zip(begins, ends, strict=True)
    return [(end - begin) / _SECOND if begin is not None and end is not None and end > begin else None for begin, end in pairs]
