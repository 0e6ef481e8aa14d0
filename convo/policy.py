"""Limits and choices of assembly, as one value that callers pass and keep."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import attrs

from convo.errors import InputError


def _not_negative(instance: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    del instance
    if value < timedelta(0):
        reason = f"Policy({attribute.name}=...) is negative: {value}; pass zero or more"
        raise InputError(reason)


@attrs.frozen(kw_only=True)
class Policy:
    """How a request is assembled. Every field has a default that is safe with the API of today."""

    margin: timedelta = attrs.field(default=timedelta(seconds=60), validator=_not_negative)
    """A reference is sent only if it stays valid for longer than this. Default 60 s, for the time a request travels."""

    references: bool = True
    """Whether spoken turns go as references while they are valid. False sends transcripts always (cheaper, less tone)."""

    user_audio: Literal["inline", "transcript"] = "inline"
    """How a user's recordings go to a model that takes audio. A recording without a transcript goes inline all the same."""

    missing_transcript: Literal["error", "placeholder", "omit"] = "error"
    """What happens when audio must go as text and has no transcript: `TranscriptMissing`, `placeholder`, or nothing."""

    placeholder: str = "[recording without a transcript]"
    """The text that stands for such audio."""

    voice: str = "alloy"
    """The voice when the model must speak (an audio model, and no audio in the input) and the caller names none."""

    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"] = "wav"
    """The format of spoken replies when the caller names none. Streams are always pcm16, the only one that the API takes."""
