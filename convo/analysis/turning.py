"""Turns of conversations, folded from their messages, audio and calls."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

import attrs

from convo.analysis.lines import seconds_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Rows = Sequence[Sequence[Any]]

_ANSWERED = frozenset({"done", "interrupted", "late"})
_conversation = itemgetter(0, 1)


@attrs.define
class _Turn:
    """A turn that is being folded; instants in microseconds, money in 10**-12."""

    owner: str
    conversation: Any
    turn: int
    first_position: int
    started_at: int
    shared: bool
    last_position: int = 0
    asked_at: int | None = None
    answered_at: int | None = None
    ended_at: int = 0
    first_byte_seconds: float | None = None
    messages: int = 0
    user_messages: int = 0
    assistant_messages: int = 0
    tool_messages: int = 0
    interrupted: bool = False
    user_audio_seconds: float | None = None
    assistant_audio_seconds: float | None = None
    model: str | None = None
    calls: int = 0
    failed_calls: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: int | None = None
    currency: str | None = None
    mixed: bool = False
    """Whether its costs are in several currencies."""

    def add(self, position: int, role: str, status: str, created: int, model: str | None) -> None:
        """Add a message."""
        self.last_position, self.ended_at = position, created
        self.messages += 1
        if role == "user":
            self.user_messages += 1
            if self.answered_at is None:
                self.asked_at = created
        elif role == "assistant":
            self.assistant_messages += 1
            if self.answered_at is None:
                self.answered_at = created
            self.model = model
            self.interrupted |= status == "interrupted"
        elif role == "tool":
            self.tool_messages += 1

    def hear(self, role: str, seconds: float | None) -> None:
        """Add audio."""
        if seconds is None:
            return
        if role == "user":
            self.user_audio_seconds = (self.user_audio_seconds or 0.0) + seconds
        elif role == "assistant":
            self.assistant_audio_seconds = (self.assistant_audio_seconds or 0.0) + seconds

    def bill(self, call: Mapping[str, Any]) -> None:
        """Add a call."""
        self.calls += 1
        self.failed_calls += call["status"] == "failed"
        if self.first_byte_seconds is None and call["status"] in _ANSWERED:
            (self.first_byte_seconds,) = seconds_between([call["started_at"]], [call["first_byte_at"]])
        self.input_tokens = _sum(self.input_tokens, call["input_tokens"])
        self.output_tokens = _sum(self.output_tokens, call["output_tokens"])
        if call["cost"] is None:
            return
        self.mixed |= self.currency not in (None, call["currency"])
        self.currency = None if self.mixed else call["currency"]
        self.cost = None if self.mixed else _sum(self.cost, call["cost"])


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else other + (one or 0)


def turn_columns(messages: Rows, audio: Rows, calls: Rows, call_names: Sequence[str], times: Any) -> dict[str, Sequence[Any]]:
    """Give the columns of the turns of whole conversations, of those that began within `times` (from, until; None: any)."""
    heard = _grouped(audio)
    called = _grouped(calls)
    turns: list[_Turn] = []
    for key, line in groupby(messages, _conversation):
        turns += _folded(line, heard.get(key, ()), [dict(zip(call_names, call, strict=True)) for call in called.get(key, ())])
    since, until = times
    kept = [one for one in turns if (since is None or one.started_at >= since) and (until is None or one.started_at < until)]
    names = [field.name for field in attrs.fields(_Turn)]
    found = dict(zip(names, zip(*map(attrgetter(*names), kept), strict=True) if kept else [()] * len(names), strict=True))
    return {**found, "response_seconds": _responses(kept)}


def _responses(turns: Iterable[_Turn]) -> list[float | None]:
    pairs = [(turn.asked_at, turn.answered_at) for turn in turns]
    return seconds_between((asked for asked, _ in pairs), (answered for _, answered in pairs))


def _grouped(rows: Rows) -> dict[Any, Rows]:
    return {key: list(group) for key, group in groupby(rows, _conversation)}


def _folded(line: Iterable[Sequence[Any]], audio: Rows, calls: Sequence[Mapping[str, Any]]) -> list[_Turn]:
    turns: list[_Turn] = []
    at: dict[int, tuple[Any, _Turn]] = {}
    before = None
    for owner, conversation, position, role, status, created, model, branch, shared in line:
        if role == "user" and before != "user":
            turns.append(_Turn(owner, conversation, len(turns) + 1, position, created, bool(shared)))
        before = role
        if turns:
            turns[-1].add(position, role, status, created, model)
            at[position] = branch, turns[-1]
    for (position, role), pieces in groupby(audio, itemgetter(2, 3)):
        if (known := at.get(position)) is not None:
            known[1].hear(role, _seconds(list(pieces)))
    for call in calls:
        known = at.get(_anchor(call))
        if known is not None and known[0] == call["branch"]:
            known[1].bill(call)
    return turns


def _seconds(pieces: Rows) -> float | None:
    """Give the length of the audio of a message: what came with it, or else the speech that was made of its text."""
    own = [piece[4] for piece in pieces if piece[4] is not None]
    if own:
        return float(sum(own))
    made = [piece[5] for piece in pieces if piece[5] is not None]
    return max(made) if made else None


def _anchor(call: Mapping[str, Any]) -> int:
    """Give the position of a line that a call belongs to: its reply, else what it asked, else what it had seen."""
    if call["position"] is not None:
        return int(call["position"])
    if call["asked_last"] >= call["asked_first"]:
        return int(call["asked_last"])
    return int(call["seen"] or 0)
