"""What an exchange gave, as callers see it: now, or again from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import decode
from convo.forms import as_chat, whole_answer
from convo.models import KINDS
from convo.recovery import Recovery
from convo.usage import Cost, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from convo.assembly.estimate import Estimate
    from convo.audio.value import Audio
    from convo.messages import Message, ToolCall


@attrs.frozen
class Reply:
    """The recorded answer of a model.

    `seen` is the position of the last message that the model was shown, None where the request is not known;
    `recovered` lists what was degraded after refusals; `replayed` says that a key had its answer already;
    `earlier` are the replies of the same turn whose calls functions answered. `instead_of` is the model that was asked
    for, where that one was shut down and `model` is its successor. `estimate` is what was expected to go in, None for a
    reply out of the record. `speech_error` says why a reply that the policy wanted to be spoken (`Policy.speak`) has no
    audio, or audio that is not kept.
    """

    message: Message
    usage: Usage
    cost: Cost
    finish_reason: str | None = None
    recovered: tuple[Recovery, ...] = ()
    seen: int | None = None
    request_id: str | None = None
    exchange: UUID | None = None
    replayed: bool = False
    earlier: tuple[Reply, ...] = ()
    instead_of: str | None = None
    estimate: Estimate | None = attrs.field(default=None, eq=False)
    speech_error: Exception | None = attrs.field(default=None, eq=False)
    _answer: str = attrs.field(default="{}", repr=False)

    def __str__(self) -> str:
        """Give what was said."""
        return self.text

    @property
    def model(self) -> str | None:
        """The model that was asked; where it is not known, what the answer says."""
        return self.message.model

    @property
    def text(self) -> str:
        """What was said, in either form: written text, the transcript of speech, or a refusal."""
        return self.message.text

    @property
    def transcript(self) -> str | None:
        """The transcript of a spoken reply, None for a written one."""
        said = self.message.raw.get("audio")
        found = said.get("transcript") if isinstance(said, dict) else None
        return found if isinstance(found, str) else None

    @property
    def audio(self) -> Audio | None:
        """The audio with its bytes: the model's own, or speech made of its text (see `made_by`). None where there is neither."""
        return self.message.audio

    @property
    def spoken(self) -> bool:
        """Whether the model spoke itself: it may answer in text although speech was asked for."""
        return self.message.audio is not None and self.made_by is None

    @property
    def made_by(self) -> str | None:
        """The model that made the audio of the reply's text (see `Policy.speak`), None for audio of the model's own."""
        return self.message.audio.made_by if self.message.audio is not None else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that the model asks for; answer each with `tool_output` and send again."""
        return self.message.tool_calls

    @property
    def interrupted(self) -> bool:
        """Whether the reply was cut off: by its listener, the network, or the end of its worker."""
        return self.message.status == "interrupted"

    @property
    def refusal(self) -> str | None:
        """The model's words when it refuses, else None."""
        found = as_chat(self.message.raw).get("refusal")
        return found if isinstance(found, str) else None

    @property
    def between(self) -> range:
        """Positions of messages that others added while the model answered."""
        return range((self.message.position if self.seen is None else self.seen + 1), self.message.position)

    @property
    def raw(self) -> dict[str, Any]:
        """The API's answer, unknown fields included, bytes taken out."""
        return whole_answer(decode(self._answer), self.message.raw)


def reply_of(message: Message, row: Mapping[str, Any], *, replayed: bool, estimate: Estimate | None = None) -> Reply:
    """Give the reply that a message and the columns of its exchange make; `estimate` is that of the request."""
    steps = decode(row["recovered"]) if row.get("recovered") else []
    return Reply(
        message=message,
        usage=Usage(**{field.name: row.get(field.name) for field in attrs.fields(Usage)}),
        cost=Cost.from_picos(
            row.get("cost"),
            currency=row.get("currency") or "USD",
            table=row.get("price_table") or "",
            parts={kind: row.get(f"cost_{kind}") for kind in KINDS},
        ),
        finish_reason=row.get("finish_reason"),
        recovered=tuple(Recovery(**{**step, "degraded": tuple(step["degraded"])}) for step in steps),
        seen=row.get("seen"),
        request_id=row.get("request_id"),
        exchange=row.get("id"),
        replayed=replayed,
        estimate=estimate,
        instead_of=row.get("instead_of"),
        answer=row.get("raw") or "{}",
    )
