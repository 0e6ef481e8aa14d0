"""Limits and choices of assembly, as one value that callers pass and keep."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import attrs

from convo.checks import check_choice, check_type
from convo.errors import InputError

MARGIN = timedelta(seconds=60)
"""The default margin: the time that a request travels and waits, with room."""


def _one_of(*choices: str) -> Any:
    def check(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
        del instance
        check_choice(value, choices, f"Policy: {attribute.name}")

    return check


def _not_negative(instance: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    del instance
    check_type(value, timedelta, f"Policy({attribute.name}=)", "a timedelta, such as timedelta(seconds=60)")
    if value < timedelta(0):
        reason = f"Policy({attribute.name}=...) is negative: {value}; pass zero or more"
        raise InputError(reason)


def _not_negative_count(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    del instance
    check_type(value, int, f"Policy({attribute.name}=)", "a number")
    if value < 0:
        reason = f"Policy({attribute.name}={value}) is negative; pass zero or more"
        raise InputError(reason)


@attrs.frozen(kw_only=True)
class Policy:
    """How a request is assembled. Every field has a default that is safe with the API of today."""

    margin: timedelta = attrs.field(default=MARGIN, validator=_not_negative)
    """A reference is sent only if it stays valid for longer than this. Default 60 s, for the time a request travels."""

    references: bool = True
    """Whether spoken turns go as references while they are valid. False sends transcripts always (cheaper, less tone)."""

    user_audio: Literal["inline", "transcript"] = attrs.field(default="inline", validator=_one_of("inline", "transcript"))
    """How a user's recordings go to a model that takes audio. A recording without a transcript goes inline all the same."""

    missing_transcript: Literal["error", "placeholder", "omit"] = attrs.field(
        default="error", validator=_one_of("error", "placeholder", "omit")
    )
    """What happens when audio must go as text and has no transcript: `TranscriptMissing`, `placeholder`, or nothing."""

    placeholder: str = "[recording without a transcript]"
    """The text that stands for such audio."""

    voice: str = "alloy"
    """The voice when the model must speak (an audio model, and no audio in the input) and the caller names none."""

    tool_rounds: int = attrs.field(default=16, validator=_not_negative_count)
    """How often in one turn `tool_functions` may answer the model's calls; after that the calls are returned. Default 16."""

    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"] = attrs.field(
        default="wav", validator=_one_of("wav", "aac", "mp3", "flac", "opus", "pcm16")
    )
    """The format of spoken replies when the caller names none. Streams are always pcm16, the only one that the API takes."""
