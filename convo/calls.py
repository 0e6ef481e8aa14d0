"""What is known of one call of an API: a pure value, read from the record of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from convo.recovery import Recovery
    from convo.usage import Cost, Usage

Outcome = Literal["pending", "done", "interrupted", "failed", "abandoned", "late"]


@attrs.frozen(kw_only=True)
class Call:
    """One call of an API, as it was recorded: what it used and cost, how long it took, and how it ended.

    A call that is no turn, such as a transcription, has no `position`. None is unknown.
    """

    id: UUID
    """That of the exchange."""
    branch: UUID
    """Where it was asked; rows of its reply are this branch's."""
    key: str | None
    """The caller's name for the turn."""
    outcome: Outcome
    """Pending, until it has ended; "late" where another worker had taken the call over."""
    attempt: int
    api: str
    model: str
    """As asked for."""
    answered_by: str | None
    """The model that the answer names."""
    instead_of: str | None
    """The model asked for, where that is shut down and its successor was asked."""
    origin: str
    """The API that was asked: base URL, organisation and project, as `request(origin=)` takes it."""
    seen: int | None
    """The position of the last message that the request held."""
    position: int | None
    """Of the reply."""
    started_at: datetime
    first_byte_at: datetime | None
    """When the API began to answer."""
    finished_at: datetime | None
    finish_reason: str | None
    error: str | None
    """The code of what ended it."""
    recovered: tuple[Recovery, ...]
    """What was mended after refusals."""
    retries: int | None
    """How often the client tried again by itself."""
    voice: str | None
    format: str | None
    spoken: bool | None
    """Whether the model spoke."""
    usage: Usage
    cost: Cost
    estimated: int | None
    """Input tokens, as estimated before the call."""
    sent_references: int | None
    """Spoken replies that went by their ids."""
    sent_transcripts: int | None
    """Speech that went as words."""

    @property
    def duration(self) -> float | None:
        """Seconds from its begin to its end; None while it goes on, and for one that was recorded afterwards."""
        return _seconds(self.started_at, self.finished_at)

    @property
    def first_byte(self) -> float | None:
        """Seconds until the API began to answer, None where that is not known."""
        return _seconds(self.started_at, self.first_byte_at)


def _seconds(begin: datetime, end: datetime | None) -> float | None:
    return (end - begin).total_seconds() if end is not None and end > begin else None
