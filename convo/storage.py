"""What was done to the bytes that a store keeps: let go, moved, counted."""

from __future__ import annotations

import attrs


@attrs.frozen
class Pruned:
    """What `prune` did: recordings that were let go, blobs that were deleted, and how many bytes those had.

    `messages` were redacted, `conversations` deleted. `held` conversations are on hold: whatever they show was passed over.
    """

    recordings: int = 0
    blobs: int = 0
    bytes: int = 0
    messages: int = 0
    conversations: int = 0
    held: int = 0


@attrs.frozen
class MovedBlobs:
    """What `move_blobs` did: blobs that it moved, and how many bytes those have.

    `failed` are the digests of those that stayed because what is stored is not them, or not all of them: see `doctor`.
    """

    blobs: int = 0
    bytes: int = 0
    failed: tuple[str, ...] = ()


@attrs.frozen
class BlobTotals:
    """Blobs in one place, and how many bytes they have: "database", or the name of a blob store."""

    place: str
    blobs: int
    bytes: int
