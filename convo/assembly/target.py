"""Whom a request is for: the model, the API's origin, and the arguments of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.models import Model

AUDIO_ARGUMENTS = ("voice", "format", "audio", "modalities")


@attrs.frozen
class Target:
    """A model at an origin (empty: unknown, so that no past id is known to be valid there)."""

    model: Model
    origin: str = ""
    arguments: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def takes_audio(self) -> bool:
        """Whether audio may be sent: what the catalogue says, else whether the caller asks for audio."""
        if self.model.audio is not None:
            return self.model.audio
        return any(name in self.arguments for name in AUDIO_ARGUMENTS)
