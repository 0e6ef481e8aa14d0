"""The receipt of an erasure: what went, and what was looked for afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@attrs.frozen(kw_only=True)
class Erasure:
    """What `erase` did for an owner, from `started_at` to `finished_at`.

    `counts` are the rows that it deleted, by what they were ("conversation", "message", "exchange", ...); with `dry_run`, those
    that it would delete. `objects` are those of blob stores, `bytes` the bytes of audio, images and files, wherever they were.

    `left` is what was looked for afterwards, and how often it was found: rows of each kind, "words" of the full-text index,
    and "objects". `checkpointed` says whether what SQLite had in its write-ahead log was emptied, None where there is none.
    `rewritten` says whether the files of the database were written anew, so that unused space in them holds nothing either;
    None where that was not wanted. `remarks` are sentences on what remains to be done, or cannot be done from here.
    """

    owner: str
    started_at: datetime
    finished_at: datetime
    counts: Mapping[str, int] = attrs.field(hash=False)
    objects: int = 0
    bytes: int = 0
    left: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    rewritten: bool | None = None
    checkpointed: bool | None = None
    remarks: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def verified(self) -> bool:
        """Whether all that was looked for is gone, and all that was wanted could be done."""
        return bool(self.left) and not any(self.left.values()) and False not in (self.rewritten, self.checkpointed)

    def to_json(self) -> str:
        """Give the receipt as JSON, `verified` with it; times in ISO 8601."""
        return json.dumps({**attrs.asdict(self), "verified": self.verified}, default=_time)


def _time(value: datetime) -> str:
    return value.isoformat()
