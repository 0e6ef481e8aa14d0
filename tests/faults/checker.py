"""The history checker: what writers were told, and what readers saw, against what the log may be.

Writers and readers run in processes of their own and append lines of JSON to a file each, flushed before they go on, so that
what was acknowledged to a process that was killed is known. The laws: every acknowledged turn is in the log once, whole and in
place; every read extends every earlier read; positions are 1, 2, 3 ... without gaps; of a turn that was never acknowledged, all
is there or nothing (its question may stand alone: it enters the log before the call).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Entry = tuple[int, str, str]
"""Position, role, and text of a message."""


@attrs.frozen
class Acknowledged:
    """A turn that was acknowledged: its key, what was asked, what was answered, and where the reply stands."""

    key: str
    asked: str
    answered: str
    position: int


@attrs.frozen
class Found:
    """What the checker counted; `problems` is empty, or the promise is broken."""

    acknowledged: int
    present: int
    unacknowledged: int
    problems: tuple[str, ...]


class Diary:
    """A file to which one process appends what it was told, so that it survives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def acknowledged(self, turn: Acknowledged) -> None:
        """Write down a turn that the store acknowledged."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(json.dumps(attrs.asdict(turn)) + "\n")


def acknowledged_in(path: Path) -> list[Acknowledged]:
    """Read a diary; a last line that was cut by a kill was not written down, and so not acknowledged."""
    lines = path.read_text(encoding="ascii").split("\n")[:-1] if path.exists() else []
    return [Acknowledged(**json.loads(line)) for line in lines]


def entries(messages: Iterable[Any]) -> list[Entry]:
    """Give messages of a `convo.History` as the checker takes them."""
    return [(message.position, message.role, message.text) for message in messages]


def check(
    log: Sequence[Entry], acknowledged: Iterable[Acknowledged], *, reads: Iterable[Sequence[Entry]] = (),
    replies: Mapping[str, str] | None = None,
) -> Found:  # fmt: skip
    """Hold a log against what was acknowledged and seen.

    `replies` gives for the text of each question that any writer may have asked the text of its only reply, where replies tell
    which question they answer: then a turn that nobody was told of is checked, too.
    """
    turns = list(acknowledged)
    problems = [*_gaps(log), *_not_in_place(log, turns), *_twice(log), *_not_extended(log, reads)]
    if replies is not None:
        problems += _strangers(log, replies)
    answers = sum(role == "assistant" for _, role, _ in log)
    return Found(len(turns), len(turns) - sum("lost" in one for one in problems), answers - len(turns), tuple(problems))


def _gaps(log: Sequence[Entry]) -> list[str]:
    return [f"position {found} stands where {due} is due" for due, (found, _, _) in enumerate(log, 1) if found != due]


def _not_in_place(log: Sequence[Entry], turns: Sequence[Acknowledged]) -> list[str]:
    by_position = {position: (role, text) for position, role, text in log}
    asked = {text: position for position, role, text in log if role == "user"}
    problems = []
    for turn in turns:
        if by_position.get(turn.position) != ("assistant", turn.answered):
            problems.append(f"lost: the reply of {turn.key} is not at {turn.position}")
        elif asked.get(turn.asked, turn.position) >= turn.position:
            problems.append(f"lost: the question of {turn.key} does not stand before its reply")
    return problems


def _twice(log: Sequence[Entry]) -> list[str]:
    counts = Counter((role, text) for _, role, text in log)
    return [f"{number} times in the log: {role} {text!r}" for (role, text), number in counts.items() if number > 1]


def _not_extended(log: Sequence[Entry], reads: Iterable[Sequence[Entry]]) -> list[str]:
    whole = list(log)
    return [
        f"read {number} of {len(read)} messages is no beginning of the log"
        for number, read in enumerate(reads)
        if list(read) != whole[: len(read)]
    ]


def _strangers(log: Sequence[Entry], replies: Mapping[str, str]) -> list[str]:
    asked = {text for _, role, text in log if role == "user"}
    answered = {text for _, role, text in log if role == "assistant"}
    strange = [f"nobody asked {text!r}" for text in asked if text not in replies]
    known = {replies[text] for text in asked if text in replies}
    return strange + [f"half a turn: the reply {text!r} stands without its question" for text in answered - known]
