"""Steps that let audio go which the store is not to keep (`keep_audio`), and collect bytes that nothing refers to."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from convo.errors import ConvoError, HeldTransaction, InputError
from convo.keeping import Pruned, check_keep
from convo.logs import Swallowed
from convo.steps.blobs import objects_deleted
from convo.steps.effects import read, write
from convo.store import blobs, relocating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

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
    """Let users' recordings go that a recorded reply has answered, where none are kept; one that calls tools has not yet.

    The reply is in the log whatever happens here: what is left, `prune` lets go.
    """
    if place.tools.keep != "none" or reply.role != "assistant" or reply.at(position, 0).tool_calls:
        return
    from convo.store import letting

    with Swallowed(LOGGER, "recordings were not let go; prune() does it", ConvoError, conversation=place.found.id):
        done = yield from write(letting.answered, place.owner, branch, position, place.tools.now())
        yield from objects_deleted(place.tools, done.gone)


@attrs.define
class _Pruning:
    """How far it is, and whom to tell."""

    tools: Tools
    owner: str
    progress: Callable[[int, int], None] | None
    total: int = 0
    steps: int = 0
    result: Pruned = attrs.field(factory=Pruned)

    def took(self, recordings: int, gone: Iterable[Held], steps: int) -> Steps[None]:
        """Delete objects, count, and tell."""
        gone = list(gone)
        yield from objects_deleted(self.tools, gone)
        self.result = Pruned(
            self.result.recordings + recordings,
            self.result.blobs + len(gone),
            self.result.bytes + sum(held.size for held in gone),
        )
        self.steps += steps
        self.tell()

    def tell(self) -> None:
        """Say how much is done, and how much there is."""
        if self.progress is not None:
            self.progress(min(self.steps, self.total), self.total)


def pruned(
    tools: Tools, owner: str | None, *, progress: Callable[[int, int], None] | None, dry_run: bool, keep: Keep | None = None
) -> Steps[Pruned]:  # fmt: skip
    """Let audio go, and collect; see `Store.prune`."""
    from convo.store import letting

    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    what, cutoff = _due(tools.keep if keep is None else check_keep(keep), tools.now())
    if not dry_run:
        tools.check_writable()
        if tools.held:
            raise HeldTransaction("prune()", "bytes are deleted")
    if owner is None:
        reason = "prune() is for one owner at a time: use store.owned_by(owner) for each of store.owners()"
        raise InputError(reason)
    for place, _, _ in (yield from read(relocating.totals, owner)):
        if place is not None:
            tools.blobs.named(place)
    due = (yield from read(letting.count_due, owner, what, cutoff)) if what else 0
    if dry_run or progress is not None:
        number, volume = yield from read(letting.count_unused, owner, what, cutoff, tools.now())
        if dry_run:
            return Pruned(due, number, volume)
    pruning = _Pruning(tools, owner, progress, due + (number if progress is not None else 0))
    pruning.tell()
    while what and (done := (yield from write(letting.let_go, owner, what, cutoff, tools.now()))).recordings:
        yield from pruning.took(done.recordings, done.gone, done.recordings)
    yield from _collected(pruning)
    return pruning.result


def _due(keep: Keep, now: int) -> tuple[Due | None, int | None]:
    """Give what is to be let go, and of what is old, the time (microseconds)."""
    if isinstance(keep, timedelta):
        return "old", now - keep // timedelta(microseconds=1)
    return {"all": None, "user": "replies", "none": "answered"}[keep], None


def _collected(pruning: _Pruning) -> Steps[None]:
    """Delete what nothing refers to, page by page; what others refer to again meanwhile stays."""
    after, owner = "", pruning.owner
    while page := (yield from read(blobs.unused, owner, after, PAGE, pruning.tools.now())):
        digests = [digest for digest, _ in page]
        gone = yield from write(blobs.collect, owner, digests, pruning.tools.now())
        yield from pruning.took(0, gone, len(digests))
        after = digests[-1]
