"""Whom a request is for: the model, the API, its origin and its server, and the arguments of the call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.servers import API, Server, server_of

if TYPE_CHECKING:
    from convo.models import Model

_LACKING = {"realtime": ("file",), "live": ("image", "file")}
"""Media that an API has no shape for: a session is begun without them."""
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
    down and `model` is its successor. `server` is what is known of the server there; the API itself where nobody says.
    `converts` says whether recordings can be converted here: the extra `audio` is installed.
    """

    model: Model
    origin: str = ""
    arguments: Mapping[str, Any] = attrs.field(factory=dict, converter=_said)
    instead_of: Model | None = None
    server: Server = attrs.field(factory=lambda: server_of(API))
    api: str = "chat"
    converts: bool = False

    @property
    def may_refer(self) -> bool:
        """Whether past audio may be sent by its id: the model hears, the API is known and has ids, and its server knows them."""
        return self.api == "chat" and self.takes_audio and bool(self.origin) and self.server.references is True

    @property
    def takes_audio(self) -> bool:
        """Whether audio may be sent: what is known of API, server and model, else whether the caller asks for audio."""
        if self.api != "chat":
            return self.api == "realtime"
        if self.server.input_audio == ():
            return False
        if self.model.audio is not None:
            return self.model.audio
        return any(name in self.arguments for name in AUDIO_ARGUMENTS)

    @property
    def why_deaf(self) -> str:
        """The key of the reason why no audio is sent, where that is so: the server takes none, or the model."""
        if self.api != "chat":
            return "no audio"
        return "text server" if self.server.input_audio == () else "text model"

    def why_not(self, kind: str) -> str:
        """Give the key of the reason why no media of this kind are sent, `image` or `file`; "" where they are."""
        if kind in _LACKING.get(self.api, ()):
            return "no part"
        if kind == "image":
            return "media" if self.model.images is False else "no images" if self.server.images is False else ""
        return "no files" if self.server.files is False and self.api == "chat" else ""
