"""Messages of the log, and drafts that are to become messages: pure values.

The body of either is the API's own JSON as canonical text, in which bytes are replaced by
`{"$blob": "<sha-256 in hex>"}`; the bytes themselves travel beside it as `Media`. A reply of the Responses API is one
message, whose body holds all of its output items (see `convo.forms`).
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs

from convo.canonical import decode
from convo.errors import IntegrityError
from convo.forms import as_chat
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from convo.audio.value import Audio

Kind = Literal["message", "instructions", "summary"]
Status = Literal["complete", "interrupted", "redacted"]
REPLY = -1
"""The `part` of a reply's audio, which is in no content part."""
COVERS = "covers"
"""The key under which the body of a summary says up to which position it reaches."""


@attrs.frozen
class Media:
    """One piece of media of a message, as stored. `data` is None where the bytes were not loaded.

    `duration` is in seconds, `size` in bytes, `digest` the SHA-256 in hex; `part` is the index of the content part that
    holds it, or of the output item of a Response; -1 is the audio of a reply. `made_by` is the model that made this
    speech of a text, None where it came with the message. `translation` is what is said, in English. `dropped` says
    when (microseconds since 1970) the bytes were let go, because the store keeps them no longer; None: they are kept.
    `problems` are what is to be warned of when it is stored.
    """

    part: int
    kind: Literal["audio", "image", "file"]
    format: str | None
    digest: str
    size: int
    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    transcript: str | None = attrs.field(default=None, repr=False)
    voice: str | None = None
    made_by: str | None = None
    translation: str | None = attrs.field(default=None, repr=False)
    dropped: int | None = None
    data: bytes | None = attrs.field(default=None, repr=False, eq=False)
    problems: tuple[Warning, ...] = attrs.field(default=(), repr=False, eq=False)


@attrs.frozen
class ToolCall:
    """A call that the model asked for. `arguments` is the model's own text, which may be invalid JSON."""

    id: str
    name: str
    arguments: str = attrs.field(repr=False)
    type: Literal["function", "custom"] = "function"


@attrs.frozen
class Draft:
    """A message that is not in the log yet: it has no position.

    `audio_expires` is in microseconds since 1970; `text_tokens` and `audio_tokens` are what the API billed
    for what the message holds.
    """

    role: str
    body: str = attrs.field(repr=False)
    kind: Kind = "message"
    status: Status = "complete"
    api: str = "chat"
    model: str | None = None
    text: str = attrs.field(default="", repr=False)
    media: tuple[Media, ...] = ()
    audio_id: str | None = None
    audio_expires: int | None = None
    audio_origin: str | None = None
    text_tokens: int | None = None
    audio_tokens: int | None = None
    pinned: bool = False
    metadata: str | None = None
    created: int | None = None

    def at(self, position: int, now: int) -> Message:
        """Give the message that this draft becomes at `position`; `now` in microseconds where it has no time of its own."""
        facts = Facts(self.kind, self.role, self.status, self.api, self.pinned, len(self.media))
        return Message(
            position=position, facts=next((usual for usual in USUAL if usual == facts), facts), body=self.body, model=self.model,
            created=now if self.created is None else self.created, audio_id=self.audio_id, audio_expires=self.audio_expires,
            audio_origin=self.audio_origin, text_tokens=self.text_tokens, audio_tokens=self.audio_tokens,
            labels=self.metadata, media=self.media,
        )  # fmt: skip


class Facts(NamedTuple):
    """What a message is, as far as most have it in common; `pieces` counts its media."""

    kind: Kind
    role: str
    status: Status = "complete"
    api: str = "chat"
    pinned: bool = False
    pieces: int = 0


BY_USER, BY_MODEL = Facts("message", "user"), Facts("message", "assistant")
USUAL = (BY_USER, BY_MODEL)
"""What nearly all messages are. Messages share their facts, so that `message.facts in USUAL` is told at a glance."""


@attrs.define
class _Fields:
    """The fields of a message."""

    position: int
    facts: Facts
    body: str = attrs.field(repr=False)
    model: str | None
    created: int
    audio_id: str | None
    audio_expires: int | None
    audio_origin: str | None
    text_tokens: int | None
    audio_tokens: int | None
    labels: str | None = attrs.field(repr=False)
    media: tuple[Media, ...] = ()


@attrs.frozen
class Message(_Fields):
    """One entry of the log. Fields are what the database holds, in the order in which the store selects them.

    `created` and `audio_expires` are microseconds since 1970 (see `created_at` and `audio` for what people want);
    `pieces` counts the media of the message, which `media` describes where they were loaded.
    """

    @classmethod
    def all_of(cls, rows: Iterable[Sequence[Any]], facts: Mapping[Any, Facts]) -> list[Message]:
        """Give the messages of rows, whose facts stand in them as keys of `facts`.

        A request may hold thousands: made like this they take a third of the time that frozen values take.
        """
        made: list[Any] = list(starmap(_Fields, rows))
        for one in made:
            one.facts = facts[one.facts]
            one.__class__ = cls
        return made

    @property
    def kind(self) -> Literal["message", "instructions", "summary"]:
        """Whether it was said, or is an event: instructions, or a summary."""
        return self.facts.kind

    @property
    def role(self) -> str:
        """Who said it, as the API names it."""
        return self.facts.role

    @property
    def status(self) -> Literal["complete", "interrupted", "redacted"]:
        """Whether it is whole, was interrupted, or was redacted."""
        return self.facts.status

    @property
    def api(self) -> str:
        """The API whose shape the body has."""
        return self.facts.api

    @property
    def pinned(self) -> bool:
        """Whether the message stays in every request."""
        return self.facts.pinned

    @property
    def pieces(self) -> int:
        """How many media the message has."""
        return self.facts.pieces

    @property
    def raw(self) -> dict[str, Any]:
        """The message in the API's own JSON, unknown fields included, bytes taken out.

        Raises `IntegrityError` for what is no JSON any more.
        """
        try:
            body: dict[str, Any] = decode(self.body)
        except ValueError as error:
            raise IntegrityError(self.position) from error
        return body

    @property
    def text(self) -> str:
        """What was written or said, in either form, as one text."""
        return text_of(self.raw, self.media)

    @property
    def created_at(self) -> datetime:
        """When the message entered the log, or the time that its author gave: aware, UTC."""
        return from_micros(self.created)

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's own notes, as given to `add`."""
        notes: dict[str, Any] = decode(self.labels) if self.labels else {}
        return notes

    @property
    def audio(self) -> Audio | None:
        """The first audio of the message, without its bytes (`chat.load(audio)` fetches them), or None."""
        for piece in self.media:
            if piece.kind == "audio":
                return audio_of(piece, self)
        return None

    @property
    def covers(self) -> int:
        """The position up to which a summary stands for the messages before it; 0 for any other message."""
        found = self.raw.get(COVERS) if self.kind == "summary" else 0
        return found if isinstance(found, int) else 0

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls that this message asks for, in order."""
        return tuple(calls_of(self.raw))

    @property
    def tool_call_id(self) -> str | None:
        """The call that this message answers, for the role `tool`."""
        found = self.raw.get("tool_call_id")
        return found if isinstance(found, str) else None


def audio_of(piece: Media, message: Message | Draft) -> Audio:
    """Give the audio of a message as the public value."""
    from convo.audio.value import Audio

    reply = piece.part < 0 and piece.made_by is None
    expires = message.audio_expires
    return Audio.stored(
        format=piece.format or "unknown", digest=piece.digest, size=piece.size, duration=piece.duration,
        sample_rate=piece.sample_rate, channels=piece.channels, transcript=piece.transcript, voice=piece.voice,
        id=message.audio_id if reply else None,
        expires_at=from_micros(expires) if reply and expires is not None else None,
        made_by=piece.made_by, translation=piece.translation, data=piece.data,
    )  # fmt: skip


def text_of(body: Mapping[str, Any], media: tuple[Media, ...] = ()) -> str:
    """Give the text of a message body: content, what was said, and transcripts of what was recorded."""
    if "output" in body:
        body = as_chat(body)
    said = body.get("audio")
    pieces = [
        said.get("transcript") if isinstance(said, dict) else None,
        *_content_texts(body.get("content"), media),
        body.get("refusal"),
    ]
    return "\n".join(piece for piece in pieces if isinstance(piece, str) and piece)


def _content_texts(content: object, media: tuple[Media, ...]) -> list[object]:
    if not isinstance(content, list):
        return [content]
    spoken = {piece.part: piece.transcript for piece in media}
    return [
        part.get("text") or part.get("refusal") or spoken.get(index)
        for index, part in enumerate(content)
        if isinstance(part, dict)
    ]


def calls_of(body: Mapping[str, Any]) -> list[ToolCall]:
    """Give the tool calls of a message body; a call whose shape is unknown is left out."""
    if "output" in body:
        body = as_chat(body)
    found = body.get("tool_calls")
    if not isinstance(found, list):
        return []
    return [call for raw in found if (call := _call(raw)) is not None]


def _call(raw: object) -> ToolCall | None:
    match raw:
        case {"id": str(id), "function": {"name": str(name), "arguments": str(arguments)}}:
            return ToolCall(id, name, arguments)
        case {"id": str(id), "custom": {"name": str(name), "input": str(arguments)}}:
            return ToolCall(id, name, arguments, "custom")
    return None
