"""Steps that erase an owner: keys, objects, rows and words, until nothing is found any more; and say what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.blobs.protocol import prefix_of
from convo.erasure import Erasure
from convo.errors import HeldTransaction, InputError, StoreError
from convo.steps import objects
from convo.steps.blobs import home_of
from convo.steps.effects import call, pause, read, write, write_one
from convo.steps.searching import rewritten
from convo.store import erasure, holds, relocating, tables, words
from convo.store.wiping import checkpoint
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import sqlalchemy as sa

    from convo.blobs.protocol import BlobStore, Stored
    from convo.steps.effects import Steps
    from convo.steps.place import Tools

    Progress = Callable[[int, int], None] | None

ROUNDS = 20
"""How often all is looked through while others go on writing."""
TRIES, WAIT = 20, 0.1
"""How often the write-ahead log is to be emptied while others read, and seconds between."""
STILL_WRITTEN = "others went on writing for this owner: stop them, and erase again"
LOG_KEPT = "the write-ahead log could not be emptied while others read: close what reads, and erase again"
NO_FTS5 = "this SQLite has no FTS5, and cannot change the full-text index: erase again with one that has it"
DEAD_ROWS = (
    "PostgreSQL keeps deleted rows in its files until they are overwritten, and in its archived log: erase with vacuum=True "
    "when nobody needs the tables for a while"
)
UNUSED_SPACE = "SQLite may have copies of what was deleted in unused space of its pages: erase with vacuum=True"
NOT_REWRITTEN = "the database could not be written anew; erase again"


@attrs.define
class _Erasing:
    """How far it is, and whom to tell."""

    tools: Tools
    owner: str
    progress: Progress
    total: int
    counts: dict[str, int]
    names: set[str] = attrs.field(factory=set)
    bytes: int = 0
    steps: int = 0

    def took(self, kind: str, rows: int, media: int) -> None:
        """Count rows that are deleted, and tell."""
        self.counts[kind] = self.counts.get(kind, 0) + rows
        self.bytes += media
        self.steps += rows
        self.tell()

    def tell(self) -> None:
        """Say how much is done, and how much there is."""
        if self.progress is not None:
            self.progress(min(self.steps, self.total), self.total)


def erased(
    tools: Tools, view: str | None, owner: str, *, progress: Progress, dry_run: bool, vacuum: bool | None
) -> Steps[Erasure]:  # fmt: skip
    """Erase an owner; see `Store.erase`."""
    _check(tools, view, owner, progress, dry_run=dry_run)
    started = from_micros(tools.now())
    for place, _, _ in (yield from read(relocating.totals, owner)):
        if place is not None:
            tools.blobs.named(place)
    yield from read(holds.check_owner, owner)
    found = yield from read(erasure.counts, owner)
    if dry_run:
        there = yield from _objects(tools, owner)
        volume = yield from read(erasure.volume, owner)
        return Erasure(
            owner=owner, started_at=started, finished_at=from_micros(tools.now()), counts=found, objects=len(there),
            bytes=volume, dry_run=True,
        )  # fmt: skip
    total = sum(found.values()) - found["words"]
    erasing = _Erasing(tools, owner, progress, total, dict.fromkeys(map(erasure.kind_of, reversed(erasure.emptied())), 0))
    erasing.tell()
    yield from _keys_destroyed(erasing)
    left = yield from _until_nothing_is_left(erasing)
    return (yield from _receipt(erasing, started, left, vacuum=vacuum))


def _check(tools: Tools, view: str | None, owner: str, progress: object, *, dry_run: bool) -> None:
    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    tools.check_writable()
    if tools.held and not dry_run:
        raise HeldTransaction("erase()", "bytes are deleted")
    if view and view != owner:
        reason = "this is the store of another owner, and erases that one: use store.owned_by(owner).erase(owner)"
        raise InputError(reason)


def _keys_destroyed(erasing: _Erasing) -> Steps[None]:
    """Destroy the owner's keys before all else: whatever is left of what they encrypt, nobody reads it any more."""
    for kind, number in (yield from write(erasure.destroy_keys, erasing.owner)).items():
        erasing.took(kind, number, 0)


def _until_nothing_is_left(erasing: _Erasing) -> Steps[dict[str, int]]:
    """Go through everything until nothing is found; give what was found at last."""
    left: dict[str, int] = {}
    for _ in range(ROUNDS):
        yield from _out_of_sight(erasing)
        yield from _named_objects_deleted(erasing)
        for table in erasure.emptied():
            yield from _keys_destroyed(erasing) if table is tables.owner_key else _emptied(erasing, table)
        yield from _other_objects_deleted(erasing)
        if (yield from read(words.can_rewrite)):
            yield from rewritten()
        left = yield from read(erasure.counts, erasing.owner)
        left["objects"] = len((yield from _objects(erasing.tools, erasing.owner)))
        if not any(left.values()):
            break
    return left


def _out_of_sight(erasing: _Erasing) -> Steps[None]:
    while (yield from write(erasure.hide, erasing.owner)):
        pass


def _emptied(erasing: _Erasing, table: sa.Table) -> Steps[None]:
    """Delete the rows of a table; those that others write so fast that there are always some wait for the next round."""
    while True:
        done = yield from write(erasure.delete_some, erasing.owner, table)
        if done is None:
            yield from _out_of_sight(erasing)
            continue
        erasing.took(erasure.kind_of(table), done.rows, done.media)
        if not done.more:
            return


# --- objects ---------------------------------------------------------------------------------------


def _named_objects_deleted(erasing: _Erasing) -> Steps[None]:
    """Delete the objects that rows name, while rows say in which blob stores they are: who goes on later needs to know."""
    after = ""
    while page := (yield from read(relocating.elsewhere, erasing.owner, None, after)):
        for one in page:
            store = erasing.tools.blobs.named(one.place or "", one.digest)
            yield from call(store.delete, (one.name,), {})
            erasing.names.add(one.name or "")
        after = page[-1].digest


def _other_objects_deleted(erasing: _Erasing) -> Steps[None]:
    """Delete objects that no row names, however new they are."""
    for store, one in (yield from _objects(erasing.tools, erasing.owner)):
        if (yield from objects.deleted(store, erasing.owner, one.name)) and one.name not in erasing.names:
            erasing.names.add(one.name)
            erasing.bytes += one.size


def _objects(tools: Tools, owner: str) -> Steps[list[tuple[BlobStore, Stored]]]:
    """List the owner's objects in all blob stores that this store was given."""
    found: list[tuple[BlobStore, Stored]] = []
    for store in tools.blobs.all():
        prefix = prefix_of((yield from home_of(tools)), owner)
        found += [(store, one) for one in (yield from objects.under(store, prefix))]
    return found


# --- the end ---------------------------------------------------------------------------------------


def _receipt(erasing: _Erasing, started: datetime, left: dict[str, int], *, vacuum: bool | None) -> Steps[Erasure]:
    remarks = [STILL_WRITTEN] if any(left.values()) else []
    if (yield from read(words.is_out_of_reach)):
        remarks.append(NO_FTS5)
        left["words"] += 1
    written = yield from _rewritten_files(remarks, vacuum=vacuum)
    emptied = yield from log_emptied()
    if emptied is False:
        remarks.append(LOG_KEPT)
    return Erasure(
        owner=erasing.owner,
        started_at=started,
        finished_at=from_micros(erasing.tools.now()),
        counts=erasing.counts,
        objects=len(erasing.names),
        bytes=erasing.bytes,
        left=left,
        rewritten=written,
        checkpointed=emptied,
        remarks=tuple(remarks),
    )


def _rewritten_files(remarks: list[str], *, vacuum: bool | None) -> Steps[bool | None]:
    """Have the files of the database written anew, where that is wanted; False when it could not be done."""
    postgresql = yield from read(erasure.is_postgresql)
    if vacuum is False or (vacuum is None and postgresql):
        remarks.append(DEAD_ROWS if postgresql else UNUSED_SPACE)
        return None
    try:
        yield from write_one(erasure.vacuum) if postgresql else read(erasure.vacuum)
    except StoreError as error:
        remarks.append(f"{NOT_REWRITTEN}: {error}")
        return False
    return True


def log_emptied(tries: int = TRIES) -> Steps[bool | None]:
    """Empty SQLite's write-ahead log; None where there is none, False when others read all the time."""
    for number in range(1, tries + 1):
        done = yield from read(checkpoint)
        if done is not False or number == tries:
            return done
        yield from pause(WAIT)
    return False
