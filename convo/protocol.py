"""The protocol of an exchange as tables: what a second request with the same key, or beside a pending one, gets.

An exchange is begun (pending, with a lease that its worker renews while it waits), and ends once: done with its
reply in the log, failed, or abandoned. A lease that ran out means that its worker is taken to be dead; whoever
takes over raises the attempt, the fencing token, so that the dead one's answer no longer counts if it comes.

    the key's exchange     its hash    its lease    what happens
    ---------------------  ----------  -----------  ------------------------------------------
    none                   -           -            BEGIN
    any                    other       -            KeyMismatch
    added (no call)        any         -            KeyMismatch: the key is that of a message
    done, interrupted      same        -            REPLAY: the recorded reply is the answer
    pending                same        alive        TurnInProgress
    pending                same        over         TAKE_OVER: attempt + 1, nothing is added to the log
    failed, abandoned      same        -            TAKE_OVER

    pending on the branch  lease       what happens
    ---------------------  ----------  ------------------------------------------
    none, or the key's     -           as above
    another one            alive       TurnInProgress
    another one            over        it is abandoned, its messages stay, and then as above

What a stream has received is saved now and then. A worker that dies leaves it: whoever comes next ends the exchange
with it, as interrupted, before anything else happens on the branch.

An answer that comes for an attempt that no longer counts is kept beside the log, with the status late.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

from convo.canonical import digest, encode
from convo.checks import check_type
from convo.errors import InputError, KeyMismatch, TurnInProgress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from convo.messages import Draft

LEASE = 30_000_000
"""Microseconds for which a worker is taken to be alive after it last said so."""
RENEW_EVERY = 10.0
"""Seconds between two renewals: two may be lost before the lease is."""
CHECKPOINT_EVERY = 1.0
"""Seconds between two looks at what a stream has received since the last was saved."""
MAX_KEY = 255

ExchangeStatus = Literal["pending", "done", "interrupted", "failed", "abandoned", "late", "added"]

ENDED = ("done", "interrupted")
"""Exchanges that have a reply in the log."""


class Step(Enum):
    """What a begin does."""

    BEGIN = "begin"
    REPLAY = "replay"
    TAKE_OVER = "take over"


class Known(NamedTuple):
    """What is known of an exchange that was begun before. `lease_until` is in microseconds, None when not pending.

    `position` is that of its reply, in the line of `branch`.
    """

    id: UUID
    branch: UUID
    key: str | None
    hash: bytes
    status: ExchangeStatus
    attempt: int
    lease_until: int | None
    asked_first: int
    asked_last: int
    position: int | None = None


def is_alive(known: Known, now: int) -> bool:
    """Say whether the worker of an exchange still counts."""
    return known.status == "pending" and known.lease_until is not None and known.lease_until > now


def step_for(known: Known | None, asked: bytes, now: int) -> Step:
    """Give what a request does whose key has this exchange. Raises `KeyMismatch` and `TurnInProgress`."""
    if known is None:
        return Step.BEGIN
    if known.hash != asked or known.status == "added":
        raise KeyMismatch(known.key or "")
    if known.status in ENDED:
        return Step.REPLAY
    if is_alive(known, now):
        raise in_progress(known, now)
    return Step.TAKE_OVER


def in_progress(known: Known, now: int) -> TurnInProgress:
    """Give the error of a turn that waits for its answer; its `retry_after` is what is left of the lease."""
    left = ((known.lease_until or now) - now) / 1_000_000
    return TurnInProgress(known.id, max(1.0, left))


def hash_of(drafts: Sequence[Draft]) -> bytes:
    """Give the SHA-256 of what is asked: roles, bodies and so the digests of media, not the model or the policy.

    The results of tool calls that were stored before are no part of it: when a key comes again, the log has
    moved on, and could not tell which of them the first request had answered.
    """
    return digest(encode([draft.body for draft in drafts]))


def is_key(key: str) -> bool:
    """Say whether a key can be one: every database indexes it."""
    return 0 < len(key) <= MAX_KEY and key.isprintable()


def check_key(key: str | None) -> str | None:
    """Give a key back. Raises `InputError` for one that no database can index."""
    if key is None:
        return None
    check_type(key, str, "key", "text")
    if not is_key(key):
        reason = f"a key is 1 to {MAX_KEY} printable characters; use an id of your own, such as a request's"
        raise InputError(reason)
    return key
