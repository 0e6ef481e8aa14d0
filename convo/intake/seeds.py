"""Ids of the items that seed a Realtime session: each names the message of the log that it stands for."""

from __future__ import annotations

import re

_SEED = re.compile(r"convo_([1-9]\d{0,18})_(0|[1-9]\d{0,3})")


def seed_id(position: int, number: int = 0) -> str:
    """Give the id of an item made of the message at `position`; `number` tells the items of one message apart.

    At most 30 of the 32 characters that the API takes. The API's own ids begin with `item_`.
    """
    return f"convo_{position}_{number}"


def seeded_position(item_id: str) -> int | None:
    """Give the position of the message that an item stands for, None for an item that is no seed."""
    found = _SEED.fullmatch(item_id)
    return int(found[1]) if found else None
