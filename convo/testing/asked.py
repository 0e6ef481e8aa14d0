"""A request under judgement, with all that a verdict on it may depend on; and who asks, and which audio is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from convo.testing.models import FakeModel

Json = dict[str, Any]


@attrs.frozen
class Origin:
    """Who asks: the `OpenAI-Organization` and `OpenAI-Project` headers, empty when they were not sent."""

    organization: str = ""
    project: str = ""


@attrs.frozen
class IssuedAudio:
    """What the API remembers of audio that it gave out. `tokens` is what it cost, and costs again when it is sent back."""

    expires_at: int
    origin: Origin = Origin()
    model: str = "gpt-audio-1.5"
    revoked: bool = False
    tokens: int = 0


@attrs.frozen
class Asked:
    """A request whose shape is known to be right."""

    body: Json
    models: Mapping[str, FakeModel]
    audio: Mapping[str, IssuedAudio]
    origin: Origin
    now: datetime

    @property
    def model(self) -> FakeModel:
        """The model that is asked."""
        return self.models[self.body["model"]]

    @property
    def wants_audio(self) -> bool:
        """Whether an answer in audio is asked for."""
        return "audio" in (self.body.get("modalities") or ())

    def messages(self) -> Iterator[tuple[str, Json]]:
        """Give each message with its path."""
        for index, message in enumerate(self.body["messages"]):
            yield f"messages[{index}]", message

    def parts(self) -> Iterator[tuple[str, Json]]:
        """Give each content part of each message with its path."""
        for path, message in self.messages():
            for index, part in enumerate(parts_of(message)):
                yield f"{path}.content[{index}]", part


def parts_of(message: Json) -> list[Json]:
    """Give the parts of a message whose content is an array, and none for any other."""
    content = message.get("content")
    return content if isinstance(content, list) else []


def audio_id_of(message: Json) -> str | None:
    """Give the id by which an assistant message stands for past audio."""
    audio = message.get("audio")
    return audio["id"] if audio else None
