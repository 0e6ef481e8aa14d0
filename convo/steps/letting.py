"""Steps that let audio go which the store is not to keep (`keep_audio`), and collect bytes that nothing refers to."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from convo.errors import ConvoError, HeldTransaction, InputError
from convo.keeping import check_age, check_keep
from convo.logs import Swallowed
from convo.steps.blobs import objects_deleted, within_reach
from convo.steps.effects import read, write
from convo.storage import Pruned
from convo.store import blobs, relocating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from convo.blobs.protocol import BlobStore, Stored
    from convo.keeping import Keep
    from convo.messages import Draft
    from convo.steps.effects import Steps
    from convo.steps.place import Place, Tools
    from convo.store.blobs import Held
    from convo.store.letting import Due

LOGGER = logging.getLogger("convo.blobs")
PAGE = 50
"""Blobs that one transaction deletes at most."""


def let_go_if_answered(place: Place, branch: UUID, position: int, reply: Draft) -> Steps[None]:
    """`let_answered_go` after a reply has been recorded; one that calls tools has answered nothing yet."""
    if place.tools.keep == "none" and reply.role == "assistant" and not reply.at(position, 0).tool_calls:
        yield from let_answered_go(place, branch, position)


def let_answered_go(place: Place, branch: UUID, position: int) -> Steps[None]:
    """Let users' recordings before a position go, where none are kept, that the requests of replies have held.

    On each line that is shown with a recording such a reply has to follow it (see `convo.store.letting`). The replies are in
    the log whatever happens here: what is left, `prune` lets go.
    """
    if place.tools.keep != "none":
        return
    from convo.store import letting

    with Swallowed(LOGGER, "recordings were not let go; prune() does it", ConvoError, conversation=place.found.id):
        tools = place.tools
        done = yield from write(within_reach, tools.blobs, letting.answered, place.owner, branch, position, tools.now())
        yield from objects_deleted(tools, done.gone)


@attrs.define
class Pruning:
    """How far it is, and whom to tell."""

    tools: Tools
    owner: str
    progress: Callable[[int, int], None] | None
    total: int = 0
    steps: int = 0
    result: Pruned = attrs.field(factory=Pruned)

    def took(self, recordings: int, gone: Iterable[Held], steps: int) -> Steps[None]:
        """Delete objects, count, and tell."""
        self.count(recordings, (yield from objects_deleted(self.tools, gone)), steps)

    def count(
        self, recordings: int, gone: Sequence[Held | Stored], steps: int, *, messages: int = 0, conversations: int = 0
    ) -> None:  # fmt: skip
        """Count what is deleted, and tell."""
        before = self.result
        self.result = attrs.evolve(
            before,
            recordings=before.recordings + recordings,
            blobs=before.blobs + len(gone),
            bytes=before.bytes + sum(one.size for one in gone),
            messages=before.messages + messages,
            conversations=before.conversations + conversations,
        )
        self.steps += steps
        self.tell()

    def tell(self) -> None:
        """Say how much is done, and how much there is."""
        if self.progress is not None:
            self.progress(min(self.steps, self.total), self.total)


def pruned(
    tools: Tools, owner: str | None, *, progress: Callable[[int, int], None] | None, dry_run: bool, keep: Keep | None = None,
    messages: timedelta | None = None, conversations: timedelta | None = None,
) -> Steps[Pruned]:  # fmt: skip
    """Delete what is old, let audio go, and collect; see `Store.prune`."""
    from convo.steps import ageing
    from convo.store import holds, letting

    owner = _checked(tools, owner, progress, dry_run=dry_run)
    now = tools.now()
    ages = ageing.Ages(_before(now, check_age("messages", messages)), _before(now, check_age("conversations", conversations)))
    what, cutoff = _due(tools.keep if keep is None else check_keep(keep), now)
    for place, _, _ in (yield from read(relocating.totals, owner)):
        if place is not None:
            tools.blobs.named(place)
    held = len((yield from read(holds.of_owner, owner)))
    due = (yield from read(letting.count_due, owner, what, cutoff)) if what else 0
    total = due
    if dry_run or progress is not None:
        number, volume = yield from read(letting.count_unused, owner, what, cutoff, tools.now())
        old = yield from ageing.counted(tools, owner, ages)
        total += number + old.messages + old.conversations
        if dry_run:
            left: list[Stored] = [one for found in (yield from _left(tools, owner)) for one in found[1]]
            return attrs.evolve(
                old, recordings=due, blobs=number + len(left), bytes=volume + sum(one.size for one in left), held=held
            )
    pruning = Pruning(tools, owner, progress, total, result=Pruned(held=held))
    pruning.tell()
    yield from ageing.swept(pruning, ages)
    work = (within_reach, tools.blobs, letting.let_go, owner, what, cutoff)
    while what and (done := (yield from write(*work, tools.now()))).recordings:
        yield from pruning.took(done.recordings, done.gone, done.recordings)
    yield from _collected(pruning)
    yield from _swept(pruning)
    if attrs.evolve(pruning.result, held=0) != Pruned():
        yield from ageing.wiped_out()
    return pruning.result


def _before(now: int, age: timedelta | None) -> int | None:
    return None if age is None else now - age // timedelta(microseconds=1)


def _checked(tools: Tools, owner: str | None, progress: object, *, dry_run: bool) -> str:
    """Give the owner back. Raises `InputError`, `ReadOnlyView`, `HeldTransaction`."""
    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    if not dry_run:
        tools.check_writable()
        if tools.held:
            raise HeldTransaction("prune()", "bytes are deleted")
    if owner is None:
        reason = "prune() is for one owner at a time: use store.owned_by(owner) for each of store.owners()"
        raise InputError(reason)
    return owner


def _swept(pruning: Pruning) -> Steps[None]:
    """Delete objects that no row names."""
    from convo.steps import objects

    for store, left in (yield from _left(pruning.tools, pruning.owner)):
        for one in left:
            if (yield from objects.deleted(store, pruning.owner, one.name)):
                pruning.count(0, [one], 0)


def _left(tools: Tools, owner: str) -> Steps[list[tuple[BlobStore, list[Stored]]]]:
    """Find the objects of an owner that no row names, and have not for a day; see `doctor`."""
    from convo.steps import objects

    found: list[tuple[BlobStore, list[Stored]]] = []
    for store in tools.blobs.all():
        left = yield from objects.left_of(tools, store, owner)
        found.append((store, left))
    return found


def _due(keep: Keep, now: int) -> tuple[Due | None, int | None]:
    """Give what is to be let go, and of what is old, the time (microseconds)."""
    if isinstance(keep, timedelta):
        return "old", now - keep // timedelta(microseconds=1)
    return {"all": None, "user": "replies", "none": "answered"}[keep], None


def _collected(pruning: Pruning) -> Steps[None]:
    """Delete what nothing refers to, page by page; what others refer to again meanwhile stays."""
    from convo.store import letting

    after, owner = "", pruning.owner
    while page := (yield from read(blobs.unused, owner, after, PAGE, pruning.tools.now())):
        digests = [digest for digest, _ in page]
        gone = yield from write(letting.collect, owner, digests, pruning.tools.now())
        yield from pruning.took(0, gone, len(digests))
        after = digests[-1]
