"""What a Realtime session hears: the sound that was sent and not yet made an item, and what it is transcribed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.testing.realtime_items import BYTES_A_SECOND, milliseconds
from convo.testing.realtime_output import words
from convo.testing.realtime_usage import BY_LENGTH, transcription_usage

if TYPE_CHECKING:
    from convo.testing.asked import Json
    from convo.testing.realtime_items import Item
    from convo.testing.realtime_script import Heard

_EVENT = "conversation.item.input_audio_transcription"
_UNINTELLIGIBLE = {
    "type": "transcription_error",
    "code": "audio_unintelligible",
    "message": "The audio could not be transcribed.",
    "param": None,
}
"""The example in the API's reference."""


@attrs.define
class Ear:
    """The input buffer: `sound` so far, the id of the item that speech in it will be, and what is being said."""

    sound: bytearray = attrs.field(factory=bytearray)
    utterance: str | None = None
    heard: Heard | None = None
    _left: int = 0
    _ms: float = 0.0

    @property
    def milliseconds(self) -> int:
        """How much was written since the session began."""
        return int(self._ms)

    def begin(self, item_id: str, padding: int) -> int:
        """Know that speech begins; of the sound so far `padding` milliseconds stay. Give when they began."""
        keep = padding * BYTES_A_SECOND // 1_000
        self.sound = self.sound[max(len(self.sound) - keep, 0) :]
        self.utterance = item_id
        return int(self._ms - milliseconds(self.sound))

    def listen(self, heard: Heard) -> None:
        """Know what is being said."""
        self.heard, self._left = heard, heard.appends

    def write(self, sound: bytes) -> bool:
        """Add sound; tell whether it was the last of what is being said."""
        self.sound += sound
        self._ms += milliseconds(sound)
        self._left -= self.heard is not None
        return self.heard is not None and self._left == 0

    def forget(self) -> None:
        """Begin anew."""
        self.sound = bytearray()
        self.utterance = self.heard = None


def transcription_events(item: Item, text: str | None, model: str) -> list[Json]:
    """Give the events with which what the user said arrives in writing; without a text, that it could not be understood."""
    about = {"item_id": item.id, "content_index": 0}
    if text is None:
        return [{"type": f"{_EVENT}.failed", **about, "error": _UNINTELLIGIBLE}]
    pieces = [text] if model == BY_LENGTH else words(text)
    usage = transcription_usage(model, item.sound[0], text)
    deltas = [{"type": f"{_EVENT}.delta", **about, "delta": piece} for piece in pieces]
    return [*deltas, {"type": f"{_EVENT}.completed", **about, "transcript": text, "usage": usage}]
