"""Steps of the doctor outside the database: whether objects are what their rows say, and objects that no row names."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from convo.blobs.places import is_as_written, sizes
from convo.blobs.protocol import OBJECT, prefix_of
from convo.errors import KeyUnavailable, StoreError
from convo.findings import Finding
from convo.sealing.form import OVERHEAD
from convo.steps.blobs import home_of, object_of
from convo.steps.effects import call, read
from convo.store import relocating
from convo.store.blobs import Held
from convo.store.doctor import blobs as checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convo.blobs.protocol import BlobStore, Stored
    from convo.sealing.keyring import Plain
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.doctor.blobs import Row
    from convo.store.doctor.page import After, Scope

LEFT_AFTER = 86_400_000_000
"""Microseconds after which an object that no row names is a leftover: its row may be in a transaction that is still open."""
PART = ".part"
"""What an object's name ends with that was never finished."""


# --- what rows say ---------------------------------------------------------------------------------


def of_rows(tools: Tools, scope: Scope, *, verify: bool) -> Steps[list[Finding]]:
    """Find bytes whose objects are missing or wrong, and blob stores that rows name and this store was not given."""
    found: list[Finding] = []
    unknown: dict[str, int] = defaultdict(int)
    failed: dict[str, StoreError] = {}
    after: After = None
    while True:
        rows, after = yield from read(checks.placed, scope, after)
        for place in sorted({row.place for row in rows}):
            mine = [row for row in rows if row.place == place]
            store = tools.blobs.get(place)
            if store is None:
                unknown[place] += len(mine)
            elif place not in failed:
                try:
                    found += yield from _wrong(tools.keys, store, mine, verify=verify)
                except StoreError as error:
                    failed[place] = error
        if after is None:
            return [*found, *(_unknown(*one) for one in unknown.items()), *(_failed(*one) for one in failed.items())]


def _wrong(keyring: Plain, store: BlobStore, rows: Sequence[Row], *, verify: bool) -> Steps[list[Finding]]:
    found: list[Finding] = []
    held = yield from call(sizes, (store, [row.name for row in rows]), {})
    for row, size in zip(rows, held, strict=True):
        as_written = size in (row.size, row.size + OVERHEAD)
        if as_written and verify:
            as_written = yield from _as_written(keyring, store, row)
        if as_written or not (yield from read(checks.still, row)):  # moved or deleted meanwhile
            continue
        found.append(_finding(row, size))
    return found


def _as_written(keyring: Plain, store: BlobStore, row: Row) -> Steps[bool]:
    """Whether an object holds what was written. What nobody can open now is told of elsewhere, once."""
    one = object_of(keyring, row.owner, Held(row.digest, row.size, row.place, row.name))
    try:
        return (yield from call(is_as_written, (store, one), {})) is True
    except KeyUnavailable:
        return True


def _finding(row: Row, size: int | None) -> Finding:
    what = f"of the object {row.name} in the blob store {row.place!r}"
    if size is None:
        kind, message = "blob_missing", f"{what} nothing is there; restore it from a backup"
    elif size not in (row.size, row.size + OVERHEAD):
        kind, message = "blob_incomplete", f"{what} {size:,} bytes are there and not {row.size:,}; restore it from a backup"
    else:
        kind, message = "blob_changed", f"{what} the bytes are not those that were written; restore it from a backup"
    return Finding(kind, "error", message, owner=row.owner, digest=row.digest)


def _unknown(place: str, number: int) -> Finding:
    message = (
        f"{number:,} blobs are in the blob store {place!r}, which was not given, and were not examined; pass it as blobs= "
        "(on the command line --blobs)"
    )
    return Finding("blob_store_unknown", "warning", message)


def _failed(place: str, error: StoreError) -> Finding:
    return Finding("check_failed", "error", f"the blob store {place!r} cannot be examined: {error}")


# --- what no row names -----------------------------------------------------------------------------


def leftovers(tools: Tools, scope: Scope) -> Steps[tuple[list[tuple[Finding, BlobStore, str]], list[Finding]]]:
    """Find objects of a day and older that no row names, each with what is to be deleted; and stores that cannot be listed."""
    stores = tools.blobs.all()
    if not stores:
        return [], []
    owners = [scope.owner] if scope.owner is not None else (yield from read(relocating.owners))
    home = yield from home_of(tools)
    known = {prefix_of(home, owner): owner for owner in owners}
    prefix = f"{home}/" if scope.owner is None else prefix_of(home, scope.owner)
    found: list[tuple[Finding, BlobStore, str]] = []
    failed: list[Finding] = []
    for store in stores:
        try:
            left = yield from _listed(store, prefix, known, scope.now)
            found += [(_left(store, one, owner), store, one.name) for one, owner in left]
        except StoreError as error:
            failed.append(_failed(store.name, error))
    return found, failed


def left_of(tools: Tools, store: BlobStore, owner: str) -> Steps[list[Stored]]:
    """Find the objects of an owner that are a day old and older and no row names. Raises what the blob store raises."""
    prefix = prefix_of((yield from home_of(tools)), owner)
    return [one for one, _ in (yield from _listed(store, prefix, {prefix: owner}, tools.now()))]


def under(store: BlobStore, prefix: str) -> Steps[list[Stored]]:
    """List the objects whose names begin with a prefix, those too that were never finished."""
    found: list[Stored] = []
    pages = store.objects(prefix)
    while page := (yield from call(_next, (pages,), {})):
        found += [one for one in page if OBJECT.fullmatch(one.name.removesuffix(PART))]
    return found


def _listed(store: BlobStore, prefix: str, known: dict[str, str], now: int) -> Steps[list[tuple[Stored, str | None]]]:
    found: list[tuple[Stored, str | None]] = []
    pages = store.objects(prefix)
    while page := (yield from call(_next, (pages,), {})):
        found += yield from _unnamed(store, [one for one in page if one.written < now - LEFT_AFTER], known)
    return found


def _next(pages: Iterator[Sequence[Stored]]) -> Sequence[Stored] | None:
    """Give the next page that holds anything."""
    return next(filter(None, pages), None)


def _unnamed(store: BlobStore, page: Sequence[Stored], known: dict[str, str]) -> Steps[list[tuple[Stored, str | None]]]:
    """Give the objects of a page that no row names, and whose they are."""
    by_owner: dict[str | None, list[tuple[Stored, str]]] = defaultdict(list)
    for one in page:
        if match := OBJECT.fullmatch(one.name.removesuffix(PART)):
            by_owner[known.get(match["owner"])].append((one, match["digest"]))
    found: list[tuple[Stored, str | None]] = []
    for owner, objects in by_owner.items():
        named = set() if owner is None else (yield from read(checks.named, owner, store.name, [digest for _, digest in objects]))
        found += [(one, owner) for one, _ in objects if one.name not in named]
    return found


def _left(store: BlobStore, one: Stored, owner: str | None) -> Finding:
    what = f"no row names the object {one.name} in the blob store {store.name!r} ({one.size:,} bytes)"
    whose = "a repair deletes it" if owner is not None else "its owner has nothing else here: delete it by hand"
    return Finding("blob_object_left", "note", f"{what}; {whose}", owner=owner, repairable=owner is not None)


def deleted(store: BlobStore, owner: str, name: str) -> Steps[bool]:
    """Delete an object, unless a row names it by now."""
    match = OBJECT.fullmatch(name.removesuffix(PART))
    named = (yield from read(checks.named, owner, store.name, [match["digest"]])) if match else {name}
    if name in named:
        return False
    yield from call(store.delete, (name,), {})
    return True
