"""Steps of the doctor: each check in transactions of its own, and repairs, each asked for between two of them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from convo.checks import check_type
from convo.errors import (
    ConversationNotFound,
    CorruptStore,
    InputError,
    KeyUnavailable,
    NotPermitted,
    PoolExhausted,
    StoreBusy,
    StoreFailed,
    UnknownBlobStore,
)
from convo.findings import Finding
from convo.steps import objects
from convo.steps.blobs import objects_deleted, within_reach
from convo.steps.effects import read, write
from convo.steps.place import Place
from convo.steps.settling import settled
from convo.store import conversations, doctor
from convo.store.doctor import schema, settings
from convo.store.doctor.page import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy.engine import Connection

    from convo.blobs.protocol import BlobStore
    from convo.errors import StoreError
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.blobs import Held
    from convo.store.doctor import Repair
    from convo.store.doctor.page import After, Check

CAP = 100
"""Findings of one kind that are given one by one; of the rest the number is told."""
UNUSABLE = frozenset({"table_missing", "column_missing", "check_failed"})
"""What may be found of the tables after which their rows cannot be read."""


@attrs.define
class _Examination:
    """What was found so far, and how to go on: `repair` is asked, `progress` is told."""

    tools: Tools
    owner: str | None
    repair: Callable[[Finding], bool] | None
    progress: Callable[[int, int], None] | None
    found: list[Finding] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)
    capped: dict[str, Finding] = attrs.field(factory=dict)

    def take(self, findings: Iterable[Finding]) -> Steps[None]:
        """Take what was found, mended where that is possible and wanted."""
        for finding in findings:
            if finding.kind == "key_unavailable" and any(
                (one.kind, one.owner) == (finding.kind, finding.owner) for one in self.found
            ):
                continue  # once an owner
            self._count((yield from self._mended(finding)))

    def _mended(self, finding: Finding) -> Steps[Finding]:
        if not self._wanted(finding):
            return finding
        if finding.kind == "exchange_expired":
            yield from self._settled(finding)
        repair, now = doctor.repairs()[finding.kind], self.tools.now()
        try:
            (gone,) = yield from write(within_reach, self.tools.blobs, _repaired, repair, finding, now)
        except UnknownBlobStore:  # told once for all of them
            return finding
        yield from objects_deleted(self.tools, gone)
        return attrs.evolve(finding, repaired=True)

    def take_left(self, finding: Finding, store: BlobStore, name: str) -> Steps[None]:
        """Take an object that no row names, deleted where that is wanted."""
        if finding.owner is not None and self._wanted(finding):
            yield from objects.deleted(store, finding.owner, name)
            finding = attrs.evolve(finding, repaired=True)
        self._count(finding)

    def _wanted(self, finding: Finding) -> bool:
        """Ask whether to mend something."""
        if self.repair is None or not finding.repairable:
            return False
        wanted = self.repair(finding)
        check_type(wanted, bool, "what repair() gives", "True or False, and not something to await")
        return wanted

    def _settled(self, finding: Finding) -> Steps[None]:
        """Put what a dead worker had received of a stream into the log; what left nothing is given up afterwards.

        Others may delete the conversation meanwhile.
        """
        if finding.owner is not None and finding.branch is not None:
            with suppress(ConversationNotFound):
                found = yield from read(conversations.get, finding.owner, id_=finding.conversation)
                yield from settled(Place(self.tools, found), finding.branch)

    def _count(self, finding: Finding) -> None:
        """Keep a finding, or only count it. Where there are too many, the rest is repaired when each of them is."""
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= CAP:
            self.found.append(finding)
            return
        known = self.capped.get(finding.kind, finding)
        self.capped[finding.kind] = Finding(
            finding.kind,
            finding.severity,
            f"there are {self.counts[finding.kind] - CAP:,} more findings of this kind",
            owner=self.owner,
            repairable=finding.repairable,
            repaired=known.repaired and finding.repaired,
        )

    def result(self) -> list[Finding]:
        """Give all findings."""
        return [*self.found, *self.capped.values()]

    def tell(self, done: int, total: int) -> None:
        """Say how far the examination is."""
        if self.progress is not None:
            self.progress(min(done, total), total)


def examined(
    tools: Tools, owner: str | None, place: str, *, repair: Callable[[Finding], bool] | None, verify: bool,
    progress: Callable[[int, int], None] | None,
) -> Steps[list[Finding]]:  # fmt: skip
    """Look for what is wrong; see `Store.doctor`."""
    for name, function in (("repair", repair), ("progress", progress)):
        if function is not None and not callable(function):
            reason = f"{name}= is a {type(function).__name__}; pass a function"
            raise InputError(reason)
    if repair is not None:
        tools.check_writable()
    tools.keys.lost_count(anew=True)
    examination = _Examination(tools, owner, repair, progress)
    revision = yield from _checked("the revision of the tables", schema.revision, place)
    before = tools.now()
    server = yield from read(settings.server_clock)
    yield from examination.take(settings.clock(before, server, tools.now()))
    yield from examination.take((yield from _checked("the settings", settings.settings)))
    yield from examination.take(revision)
    if revision:
        return examination.result()
    shape = yield from _checked("the tables", schema.shape)
    yield from examination.take(shape)
    if verify:
        yield from examination.take((yield from _checked("the file", settings.file_check)))
    if not any(finding.kind in UNUSABLE for finding in shape):
        scope = Scope(owner, tools.now())
        yield from _rows(examination, scope, doctor.checks(verify=verify))
        yield from _objects(examination, scope, verify=verify)
    return examination.result()


def _repaired(connection: Connection, repair: Repair, finding: Finding, now: int) -> tuple[list[Held]]:
    return (repair(connection, finding, now) or [],)


def _checked(what: str, check: Callable[..., list[Finding]], *arguments: str) -> Steps[list[Finding]]:
    try:
        return (yield from read(check, *arguments))
    except (CorruptStore, NotPermitted, StoreBusy, StoreFailed) as error:
        return [_failed(what, error)]


def _failed(what: str, error: StoreError) -> Finding:
    """Give the finding for a check that the database did not answer; `PoolExhausted` says nothing about its health."""
    if isinstance(error, PoolExhausted):
        raise error
    return Finding("check_failed", "error", f"the database did not let {what} be examined: {error}")


def _rows(examination: _Examination, scope: Scope, checks: list[Check]) -> Steps[None]:
    expected = yield from _pages(examination, scope)
    total = sum(expected.get(check, 1) for check in checks)
    done = 0
    for check in checks:
        yield from _all_pages(examination, scope, check, (done, total))
        done += expected.get(check, 1)
    examination.tell(total, total)


def _objects(examination: _Examination, scope: Scope, *, verify: bool) -> Steps[None]:
    """Look outside the database, where bytes are there."""
    try:
        yield from examination.take((yield from objects.of_rows(examination.tools, scope, verify=verify)))
        left, failed = yield from objects.leftovers(examination.tools, scope)
    except (CorruptStore, NotPermitted, StoreBusy, StoreFailed) as error:
        left, failed = [], [_failed("the rows of bytes", error)]
    for finding, store, name in left:
        yield from examination.take_left(finding, store, name)
    yield from examination.take(failed)


def _pages(examination: _Examination, scope: Scope) -> Steps[Mapping[Check, int]]:
    """Estimate the pages of checks, for the progress; where that fails the checks will say why."""
    if examination.progress is None:
        return {}
    try:
        return (yield from read(doctor.pages, scope))
    except (CorruptStore, StoreBusy, StoreFailed):
        return {}


def _all_pages(examination: _Examination, scope: Scope, check: Check, progress: tuple[int, int]) -> Steps[None]:
    done, total = progress
    known = examination.tools.keys.lost_count()
    after: After = None
    while True:
        examination.tell(done, total)
        try:
            findings, after = yield from read(check, scope, after)
        except KeyUnavailable as error:
            lost = examination.tools.keys.lost_count()
            if lost == known:
                findings, after = [_failed(doctor.name_of(check), error)], None
            else:  # the page again, without what nobody can open
                known = lost
                continue
        except (CorruptStore, NotPermitted, StoreBusy, StoreFailed) as error:
            findings, after = [_failed(doctor.name_of(check), error)], None
        yield from examination.take(findings)
        if after is None:
            return
        done += 1
