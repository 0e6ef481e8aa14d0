"""Full disks: a small file system fills up at another byte each time; then there is space again, and the same store goes on.

Where none may be mounted, SQLite is told how many pages its file may have, and the folder of bytes how large a file may be.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import convo
from convo.testing import FixedClock
from tests.faults.checker import Acknowledged, check, entries
from tests.faults.echo import MODEL, Echo, answer_to

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 2_500_000
"""Bytes of the file system."""
SOUND = 60_000
"""Bytes of a recording."""
_MOST = 500


def run(times: int) -> str:
    """Fill disks so many times. Raises `AssertionError` when something is lost, half, or does not go on."""
    turns = sum(filled(number) for number in range(times))
    how = "a file system of 2.5 MB" if may_mount() else "a limit of pages (no file system may be mounted here)"
    return (
        f"{times:,} full disks ({how}): {turns:,} acknowledged turns, 0 lost, 0 half, 0 twice; the same store went on each time"
    )


def may_mount() -> bool:
    """Say whether a file system may be mounted here."""
    with small() as place:
        return place is not None


@contextmanager
def small() -> Iterator[Path | None]:
    """Mount a small file system; None where that is not allowed."""
    with tempfile.TemporaryDirectory(prefix="convo-disk-") as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "convo", folder]
        mounted = sys.platform.startswith("linux") and not subprocess.run(command, check=False, capture_output=True).returncode
        try:
            yield Path(folder) if mounted else None
        finally:
            if mounted:
                subprocess.run(["umount", "-l", folder], check=True)


def filled(number: int, *, planted: bool = False) -> int:
    """Fill one disk; give how many turns were acknowledged. `planted` counts a turn that failed as acknowledged."""
    chance = random.Random(number)  # noqa: S311 - sizes
    with small() as mounted, tempfile.TemporaryDirectory(prefix="convo-disk-") as elsewhere:
        place = mounted or Path(elsewhere)
        ballast = place / "ballast"
        ballast.write_bytes(bytes(chance.randrange(400_000, 1_200_000)))
        blobs = convo.FolderBlobs(place / "blobs") if number % 2 and mounted else None
        clock = FixedClock()
        with convo.Store(f"sqlite:///{place}/chat.db", blobs=blobs, clock=clock) as store:
            chat = store.create(key="chat")
            _limit(store, None if mounted else chance.randrange(150, 400))
            told = _until_full(chat, planted=planted)
            log = entries(chat.history())
            assert check(log, told).problems == (), check(log, told).problems
            _no_pieces(place / "blobs")
            ballast.unlink()
            clock.set(clock() + timedelta(minutes=1))  # the lease of the turn that could not be stored is over
            _limit(store, None)
            told += [_turn(chat, again) for again in range(len(told) + 1, len(told) + 3)]
            log = entries(chat.history())
            assert check(log, told).problems == (), check(log, told).problems
            for message in chat.history():
                if message.audio is not None:
                    chat.load(message.audio)
        return len(told)


def _limit(store: convo.Store, pages: int | None) -> None:
    """Say how many pages the file may have, on the store's connection."""
    statement = f"PRAGMA max_page_count={pages or 1_000_000_000}"
    store._driver.runner.run(lambda connection: connection.exec_driver_sql(statement).fetchall())


def _until_full(chat: Any, *, planted: bool) -> list[Acknowledged]:
    told: list[Acknowledged] = []
    for number in range(1, _MOST):
        try:
            told.append(_turn(chat, number))
        except convo.StorageFull as error:
            assert (error.retryable, error.committed) == (True, "no")  # noqa: PT017 - it is also the end
            if planted:
                told.append(Acknowledged(f"{number}", _question(number), answer_to(_question(number)), len(chat.history()) + 1))
            return told
    raise AssertionError("the disk was never full")


def _question(number: int) -> str:
    return f"question-{number}"


def _turn(chat: Any, number: int) -> Acknowledged:
    """Add a recording and do a turn, each with its key; the recording is the same at the next try."""
    sound = random.Random(number).randbytes(SOUND)  # noqa: S311 - noise
    chat.add(f"heard-{number}", convo.Audio.from_bytes(_wav(sound), transcript="noise"), key=f"heard-{number}")
    reply = chat.send(Echo(), _question(number), model=MODEL, key=f"{number}")
    return Acknowledged(f"{number}", _question(number), reply.text, reply.message.position)


def _no_pieces(folder: Path) -> None:
    """See that no file with a final name is less than what its name says."""
    from hashlib import sha256

    for file in folder.rglob("*"):
        if file.is_file():
            digest = sha256(file.read_bytes()).hexdigest()
            assert file.name.startswith(digest), f"{file} is not whole"


def _wav(samples: bytes) -> bytes:
    size = len(samples)
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(
        value.to_bytes(width, "little") for value, width in ((1, 2), (1, 2), (24_000, 4), (48_000, 4), (2, 2), (16, 2))
    )
    return head + form + b"data" + size.to_bytes(4, "little") + samples
