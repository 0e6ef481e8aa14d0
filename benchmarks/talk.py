"""A conversation of two hours, 240 turns 30 s apart: 5 s of question, 12 s of reply. It is the same in every run.

Texts have the length that makes their tokens half of those of the audio: 25 for a question, 120 for a reply.
"""

from __future__ import annotations

import base64
import functools
import io
import wave

import attrs

TURNS = 240
APART = 30
QUESTION_SECONDS, REPLY_SECONDS = 5, 12
QUESTION_LETTERS, REPLY_LETTERS = 100, 480
EXPIRES_AFTER = 3_600
MARGIN = 60
"""An id is not sent in its last minute: it may expire on the way."""
SAMPLES_A_SECOND = 200
"""So few that requests stay small: what is billed is how long a recording is, not how it sounds."""

INSTRUCTIONS = (
    "You are the voice of a telephone line for people who have, or want, a dog. Answer in two or three sentences, as one "
    "speaks. Ask back when a question is not clear. Say when somebody should see a vet, and do not say what a vet would. "
).ljust(320, ".")


@attrs.frozen
class Turn:
    """A question, `at` so many seconds after the first, and its reply."""

    number: int

    @property
    def at(self) -> int:
        """When the question is asked."""
        return self.number * APART

    @property
    def question(self) -> str:
        """What is asked."""
        return _text("Is a golden retriever a good dog for a family with children", self.number, QUESTION_LETTERS)

    @property
    def reply(self) -> str:
        """What is answered."""
        return _text("Yes: they are patient, easy to train, and glad of company all day long", self.number, REPLY_LETTERS)

    @property
    def recording(self) -> bytes:
        """The question as a wav."""
        return _wav(bytes([self.number % 256]) * (QUESTION_SECONDS * SAMPLES_A_SECOND))

    @property
    def audio_id(self) -> str:
        """The id of the spoken reply, where no API made one."""
        return f"audio_{self.number:032x}"

    def asked(self, *, aloud: bool) -> dict[str, object]:
        """Give the question as it is sent: as its recording, or as text."""
        if not aloud:
            return {"role": "user", "content": self.question}
        sound = {"data": base64.b64encode(self.recording).decode(), "format": "wav"}
        return {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}

    def answered(self, *, refers: bool) -> dict[str, object]:
        """Give the reply as it is sent: as a reference, or as text."""
        return {"role": "assistant", **({"audio": {"id": self.audio_id}} if refers else {"content": self.reply})}

    def valid(self, now: int) -> bool:
        """Say whether the id can still be sent."""
        return self.at + EXPIRES_AFTER > now + MARGIN


@functools.cache
def _wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(SAMPLES_A_SECOND)
        writer.writeframes(samples)
    return file.getvalue()


def _text(words: str, number: int, letters: int) -> str:
    return f"{number}: {words}, and why? {words}? ".ljust(letters, "o")[:letters]
