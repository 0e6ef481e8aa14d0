"""Recordings of users: which of them go as text, why, and as which; and which of those lack a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.audio.formats import PCM16_RATE
from convo.history import block_of_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convo.assembly.target import Target
    from convo.messages import Media, Message
    from convo.policy import Policy


SAMPLE_BYTES = 2
"""Bytes of a sample of pcm16."""
HEADER = 44
"""Bytes of the header of a wav. Beside it and the sound there may be a quarter as much: wider samples take half as much more."""


def why_as_text(piece: Media, position: int, policy: Policy, target: Target, heard_from: int) -> str:
    """Give the key of the reason why a recording goes as text, "" when it goes inline.

    `heard_from` is the position from which recordings may be heard.
    """
    if not target.takes_audio:
        return target.why_deaf
    if target.api == "realtime":
        return "" if is_pcm16(piece) else "samples"
    if target.server.input_audio is not None and piece.format not in target.server.input_audio:
        return "format"
    if position < heard_from:
        return "older" if policy.user_audio_turns else "policy"
    readable = piece.transcript is not None or policy.missing_transcript == "transcribe"
    return "policy" if policy.user_audio == "transcript" and readable else ""


def is_pcm16(piece: Media) -> bool:
    """Say whether a recording is what a Realtime session takes: 24 kHz, mono, 16 bits a sample, raw or as a wav."""
    if piece.format == "pcm16":
        return True
    if piece.format != "wav" or (piece.sample_rate, piece.channels) != (PCM16_RATE, 1) or piece.duration is None:
        return False
    sound = piece.duration * PCM16_RATE * SAMPLE_BYTES
    return sound + HEADER <= piece.size < sound * 1.25 + HEADER


def heard_from(messages: Sequence[Message], policy: Policy) -> int:
    """Give the position from which recordings may be heard: where references begin too, if the policy counts both alike."""
    count = policy.user_audio_turns
    return block_of_turns(messages, count, before=int(count == policy.reference_turns))


def text_of_recording(piece: Media, policy: Policy) -> str | None:
    """Give the text of a recording, None without a transcript. The API takes no empty text: silence has words for it."""
    said = piece.transcript
    return policy.silence if said is not None and not said.strip() else said


def untranscribed(messages: Sequence[Message], policy: Policy, target: Target) -> Iterator[tuple[Message, Media]]:
    """Give the recordings that a request holds as text and that have no transcript, each with its message."""
    begin = heard_from(messages, policy)
    for message in messages:
        if not message.pieces or message.role != "user":
            continue
        for piece in message.media:
            if piece.kind == "audio" and piece.transcript is None and why_as_text(piece, message.position, policy, target, begin):
                yield message, piece
