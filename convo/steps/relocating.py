"""Steps that move bytes between the database and blob stores, one blob at a time, while others work; see `convo.blobs`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from convo.blobs.protocol import DATABASE, object_name
from convo.checks import check_type
from convo.errors import BlobDamaged, BlobNotFound, HeldTransaction, InputError, StoreError
from convo.logs import note
from convo.steps.blobs import fetched, home_of, objects_deleted, sealed_put
from convo.steps.effects import read, write
from convo.storage import BlobTotals, MovedBlobs
from convo.store import blobs, relocating
from convo.store.blobs import Held

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.blobs.protocol import BlobStore
    from convo.steps.effects import Steps
    from convo.steps.place import Tools

LOGGER = logging.getLogger("convo.blobs")


def moved(
    tools: Tools, owner: str | None, to: object, *, progress: Callable[[int, int], None] | None, limit: int | None
) -> Steps[MovedBlobs]:  # fmt: skip
    """Move an owner's bytes; see `Store.move_blobs`."""
    tools.check_writable()
    if tools.held:
        raise HeldTransaction("move_blobs()", "bytes are moved")
    target = tools.blobs.target(to)
    check_type(limit, (int, type(None)), "limit", "a number of blobs")
    if owner is None or (limit is not None and limit < 1) or (progress is not None and not callable(progress)):
        reason = "move_blobs() is for one owner; limit= is a positive number, progress= a function"
        raise InputError(reason)
    place = None if target is None else target.name
    total = (yield from read(relocating.count_elsewhere, owner, place)) if progress is not None else 0
    total, result, after = min(total, limit or total), MovedBlobs(), ""
    while page := (yield from read(relocating.elsewhere, owner, place, after)):
        for was in page:
            if limit is not None and result.blobs >= limit:
                return result
            result = yield from _counted(tools, owner, target, was, result)
            after = was.digest
            if progress is not None:
                progress(min(result.blobs + len(result.failed), total), total)
    return result


def _counted(tools: Tools, owner: str, target: BlobStore | None, was: Held, result: MovedBlobs) -> Steps[MovedBlobs]:
    """Move one blob. One that cannot be read stays where it is, and the others go on."""
    try:
        done = yield from _moved_one(tools, owner, target, was)
    except BlobDamaged as error:
        note(LOGGER, logging.WARNING, "a blob was not moved", error=error, digest=was.digest)
        return attrs.evolve(result, failed=(*result.failed, was.digest))
    except BlobNotFound as error:
        if not (yield from read(blobs.is_known, owner, was.digest)):
            return result  # deleted by others meanwhile
        note(LOGGER, logging.WARNING, "a blob was not moved", error=error, digest=was.digest)
        return attrs.evolve(result, failed=(*result.failed, was.digest))
    return attrs.evolve(result, blobs=result.blobs + 1, bytes=result.bytes + was.size) if done else result


def _moved_one(tools: Tools, owner: str, target: BlobStore | None, was: Held) -> Steps[bool]:
    """Move one blob; False when others have moved it, or deleted it, meanwhile."""
    looked = yield from read(blobs.look, owner, [was.digest])
    data = (yield from fetched(tools, owner, looked))[was.digest]
    if was.place is None and not blobs.is_intact(was.digest, data):
        raise BlobDamaged(was.digest, DATABASE)
    now, sealed_by = Held(was.digest, was.size, None, None), None
    if target is not None:
        home = yield from home_of(tools)
        now = Held(was.digest, was.size, target.name, object_name(home, owner, was.digest, tools.new_id()))
        sealed_by = yield from sealed_put(tools, target, owner, now, data)
    try:
        switched = yield from write(relocating.switch, owner, was, now, data, sealed_by)
    except StoreError as error:
        if error.committed == "no":
            yield from objects_deleted(tools, [now], at_once=True)
        raise
    yield from objects_deleted(tools, [was if switched else now])
    return switched


def owners(owner: str | None) -> Steps[list[str]]:
    """List everyone who has anything; of one owner's view that owner alone."""
    return (yield from read(relocating.owners, owner))


def totals(owner: str | None) -> Steps[list[BlobTotals]]:
    """Sum bytes by where they are."""
    found = yield from read(relocating.totals, owner)
    return [BlobTotals(DATABASE if place is None else place, number, volume) for place, number, volume in found]
