"""Speech made of a text by the Speech API: what is wished for, in which pieces it is asked for, and how they are joined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.shape import speech_wanted
from convo.audio.value import Audio
from convo.audio.wave import wav_of_pcm16
from convo.errors import AudioFormatMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.assembly.target import Target
    from convo.policy import Policy

MAX_PIECE = 4_096
"""Bytes of UTF-8 that are spoken in one call. The API takes 4,096 characters and, of newer models, 2,000 tokens: in English
the former are fewer, in Chinese the latter, and so many bytes are within both.
"""
_SAMPLES = "pcm16"
"""What can be joined byte by byte: the API's 24 kHz, mono, 16 bit."""
_NAMES = {_SAMPLES: "pcm"}
"""Formats that the Speech API calls by another name than Chat Completions."""
_SENTENCE = re.compile(
    "[.!?\N{HORIZONTAL ELLIPSIS}]+[\"'\u2019\u201d)\\]]*\\s+|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*|\n+"
)
"""The end of a sentence with the space behind it; in Chinese and Japanese there is none."""
_SPACE = re.compile("\\s+|[\uff0c\u3001]")


@attrs.frozen
class Wish:
    """Speech that a text shall have: by which model, in which voice (a name, or `{"id": ...}`), in which format of chat.

    `speed` and `instructions` are the API's, `more` are other arguments of its client.
    """

    model: str
    voice: Any
    format: str
    speed: float | None = None
    instructions: str | None = None
    more: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def voice_name(self) -> str | None:
        """The voice as text."""
        name = self.voice.get("id") if isinstance(self.voice, dict) else self.voice
        return name if isinstance(name, str) else None

    def asked(self, pieces: int) -> str:
        """Give the format in which so many pieces are asked for, as chat calls it: one as wished, several so that they join."""
        return self.format if pieces == 1 else _SAMPLES

    def arguments(self, text: str, pieces: int) -> dict[str, Any]:
        """Give the arguments of the call that speaks one of so many pieces."""
        asked = self.asked(pieces)
        own = {"speed": self.speed, "instructions": self.instructions}
        return {
            "model": self.model, "voice": self.voice, "input": text, "response_format": _NAMES.get(asked, asked),
            **{name: value for name, value in own.items() if value is not None}, **self.more,
        }  # fmt: skip

    def joined(self, parts: Sequence[bytes]) -> Audio:
        """Give what the API answered as one audio: several pieces as pcm16 where that was wished for, else as a wav.

        One piece is what its bytes say: servers may know fewer formats. Raises `BadAudio`, `UnknownAudioFormat` or
        `AudioFormatMismatch` for what is no audio, or cannot be joined.
        """
        if len(parts) == 1:
            return _as_it_is(parts[0], self.format)
        whole = b"".join(Audio.from_bytes(part, _SAMPLES).data for part in parts)
        return Audio.from_bytes(whole, _SAMPLES) if self.format == _SAMPLES else Audio.from_bytes(wav_of_pcm16(whole))


def _as_it_is(data: bytes, claimed: str) -> Audio:
    try:
        return Audio.from_bytes(data, claimed)
    except AudioFormatMismatch:
        return Audio.from_bytes(data)


def wish_of(target: Target, policy: Policy, speed: float | None = None) -> Wish | None:
    """Give the speech that a call wishes for, whatever its model takes, None where the policy or the caller wants none.

    `speed` is that of a preset. Raises `ConflictingArguments`.
    """
    if policy.speak == "never" or policy.speech_model is None:
        return None
    wanted = speech_wanted(target, policy)
    if wanted is None:
        return None
    speed = policy.speech_speed if speed is None else speed
    return Wish(policy.speech_model, wanted["voice"], wanted["format"], speed, policy.speech_instructions)


def pieces_of(text: str) -> list[str]:
    """Give a text in pieces for one call each, cut behind sentences, else behind words; none for a text without any."""
    pieces = []
    rest = text.strip()
    while rest:
        end = _end(rest)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return pieces


def _end(text: str) -> int:
    """Give where the first piece of a text ends."""
    head = text[:MAX_PIECE].encode()[:MAX_PIECE].decode(errors="ignore")
    if len(head) == len(text):
        return len(text)
    for boundary in (_SENTENCE, _SPACE):
        ends = [found.end() for found in boundary.finditer(head)]
        if ends:
            return ends[-1]
    return len(head)
