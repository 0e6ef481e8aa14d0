"""The blob stores of a store, by their names, and what is done with their objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from convo.blobs.protocol import DATABASE, BlobStore, check_name
from convo.errors import BlobDamaged, BlobNotFound, InputError, SealBroken, UnknownBlobStore

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 8
"""Objects that are fetched at the same time: one after the other each costs a round trip."""


class Object(NamedTuple):
    """Bytes in a blob store: their SHA-256 in hex, their size, the store's name and the object's.

    `opened` gives the bytes for what the object holds, which is `more` bytes longer where it is sealed.
    """

    digest: str
    size: int
    place: str
    name: str
    opened: Callable[[bytes], bytes] = bytes
    more: int = 0


class Places:
    """The blob stores that a store was given; the first takes new bytes, none: the database does."""

    def __init__(self, stores: Sequence[BlobStore] = ()) -> None:
        self._stores: Mapping[str, BlobStore] = {store.name: store for store in stores}
        self.first: BlobStore | None = stores[0] if stores else None
        self.home: str | None = None
        """What the names of the database's objects begin with, once it was read."""

    @classmethod
    def of(cls, blobs: BlobStore | Sequence[BlobStore] | None) -> Places:
        """Take what the caller passed as `blobs=`. Raises `InputError`."""
        if blobs is None:
            return cls()
        given: Any = blobs
        stores = list(given) if isinstance(given, Iterable) and not isinstance(given, BlobStore | str | bytes) else [given]
        for store in stores:
            if not isinstance(store, BlobStore) or isinstance(store, type):
                reason = f"blobs= takes a blob store or several, such as FolderBlobs(path), not a {type(store).__name__}"
                raise InputError(reason)
        names = [check_name(store.name) for store in stores]
        if len(set(names)) < len(names):
            reason = f"two blob stores of blobs= have the same name ({', '.join(sorted(names))}); pass name= to tell them apart"
            raise InputError(reason)
        return cls(stores)

    def all(self) -> tuple[BlobStore, ...]:
        """Give the blob stores, the one that takes new bytes first."""
        return tuple(self._stores.values())

    def get(self, place: str) -> BlobStore | None:
        """Give a blob store by its name, or None."""
        return self._stores.get(place)

    def named(self, place: str, digest: str | None = None) -> BlobStore:
        """Give a blob store by its name. Raises `UnknownBlobStore`."""
        store = self._stores.get(place)
        if store is None:
            raise UnknownBlobStore(place, digest)
        return store

    def target(self, to: object) -> BlobStore | None:
        """Give the blob store that bytes are to move to, None for the database. Raises `InputError`."""
        if to == DATABASE:
            return None
        name = to if isinstance(to, str) else getattr(to, "name", None)
        found = self._stores.get(name) if isinstance(name, str) else None
        if found is None or (not isinstance(to, str) and to is not found):
            known = ", ".join(repr(one) for one in (DATABASE, *self._stores))
            reason = f"bytes move to 'database' or to a blob store that this store was given as blobs= ({known})"
            raise InputError(reason)
        return found

    # --- objects -----------------------------------------------------------------------------------

    def fetch(self, objects: Sequence[Object]) -> dict[str, bytes]:
        """Give the bytes of objects by their digests, without those that are not there.

        Raises `BlobDamaged`, `UnknownBlobStore`, and what the blob stores raise.
        """
        works = [partial(fetched, self.named(one.place, one.digest), one) for one in objects]
        found = [works[0]()] if len(works) == 1 else _at_once(lambda work: work(), works)
        return {one.digest: data for one, data in zip(objects, found, strict=True) if data is not None}


def fetched(store: BlobStore, one: Object) -> bytes | None:
    """Give the bytes of an object, None where it is not there. Raises `BlobDamaged`."""
    held = BytesIO()
    try:
        for piece in store.read(one.name):
            held.write(piece)
            if held.tell() > one.size + one.more:
                raise BlobDamaged(one.digest, one.place)
    except BlobNotFound:
        return None
    data = one.opened(held.getvalue())
    if len(data) != one.size or sha256(data).hexdigest() != one.digest:
        raise BlobDamaged(one.digest, one.place)
    return data


def is_as_written(store: BlobStore, one: Object) -> bool | None:
    """Whether an object holds what was written; None where it is not there."""
    try:
        return None if fetched(store, one) is None else True
    except (BlobDamaged, SealBroken):
        return False


def sizes(store: BlobStore, names: Sequence[str]) -> list[int | None]:
    """Give the sizes of objects, None for each that is not there."""
    return _at_once(store.size, names)


def _at_once(function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE, "convo-blobs") as pool:
        return list(pool.map(function, values))
