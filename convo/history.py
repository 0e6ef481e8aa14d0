"""An immutable run of messages, in the order of their positions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import attrs

from convo.forms import as_chat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from convo.audio.value import Audio
    from convo.messages import Message


def last_turns(messages: Sequence[Message], count: int | None) -> int:
    """Give the position at which the last `count` turns begin: 0 for all of them, past the end for none."""
    if count is None or not messages:
        return 0
    if count == 0:
        return messages[-1].position + 1
    for index in range(len(messages) - 1, 0, -1):
        if messages[index].role == "user" and messages[index - 1].role != "user":
            count -= 1
            if count == 0:
                return messages[index].position
    return 0


def block_of_turns(messages: Sequence[Message], count: int | None, *, before: int = 0) -> int:
    """Give the position from which the last turns are kept, `count` of them and up to as many again: 0 for all.

    It moves in blocks of `count` turns of two messages: for about so many turns it stays where it is, so that a request
    goes on as the one before began. The last `before` turns are not counted.
    """
    if not count:
        return last_turns(messages, count)
    begin = last_turns(messages, count + before)
    block = begin - begin % (2 * count)
    first = bisect_left(messages, block, key=lambda message: message.position)
    for index in range(max(first, 1), len(messages)):
        if messages[index].role == "user" and messages[index - 1].role != "user":
            return messages[index].position if block else 0
    return begin


@attrs.frozen
class History(Sequence["Message"]):
    """What a branch holds: iterable, sized, sliceable. `head` is the position of the last message of the branch.

    From `since` on all messages are there; before it only such as every request holds, where a part was read for one.
    """

    messages: tuple[Message, ...] = ()
    head: int = 0
    branch: UUID | None = attrs.field(default=None, eq=False)
    since: int = attrs.field(default=1, eq=False, repr=False)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: int | slice) -> Message | History:
        """Give one message by its index (not its position), or a shorter history."""
        if isinstance(index, slice):
            return History(self.messages[index], self.head, self.branch)
        return self.messages[index]

    @property
    def turns(self) -> tuple[History, ...]:
        """The turns: user messages since the last reply and everything up to the next user message."""
        runs: list[list[Message]] = []
        for message in self.messages:
            if not runs or (message.role == "user" and runs[-1][-1].role != "user"):
                runs.append([])
            runs[-1].append(message)
        return tuple(History(tuple(run), self.head, self.branch) for run in runs)

    @property
    def instructions(self) -> str | None:
        """The instructions in force at the end, or None."""
        for message in reversed(self.messages):
            if message.kind == "instructions":
                return None if message.status == "redacted" else message.text
        return None

    def to_chat(self) -> list[dict[str, Any]]:
        """Give the messages as Chat Completions writes them, instructions in their places, unknown fields kept.

        Audio, images and files are `{"$blob": digest}` where bytes were; `Conversation.to_chat()` has the bytes, and is
        what `Store.create(messages=...)` takes. `Conversation.request()` gives what an API accepts, this what was said;
        of a reply of another API, what has a place in Chat Completions.
        """
        return [as_chat(message.raw) for message in self.messages if message.kind != "summary"]

    def audio(self) -> tuple[Audio, ...]:
        """All first recordings and spoken replies of the messages, without their bytes."""
        return tuple(found for message in self.messages if (found := message.audio) is not None)
