"""Instants as whole microseconds since 1970 in UTC, the one form in which the store reads and writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from convo.checks import check_type
from convo.errors import InputError, NaiveTime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def to_micros(moment: datetime, what: str = "the time") -> int:
    """Give an aware datetime in microseconds.

    Raises `NaiveTime` for one without a zone, `InputError` for one outside the years 2 to 9998, which not every
    driver and every time zone can hold.
    """
    check_type(moment, datetime, what, "an aware datetime")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise NaiveTime(what)
    if not 2 <= moment.year <= 9998:  # noqa: PLR2004 - named in the docstring
        reason = f"{what} is in the year {moment.year}; pass one from 2 to 9998"
        raise InputError(reason)
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Give the aware UTC datetime of a count of microseconds."""
    return EPOCH + timedelta(microseconds=micros)


def expiry_micros(seconds: object) -> int | None:
    """Give an API's `expires_at` (seconds since 1970) in microseconds, or None where it says nothing usable.

    Milliseconds (anything past the year 9999 in seconds) are understood; zero, negative numbers and everything
    that is no number count as no expiry at all, and so as expired.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        return None
    for unit in (1_000_000, 1_000):
        if seconds * unit <= _LAST:
            return int(seconds * unit)
    return None
