"""The models that the fake has: what each can do, whose audio ids it takes, when it is shut down.

The table is the fake's own and is kept apart from any the product has, so that neither hides a mistake of the other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

ModelKind = Literal["audio", "text", "reasoning", "realtime"]
"""What a model does: it hears and speaks, it writes, it thinks and then writes, or it holds a Realtime session."""


@attrs.frozen
class FakeModel:
    """One model. Names of one `family` take each other's audio ids.

    A family is a model under all its names: whether the API takes ids across models is unknown, and the fake is strict.
    """

    kind: ModelKind
    family: str
    shutdown: datetime | None = None
    cache_options: bool = False
    images: bool = True
    structured: bool = True

    def gone(self, now: datetime) -> bool:
        """Tell whether the model is shut down at `now`."""
        return self.shutdown is not None and now >= self.shutdown


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def _audio(family: str, year: int, month: int, day: int) -> FakeModel:
    """Give an audio model with the day of its shutdown."""
    return FakeModel("audio", family, shutdown=_day(year, month, day))


_TEXT = FakeModel("text", "text")
_REASONING = FakeModel("reasoning", "text")
_CACHING = attrs.evolve(_REASONING, cache_options=True)
_REASONING_NAMES = ("gpt-5", "o1", "o3", "o4")

_AUDIO_MODELS: Mapping[str, FakeModel] = {
    "gpt-audio-1.5": FakeModel("audio", "gpt-audio-1.5", images=False, structured=False),
    "gpt-audio": _audio("gpt-audio", 2027, 1, 20),
    "gpt-audio-2025-08-28": _audio("gpt-audio", 2027, 1, 20),
    "gpt-audio-mini": _audio("gpt-audio-mini", 2027, 1, 20),
    "gpt-audio-mini-2025-12-15": _audio("gpt-audio-mini", 2027, 1, 20),
    "gpt-4o-audio-preview": _audio("gpt-4o-audio", 2026, 5, 7),
    "gpt-4o-audio-preview-2024-10-01": _audio("gpt-4o-audio", 2025, 10, 10),
    "gpt-4o-audio-preview-2024-12-17": _audio("gpt-4o-audio", 2026, 5, 7),
    "gpt-4o-audio-preview-2025-06-03": _audio("gpt-4o-audio", 2026, 5, 7),
    "gpt-4o-mini-audio-preview": _audio("gpt-4o-mini-audio", 2026, 5, 7),
    "gpt-4o-mini-audio-preview-2024-12-17": _audio("gpt-4o-mini-audio", 2026, 5, 7),
}
_CACHING_MODELS = "gpt-6-astra gpt-6.1-sol gpt-6.1-terra gpt-6-sol gpt-6-luna gpt-5.6-sol gpt-5.6-terra gpt-5.6-luna"
_TEXT_MODELS: Mapping[datetime | None, str] = {
    None: "gpt-5.5 gpt-5.5-2026-04-23 gpt-5.4 gpt-5.4-mini gpt-5.4-mini-2026-03-17 gpt-5.2 gpt-5.2-2025-12-11 gpt-5.2-pro",
    _day(2027, 4, 1): "gpt-5.4-nano gpt-5.4-nano-2026-03-17 gpt-5.1 gpt-5.1-2025-11-13",
    _day(2027, 1, 14): (
        "gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-mini-2025-04-14 "
        "gpt-4o gpt-4o-2024-11-20 gpt-4o-2024-08-06 gpt-4o-mini gpt-4o-mini-2024-07-18"
    ),
    _day(2026, 12, 11): "gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-mini-2025-08-07 gpt-5-nano gpt-5-nano-2025-08-07 o3",
    _day(2026, 10, 23): "gpt-4.1-nano o4-mini o3-mini o1 gpt-4o-2024-05-13 gpt-4-turbo gpt-4 gpt-3.5-turbo",
}

MODELS: Mapping[str, FakeModel] = MappingProxyType(
    {
        **_AUDIO_MODELS,
        **dict.fromkeys(_CACHING_MODELS.split(), _CACHING),
        **{
            name: attrs.evolve(_REASONING if name.startswith(_REASONING_NAMES) else _TEXT, shutdown=day)
            for day, names in _TEXT_MODELS.items()
            for name in names.split()
        },
    }
)


def models_with(added: Mapping[str, ModelKind] | None) -> Mapping[str, FakeModel]:
    """Give the table and `added`, names with what they are; an added audio model takes only its own ids.

    Models of the Realtime API are not among them: no other API has them.
    """
    return {**MODELS, **{name: FakeModel(kind, name) for name, kind in (added or {}).items() if kind != "realtime"}}
