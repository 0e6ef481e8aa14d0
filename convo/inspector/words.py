"""Values as people read them, for the templates. What was said stays as it is, but for what would be obeyed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from convo.escapes import safe

if TYPE_CHECKING:
    from convo.usage import Cost

FILTERS = (
    "moment",
    "iso",
    "stamp",
    "clock",
    "seconds",
    "money",
    "count",
    "size",
    "plain",
    "oneline",
    "cut",
    "pretty",
    "percent",
    "left",
)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_KILO = 1_000
LONGEST = 50_000
"""Characters of one text that a page shows."""


def moment(time: datetime | None) -> str:
    """Give a time to the second, in UTC."""
    return "unknown" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def clock(time: datetime | None) -> str:
    """Give the time of day to the second, in UTC."""
    return "unknown" if time is None else f"{time.astimezone(UTC):%H:%M:%S}"


def iso(time: datetime) -> str:
    """Give a time as `<time datetime>` has it."""
    return time.astimezone(UTC).isoformat()


def stamp(time: datetime) -> int:
    """Give a time in milliseconds since 1970, as scripts have it."""
    return int(time.timestamp() * _KILO)


def seconds(duration: float | None) -> str:
    """Give how long something took or is: `3.3 s`, `4 min 20 s`."""
    if duration is None:
        return "length unknown"
    if duration < 1:
        return f"{duration * _KILO:,.0f} ms"
    return f"{duration:.1f} s" if duration < _UNITS[2][0] else left(duration)


def left(duration: float) -> str:
    """Give a span by its two largest units: `58 min 20 s`."""
    whole = max(0, int(duration))
    parts: list[str] = []
    for unit, name in _UNITS:
        if whole >= unit or (unit == 1 and not parts):
            parts.append(f"{whole // unit} {name}")
            whole %= unit
    return " ".join(parts[:2])


def money(cost: Cost | None) -> str:
    """Give an amount, or say that it is not known."""
    return "cost unknown" if cost is None or cost.amount is None else str(cost)


def count(number: float | None, noun: str = "") -> str:
    """Give `1 call`, `2,000 calls`; unknown is a dash."""
    told = "\N{EN DASH}" if number is None else f"{number:,}"
    return f"{told} {noun}{'' if number == 1 else 's'}" if noun else told


def size(number: int) -> str:
    """Give bytes in words."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB"):
        if amount < _KILO:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= _KILO
    return f"{amount:.1f} GB"


def percent(share: float | None) -> str:
    """Give a share."""
    return "\N{EN DASH}" if share is None else f"{share:.0%}"


def plain(text: object) -> str:
    """Give stored text to be shown: control characters and changes of direction as escapes; what is very long is cut."""
    found = str(text)
    return safe(found if len(found) <= LONGEST else f"{found[:LONGEST]}\N{HORIZONTAL ELLIPSIS}")


def oneline(text: object) -> str:
    """Give stored text on one line."""
    return " ".join(plain(text).split())


def cut(text: object, limit: int = 160) -> str:
    """Give the begin of stored text on one line."""
    found = oneline(str(text)[: limit * 4])
    return found if len(found) <= limit else f"{found[:limit].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def pretty(value: Any) -> str:
    """Give JSON laid out; text that is JSON too, other text as it is."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            return plain(value)
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return plain(value)
    try:
        return plain(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    except RecursionError:
        return "[nested too deep to be laid out]"
