"""Arguments of the wrong type, said in one way."""

from __future__ import annotations

import math

from convo.errors import InputError

LONGEST = 1e300
"""Seconds, more than anything lasts; whole numbers that are larger fit into no float."""
SLOWEST, FASTEST = 0.25, 4.0
"""The range of `speed` that the Speech API takes, by its reference."""


def check_type(value: object, kind: type | tuple[type, ...], name: str, wanted: str) -> None:
    """Raise `InputError` unless `value` is a `kind`; `wanted` says in words what to pass. True and False are no numbers."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        reason = f"{name} takes {wanted}, not a {type(value).__name__}"
        raise InputError(reason)


def check_choice(value: object, choices: tuple[str, ...], name: str) -> None:
    """Raise `InputError` unless `value` is one of the words."""
    if value not in choices:
        reason = f"{name}={value!r} is not known; use {' or '.join(map(repr, choices))}"
        raise InputError(reason)


def check_seconds(seconds: float) -> None:
    """Raise `InputError` for a time that nobody has heard."""
    check_type(seconds, (int, float), "seconds", "the seconds that were heard")
    if isinstance(seconds, bool) or not (0 <= seconds < LONGEST or seconds == math.inf):
        raise InputError(f"{seconds} is no time that somebody has heard; pass seconds from the start of the sound, 0 or more")


def check_speed(speed: object, name: str) -> None:
    """Raise `InputError` for a speed that the Speech API does not take."""
    if not isinstance(speed, (int, float)) or isinstance(speed, bool) or not SLOWEST <= speed <= FASTEST:
        reason = f"{name} takes a number from {SLOWEST} to {FASTEST}, 1.0 being as it is, not {speed!r}"
        raise InputError(reason)
