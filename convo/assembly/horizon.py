"""Which references go as transcripts from now on: those that expire, and with them those that expire soon after. Pure.

An id that turns into a transcript changes the request from its message on, and what the API has cached of it is lost from
there: ids that have to turn do so together, and early only as far as that is worth it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from convo.assembly.estimate import CHARACTERS_A_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Message
    from convo.models import Model
    from convo.policy import Policy

CACHE_MINIMUM = 1_024
"""Tokens of the shortest prefix that the API caches, by its guide to prompt caching."""


def flip_horizon(
    messages: Sequence[Message], replies: Sequence[Message], known: int, soon: int, policy: Policy, model: Model
) -> int:  # fmt: skip
    """Give the time up to which ids that expire go as transcripts, in microseconds since 1970; at least `known`.

    `replies` are those of the messages whose ids are good for the target but for their age; what expires by `soon` has to
    turn.
    """
    expiries = [message.audio_expires or 0 for message in replies]
    due = [expiry for expiry in expiries if known < expiry <= soon]
    if not due:
        return known
    if not _is_cached(messages):
        return max(due)
    ahead = policy.flip_early if model.discounts_cache else policy.flip_together
    may = expiries[: -policy.keep_references] if policy.keep_references else expiries
    until = soon + ahead // timedelta(microseconds=1)
    return max(*due, *(expiry for expiry in may if expiry <= until))


def _is_cached(messages: Sequence[Message]) -> bool:
    """Say whether a request is long enough for the API to cache any of it."""
    tokens = 0
    for message in messages:
        tokens += len(message.body) // CHARACTERS_A_TOKEN + (message.audio_tokens or 0)
        if tokens >= CACHE_MINIMUM:
            return True
    return False
