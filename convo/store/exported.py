"""The files of an export: written under another name and renamed when they are whole, and told in a manifest.

    out/_convo.json                                 what there is, and where an export that was interrupted goes on
    out/_convo.lock                                 locked while an export is written
    out/messages/month=2026-11/part-0001-00003.parquet   rows of a month, of the first run's fourth segment

Names with an underscore are passed over by those who read such folders.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convo.errors import ExportConflict, ExportFailed, StorageFull
from convo.escapes import cell
from convo.store.background import in_thread
from convo.store.files import FLAGS, NoLocks, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from convo.analysis.columns import Description
    from convo.analysis.exported import Format

MANIFEST = "_convo.json"
LOCK = "_convo.lock"
VERSION = 2
_PART = re.compile(r"part-\d{4,}-\d{5,}\.(parquet|jsonl|csv)")


# --- one at a time ---------------------------------------------------------------------------------


class Claim:
    """A lock on the folder of an export, which ends with the process that holds it; where files have no locks, none."""

    _file: int | None = None

    def __init__(self, folder: str) -> None:
        self._file = os.open(os.path.join(folder, LOCK), FLAGS, 0o666)  # noqa: PTH118 - a path in text
        with suppress(NoLocks):
            if not locked(self._file):
                self.close()
                raise ExportConflict(folder, "that is being written")

    def close(self) -> None:
        """Let go of the folder."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    __del__ = close


def claimed(folder: str) -> Claim:
    """Make the folder of an export, or take the one that is there. Raises `ExportConflict`, `ExportFailed`."""
    place = Path(folder)
    with _typed(folder):
        place.mkdir(parents=True, exist_ok=True)
        if not (place / MANIFEST).is_file() and any(path.name != LOCK for path in place.iterdir()):
            raise ExportConflict(folder, "that convo did not begin, or other files")
        return Claim(folder)


# --- the manifest ----------------------------------------------------------------------------------


def begun(folder: str, what: dict[str, Any], since: int | str | None, until: int, asked: int | None) -> dict[str, Any]:
    """Begin an export in a folder or go on with the one that is there; give its manifest, whose last run is the one to do.

    `what` is what was chosen, by the names of the arguments; `since="last"` goes on where the last run ended; `asked` is the
    end that the caller named. Raises `ExportConflict` for another export, or one that is done and would hold rows twice;
    `ExportFailed`.
    """
    place = Path(folder) / MANIFEST
    with _typed(folder):
        known = place.read_text(encoding="utf-8") if place.is_file() else None
    manifest: dict[str, Any] = {"convo": "export", "version": VERSION, "what": what, "runs": []}
    if known is not None:
        manifest = _read(folder, known)
    runs = manifest["runs"]
    goes_on = bool(runs) and not runs[-1]["done"]
    differs = _differs(manifest["what"], what)
    if goes_on and runs[-1]["asked"] != asked:
        differs.append("until")
    if differs:
        raise ExportConflict(folder, f"with another {' and another '.join(map(_argument, differs))} than this one", differs)
    if not goes_on:
        _add_run(folder, runs, since, until, asked)
    elif since not in ("last", runs[-1]["since"]):
        raise ExportConflict(folder, "that was interrupted and began at another time: export with the same since=, it goes on")
    saved(folder, manifest)
    return manifest


def _differs(known: Mapping[str, Any], what: Mapping[str, Any]) -> list[str]:
    """Give the names of what was chosen otherwise. What is told by another secret cannot be compared."""
    names = [name for name in what if name != "redact" and known.get(name) != what[name]]
    if "anonymous" in names:
        return [name for name in names if name in ("format", "tables", "anonymous")]
    one, other = known.get("redact"), what["redact"]
    if one != other and (not one or not other or one[0] != other[0] or one[1] == other[1]):  # codes of one Python compare
        names.append("redact")
    return names


def _argument(name: str) -> str:
    return name if name == "owner" else f"{name}="


def _add_run(folder: str, runs: list[dict[str, Any]], since: int | str | None, until: int, asked: int | None) -> None:
    last = runs[-1]["until"] if runs else None
    begin = last if since == "last" else since
    if last is not None and (begin is None or begin < last):
        raise ExportConflict(folder, 'of this time already: export what is new with since="last"')
    again = since == "last" and last is not None
    run: dict[str, Any] = {
        "number": len(runs) + 1,
        "since": begin,
        "until": until,
        "asked": asked,
        "again": again,
        "done": False,
        "tables": {},
    }
    runs.append(run)


def _read(folder: str, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
        if (found["convo"], found["version"]) != ("export", VERSION):
            raise ExportConflict(folder, "of another version of convo")
        found["what"], found["runs"]  # noqa: B018 - they are there
    except (ValueError, KeyError, TypeError) as error:
        raise ExportConflict(folder, "whose manifest cannot be read") from error
    return found


def saved(folder: str, manifest: dict[str, Any]) -> None:
    """Put the manifest in the place of the one before. Raises `ExportFailed`."""
    with _whole(folder, Path(folder) / MANIFEST) as file:
        Path(file).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def cleared(folder: str, manifest: dict[str, Any]) -> None:
    """Delete files of a segment that was not finished, and what was not whole: the manifest does not name them."""
    known = {file["path"] for run in manifest["runs"] for table in run["tables"].values() for file in table["files"]}
    with _typed(folder):
        for path in Path(folder).glob("*/month=*/*"):
            name = path.relative_to(folder).as_posix()
            if name not in known and (_PART.fullmatch(path.name) or path.name.startswith(".part-")):
                path.unlink()


# --- the files -------------------------------------------------------------------------------------


def begin(
    folder: str, described: Description, format_: Format, run: int, number: int, batches: list[Any]
) -> Future[list[dict[str, Any]]]:
    """Have a thread write rows as `segment` does, while others are read."""
    return in_thread(segment, folder, described, format_, run, number, batches)


def segment(
    folder: str, described: Description, format_: Format, run: int, number: int, batches: list[Any]
) -> list[dict[str, Any]]:
    """Write rows, a file for each month that they are of; give what the manifest says of the files. Raises `ExportFailed`."""
    import pyarrow as pa

    found = []
    for month, table in _by_month(pa.Table.from_batches(batches), described.time):
        name = f"{described.name}/month={month}/part-{run:04}-{number:05}.{format_}"
        path = Path(folder) / name
        with _typed(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _whole(folder, path) as file:
            WRITERS[format_](table, described, file)
        found.append({"path": name, "rows": table.num_rows, "bytes": path.stat().st_size})
    return found


def _by_month(table: Any, time: str) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    months = pc.floor_temporal(table.column(time), unit="month").cast(pa.timestamp("us")).cast(pa.date32())
    there = pc.unique(months).sort()
    for month in there:  # as Arrow has it: to compare with a value of Python's imports pandas
        begin = month.as_py()
        yield f"{begin.year:04}-{begin.month:02}", table if len(there) == 1 else table.filter(pc.equal(months, month))


def _parquet(table: Any, described: Description, file: str) -> None:
    import pyarrow.parquet as pq

    repeated = [
        column.name for column in described if column.kind not in ("text", "time", "json", "calls") or column.name == "owner"
    ]
    pq.write_table(table, file, compression="zstd", use_dictionary=repeated, row_group_size=128 * 1024)


def _jsonl(table: Any, described: Description, file: str) -> None:
    """A line of JSON a row, in ASCII: amounts as text, times in ISO, metadata as it is."""
    del described
    with open(file, "w", encoding="ascii", newline="\n") as lines:  # noqa: PTH123 - a path in text
        for batch in table.to_batches(max_chunksize=4_096):
            lines.writelines(json.dumps(row, default=_plain, separators=(",", ":")) + "\n" for row in batch.to_pylist())


def _csv(table: Any, described: Description, file: str) -> None:
    """Comma-separated values that a spreadsheet only shows; what is not known is an empty cell."""
    texts = [column.kind in ("text", "id", "word", "json") for column in described]
    with open(file, "w", encoding="utf-8", newline="") as lines:  # noqa: PTH123 - a path in text
        rows = csv.writer(lines)
        rows.writerow(described.names)
        for batch in table.to_batches(max_chunksize=4_096):
            for row in batch.to_pylist():
                values = zip(texts, row.values(), strict=True)
                rows.writerow([cell(value) if text and value is not None else _flat(value) for text, value in values])


WRITERS: dict[Format, Callable[[Any, Description, str], None]] = {"parquet": _parquet, "jsonl": _jsonl, "csv": _csv}


def _plain(value: Any) -> str:
    from datetime import datetime

    return value.isoformat() if isinstance(value, datetime) else f"{value:f}"


def _flat(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return cell(json.dumps(value)) if isinstance(value, list) else _plain(value)


@contextmanager
def _whole(folder: str, path: Path) -> Iterator[str]:
    """Give the name of a file beside `path` that takes its place when it is written, on the disk; else nothing is left."""
    with _typed(folder):
        opened, file = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(opened)
        try:
            yield file
            with open(file, "r+b", buffering=0) as written:  # noqa: PTH123 - a path in text
                os.fsync(written.fileno())
            os.replace(file, path)  # noqa: PTH105 - a path in text
        except BaseException:
            with suppress(OSError):
                os.unlink(file)  # noqa: PTH108 - a path in text
            raise


@contextmanager
def _typed(folder: str) -> Iterator[None]:
    try:
        yield
    except (ExportFailed, StorageFull):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"the folder {folder}") from error
        raise ExportFailed(folder, errno.errorcode.get(error.errno or 0, type(error).__name__)) from error
