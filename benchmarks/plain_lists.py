"""What people write without a library: the messages of a request from a list of turns. None of convo is used here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.biller import REPLY_RATE, tokens
from benchmarks.talk import INSTRUCTIONS, REPLY_SECONDS, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    Message = dict[str, Any]
    Way = Callable[[int, bool], list[Message]]
    """Gives the messages of the request that asks a question, by its number, aloud or in writing."""

USUAL = 20


def everything(number: int, aloud: bool) -> list[Message]:  # noqa: FBT001 - one of several ways, called by position
    """Every id while it is valid, all recordings: each reply turns into text when its own hour is over."""
    now = Turn(number).at
    return _log(number, aloud=aloud, refers=lambda turn: turn.valid(now))


def append_only(number: int, aloud: bool) -> list[Message]:  # noqa: FBT001
    """What a cache could do at best: nothing that was sent ever changes. No API allows it: ids would have to live for ever."""
    return _log(number, aloud=aloud, refers=lambda _: True)


def usual_window(number: int, aloud: bool) -> list[Message]:  # noqa: FBT001
    """The instructions and the last 20 messages."""
    lead, *rest = everything(number, aloud)
    return [lead, *rest[-USUAL:]]


def sliding(budget: int) -> Way:
    """Give the way that sends everything that fits into a budget of tokens, and drops message by message what does not."""

    def way(number: int, aloud: bool) -> list[Message]:  # noqa: FBT001
        lead, *rest = everything(number, aloud)
        left = budget - _cost(lead)
        for index in range(len(rest) - 1, -1, -1):
            left -= _cost(rest[index])
            if left < 0:
                return [lead, *rest[index + 1 :]]
        return [lead, *rest]

    return way


def _log(number: int, *, aloud: bool, refers: Callable[[Turn], bool]) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": INSTRUCTIONS}]
    for turn in map(Turn, range(number)):
        messages += turn.asked(aloud=aloud), turn.answered(refers=aloud and refers(turn))
    return [*messages, Turn(number).asked(aloud=aloud)]


class _EveryReply(dict[str, int]):
    """What the audio of any id costs: all replies are as long."""

    def __missing__(self, audio_id: str) -> int:
        return REPLY_SECONDS * REPLY_RATE


def _cost(message: Message) -> int:
    return tokens(message, _EveryReply()).total
