"""Conversations of other programs as values, before they are ours: trees of messages, and what found no place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.messages import Kind, Status


@attrs.frozen
class Lost:
    """Something that could not be carried over: `kind` is a word for programs, `reason` a sentence for people."""

    kind: str
    reason: str


@attrs.frozen
class Beside:
    """Bytes of a message that its body has no place for: they are kept with it, and sent to nobody."""

    kind: Literal["image", "file"]
    format: str
    data: bytes = attrs.field(repr=False)


@attrs.frozen
class ForeignMessage:
    """One message of a tree. `id` is what it is known by in its conversation for ever, `parent` the one that it follows.

    `content` is what `chat.add` takes: text, values, or one whole message of Chat Completions. Where `output` is given it is a
    reply of the Responses API, and these are its items. `created` is in microseconds since 1970, None where nobody knows;
    `metadata` what the message has no other place for.
    """

    id: str
    content: Sequence[object] = attrs.field(default=(), repr=False)
    parent: str | None = None
    role: str = "user"
    output: Sequence[Any] | None = attrs.field(default=None, repr=False)
    kind: Kind = "message"
    status: Status = "complete"
    model: str | None = None
    created: int | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    beside: Sequence[Beside] = ()


@attrs.frozen
class ForeignConversation:
    """A conversation as its source has it: each message stands behind its parent, `tip` is the last of the line that is shown.

    `created` is in microseconds since 1970; `lost` is what could not be carried.
    """

    id: str
    messages: Sequence[ForeignMessage]
    tip: str | None = None
    title: str | None = None
    created: int | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    lost: Sequence[Lost] = ()


@attrs.frozen
class Skipped:
    """A conversation that cannot be read, by its id or its place in the source."""

    id: str
    lost: Lost


def in_line(messages: Sequence[ForeignMessage]) -> list[ForeignMessage]:
    """Give messages of which each follows the one before it."""
    parents = [None, *(message.id for message in messages)]
    return [attrs.evolve(message, parent=parent) for message, parent in zip(messages, parents, strict=False)]
