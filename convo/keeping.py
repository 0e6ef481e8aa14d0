"""Which audio a store keeps, and letting go of what it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import attrs

from convo.errors import InputError

if TYPE_CHECKING:
    from convo.messages import Draft, Media

Keep = Literal["all", "user", "none"] | timedelta
"""`keep_audio` of a store: all audio, that of users alone, none, or all of it for a time."""
_NAMES = ("all", "user", "none")


def check_keep(keep: object) -> Keep:
    """Give `keep_audio` back. Raises `InputError`."""
    if isinstance(keep, timedelta) and keep > timedelta(0):
        return keep
    if keep == "all" or keep == "user" or keep == "none":  # noqa: PLR1714 - mypy follows it
        return keep
    reason = f"keep_audio={keep!r} is none of {', '.join(map(repr, _NAMES))} and no positive timedelta"
    raise InputError(reason)


def check_age(name: str, age: object) -> timedelta | None:
    """Give an age back, None for no limit. Raises `InputError`."""
    if age is None or (isinstance(age, timedelta) and age > timedelta(0)):
        return age
    reason = f"{name}={age!r} is no positive timedelta"
    raise InputError(reason)


def as_kept(draft: Draft, keep: Keep, now: int) -> Draft:
    """Give a message as it is stored: where the audio of replies is not kept, that audio was let go of by now."""
    if draft.role != "assistant" or keep not in ("user", "none"):
        return draft
    return let_go(draft, now)


def let_go(draft: Draft, now: int) -> Draft:
    """Give a message whose audio is not stored, nor sound that is beside it because its body has no place for it."""
    media = [attrs.evolve(piece, dropped=now) if _is_sound(piece) else piece for piece in draft.media]
    return attrs.evolve(draft, media=tuple(media))


def _is_sound(piece: Media) -> bool:
    return piece.kind == "audio" or (piece.format or "").startswith("audio/")
