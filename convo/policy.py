"""Limits and choices of assembly, as one value that callers pass and keep."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.canonical import check_text
from convo.checks import check_choice, check_speed, check_type
from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convo.budget import Budget
    from convo.history import History

_MINUTE = timedelta(minutes=1)
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


def _text(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    del instance
    check_type(value, str, f"Policy({attribute.name}=)", "text")
    check_text(value, f"Policy({attribute.name}=)")
    if not value.strip():
        reason = f"Policy({attribute.name}={value!r}) says nothing; pass a sentence"
        raise InputError(reason)


def _text_or_none(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None:
        _text(instance, attribute, value)


def _speed(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    del instance
    if value is not None:
        check_speed(value, f"Policy({attribute.name}=)")


def _speech_model(instance: Policy, attribute: attrs.Attribute[str | None], value: str | None) -> None:
    if value is not None:
        _name(instance, attribute, value)
    elif instance.speak != "never":
        reason = f"Policy(speak={instance.speak!r}) needs speech_model=, the model of the Speech API that shall speak"
        raise InputError(reason)


def _number_of_tokens(instance: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None:
        _not_negative_count(instance, attribute, value)
        if value == 0:
            reason = f"Policy({attribute.name}=0) leaves no room for any message; pass a number of tokens"
            raise InputError(reason)


def _name(instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    del instance
    check_type(value, str, f"Policy({attribute.name}=)", "the name of a model")
    if not value or not value.isprintable():
        reason = f"Policy({attribute.name}={value!r}) is no name of a model; pass one such as 'gpt-transcribe'"
        raise InputError(reason)


def _name_or_none(instance: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None:
        _name(instance, attribute, value)


def _function_or_none(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance
    if value is not None and not callable(value):
        reason = f"Policy({attribute.name}={value!r}) is no function; pass something to call"
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

    Recordings turn into text in blocks: up to twice as many turns are heard, less one, so that what the API has cached of
    the request stays good for as many turns as this says.
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

    window_tokens: int | None = attrs.field(default=None, validator=_number_of_tokens)
    """Input tokens that a request may hold, by estimate. Default None: the context of the model less its output, 128,000
    less 16,384 where the catalogue knows neither.

    When it is full, the window moves to the newest turns that fill half of it. Instructions, pinned messages, the summary
    and the newest turn are always in it, and a turn with its tool calls is in it as a whole or not at all.
    """

    flip_together: timedelta = attrs.field(default=5 * _MINUTE, validator=_not_negative)
    """When an id has expired, those that expire within this time go as transcripts with it, so that the part of the request
    that changes does so once and not with every turn. Default 5 minutes. Only in requests long enough to be cached.
    """

    flip_early: timedelta = attrs.field(default=15 * _MINUTE, validator=_not_negative)
    """The same for models whose cached input costs less by the catalogue: there it pays to give up the sound of the oldest
    replies earlier. Default 15 minutes.
    """

    reference_turns: int | None = attrs.field(default=None, validator=_number_of_turns)
    """Turns before the one to answer whose spoken replies may go as references; those of older turns go as transcripts.
    Default None: all. They change in blocks, as `user_audio_turns` do: up to twice as many are references, less one. Where
    both say the same number, both change at once.
    """

    keep_references: int = attrs.field(default=0, validator=_not_negative_count)
    """The last valid references that go as such whatever `references`, `reference_turns`, `flip_together` and the window's
    budget say, so that the model keeps its voice. Default 0.
    """

    summaries: bool = True
    """Whether a summary (see `Conversation.compact`) stands for the messages that it covers. False sends them as they are."""

    summary_model: str | None = attrs.field(default=None, validator=_name_or_none)
    """The model that summarises what falls out of the window, before the turn that moves it. Default None: nobody does.

    `send` and `stream` ask it; errors of the client end the call, and nothing of the turn is stored.
    """

    summarize: Callable[[History, str | None], object] | None = attrs.field(default=None, validator=_function_or_none)
    """The same by a function of yours, which may be `async` in async stores: it gets messages, and the text of the summary
    of those before them (None for none), and gives the text of the new summary. Default None.
    """

    shut_down: Literal["error", "successor", "ignore"] = attrs.field(
        default="error", validator=_one_of("error", "successor", "ignore")
    )
    """What happens on and after the day (UTC) on which the catalogue says that a model is shut down: `ModelShutDown`, or
    the request goes to the first of its successors that lives; where the catalogue knows none, `ModelShutDown` all the
    same. With "ignore" the model is asked and nothing is warned of: for servers on which the name is another model's.
    Default "error". Holds for `transcription_model` too, and for `speech_model`, whose error stands in `Reply.speech_error`.
    """

    reminder: Literal["never", "after_fallback", "always"] = attrs.field(
        default="never", validator=_one_of("never", "after_fallback", "always")
    )
    """Whether a request that asks for speech ends with `reminder_text`. Default "never".

    A model to which its own spoken replies are shown as transcripts tends to answer in text although speech was asked for
    (`Reply.spoken` tells). "after_fallback" reminds it when at least one of them goes as its transcript, or the last reply
    was written; "always" in every request that asks for speech. The reminder is a system message behind all others, so that
    it breaks no cached prefix; it is sent and explained (`Rendering.how` is "reminder"), and never stored.
    """

    reminder_text: str = attrs.field(default="Speak your answer aloud.", validator=_text)
    """What the reminder to speak says."""

    speak: Literal["never", "missing"] = attrs.field(default="never", validator=_one_of("never", "missing"))
    """Whether `send` and `stream` have speech made, by `speech_model`, for a reply that came as text though its caller asked
    for speech (`voice=`, `format=`, `audio=` or `modalities=`), also from a model that takes no audio. Default "never".

    Not for refusals, replies with tool calls, and interrupted ones. The speech is made in the voice and the format that
    were asked for and becomes `Reply.audio`; `Reply.made_by` names the model, `Reply.spoken` stays False. The text is
    stored first: where no speech can be made, `Reply.speech_error` says why, and the same key tries again. A text of more
    than 4,096 bytes (UTF-8) is spoken in several calls: as pcm16 where that was asked for, else joined to one wav. The API
    does not tell what speech used: its calls count no tokens, and their cost is unknown (see `Budget.unknown`).
    """

    speech_model: str | None = attrs.field(default=None, validator=_speech_model)
    """The model of the Speech API for `speak="missing"`, which needs one: there is no default, because all that are listed
    (gpt-4o-mini-tts, tts-1, tts-1-hd) are shut down on 2027-01-06 and no other is announced.
    """

    speech_speed: float | None = attrs.field(default=None, validator=_speed)
    """How fast `speech_model` speaks, from 0.25 to 4.0. Default None: the API's own, 1.0. That of a preset comes first."""

    speech_instructions: str | None = attrs.field(default=None, validator=_text_or_none)
    """How `speech_model` shall speak, such as "Calm and friendly." Default None. tts-1 and tts-1-hd do not follow any."""

    budgets: tuple[Budget, ...] = attrs.field(default=(), converter=budgets_of)
    """Limits of money or tokens that a call has to keep to, beside those of the store; one alone is taken too. Default: none."""

    response_items: bool = True
    """Whether replies of the Responses API go back to it as the items that it gave, its reasoning among them, as it recommends;
    False sends what was said and called in plain items. Default True.
    """

    previous_response: bool = False
    """Whether a request of the Responses API refers to the last Response instead of sending what that has seen. Default False.

    It is done only where the API holds exactly what would be sent: the Response was stored (`store=False` was not asked
    for), less than 30 days ago, at this API, and nothing before it was redacted or other instructions given since. When the
    API does not know it any more, everything is sent, within the same call.
    """

    verify: bool = False
    """Whether each message that is read for a request is held against the SHA-256 of what was written, as it is read. Default
    False. `IntegrityError` names the first that a disk, or somebody, has changed, before anything is sent. It costs about
    half a microsecond a message; media are held against theirs whenever they are read.
    """

    @classmethod
    def economical(cls, turns: int = 3, **choices: Any) -> Policy:
        """Give a policy for long voice conversations: sound for the last turns only, everything before as text.

        The last `turns` spoken replies go as references and the last `turns` recordings inline, up to twice as many before
        they change; older ones go as transcripts, made where there are none. `choices` are other fields.
        """
        chosen = {"reference_turns": turns, "user_audio_turns": turns, "missing_transcript": "transcribe", **choices}
        return cls(**chosen)

    @classmethod
    def voice_agent(cls, speech_model: str, *, transcription_model: str = "gpt-transcribe", **choices: Any) -> Policy:
        """Give a policy by which a model that only reads and writes listens and speaks, in one call of `send` or `stream`.

        What users say is transcribed before the turn, the model is asked in text, and its reply is spoken in the voice that
        the call asks for: `chat.send(client, recording, model="gpt-5.5", voice="coral", policy=...)`, or by `preset=`. All
        calls are recorded with what they used. A recording that cannot be transcribed goes as `placeholder`; a reply that
        cannot be spoken stays in text, and `Reply.speech_error` says why. `choices` are other fields, such as
        `speech_speed` and `speech_instructions`.
        """
        chosen = {
            "missing_transcript": "transcribe", "transcription_model": transcription_model,
            "speak": "missing", "speech_model": speech_model, **choices,
        }  # fmt: skip
        return cls(**chosen)
