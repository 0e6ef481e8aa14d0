"""Processes that are killed while they write, move, let go of and delete bytes: no row is left without its bytes.

A step is before and after each statement, before each commit, and before each call that changes a file. What may be left are
objects that no row names; the next `prune` works, and so does the next turn.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.blobs import folder as folders
from convo.testing import FixedClock
from tests.faults.forked import Forked
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGES = ("open", "write", "fsync", "rename", "unlink", "mkdir")
"""Functions of `os` by which a folder of bytes changes."""
LATER = timedelta(hours=3)
"""After this, bytes that nothing refers to may be deleted."""
LONGEST = 0.4
"""Seconds within which a kill at a random moment comes."""


class Counted:
    """The module `os`, each change of a file being a step."""

    def __init__(self, step: Callable[..., None]) -> None:
        self._step = step

    def __getattr__(self, name: str) -> Any:
        found = getattr(os, name)
        if name not in CHANGES:
            return found

        def counted(*arguments: Any, **named: Any) -> Any:
            self._step()
            return found(*arguments, **named)

        return counted


def opened(place: Path, *, after: timedelta = timedelta(0)) -> convo.Store:
    """Open the store in a folder, whose bytes are in a folder beside it."""
    clock = FixedClock()
    clock.advance(after)
    return convo.Store(f"sqlite:///{place / 'chat.db'}", blobs=convo.FolderBlobs(place / "blobs"), clock=clock)


def sound(number: int) -> bytes:
    """Give the bytes of the n-th recording."""
    return wav(0.1, pitch=200.0 + number)


def warm() -> None:
    """Import what storing needs, before there are processes to kill."""
    with tempfile.TemporaryDirectory() as name, opened(Path(name)) as store:
        store.create().add(recording(None, sound(0)))


def act(order: dict[str, Any], step: Callable[..., None]) -> None:
    """Do with bytes what can be done with them, and write down what was acknowledged."""
    place = Path(order["place"])
    diary = place / "diary"
    vars(folders)["os"] = Counted(step)  # in this process only
    if order["planted"]:
        _put_later()
    with opened(place) as store:
        chat = store.get(key="a")
        for number in (10, 11):
            message = chat.add(recording(None, sound(number)))
            with diary.open("a") as file:
                file.write(json.dumps([message.position, number]) + "\n")
        chat.redact(2)
        store.move_blobs("database", limit=2)
    with opened(place, after=LATER) as store:
        store.prune()
        store.move_blobs("folder")
        store.delete(store.get(key="b").id)
    with opened(place, after=2 * LATER) as store:
        store.prune()


def _put_later() -> None:
    """The planted bug: bytes go into the folder only once their row is there."""
    real = convo.FolderBlobs.put
    late: list[tuple[str, bytes]] = []

    def put(self: convo.FolderBlobs, name: str, data: bytes) -> None:
        for one in late:
            real(self, *one)
        late[:] = [(name, data)]

    convo.FolderBlobs.put = put  # type: ignore[method-assign]  # in this process only


def made(place: Path) -> None:
    """Make the store that processes go to work on: two conversations, four recordings."""
    with opened(place) as store:
        for key in ("a", "b"):
            chat = store.create(key=key)
            for number in range(2):
                chat.add(recording(None, sound(number if key == "a" else 5 + number)))


def problems(place: Path) -> list[str]:
    """Say what is wrong once a process was killed: bytes without which a row stands, a recording that is lost."""
    held = {1: 0, **dict(map(json.loads, (place / "diary").read_text().splitlines() if (place / "diary").exists() else []))}
    with opened(place, after=3 * LATER) as store:
        wrong = [f"{one.kind}: {one.message}" for one in store.doctor() if one.severity == "error"]
        chat = store.get(key="a")
        for message in chat.history():
            try:
                data = None if message.audio is None else chat.load(message.audio).data
            except convo.ConvoError as error:
                wrong.append(f"lost: {error!r}")
            else:
                if data is not None and message.position in held and data != sound(held[message.position]):
                    wrong.append(f"changed: the recording at {message.position}")
        missing = set(held) - {message.position for message in chat.history()}
        wrong += [f"lost: the message at {position}" for position in sorted(missing)]
        store.prune()
        again = chat.add(recording(None, sound(20)))
        assert again.audio is not None
        if chat.load(again.audio).data != sound(20) or [one for one in store.doctor() if one.severity == "error"]:
            wrong.append("stuck: the store does not go on")
    return wrong


@attrs.define
class Killing:
    """Kills processes at work on copies of one store."""

    workers: Forked
    folder: Path
    planted: bool = False
    steps: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the store, and see how many steps there are."""
        (self.folder / "made").mkdir()
        made(self.folder / "made")
        steps = self._work()
        assert steps is not None
        self.steps = steps

    def _work(self, **when: Any) -> int | None:
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder / "made", place)
        return self.workers.do(place=str(place), planted=self.planted, **when)

    def kill(self, at: int = 0, after: float | None = None) -> list[str] | None:
        """Kill one; give what is wrong then, None when it was through before."""
        if self._work(at=at, after=after) is not None:
            return None
        return [f"{f'step {at}' if at else f'after {after} s'}: {one}" for one in problems(self.folder / "place")]


def run(times: int) -> str:
    """Kill so many processes: at every step, then at random moments. Raises `AssertionError` on the first loss."""
    kills = steps = 0
    moments = random.Random(8)  # noqa: S311 - the same moments in every run
    with Forked.started(__name__) as workers, tempfile.TemporaryDirectory() as name:
        killing = Killing(workers, Path(name))
        for at in range(1, min(killing.steps, times) + 1):
            wrong = killing.kill(at)
            assert wrong == [], wrong
            kills, steps = kills + 1, steps + 1
        while kills < times:
            wrong = killing.kill(after=moments.uniform(0, LONGEST))
            assert not wrong, wrong
            kills += wrong is not None
    return (
        f"{kills:,} processes killed while they stored, moved and deleted bytes ({steps:,} each at another step, the others at "
        "random moments): 0 rows without their bytes, 0 acknowledged recordings lost"
    )
