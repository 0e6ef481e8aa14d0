"""What is known of a Realtime session while it goes on: its items, its responses, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.intake import realtime_items as items
from convo.intake.pieces import Sound, Text

if TYPE_CHECKING:
    from convo.intake.realtime_input import InputBuffer


def mapping(value: object) -> Mapping[str, Any]:
    """Give an object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def text_in(value: object) -> str | None:
    """Give a text, None for an empty one and for anything else."""
    return value if isinstance(value, str) and value else None


def format_in(value: object) -> str | None:
    """Give the name of a format of sound: an object today, a text in the beta."""
    return text_in(value) or text_in(mapping(value).get("type"))


def voice_and_format(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Give the voice and the format of what is spoken in a session or a response, where it says."""
    output = mapping(mapping(body.get("audio")).get("output"))
    voice = output.get("voice") or body.get("voice")
    format_ = format_in(output.get("format")) or format_in(body.get("output_audio_format"))
    return text_in(voice) or text_in(mapping(voice).get("id")), format_


@attrs.define(eq=False)
class Part:
    """One part of what the model says, in pieces."""

    sound: Sound = attrs.field(factory=Sound)
    words: Text = attrs.field(factory=Text)
    all_words: str | None = None
    text: Text = attrs.field(factory=Text)
    all_text: str | None = None
    sounded: bool = False


@attrs.define(eq=False)
class Item:
    """An item of the conversation, as far as it has come.

    `begun` says that the API has announced it before anything of it came, `done` that it has ended it, `placed` that it has
    its place in the conversation, `told` that the API has told the place, `shown` that it has shown it there; `sound` and
    `said` are the bytes and the transcripts of what a user says, `sent` is what the application sent of it; `heard` are the
    seconds that were heard of it. It is `given` when it is out of our hands, `recorded` with a message.
    """

    id: str
    body: Mapping[str, Any] | None = None
    response: str | None = None
    begun: bool = False
    done: bool = False
    placed: bool = False
    told: bool = False
    parts: dict[int, Part] = attrs.field(factory=dict)
    arguments: Text = attrs.field(factory=Text)
    all_arguments: str | None = None
    sound: bytes = b""
    said: dict[int, str] = attrs.field(factory=dict)
    sent: Mapping[str, Any] | None = None
    heard: float | None = None
    shown: bool = False
    gone: bool = False
    given: bool = False
    recorded: bool = False

    def part(self, index: int) -> Part:
        """Give one of the parts that come in pieces."""
        return self.parts.setdefault(index, Part())

    @property
    def by_model(self) -> bool:
        """Whether the model makes it, so that it comes in pieces."""
        body = self.body or {}
        return self.response is not None or (body.get("role") == "assistant" and body.get("type") == "message")

    def contents(self) -> dict[int, Mapping[str, Any]]:
        """Give the parts that the API has shown, by their index."""
        found = (self.body or {}).get("content")
        return {index: part for index, part in enumerate(found if isinstance(found, list) else ()) if isinstance(part, Mapping)}

    def is_whole(self) -> bool:
        """Say whether all of its speech has come."""
        for index, part in self.contents().items():
            if part.get("type") in items.AUDIO_PARTS:
                came = self.parts.get(index)
                if came is None or not came.sounded or (came.all_words is None and part.get("transcript") is None):
                    return False
        return True


@attrs.define(eq=False)
class Response:
    """A response: `body` is what the API has shown of it, `items` the ids of what it has made so far."""

    id: str
    body: Mapping[str, Any] = attrs.field(factory=dict)
    items: list[str] = attrs.field(factory=list)
    done: bool = False
    given: bool = False

    @property
    def outside(self) -> bool:
        """Whether it is outside of the conversation."""
        return "conversation_id" in self.body and self.body["conversation_id"] is None


@attrs.define(eq=False)
class Session:
    """All that is known of one session.

    `order` holds its items as they follow one another in the conversation, of which those before `first` were given; `sent`
    the items that the application created and the API has not shown yet; `events` the ids of the events that came.
    """

    id: str
    buffer: InputBuffer
    config: Mapping[str, Any] = attrs.field(factory=dict)
    items: dict[str, Item] = attrs.field(factory=dict)
    order: list[Item] = attrs.field(factory=list)
    first: int = 0
    responses: dict[str, Response] = attrs.field(factory=dict)
    sent: list[Mapping[str, Any]] = attrs.field(factory=list)
    events: set[str] = attrs.field(factory=set)

    @property
    def input_format(self) -> str | None:
        """The format of what users say, None where the API has not said."""
        return format_in(self._input.get("format")) or format_in(self.config.get("input_audio_format"))

    @property
    def detects_turns(self) -> bool:
        """Whether the API is known to look for the beginning and the end of speech."""
        return self._input.get("turn_detection", self.config.get("turn_detection")) is not None

    @property
    def transcribed_by(self) -> str | None:
        """The model that writes down what users say."""
        told = self._input.get("transcription") or self.config.get("input_audio_transcription")
        return text_in(mapping(told).get("model"))

    @property
    def _input(self) -> Mapping[str, Any]:
        return mapping(mapping(self.config.get("audio")).get("input"))
