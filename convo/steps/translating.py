"""Steps that turn recordings of users into English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.steps.transcribing import TranscriptionFailure, all_heard, ears_of, lacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.steps.transcribing import Progress


@attrs.frozen
class Translated:
    """What a run did. `done` counts the recordings that now have a translation; the same bytes are one recording."""

    done: int
    failures: tuple[TranscriptionFailure, ...] = ()


def translate(
    place: Place, client: Any, *, model: str, positions: Iterable[int] | None, progress: Progress | None,
    arguments: Mapping[str, Any],
) -> Steps[Translated]:  # fmt: skip
    """Fill the translations of a conversation's recordings."""
    place.tools.check_may_wait("translate()")
    ears = ears_of(place.tools, place.owner, client, model, arguments, progress, "translations")
    recordings = yield from lacking(place, ears, positions)
    return Translated(*(yield from all_heard(ears, recordings, progress)))
