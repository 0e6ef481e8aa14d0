"""What ids and words stood for in a request: speech that did not travel. Pure; in one pass over the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convo.assembly.estimate import MESSAGE_TOKENS
from convo.assembly.plan import blobs_in
from convo.assembly.recordings import text_of_recording
from convo.audio.rates import REPLY_AUDIO_RATE, USER_AUDIO_RATE, audio_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.plan import Plan
    from convo.messages import Media, Message

_BYTES, _CHARACTERS = 3, 4
"""Base64 writes three bytes as four characters."""


class Savings(NamedTuple):
    """What was sent in the place of speech: spoken replies by their ids (`references`), speech as words (`transcripts`).

    `transcripts` counts spoken replies whose words went, and each recording of a user whose words went; a placeholder is
    nobody's words. `bytes` is what all of that speech would have added to the request, were it sent: each piece as it is
    stored, in base64 with its padding (four characters for every three bytes, begun ones included). `tokens` is an estimate
    of what words saved: the audio tokens of the speech (as billed when a reply was made, by its length otherwise), less the
    text tokens of what went instead, and never less than nothing for a message. An id saves no tokens: what it
    stands for is read again. What stands behind a Response that the request refers to was not sent, and is not counted.
    """

    references: int = 0
    transcripts: int = 0
    bytes: int = 0
    tokens: int = 0


def unheard(message: Message, wire: Mapping[str, object], plan: Plan) -> list[Media]:
    """Give the recordings of a user's message that went as words."""
    sent = {key.partition("/")[0] for key in blobs_in(wire)}
    return [
        piece
        for piece in message.media
        if piece.kind == "audio" and piece.digest not in sent and text_of_recording(piece, plan.policy)
    ]


def spoken_positions(plan: Plan) -> tuple[int, int] | None:
    """Give the first and the last position of the spoken replies that ids or words stand for, None where there are none."""
    found = [message.position for message, how, _ in plan.rendered[plan.chained :] if _stands_in(message, how)]
    return (found[0], found[-1]) if found else None


def _stands_in(message: Message, how: str) -> bool:
    return message.role == "assistant" and how in ("reference", "transcript")


def savings(plan: Plan, replies: Mapping[int, tuple[int, float | None]]) -> Savings:
    """Give what a plan saves; `replies` has the (bytes, seconds) of the sound of spoken replies by their positions."""
    references = transcripts = size = tokens = 0
    for index in range(plan.chained, len(plan.rendered)):
        message, how, _ = plan.rendered[index]
        if _stands_in(message, how):
            volume, seconds = replies.get(message.position, (0, None))
            size += _base64(volume)
            if how == "reference":
                references += 1
                continue
            transcripts += 1
            heard = message.audio_tokens or round((seconds or 0) * REPLY_AUDIO_RATE)
        elif message.media and message.role == "user" and (pieces := unheard(message, plan.wires[index], plan)):
            transcripts += len(pieces)
            size += sum(_base64(piece.size) for piece in pieces)
            heard = sum(audio_tokens(piece.duration, piece.size, USER_AUDIO_RATE) for piece in pieces)
        else:
            continue
        tokens += max(0, heard - plan.tokens[index][0] + MESSAGE_TOKENS)
    return Savings(references, transcripts, size, tokens)


def _base64(size: int) -> int:
    return -(-size // _BYTES) * _CHARACTERS
