"""What an import did: counts, and what could not be carried, told by kind. Pure."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class NotCarried:
    """What could not be carried over, of one kind: how often, and the first of them, by its conversation and the reason."""

    kind: str
    count: int
    conversation: str
    reason: str


@attrs.frozen
class Imported:
    """What an import did.

    Of the `conversations` that the source holds, `created` are new, `grown` have got messages that they did not have, and
    `skipped` could not be read or stored; all others were there already. `messages` and `branches` are those that were added.
    """

    format: str
    conversations: int = 0
    created: int = 0
    grown: int = 0
    skipped: int = 0
    messages: int = 0
    branches: int = 0
    not_carried: tuple[NotCarried, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return attrs.asdict(self)


class Tally:
    """Counts what an import does, as it goes."""

    def __init__(self, format: str) -> None:  # noqa: A002 - the word of the call
        self.done = Imported(format)
        self._lost: dict[str, NotCarried] = {}

    def count(self, **more: int) -> None:
        """Add to counts of `Imported`."""
        self.done = attrs.evolve(self.done, **{name: getattr(self.done, name) + value for name, value in more.items()})

    def lose(self, conversation: str, kind: str, reason: str) -> None:
        """Note what could not be carried."""
        known = self._lost.get(kind)
        self._lost[kind] = attrs.evolve(known, count=known.count + 1) if known else NotCarried(kind, 1, conversation, reason)

    def result(self) -> Imported:
        """Give what was done so far."""
        return attrs.evolve(self.done, not_carried=tuple(self._lost.values()))
