"""What a stream tells while it runs: values to show or to play at once, one for each piece that arrived."""

from __future__ import annotations

import attrs


@attrs.frozen
class TextDelta:
    """A piece of what was written. Valid text: a character that was cut in two comes whole, with its second half."""

    text: str


@attrs.frozen
class TranscriptDelta:
    """A piece of the transcript of what is being said; it may come earlier or later than its sound."""

    text: str


@attrs.frozen
class AudioDelta:
    """A piece of sound: raw pcm16 (24 kHz, mono, 16-bit little endian, no header), playable at once."""

    data: bytes = attrs.field(repr=False)


@attrs.frozen
class RefusalDelta:
    """A piece of the words with which the model refuses."""

    text: str


@attrs.frozen
class ReasoningDelta:
    """A piece of what the model tells of its reasoning: its summary, or the reasoning itself where a server shows it.

    Only Responses has it, and a reply's `text` does not hold it. Valid text, as that of a `TextDelta`.
    """

    text: str


@attrs.frozen
class ToolCallDelta:
    """A piece of a tool call. `index` tells parallel calls apart; `id` and `name` are None where this piece has none.

    `arguments` is a piece of the arguments' text, of a custom tool its input; `""` where this piece has none.
    """

    index: int
    id: str | None
    name: str | None
    arguments: str


Delta = TextDelta | TranscriptDelta | AudioDelta | RefusalDelta | ReasoningDelta | ToolCallDelta
"""Whatever a stream tells."""
