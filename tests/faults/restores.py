"""Backups that are taken while processes write, and restored: all that was acknowledged before one began is in it, whole.

Writers are processes, each with a conversation of its own; they write into a diary what the store acknowledged. A backup is
held against what the diaries said when it began: nothing of that may be missing, and what was added while it ran is there whole
or not at all.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.testing import FakeAPI
from tests.faults.checker import Acknowledged, Diary, acknowledged_in, check, entries
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]
WRITERS = 3
FRESH_AFTER = 25
"""Backups of one database, before it is begun anew: it grows, and each backup is looked through as a whole."""
HEARS: dict[str, Any] = {"model": "gpt-audio-1.5", "modalities": ["text"]}


# --- writers ---------------------------------------------------------------------------------------


def write(url: str, name: str, diary: str) -> None:
    """Write turns, some spoken, until the end; one after the other into a conversation of one's own, and into the diary."""
    fake = FakeAPI()
    with convo.Store(url, owner=name) as store, fake.client() as client:
        chat = store.create(key=name)
        for number in itertools.count():
            asked, answered = f"{name} asks {number}", f"{name} is answered {number}"
            fake.will_reply(answered)
            chat.add(recording(asked, wav(0.2, pitch=200.0 + number)) if number % 5 == 0 else asked)
            reply = chat.send(client, **HEARS, key=f"turn-{number}")
            Diary(Path(diary)).acknowledged(Acknowledged(f"turn-{number}", asked, answered, reply.message.position))


@attrs.frozen
class Writers:
    """Processes that write into one database, and what was acknowledged to them."""

    store: Path
    diaries: dict[str, Path]

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Writers]:
        """Start them, wait until each has written, and kill them in the end."""
        store = folder / "chat.db"
        with convo.Store(f"sqlite:///{store}") as made:
            made.upgrade()
        found = cls(store, {f"w{number}": folder / f"w{number}.diary" for number in range(WRITERS)})
        code = "import sys; from tests.faults.restores import write; write(*sys.argv[1:])"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        processes = [
            subprocess.Popen([sys.executable, "-c", code, f"sqlite:///{store}", name, str(diary)], env=environment)
            for name, diary in found.diaries.items()
        ]
        try:
            while not all(found.acknowledged().values()):
                assert all(process.poll() is None for process in processes), "a writer failed"
                time.sleep(0.02)
            yield found
            assert all(process.poll() is None for process in processes), "a writer failed while backups were taken"
        finally:
            for process in processes:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def acknowledged(self) -> dict[str, list[Acknowledged]]:
        """Give what was acknowledged by now."""
        return {name: acknowledged_in(diary) for name, diary in self.diaries.items()}


# --- backups ---------------------------------------------------------------------------------------


def backed_up(source: Path, target: Path) -> None:
    """Take a backup as an application does, and see that it is the file that it says it is."""
    with convo.Store.existing(f"sqlite:///{source}") as store:
        done = store.backup(target)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == done.digest


def copied_without_its_log(source: Path, target: Path) -> None:
    """The planted bug: a copy of the file alone, as backups of files are often made."""
    shutil.copyfile(source, target)


def problems(copy: Path, acknowledged: Mapping[str, Sequence[Acknowledged]]) -> list[str]:
    """Say what is missing or wrong in a restored backup."""
    try:
        return list(_problems(copy, acknowledged))
    except convo.StoreError as error:
        return [f"lost: the copy cannot be read: {error!r}"]


def _problems(copy: Path, acknowledged: Mapping[str, Sequence[Acknowledged]]) -> Iterator[str]:
    with convo.Store.existing(f"sqlite:///{copy}") as store:
        sick = [one for one in store.everyone().doctor() if one.owner is not None and one.severity == "error"]
        yield from (f"sick: {one.kind}: {one.message}" for one in sick)
        for name, turns in acknowledged.items():
            try:
                history = store.owned_by(name).get(key=name).history()
            except convo.ConversationNotFound:
                yield f"lost: the conversation of {name}, with {len(turns)} turns"
                continue
            replies = {f"{name} asks {number}": f"{name} is answered {number}" for number in range(len(history))}
            yield from (f"{name}: {one}" for one in check(entries(history), turns, replies=replies).problems)


def restore(writers: Writers, folder: Path, take: Callable[[Path, Path], None] = backed_up) -> tuple[list[str], int]:
    """Take a backup while the writers go on, restore it; give what is wrong, and how many turns it had to have."""
    copy = folder / "restored.db"
    for left in folder.glob("restored.db*"):
        left.unlink()
    before = writers.acknowledged()
    take(writers.store, copy)
    return problems(copy, before), sum(map(len, before.values()))


def run(times: int) -> str:
    """Take and restore so many backups. Raises `AssertionError` on the first loss."""
    held = done = during = 0
    while done < times:
        with tempfile.TemporaryDirectory() as name, Writers.started(Path(name)) as writers:
            for _ in range(min(FRESH_AFTER, times - done)):
                wrong, turns = restore(writers, Path(name))
                assert not wrong, wrong
                during += sum(map(len, writers.acknowledged().values())) - turns
                held, done = held + turns, done + 1
    return (
        f"{done:,} backups taken and restored while {WRITERS} processes wrote {during:,} turns: of {held:,} turns that were "
        "acknowledged before, 0 missing, 0 half; every hash is right"
    )
