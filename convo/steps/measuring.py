"""Steps that measure recordings which nobody has measured yet, by decoding them, before they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.audio.checks import problems_of
from convo.audio.extra import can_convert
from convo.steps.effects import call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convo.messages import Draft, Media
    from convo.steps.effects import Steps


def measured(drafts: Iterable[Draft]) -> Steps[list[Draft]]:
    """Give drafts with the lengths of their recordings, and what is wrong with them, where they can be decoded here.

    Raises `BadAudio` for one that is damaged; nothing is stored then.
    """
    found: list[Draft] = []
    for draft in drafts:
        found.append((yield from _measured(draft)) if any(map(_is_unknown, draft.media)) else draft)  # noqa: PERF401 - a generator
    return found


def _measured(draft: Draft) -> Steps[Draft]:
    media: list[Media] = []
    for piece in draft.media:
        media.append((yield from call(_decoded, (piece,), {})) if _is_unknown(piece) else piece)  # noqa: PERF401 - a generator
    return attrs.evolve(draft, media=tuple(media))


def _is_unknown(piece: Media) -> bool:
    recorded = piece.kind == "audio" and piece.part >= 0 and piece.data is not None
    return recorded and piece.duration is None and can_convert()


def _decoded(piece: Media) -> Media:
    from convo.audio.codec import decoded

    assert piece.data is not None  # noqa: S101 - it was looked at before
    found = decoded(piece.data, piece.format or "")
    probe = found.probe
    return attrs.evolve(
        piece, duration=probe.duration, sample_rate=probe.sample_rate, channels=probe.channels,
        problems=problems_of(found.levels, probe.duration, truncated=found.truncated),
    )  # fmt: skip
