"""What a blob store can do, and the names of what it holds."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

OBJECT = re.compile(r"(?P<owner>[0-9a-f]{16}/[0-9a-f]{16}/)[0-9a-f]{2}/(?P<digest>[0-9a-f]{64})-[0-9a-f]{16}")
"""The names of objects; nothing else is read, written or deleted."""
NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
"""The names of blob stores: they stand in the rows of the database."""
DATABASE = "database"
"""The name of the place that is no blob store."""
PIECE = 1_000_000
"""Bytes that a blob store gives at once, at most by a few."""


class Stored(NamedTuple):
    """One object of a blob store: its name, its size in bytes, and when it was written (microseconds since 1970)."""

    name: str
    size: int
    written: int


@runtime_checkable
class BlobStore(Protocol):
    """Holds bytes by names that convo makes. Its methods block, and may be called by several threads at once.

    They raise errors of convo: `StoreUnavailable` for what may work later, `StorageFull`, `ReadOnlyStore`, `BlobStoreFailed`.
    An object is whole or it is not there, and `put` has returned only once it would survive a power cut.
    """

    @property
    def name(self) -> str:
        """What stands in the database for this store: other names, other stores. It must not change."""

    def put(self, name: str, data: bytes) -> None:
        """Store bytes under a name that nobody else uses; again, after a doubtful try, does no harm."""

    def read(self, name: str) -> Iterator[bytes]:
        """Give the bytes in pieces of about 1 MB. Raises `BlobNotFound`, from here or with the first piece."""

    def size(self, name: str) -> int | None:
        """Give the size in bytes, None where there is no such object."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no error."""

    def objects(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """List the objects whose names begin with a prefix that ends with "/", or with "" all, in pages."""


def prefix_of(home: str, owner: str) -> str:
    """Give what the names of an owner's objects begin with; `home` is 16 hex of the database, no other has the same."""
    return f"{home}/{sha256(owner.encode()).hexdigest()[:16]}/"


def object_name(home: str, owner: str, digest: str, once: UUID) -> str:
    """Give a name for an object that holds these bytes of an owner; another `once`, another name."""
    return f"{prefix_of(home, owner)}{digest[:2]}/{digest}-{sha256(once.bytes).hexdigest()[:16]}"


def digest_of(name: Any) -> str:
    """Give the SHA-256 in hex that an object's name says. Raises `InputError` for a name that is none of convo's."""
    found = OBJECT.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        reason = f"{name!r} is no name of an object of convo; the row of convo_blob that says so was not written by convo"
        raise InputError(reason)
    return found["digest"]


def check_name(name: object) -> str:
    """Give the name of a blob store back. Raises `InputError` for one that is none, or that is taken."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None or name == DATABASE:
        reason = f"{name!r} is no name for a blob store; use up to 63 of a-z, 0-9, _ and -, and not {DATABASE!r}"
        raise InputError(reason)
    return name
