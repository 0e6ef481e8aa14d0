"""Steps on bytes, wherever they are: put, get, and the deletion of objects whose rows are gone; see `convo.blobs`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from convo.blobs.places import Object
from convo.blobs.protocol import object_name
from convo.errors import AudioDropped, BlobNotFound, StoreError
from convo.logs import Swallowed
from convo.sealing.form import OVERHEAD, bytes_box
from convo.steps.effects import call, keys_changed, read, write, write_one
from convo.store import blobs, relocating
from convo.store.blobs import Held, Looked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.engine import Connection

    from convo.blobs.places import Places
    from convo.blobs.protocol import BlobStore
    from convo.sealing.keyring import Plain
    from convo.steps.effects import Steps
    from convo.steps.place import Tools

R = TypeVar("R", bound=tuple[Any, ...])
LOGGER = logging.getLogger("convo.blobs")
TRIES = 4
"""How often bytes are looked for that others move meanwhile."""


def put(tools: Tools, owner: str, digest: str, data: bytes, now: int) -> Steps[None]:
    """Store bytes where new ones go; those that are anywhere already stay, as if put now."""
    store = tools.blobs.first
    if store is None:
        yield from write(blobs.put, owner, digest, data, now)
    elif not (yield from write_one(blobs.refresh, owner, digest, now)):
        yield from put_object(tools, store, owner, digest, data, now)


def put_object(tools: Tools, store: BlobStore, owner: str, digest: str, data: bytes, now: int) -> Steps[None]:
    """Store bytes as an object, then the row that says so; the object goes again where another worker was faster.

    So it does where its key was destroyed meanwhile, and the bytes are put anew: nobody could read them.
    """
    home = yield from home_of(tools)
    for _ in range(TRIES):
        held = Held(digest, len(data), store.name, object_name(home, owner, digest, tools.new_id()))
        sealed_by = yield from sealed_put(tools, store, owner, held, data)
        try:
            said = yield from (write_one if sealed_by is None else write)(blobs.put_object, owner, held, now, sealed_by)
        except StoreError as error:
            if error.committed == "no":
                yield from objects_deleted(tools, [held], at_once=True)
            raise
        if not said:
            yield from objects_deleted(tools, [held], at_once=True)
        if said is not None:
            return
    raise keys_changed(owner)


def put_to_stay(tools: Tools, owner: str, digest: str, data: bytes, now: int) -> Steps[None]:
    """Store bytes of an owner who may have nothing else yet: an erasure that has ended meanwhile has deleted their object.

    One that goes on finds the row that names it by now.
    """
    yield from put(tools, owner, digest, data, now)
    held = (yield from read(blobs.where, owner, digest)) if tools.blobs.first is not None else None
    store = None if held is None or held.place is None else tools.blobs.get(held.place)
    if held is not None and store is not None and (yield from call(store.size, (held.name,), {})) is None:
        yield from sealed_put(tools, store, owner, held, data)


def sealed_put(tools: Tools, store: BlobStore, owner: str, held: Held, data: bytes) -> Steps[int | None]:
    """Store bytes as an object; give the number of the key that has sealed it, None without a cipher."""
    sealed_by = None
    if tools.keys.seals:
        data = yield from call(tools.keys.seal_object, (owner, held.digest, data), {})
        sealed_by = bytes_box(data).number
    yield from call(store.put, (held.name, data), {})
    return sealed_by


def object_of(keyring: Plain, owner: str, held: Held) -> Object:
    """Give where bytes are, and how what is there is opened."""
    opened = partial(keyring.open_object, owner, held.digest, held.size)
    return Object(held.digest, held.size, held.place or "", held.name or "", opened, OVERHEAD)


def home_of(tools: Tools) -> Steps[str]:
    """Give what the names of the database's objects begin with, read once."""
    if tools.blobs.home is None:
        tools.blobs.home = yield from read(relocating.home)
    return tools.blobs.home


def get(tools: Tools, owner: str, digest: str) -> Steps[bytes]:
    """Give bytes. Raises `BlobNotFound`, `AudioDropped`, `BlobDamaged`, `UnknownBlobStore`, and what blob stores raise."""
    return (yield from get_all(tools, owner, [digest]))[digest]


def get_all(tools: Tools, owner: str, digests: Iterable[str]) -> Steps[dict[str, bytes]]:
    """Give bytes by their digests; raises as `get` does, at the first that is nowhere."""
    wanted = list(digests)
    try:
        return (yield from fetched(tools, owner, (yield from read(blobs.look, owner, wanted))))
    except BlobNotFound as error:
        if (yield from read(blobs.was_dropped, owner, error.digest)):
            raise AudioDropped(error.digest) from error
        raise


def fetched(tools: Tools, owner: str, looked: Looked) -> Steps[dict[str, bytes]]:
    """Give the bytes that were found in the database, and those that are in blob stores."""
    data, away = looked
    for _ in range(TRIES):
        if not away:
            return data
        objects = [object_of(tools.keys, owner, held) for held in away]
        data |= yield from call(tools.blobs.fetch, (objects,), {})
        gone = [held for held in away if held.digest not in data]
        looked = (yield from read(blobs.look, owner, [held.digest for held in gone])) if gone else Looked({}, [])
        if same := set(gone) & set(looked.away):
            raise BlobNotFound(min(same).digest)
        data, away = data | looked.data, looked.away
    raise BlobNotFound(away[0].digest)


def within_reach(connection: Connection, places: Places, work: Callable[..., R], *arguments: Any) -> R:
    """Do a unit of work that gives, last, the bytes that are gone; nothing is done where their objects cannot be deleted.

    Raises `UnknownBlobStore` for bytes in a blob store that this store was not given, which rolls the work back.
    """
    done = work(connection, *arguments)
    gone: Iterable[Held] = done[-1]
    for held in gone:
        if held.place is not None:
            places.named(held.place, held.digest)
    return done


def objects_deleted(tools: Tools, gone: Iterable[Held], *, at_once: bool = False) -> Steps[list[Held]]:
    """Delete objects whose rows are gone; give those of the bytes that are nowhere any more.

    What cannot be deleted now is a leftover, which `prune` and `doctor` find later. Inside a caller's transaction all stay:
    it may be rolled back; unless `at_once`: then no row has ever named them.
    """
    deleted: list[Held] = []
    for held in gone:
        if held.place is None:
            deleted.append(held)
            continue
        store = tools.blobs.get(held.place)
        if store is not None and (at_once or not tools.held):
            with Swallowed(LOGGER, "an object could not be deleted; prune() and doctor() find it", digest=held.digest):
                yield from call(store.delete, (held.name,), {})
                deleted.append(held)
    return deleted
