"""Recordings of users: which of them go as text, why, and as which; and which of those lack a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.assembly.sound import form_of
from convo.history import block_of_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convo.assembly.target import Target
    from convo.messages import Media, Message
    from convo.policy import Policy


def why_as_text(piece: Media, position: int, policy: Policy, target: Target, heard_from: int) -> str:
    """Give the key of the reason why a recording goes as text, "" when it goes inline.

    `heard_from` is the position from which recordings may be heard.
    """
    if why := _why_deaf_to(piece, target):
        return why
    if target.api == "realtime":
        return ""
    if position < heard_from:
        return "older" if policy.user_audio_turns else "policy"
    readable = piece.transcript is not None or policy.missing_transcript == "transcribe"
    return "policy" if policy.user_audio == "transcript" and readable else ""


def _why_deaf_to(piece: Media, target: Target) -> str:
    """Give the key of the reason why a recording cannot be heard there, whatever the policy wants."""
    if not target.takes_audio:
        return target.why_deaf
    if piece.dropped is not None:
        return "not kept"
    form = form_of(piece, target)
    if form is None:
        return "too long"
    if form and not target.converts:
        return "samples" if target.api == "realtime" else "format"
    return ""


def heard_from(messages: Sequence[Message], policy: Policy) -> int:
    """Give the position from which recordings may be heard: where references begin too, if the policy counts both alike."""
    count = policy.user_audio_turns
    return block_of_turns(messages, count, before=int(count == policy.reference_turns))


def text_of_recording(piece: Media, policy: Policy) -> str | None:
    """Give the text of a recording, None without a transcript. The API takes no empty text: silence has words for it."""
    said = piece.transcript
    return policy.silence if said is not None and not said.strip() else said


def untranscribed(messages: Sequence[Message], policy: Policy, target: Target) -> Iterator[tuple[Message, Media]]:
    """Give the recordings that a request holds as text and that lack a transcript, for as long as their bytes are here."""
    begin = heard_from(messages, policy)
    for message in messages:
        if not message.pieces or message.role != "user":
            continue
        for piece in message.media:
            if piece.kind != "audio" or piece.transcript is not None or piece.dropped is not None:
                continue
            if why_as_text(piece, message.position, policy, target, begin):
                yield message, piece
