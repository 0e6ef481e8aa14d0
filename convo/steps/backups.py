"""Steps of a backup: the database is copied beside its readers and writers, and the copy is looked through before it counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from convo.backups import Backup
from convo.blobs.places import Places
from convo.blobs.protocol import DATABASE
from convo.checks import check_type
from convo.errors import HeldTransaction, InputError
from convo.steps import relocating
from convo.steps.calling import called
from convo.steps.doctor import examined
from convo.steps.effects import Call, Work, beside, call, read
from convo.store import backup

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.findings import Finding
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.storage import BlobTotals
    from convo.store.engine import Runner

T = TypeVar("T")


def backed_up(
    tools: Tools, path: str | os.PathLike[str], *, progress: Callable[[int, int], object] | None, verify: bool
) -> Steps[Backup]:
    """Copy the store's database to a file that is not there yet; see `Store.backup`."""
    check_type(path, (str, os.PathLike), "backup()", "the path of a file")
    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    if not os.fsdecode(path) or "\0" in os.fsdecode(path):
        reason = "backup() takes the path of a file that is not there yet"
        raise InputError(reason)
    if tools.held:
        raise HeldTransaction("backup()", "the file is copied")
    target = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no link is resolved, nothing is read
    yield from read(backup.check_possible, target)
    file: str = yield from call(backup.begun, (target,), {})
    try:
        yield from beside(backup.copy, file, progress)
        elsewhere, findings = yield from call(_looked_through, (tools, file), {"verify": verify})
        size, digest = yield from call(backup.finished, (file, target), {})
    except BaseException:
        backup.dropped(file)
        raise
    return Backup(target, size, digest, elsewhere, findings)


def _looked_through(tools: Tools, file: str, *, verify: bool) -> tuple[tuple[BlobTotals, ...], tuple[Finding, ...]]:
    """Look through a copy as a doctor does; give what it leaves to blob stores, and what is wrong. Raises `CorruptStore`."""
    alone = attrs.evolve(tools, blobs=Places.of(None))
    runner = backup.opened(file)
    try:
        if verify:
            runner.run(backup.check_whole)
        found = _performed(runner, examined(alone, None, runner.place, repair=None, verify=verify, progress=None))
        totals = _performed(runner, relocating.totals(None))
    finally:
        runner.close()
    # What concerns the whole database, such as its settings, is of the file's place and not of what is in it.
    wrong = tuple(one for one in found if one.severity == "error" or (one.severity == "warning" and one.owner is not None))
    return tuple(one for one in totals if one.place != DATABASE), wrong


def _performed(runner: Runner, steps: Steps[T]) -> T:
    """Perform steps that only read, on a database of their own."""
    result: Any = None
    error: BaseException | None = None
    while True:
        try:
            effect = steps.send(result) if error is None else steps.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value
        assert isinstance(effect, Work | Call)  # noqa: S101 - reading takes no others
        try:
            if isinstance(effect, Work):
                result = runner.run(effect.function, *effect.arguments, mode=effect.mode, **effect.named)
            else:
                result = called(effect.function, effect.arguments, effect.named)
            error = None
        except BaseException as raised:  # noqa: BLE001 - handed to the steps, which raise it again
            error = raised
