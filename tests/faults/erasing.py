"""Kill an erasure at any moment, while others write; go on; then look into every file for what should be gone.

Each attempt begins with a copy of a SQLite file and a folder of objects of two owners. One process erases the first and is
killed; two others write all the time, for the first and for the second. Then the same call is made again: afterwards no file may
hold a byte of the first, and the second must have all that it had, and all that was acknowledged to its writer. Nobody may ever
have seen half a conversation.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.testing import FakeAPI
from tests.support.marked import fill, found

if TYPE_CHECKING:
    from collections.abc import Callable

GONE, STAYS = "zebra4711owner", "whale4712owner"
CONVERSATIONS = 6
"""Pairs of conversations that each owner has."""


@attrs.define
class Counts:
    """What happened: attempts, erasures that were killed before their end, and turns of others that were acknowledged."""

    attempts: int = 0
    killed: int = 0
    acknowledged: int = 0


def opened(folder: Path) -> convo.Store:
    """Open the store of an attempt."""
    return convo.Store(f"sqlite:///{folder}/chat.db", blobs=convo.FolderBlobs(folder / "blobs"))


def template(folder: Path) -> None:
    """Make what each attempt begins with."""
    fake = FakeAPI()
    with opened(folder) as store, fake.client() as client:
        for owner in (GONE, STAYS):
            for number in range(CONVERSATIONS):
                fill(_Renamed(store, number), client, fake, owner)
        store.owned_by(STAYS).create(key="written")


@attrs.frozen
class _Renamed:
    """A store whose conversations have keys of their own each time."""

    store: convo.Store
    number: int

    def owned_by(self, owner: str) -> Any:
        mine = self.store.owned_by(owner)
        create = mine.create
        mine.create = lambda **more: create(**{**more, "key": f"{more['key']}{self.number}"})  # type: ignore[method-assign]
        return mine


def texts(store: convo.Store, *, written: bool) -> list[list[str]]:
    """Give what the second owner has, in the conversation that is being written or in the others."""
    chats = store.owned_by(STAYS).conversations(limit=1_000)
    return [[message.text for message in chat.history()] for chat in chats if (chat.key == "written") == written]


def _erase(folder: Path) -> None:
    with opened(folder) as store:
        store.erase(GONE)


def _write(folder: Path) -> None:
    diary = os.open(folder.parent / "diary", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    with opened(folder) as store:
        chat = store.owned_by(STAYS).get(key="written")
        for number in range(1_000_000):
            chat.add(f"Message {number}")
            os.write(diary, f"{number}\n".encode())


def _write_for_gone(folder: Path) -> None:
    """Write for the owner who is erased, and note where half a conversation was seen."""
    with opened(folder) as store:
        mine = store.owned_by(GONE)
        for number in range(1_000_000):
            with suppress(convo.ConversationNotFound, convo.ConflictError):
                chat, said = mine.create(title=f"{GONE} {number}"), []
                for turn in range(4):
                    said.append(f"{GONE} {number} {turn}")
                    chat.add(said[-1])
                fork = chat.fork()
                for line in (chat, fork):
                    if (seen := [message.text for message in line.history()]) != said:
                        (folder.parent / "half").write_text(f"{seen} of {said}")


def _started(work: Callable[[Path], None], folder: Path) -> Any:
    process = multiprocessing.get_context("fork").Process(target=work, args=(folder,), daemon=True)
    process.start()
    return process


def _killed(process: Any) -> bool:
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return bool(process.exitcode == -signal.SIGKILL)


def attempt(source: Path, place: Path, patience: float, counts: Counts) -> None:
    """Erase, be killed, go on, and look. Raises `AssertionError` for what is left, or lost."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place / "store")
    folder, diary = place / "store", place / "diary"
    with opened(folder) as store:
        before = texts(store, written=False)
    writers = [_started(work, folder) for work in (_write, _write_for_gone)]
    eraser = _started(_erase, folder)
    time.sleep(random.uniform(0, patience))  # noqa: S311 - a moment, no secret
    counts.killed += _killed(eraser)
    for writer in writers:
        _killed(writer)
    assert not (place / "half").exists(), (place / "half").read_text()
    acknowledged = [int(line) for line in diary.read_text().split("\n")[:-1]] if diary.exists() else []
    with opened(folder) as store:
        receipt = store.erase(GONE)
        assert receipt.verified, receipt.to_json()
        assert texts(store, written=False) == before, "another owner lost something"
        [[*log]] = texts(store, written=True)
        assert log == [f"Message {number}" for number in range(len(log))]
        assert len(log) >= len(acknowledged), "an acknowledged message is lost"
        assert not [one for one in store.owned_by(STAYS).doctor() if one.severity == "error"]
        assert (left := found(place, GONE)) == [], left
    assert (left := found(place, GONE)) == [], left
    counts.attempts += 1
    counts.acknowledged += len(acknowledged)


def tried(times: int, folder: Path) -> Counts:
    """Make attempts; the moments of the kills are spread over the time that one erasure takes."""
    source, counts = folder / "source", Counts()
    source.mkdir()
    template(source)
    shutil.copytree(source, folder / "timed")
    begun = time.monotonic()
    _started(_erase, folder / "timed").join()
    patience = 1.5 * (time.monotonic() - begun)
    for _ in range(times):
        attempt(source, folder / "place", patience, counts)
    return counts


def run(times: int) -> str:
    """Make attempts, and say what was found."""
    with tempfile.TemporaryDirectory() as folder:
        counts = tried(times, Path(folder))
    return (
        f"{counts.attempts:,} erasures, of which {counts.killed:,} were killed before their end and made again: 0 bytes of the "
        f"owner left in database, write-ahead log and folder; {counts.acknowledged:,} messages of another owner acknowledged "
        "meanwhile, 0 lost"
    )
