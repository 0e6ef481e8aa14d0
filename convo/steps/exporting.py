"""Steps of exporting tables to files: so many rows at a time, each segment whole or not there, and the manifest after it."""

from __future__ import annotations

import hmac
import os
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import attrs

from convo.analysis import overlap
from convo.analysis.exported import FORMATS, Anonymous, Exported, rule_of
from convo.analysis.lines import Before
from convo.analysis.overlap import OVERLAP
from convo.canonical import encode
from convo.checks import check_choice, check_type
from convo.errors import HeldTransaction, InputError
from convo.steps import tables as table_steps
from convo.steps.effects import call, read
from convo.store import exported, spans
from convo.store.spans import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future
    from datetime import datetime

    from convo.analysis.exported import Format
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.spans import Wanted

SEGMENT = 64_000_000
"""Bytes of rows that are held before they are written: what an export that was killed does again at most."""


def export(
    tools: Tools, owner: str | None, path: str | os.PathLike[str], *, format: Format, tables: Iterable[str] | None,  # noqa: A002 - as the caller has it
    metadata: Mapping[str, Any] | None, since: datetime | str | None, until: datetime | None, anonymous: Anonymous | None,
    progress: Callable[[int, int], object] | None,
) -> Steps[Exported]:  # fmt: skip
    """Write tables to a folder; see `Store.export`."""
    names = _checked(path, format, tables, anonymous, progress)
    if tools.held:
        raise HeldTransaction("export()", "files are written")
    last = isinstance(since, str)
    if last and since != "last":
        reason = f'since={since!r} is no time; pass an aware datetime, or "last" to go on where the last export ended'
        raise InputError(reason)
    wanted = table_steps.wanted(owner, metadata=metadata, since=None if isinstance(since, str) else since, until=until)
    now = tools.now() + 1
    end = now if wanted.until is None else min(wanted.until, now)  # what comes until then is for the next export
    folder = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no link is resolved, nothing is read
    table_steps.check_arrow()
    what = {"format": format, "tables": names, **_choices(wanted, anonymous)}
    begin = "last" if last else wanted.since
    total = yield from read(spans.counted, wanted)
    claim = yield from call(exported.claimed, (folder,), {})
    try:
        manifest = yield from call(exported.begun, (folder, what, begin, end, wanted.until), {})
        yield from call(exported.cleared, (folder, manifest), {})
        run = manifest["runs"][-1]
        wanted = attrs.evolve(wanted, since=run["since"] - OVERLAP if run["again"] else run["since"], until=run["until"])
        job = _Job(tools, folder, manifest, wanted, anonymous, format, names, total, progress)
        for name in names:
            yield from _table(job, name)
            job.tell(name, total)
        run["done"] = True
        for one in manifest["runs"]:
            for state in one["tables"].values():
                state["at"] = None
                if one is not run:
                    state["recent"] = {}
        yield from call(exported.saved, (folder, manifest), {})
        return _result(folder, format, run)
    finally:
        claim.close()


def _checked(path: object, format_: object, tables: object, anonymous: object, progress: object) -> list[str]:
    check_type(path, (str, os.PathLike), "export()", "the path of a folder")
    check_choice(format_, FORMATS, "format")
    check_type(anonymous, (Anonymous, type(None)), "anonymous", "a convo.Anonymous")
    if not os.fsdecode(path) or "\0" in os.fsdecode(path):  # type: ignore[arg-type]  # as was checked
        reason = "export() takes the path of a folder, which is made"
        raise InputError(reason)
    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    given = list(table_steps.NAMES) if tables is None else [tables] if isinstance(tables, str) else list(tables)  # type: ignore[call-overload]  # what is no iterable raises
    for name in given:
        check_choice(name, table_steps.NAMES, "tables")
    if not given:
        reason = f"tables= names none; there are {', '.join(table_steps.NAMES)}"
        raise InputError(reason)
    return [name for name in table_steps.NAMES if name in given]


def _choices(wanted: Wanted, anonymous: Anonymous | None) -> dict[str, Any]:
    """Tell exports of one thing from those of another, by the names of what was chosen, and nothing of what that is.

    The code of a function is told with the version of Python that made it: only where that is the same it can be compared.
    """
    secret = b"" if anonymous is None else anonymous.secret
    redact = None if anonymous is None else anonymous.redact

    def told(value: Any) -> str:
        return hmac.digest(secret, encode(value).encode(), "sha256").hex()

    rule = redact and rule_of(redact)
    return {
        "owner": told(wanted.owner),
        "metadata": told(sorted((key, repr(value)) for key, value in wanted.filters.items())),
        "anonymous": anonymous and anonymous.fingerprint,
        "redact": rule and [told(rule.name), rule.made_by, told(rule.code)],
    }


@attrs.frozen
class _Job:
    """An export that is being done: of `total` conversations for each table."""

    tools: Tools
    folder: str
    manifest: dict[str, Any]
    wanted: Wanted
    anonymous: Anonymous | None
    format: Format
    names: list[str]
    total: int
    progress: Callable[[int, int], object] | None

    def tell(self, name: str, done: int) -> None:
        """Say how many conversations of a table are done."""
        if self.progress is not None:
            self.progress(self.names.index(name) * self.total + min(done, self.total), len(self.names) * self.total)

    @property
    def run(self) -> dict[str, Any]:
        """What the manifest says of it."""
        found: dict[str, Any] = self.manifest["runs"][-1]
        return found

    def known(self, name: str) -> dict[str, int]:
        """Give the digests of rows of a table that the run before wrote of the time that is read again, and their times."""
        *before, _ = self.manifest["runs"]
        found: dict[str, int] = before[-1]["tables"].get(name, {}).get("recent", {}) if before else {}
        return found


def _table(job: _Job, name: str) -> Steps[None]:
    described, known = table_steps.described(name), job.known(name)
    late = job.run["until"] - OVERLAP
    state = job.run["tables"].get(name)
    if state is None:
        left = {key: moment for key, moment in known.items() if moment >= late}
        state = job.run["tables"][name] = {"done": False, "files": [], "segments": 0, "at": None, "recent": left}
    if state["done"]:
        return
    cursor, held, size = _cursor(state["at"]), [], 0
    segment: _Segment | None = None
    try:
        while (found := (yield from table_steps.page(job.tools, name, job.wanted, cursor))) is not None:
            batch, cursor = found
            if batch.num_rows:
                if job.anonymous is not None:
                    batch = yield from call(job.anonymous.batch, (described, batch), {})
                if job.run["again"]:
                    batch = yield from call(overlap.fresh, (described, batch, known, job.run["since"]), {})
                state["recent"] |= yield from call(overlap.recent, (described, batch, late), {})
                held.append(batch)
                size += batch.nbytes
            if size >= SEGMENT:
                yield from _ended(job, state, segment)
                segment = yield from _begun(job, name, state, held, cursor)
                held, size = [], 0
            job.tell(name, cursor.count)
        yield from _ended(job, state, segment)
        segment = yield from _begun(job, name, state, held, None)
        state["done"] = True
        yield from _ended(job, state, segment)
    finally:
        if segment is not None and segment.files is not None:
            wait([segment.files])  # before the folder is another's


class _Segment(NamedTuple):
    """A segment that a thread writes while the rows of the next one are read, and where to go on behind it."""

    files: Future[list[dict[str, Any]]] | None
    cursor: table_steps.Cursor | None


def _begun(job: _Job, name: str, state: dict[str, Any], held: list[Any], cursor: table_steps.Cursor | None) -> Steps[_Segment]:
    if not held:
        return _Segment(None, cursor)
    arguments = (job.folder, table_steps.described(name), job.format, job.run["number"], state["segments"], held)
    return _Segment((yield from call(exported.begin, arguments, {})), cursor)


def _ended(job: _Job, state: dict[str, Any], segment: _Segment | None) -> Steps[None]:
    """Wait until a segment is written, then say so: what is killed between the two is written again."""
    if segment is None:
        return
    if segment.files is not None:
        state["files"] += yield from call(segment.files.result, (), {})
        state["segments"] += 1
    state["at"] = None if segment.cursor is None else _told(segment.cursor)
    yield from call(exported.saved, (job.folder, job.manifest), {})


def _told(cursor: table_steps.Cursor) -> dict[str, Any]:
    """Give what the manifest says of where to go on."""
    ended, before = cursor.ended, cursor.before
    part = cursor.inside is not None
    return {
        "ended": None if ended is None else [ended.owner, str(ended.conversation), ended.head],
        "inside": str(cursor.inside) if part else None,
        "since": cursor.since,
        "turn": before.turn if part else 0,
        "role": before.role if part else None,
        "rows": cursor.rows,
        "count": cursor.count,
    }


def _cursor(at: dict[str, Any] | None) -> table_steps.Cursor:
    """Give the cursor that the manifest tells."""
    if at is None:
        return table_steps.Cursor()
    ended = at["ended"] and Line(at["ended"][0], UUID(at["ended"][1]), at["ended"][2])
    inside = at["inside"] and UUID(at["inside"])
    return table_steps.Cursor(
        last=ended,
        ended=ended,
        since=at["since"],
        rows=at["rows"],
        inside=inside,
        before=Before(at["turn"], at["role"]),
        count=at["count"],
    )


def _result(folder: str, format_: Format, run: Mapping[str, Any]) -> Exported:
    files = [file for table in run["tables"].values() for file in table["files"]]
    rows = {name: sum(file["rows"] for file in table["files"]) for name, table in run["tables"].items()}
    size = sum(file["bytes"] for file in files)
    return Exported(folder, format_, rows, len(files), size, run["since"], run["until"])
