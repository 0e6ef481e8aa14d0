"""Power cuts, replayed: what a writer wrote to its SQLite file is recorded, and each cut of it is a disk that is read.

The writer runs with `recorder.c` before its C library. At a cut, what was synced is on the disk; of what was written since, each
sector may be there or not: all of it, none, or any, in any order. (`-shm` is not kept: SQLite makes it anew.) A turn is
acknowledged at the moment in which the writer was told so; from then on it must be on every disk.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

import convo
from tests.faults.checker import Acknowledged, check, entries
from tests.faults.echo import MODEL, Echo, answer_to

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).with_name("recorder.c")
SECTOR = 512
"""Bytes that a disk writes whole or not at all."""
TURNS = 40
"""Turns of one recording: some hundred writes, and checkpoints among them."""
WITH_STORE = 100
"""Every so many-th disk is read by a store, and written to, the others by SQLite alone."""
REPLIES = {f"question {number}": answer_to(f"question {number}") for number in range(1, 2 * TURNS)}
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - thousands of disks are read
_HEAD = struct.Struct("<cqqq")


def compiler() -> str | None:
    """Give the C compiler, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def run(times: int) -> str:
    """Read so many disks as power cuts may leave them. Raises `AssertionError` when an acknowledged turn is lost."""
    if compiler() is None or not sys.platform.startswith("linux"):
        return "skipped: it needs Linux and a C compiler"
    with tempfile.TemporaryDirectory(prefix="convo-power-", dir=MEMORY) as folder:
        found = cuts(Path(folder), times, "full")
        relaxed = cuts(Path(folder), times // 20, "relaxed")
    assert not found.lost, found.problems[:5]
    assert not found.problems, found.problems[:5]
    assert not [problem for problem in relaxed.problems if not problem.startswith("lost")], relaxed.problems[:5]
    return (
        f"{found.images:,} disks of a store with its default: 0 of {found.due:,} acknowledged turns lost, 0 half, 0 damaged; "
        f'of {relaxed.images:,} with durability="relaxed" {relaxed.lost:,} had lost their newest turns (up to {relaxed.most}), '
        "0 damaged"
    )


@attrs.define
class Found:
    """What was found: disks that were read, acknowledged turns that were due on them, disks that lacked some."""

    images: int = 0
    due: int = 0
    lost: int = 0
    most: int = 0
    problems: list[str] = attrs.field(factory=list)


# --- recording -------------------------------------------------------------------------------------


@attrs.frozen
class _Record:
    kind: str
    path: str
    offset: int
    data: bytes


def cuts(folder: Path, images: int, durability: str, *, turns: int = TURNS) -> Found:
    """Record a writer and read disks that cuts may leave."""
    place = Path(tempfile.mkdtemp(dir=folder))
    records = list(_recorded(place, durability, turns))
    chance, found = random.Random(), Found()  # noqa: S311 - moments and sectors
    made = next(number for number, record in enumerate(records) if record.path.endswith("-diary") and record.data)
    chance, found, disk = random.Random(), Found(), _Disk()  # noqa: S311 - moments and sectors
    done = 0
    for number, record in enumerate(records, 1):
        disk.take(record)
        due = images * max(number - made, 0) // (len(records) - made)
        for _ in range(due - done):
            _cut(disk, place / "image", chance, found)
        done = max(done, due)
    return found


def _recorded(place: Path, durability: str, turns: int) -> Iterator[_Record]:
    library, log = place / "recorder.so", place / "log"
    subprocess.run([compiler() or "cc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "RECORDER_PREFIX": str(place / "disk"), "RECORDER_LOG": str(log)}
    (place / "disk").mkdir()
    command = [sys.executable, "-m", "tests.faults.power", str(place / "disk"), durability, str(turns)]
    subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, check=True)
    whole, at = log.read_bytes(), 0
    while at < len(whole):
        kind, name, offset, length = _HEAD.unpack_from(whole, at)
        at += _HEAD.size
        path, at = whole[at : at + name].decode(), at + name
        size = length if kind == b"w" else 0
        yield _Record(kind.decode(), Path(path).name, offset, whole[at : at + size])
        at += size


# --- a disk after a cut ----------------------------------------------------------------------------


@attrs.define
class _Disk:
    """What is on a disk for good, and what was written since the last sync of each file. The diary is no part of it."""

    files: dict[str, bytearray] = attrs.field(factory=dict)
    waiting: dict[str, list[_Record]] = attrs.field(factory=dict)
    told: int = -1

    def take(self, record: _Record) -> None:
        """Let the next record happen."""
        name = record.path
        if name.endswith("-diary"):
            self.told += record.data.count(b"\n")
        elif name == "chat.db" or name.endswith("-wal"):
            file, waiting = self.files.setdefault(name, bytearray()), self.waiting.setdefault(name, [])
            if record.kind == "s":
                for one in waiting:
                    _apply(file, one)
                waiting.clear()
            elif record.kind == "u":
                del self.files[name], self.waiting[name]
            elif record.kind in "wt":
                waiting.append(record)

    def after_cut(self, chance: random.Random) -> dict[str, bytearray]:
        """Give the files as a cut may leave them: what was synced, and some of what was not."""
        how = chance.choice(("all", "none", "some", "some", "sectors", "sectors"))
        files = {name: bytearray(file) for name, file in self.files.items()}
        for name, file in files.items():
            ones = list(self.waiting[name])
            if how == "sectors":
                chance.shuffle(ones)
            for one in ones:
                _perhaps(file, one, how, chance)
        return files


def _cut(disk: _Disk, image: Path, chance: random.Random, found: Found) -> None:
    """Make a disk as a cut may leave it, and read it."""
    shutil.rmtree(image, ignore_errors=True)
    image.mkdir()
    for name, data in disk.after_cut(chance).items():
        (image / name).write_bytes(data)
    told = [Acknowledged(f"key-{n}", f"question {n}", answer_to(f"question {n}"), 2 * n) for n in range(1, disk.told + 1)]
    found.due += len(told)
    try:
        problems = list((_read_by_store if found.images % WITH_STORE == 0 else _read)(image / "chat.db", told))
    except (convo.ConvoError, sqlite3.Error) as error:
        problems = [f"damaged: {error!r}"]
    found.images += 1
    lost = sum(problem.startswith("lost") for problem in problems)
    found.lost += bool(lost)
    found.most = max(found.most, lost)
    found.problems += problems


def _perhaps(file: bytearray, record: _Record, how: str, chance: random.Random) -> None:
    """Apply a write that was not synced: all, none, some writes, or some sectors of writes."""
    if how == "none" or (how == "some" and chance.random() < 0.5):  # noqa: PLR2004 - a coin
        return
    if how != "sectors" or record.kind == "t":
        _apply(file, record)
        return
    for start in range(0, len(record.data), SECTOR):
        if chance.random() < 0.5:  # noqa: PLR2004 - a coin
            _apply(file, attrs.evolve(record, offset=record.offset + start, data=record.data[start : start + SECTOR]))


def _apply(file: bytearray, record: _Record) -> None:
    if record.kind == "t":
        del file[record.offset :]
        file.extend(bytes(record.offset - len(file)))
        return
    end = record.offset + len(record.data)
    if end > len(file):
        file.extend(bytes(end - len(file)))
    file[record.offset : end] = record.data


def _read(path: Path, told: list[Acknowledged]) -> Iterator[str]:
    """Read the log, its hashes and the structure of the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        rows = connection.execute("SELECT position, role, text, body, hash FROM convo_message ORDER BY position").fetchall()
        state = connection.execute("PRAGMA integrity_check").fetchall()
    yield from check([row[:3] for row in rows], told, replies=REPLIES).problems
    for position, _, _, body, digest in rows:
        if hashlib.sha256(body.encode()).digest() != digest:
            yield f"damaged: the body of {position}"
    if state != [("ok",)]:
        yield f"damaged: {state}"


def _read_by_store(path: Path, told: list[Acknowledged]) -> Iterator[str]:
    """Read through a store, and go on: what was under way is retried with its key."""
    later = datetime.now(UTC) + timedelta(hours=1)
    with convo.Store.existing(f"sqlite:///{path}", clock=lambda: later) as store:
        (chat,) = store.conversations()
        yield from check(entries(chat.history()), told, replies=REPLIES).problems
        number = len(told) + 1
        chat.send(Echo(), f"question {number}", model=MODEL, key=f"key-{number}")
        if len(chat.history()) != 2 * number:
            yield f"lost: the turn {number} cannot be repeated"
    yield from _read(path, told)


# --- the writer ------------------------------------------------------------------------------------


def _write(folder: Path, durability: str, turns: int) -> None:
    """Do turns in a store whose log is checkpointed often, and write down what was acknowledged."""
    diary = os.open(folder / "chat-diary", os.O_WRONLY | os.O_CREAT, 0o600)
    with convo.Store(f"sqlite:///{folder}/chat.db", durability=durability) as store:  # type: ignore[arg-type]
        store.upgrade()
        store._driver.runner.run(lambda connection: connection.exec_driver_sql("PRAGMA wal_autocheckpoint=50"))
        chat = store.create()
        os.write(diary, b"0\n")
        for number in range(1, turns + 1):
            chat.send(Echo(), f"question {number}", model=MODEL, key=f"key-{number}")
            os.write(diary, b"%d\n" % number)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
