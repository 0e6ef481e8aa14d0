"""Limits and choices of assembly, as one value that callers pass and keep."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.checks import check_choice, check_type
from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.budget import Budget

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


def _not_negative_count(instance: object, attribute: attrs.Attribute[Any], value: int) -> None:
    del instance
    check_type(value, int, f"Policy({attribute.name}=)", "a number")
    if value < 0:
        reason = f"Policy({attribute.name}={value}) is negative; pass zero or more"
        raise InputError(reason)


def _number_of_turns(instance: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None:
        _not_negative_count(instance, attribute, value)


def _name(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    del instance
    check_type(value, str, f"Policy({attribute.name}=)", "the name of a model")
    if not value or not value.isprintable():
        reason = f"Policy({attribute.name}={value!r}) is no name of a model; pass one such as 'gpt-transcribe'"
        raise InputError(reason)


def budgets_of(value: Budget | Sequence[Budget], name: str = "Policy(budgets=)") -> tuple[Budget, ...]:
    """Give budgets as a tuple, one alone too. Raises `InputError` for anything else."""
    if value == ():
        return ()
    from convo.budget import checked

    return checked(value, name)


@attrs.frozen(kw_only=True)
class Policy:
    """How a request is assembled. Every field has a default that is safe with the API of today."""

    margin: timedelta = attrs.field(default=MARGIN, validator=_not_negative)
    """A reference is sent only if it stays valid for longer than this. Default 60 s, for the time a request travels."""

    references: bool = True
    """Whether spoken turns go as references while they are valid. False sends transcripts always (cheaper, less tone)."""

    user_audio: Literal["inline", "transcript"] = attrs.field(default="inline", validator=_one_of("inline", "transcript"))
    """How a user's recordings go to a model that takes audio. With "transcript", a recording that has none goes inline all
    the same, unless `missing_transcript` is "transcribe".
    """

    user_audio_turns: int | None = attrs.field(default=None, validator=_number_of_turns)
    """Turns (see `History.turns`) at the end of the log whose recordings may go inline; those of older turns go as their
    transcripts. Default None: all turns. The turn to answer counts as the first, 0 sends no recording at all, and a turn
    with its tool calls is one turn.

    With each new turn the recordings of one more turn change from audio to text, so that what the API has cached of the
    request is good only up to the first of them.
    """

    missing_transcript: Literal["error", "placeholder", "omit", "transcribe"] = attrs.field(
        default="error", validator=_one_of("error", "placeholder", "omit", "transcribe")
    )
    """What happens when audio must go as text and has no transcript: `TranscriptMissing`, `placeholder`, or nothing.

    With "transcribe", `send` has a user's recording transcribed by `transcription_model` before the turn begins, and keeps
    the transcript. What that API refuses (a recording too short, or damaged) goes as `placeholder`, and so does a spoken
    reply without a transcript; other errors of the client end the call, and nothing of the turn is stored. A preview asks
    nobody: `request` raises `TranscriptMissing`.
    """

    transcription_model: str = attrs.field(default="gpt-transcribe", validator=_name)
    """The model that transcribes for `missing_transcript="transcribe"`."""

    placeholder: str = "[recording without a transcript]"
    """The text that stands for audio without a transcript."""

    silence: str = "[silence]"
    """The text that stands for a recording in which nothing is said: one whose transcript is empty."""

    voice: str = "alloy"
    """The voice when the model must speak (an audio model, and no audio in the input) and the caller names none."""

    tool_rounds: int = attrs.field(default=16, validator=_not_negative_count)
    """How often in one turn `tool_functions` may answer the model's calls; after that the calls are returned. Default 16."""

    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"] = attrs.field(
        default="wav", validator=_one_of("wav", "aac", "mp3", "flac", "opus", "pcm16")
    )
    """The format of spoken replies when the caller names none. Streams are always pcm16, the only one that the API takes."""

    budgets: tuple[Budget, ...] = attrs.field(default=(), converter=budgets_of)
    """Limits of money or tokens that a call has to keep to, beside those of the store; one alone is taken too. Default: none."""
