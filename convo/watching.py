"""What watches the work of a store: it is told what begins and ends, and changes nothing.

`Watch` is what every store has: it logs (logger `convo.calls`). `convo.telemetry` has one that makes spans and metrics too.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self

from convo.logs import note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from uuid import UUID

    from convo.steps.ending import Open
    from convo.steps.place import Place

LOGGER = logging.getLogger("convo.calls")


class Part:
    """A part of the work that has begun, for the length of a block. This one tells nobody."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The part is over."""

    def gave(self, value: Any) -> None:
        """Tell what the part gave: a `Reply`, an `Open`, or the row of a call."""


NOTHING = Part()


class Whole:
    """A part of the work that goes on between calls, as a stream does. This one tells nobody."""

    def around(self) -> Part:
        """Give the block in which something is done for it."""
        return NOTHING

    def close(self) -> None:
        """It is over; a second time does nothing."""


NO_WHOLE = Whole()


class Watch:
    """Is told what begins and ends, and logs it. It never raises."""

    def part(self, name: str, conversation: UUID | None) -> Part:
        """A part of the work begins: "send", "assemble" or "record"."""
        del name, conversation
        return NOTHING

    def whole(self, name: str, conversation: UUID) -> Whole:
        """A part of the work begins that goes on between calls: "stream"."""
        del name, conversation
        return NO_WHOLE

    def asking(self, place: Place, current: Open) -> Part:
        """The model is asked for a turn, for the first time or again after a recovery, for the length of a block."""
        if LOGGER.isEnabledFor(logging.INFO):
            self._log_asking(place, current)
        return NOTHING

    def _log_asking(self, place: Place, current: Open) -> None:
        begun, target = current.begun, current.plan.target
        ids = {"conversation": place.found.id, "exchange": begun.id, "attempt": begun.attempt}
        for step in current.recovered[current.told :]:
            note(LOGGER, logging.INFO, "the request was changed after a refusal", code=step.code, **ids)
        current.told = len(current.recovered)
        note(LOGGER, logging.DEBUG, "a model is asked", model=target.model.name, api=target.api, **ids)

    def begun(self, place: Place, current: Open) -> None:
        """An exchange has begun whose call the caller makes."""
        if LOGGER.isEnabledFor(logging.INFO):
            self._log_asking(place, current)

    def arrived(self, current: Open) -> None:
        """The first piece of a streamed answer has come."""

    def came(self, current: Open) -> None:
        """All of the answer has come, and is recorded now."""

    def ended(self, place: Place, current: Open, reply: Any, error: BaseException | None = None) -> None:
        """The exchange is over: with a reply, with an error, or with neither where it was given up. Only the first counts."""
        if not LOGGER.isEnabledFor(logging.DEBUG):
            return
        ids = {"conversation": place.found.id, "exchange": current.begun.id}
        if reply is None:
            note(LOGGER, logging.DEBUG, "an exchange ended without a reply", error=error, **ids)
        else:
            note(
                LOGGER, logging.DEBUG, "an exchange ended", position=reply.message.position, interrupted=reply.interrupted,
                input_tokens=reply.usage.input_tokens, output_tokens=reply.usage.output_tokens, **ids,
            )  # fmt: skip

    def call(self, api: str, model: str, client: Any, conversation: UUID | None) -> Part:
        """An endpoint is called for what is no turn, for the length of a block; `gave` is told the row of the call."""
        del client
        note(LOGGER, logging.DEBUG, "an endpoint is called", api=api, model=model, conversation=conversation)
        return NOTHING

    def billed(self, row: Mapping[str, Any]) -> None:
        """A call was recorded that was made by others: a response or a transcript of a Realtime session."""
        note(
            LOGGER, logging.DEBUG, "a call of a session was recorded", api=row["api"], model=row["model"],
            conversation=row["conversation"], exchange=row["id"],
        )  # fmt: skip

    def problem(self, place: Place, warning: Warning) -> None:
        """Something is wrong with a recording that is stored."""
        note(LOGGER, logging.INFO, "a recording has a problem", problem=type(warning).__name__, conversation=place.found.id)
