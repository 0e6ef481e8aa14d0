"""The items that a Realtime response gives out, piece by piece: speech with its words, text, calls of functions.

An output knows how far it has come, so that it can be closed at any time: what was said until then is what stays.
"""

from __future__ import annotations

import base64
import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

from convo.testing.realtime_usage import spoken_tokens, tokens_in
from convo.testing.sound import speech
from convo.testing.usage import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Json
    from convo.testing.shape import StreamShape

SOUND = "response.output_audio.delta"
TEXT = "response.output_text.delta"
CHUNKS = (SOUND, TEXT)
"""The events that are the chunks of an answer: of its sound or, where it is written, of its text."""


class Output(Protocol):
    """An item that is being made. Its events lack what those of a response share."""

    def body(self, status: str) -> Json:
        """Give the item as far as it has come."""
        ...

    def beginning(self) -> Iterator[Json]:
        """Give the events before the first piece."""
        ...

    def pieces(self) -> Iterator[Json]:
        """Give the pieces; each is part of the item once it was given."""
        ...

    def end(self) -> Iterator[Json]:
        """Give the events after the last piece that was given."""
        ...

    def sound(self) -> dict[int, bytes]:
        """Give the sound of the parts so far."""
        ...

    def tokens(self) -> Tokens:
        """Count what was made so far."""
        ...


class Written:
    """A message in writing."""

    def __init__(self, item_id: str, text: str) -> None:
        self._item_id = item_id
        self._text = text
        self._said = ""
        self._begun = False

    def body(self, status: str) -> Json:
        """Give the message as far as it has come."""
        content = [{"type": "output_text", "text": self._said}] if self._begun else []
        return _message(self._item_id, status, content)

    def beginning(self) -> Iterator[Json]:
        """Give the events before the first piece."""
        self._begun = True
        yield {"type": "response.content_part.added", "content_index": 0, "part": {"type": "text", "text": ""}}

    def pieces(self) -> Iterator[Json]:
        """Give the words."""
        for piece in words(self._text):
            self._said += piece
            yield {"type": TEXT, "content_index": 0, "delta": piece}

    def end(self) -> Iterator[Json]:
        """Give the events after the last piece that was given."""
        if self._begun:
            yield {"type": "response.output_text.done", "content_index": 0, "text": self._said}
            yield {"type": "response.content_part.done", "content_index": 0, "part": {"type": "text", "text": self._said}}

    def sound(self) -> dict[int, bytes]:
        """Give no sound."""
        return {}

    def tokens(self) -> Tokens:
        """Count the words."""
        return Tokens(text=tokens_in(self._said))


class Spoken:
    """A message in speech, pcm16 at 24 kHz. Its words run in front of its sound, unless `shape` says otherwise."""

    def __init__(self, item_id: str, text: str, shape: StreamShape) -> None:
        self._item_id = item_id
        self._text = text
        self._shape = shape
        self._said = ""
        self._sound = bytearray()
        self._begun = False

    def body(self, status: str) -> Json:
        """Give the message as far as it has come, without its sound."""
        content = [{"type": "output_audio", "transcript": self._said}] if self._begun else []
        return _message(self._item_id, status, content)

    def beginning(self) -> Iterator[Json]:
        """Give the events before the first piece."""
        self._begun = True
        yield {"type": "response.content_part.added", "content_index": 0, "part": {"type": "audio", "transcript": ""}}

    def pieces(self) -> Iterator[Json]:
        """Give words and sound."""
        samples, size = speech(self._text).samples, self._shape.piece + self._shape.piece % 2
        told: list[str | bytes] = list(words(self._text))
        heard: list[str | bytes] = [samples[start : start + size] for start in range(0, len(samples), size)]
        mixed = [piece for pair in zip_longest(told, heard) for piece in pair if piece is not None]
        for piece in {"first": [*told, *heard], "mixed": mixed, "last": [*heard, *told]}[self._shape.words]:
            yield self._word(piece) if isinstance(piece, str) else self._tone(piece)

    def _word(self, piece: str) -> Json:
        self._said += piece
        return {"type": "response.output_audio_transcript.delta", "content_index": 0, "delta": piece}

    def _tone(self, piece: bytes) -> Json:
        self._sound += piece
        return {"type": SOUND, "content_index": 0, "delta": base64.b64encode(piece).decode("ascii")}

    def end(self) -> Iterator[Json]:
        """Give the events after the last piece that was given."""
        if self._begun:
            part = {"type": "audio", "transcript": self._said}
            yield {"type": "response.output_audio.done", "content_index": 0}
            yield {"type": "response.output_audio_transcript.done", "content_index": 0, "transcript": self._said}
            yield {"type": "response.content_part.done", "content_index": 0, "part": part}

    def sound(self) -> dict[int, bytes]:
        """Give the sound so far."""
        return {0: bytes(self._sound)} if self._begun else {}

    def tokens(self) -> Tokens:
        """Count the words and the sound."""
        return Tokens(text=tokens_in(self._said), audio=spoken_tokens(self._sound))


class Called:
    """A call of a function."""

    def __init__(self, item_id: str, call_id: str, name: str, arguments: str) -> None:
        self._item_id = item_id
        self._call_id = call_id
        self._name = name
        self._arguments = arguments
        self._said = ""

    def body(self, status: str) -> Json:
        """Give the call as far as it has come."""
        named = {"name": self._name, "call_id": self._call_id, "arguments": self._said}
        return {"id": self._item_id, "type": "function_call", "status": status, **named}

    def beginning(self) -> Iterator[Json]:
        """Give nothing: a call has no parts."""
        yield from ()

    def pieces(self) -> Iterator[Json]:
        """Give the arguments."""
        for piece in words(self._arguments):
            self._said += piece
            yield {"type": "response.function_call_arguments.delta", "call_id": self._call_id, "delta": piece}

    def end(self) -> Iterator[Json]:
        """Give the arguments so far."""
        named = {"call_id": self._call_id, "name": self._name, "arguments": self._said}
        yield {"type": "response.function_call_arguments.done", **named}

    def sound(self) -> dict[int, bytes]:
        """Give no sound."""
        return {}

    def tokens(self) -> Tokens:
        """Count the name and the arguments."""
        return Tokens(text=tokens_in(self._name) + tokens_in(self._said))


def words(text: str) -> list[str]:
    """Split a text so that its pieces join to it again."""
    return re.findall(r"\s*\S+|\s+", text)


def _message(item_id: str, status: str, content: list[Json]) -> Json:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}
