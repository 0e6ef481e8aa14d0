"""Whom a request is for: the model, the API and its origin, and the arguments of the call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from convo.models import Model

AUDIO_ARGUMENTS = ("voice", "format", "audio", "modalities")


def _said(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out arguments that say nothing: None, and no tools. Tools are a list, to be read more than once."""
    said = {name: value for name, value in arguments.items() if value is not None}
    if isinstance(said.get("tools"), Iterable):
        said["tools"] = list(said["tools"])
    return said if said.get("tools") != [] else {name: value for name, value in said.items() if name != "tools"}


@attrs.frozen
class Target:
    """A model at an origin (empty: unknown, so that no past id is known to be valid there).

    `api` is "chat", "responses", "realtime" or "live".

    An argument of None is as good as none at all. `instead_of` is the model that was asked for, where that one is shut
    down and `model` is its successor.
    """

    model: Model
    origin: str = ""
    arguments: Mapping[str, Any] = attrs.field(factory=dict, converter=_said)
    instead_of: Model | None = None
    api: str = "chat"

    @property
    def may_refer(self) -> bool:
        """Whether past audio may be sent by its id at all: the model hears, and the API is known and has such ids."""
        return self.api == "chat" and self.takes_audio and bool(self.origin)

    @property
    def takes_audio(self) -> bool:
        """Whether audio may be sent: what the API has, then what the catalogue says, else whether the caller asks for audio."""
        if self.api != "chat":
            return self.api == "realtime"
        if self.model.audio is not None:
            return self.model.audio
        return any(name in self.arguments for name in AUDIO_ARGUMENTS)
