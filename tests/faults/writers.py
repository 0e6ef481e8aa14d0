"""Writers in processes of their own on one SQLite file, with and without others who store audio, with and without the gate."""

from __future__ import annotations

import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import attrs

import convo
from convo.store import engine
from convo.store.files import Gate
from tests.faults.echo import MODEL, Echo

WRITERS, LISTENERS = 32, 4
"""Writers of turns, and of recordings of a megabyte."""
BREATH = 0.5
"""Seconds, at most, between two turns of a writer: so that a file is busy, and not a machine."""
PATIENCE = 300
"""Seconds in which all must have come to the start."""
SECOND = 1_000_000_000


def run(times: int) -> str:
    """Have each of 32 processes do so many turns. Raises `AssertionError` for an error, or where an order has a gap."""
    told = []
    for audio in (0, LISTENERS):
        for gate in (True, False):
            found = written(WRITERS, times, audio=audio, gate=gate)
            assert not (gate and found.errors), found.errors
            told.append(f"{'with' if audio else 'without'} audio, {'with' if gate else 'without'} the gate: {found}")
    return f"{WRITERS} processes, {times} turns each, one file. " + "; ".join(told)


@attrs.frozen
class Found:
    """What writers met: how long each write took (seconds), and the errors by their codes."""

    seconds: list[float]
    errors: dict[str, int]
    span: float

    def at(self, part: float) -> float:
        """Give a percentile in seconds."""
        return statistics.quantiles(self.seconds, n=1_000, method="inclusive")[round(part * 1_000) - 1]

    def __str__(self) -> str:
        """Give the figures."""
        return (
            f"p50 {self.at(0.5) * 1e3:.0f} ms, p99 {self.at(0.99) * 1e3:.0f} ms, max {max(self.seconds) * 1e3:.0f} ms, "
            f"{len(self.seconds) / self.span:.0f} writes/s, errors {self.errors or 0}"
        )


def written(
    writers: int, times: int, *, audio: int = 0, gate: bool = True, breath: float = BREATH, planted: bool = False
) -> Found:
    """Let processes write; give what they met. Raises `AssertionError` where a log is not what was written.

    `planted` is a bug: nobody waits for anybody.
    """
    context = multiprocessing.get_context("forkserver")  # workers of a server that has loaded its application
    context.set_forkserver_preload(["tests.faults.loaded"])
    with tempfile.TemporaryDirectory(prefix="convo-writers-") as folder:
        url = f"sqlite:///{folder}/chat.db"
        with convo.Store(url) as store:
            store.create(key="shared")
        start, stop = context.Barrier(writers + audio), context.Event()
        others = [context.Process(target=_listen, args=(url, n, start, stop, gate)) for n in range(audio)]
        own = [
            context.Process(target=_write, args=(url, n, times, start, gate and not planted, folder, breath, planted))
            for n in range(writers)
        ]
        for process in [*others, *own]:
            process.start()
        for process in own:
            process.join()
        stop.set()
        for process in others:
            process.join()
        if any(process.exitcode for process in [*others, *own]):
            raise RuntimeError("a writer ended by itself")
        return _told(folder, url, writers, times)


def _told(folder: str, url: str, writers: int, times: int) -> Found:
    parts = [json.loads(Path(folder, f"told-{number}").read_text()) for number in range(writers)]
    errors = Counter(code for part in parts for code in part["errors"])
    with convo.Store(url) as store:
        shared = [message.position for message in store.get(key="shared").history()]
        lengths = {len(store.get(key=f"own-{number}").history()) for number in range(writers)}
    if not errors:
        assert shared == list(range(1, writers * times + 1)), "the shared log has gaps"
        assert lengths == {2 * times}
    return Found([seconds for part in parts for seconds in part["seconds"]], dict(errors), max(part["span"] for part in parts))


def _nobody_waits(gate: Gate) -> AbstractContextManager[None]:
    del gate
    return nullcontext()


def _open_to_all() -> None:
    """Have SQLite alone, without the gate."""
    Gate.held = _nobody_waits  # type: ignore[method-assign, assignment]


class _Timed:
    """Takes the time of what is written: each unit of work that takes the lock."""

    def __init__(self, store: convo.Store) -> None:
        self.seconds: list[float] = []
        self._run = store._driver.runner.run
        store._driver.runner.run = self._timed  # type: ignore[method-assign]

    def _timed(self, work: Any, *arguments: Any, mode: Any = "read", **named: Any) -> Any:
        began = time.perf_counter_ns()
        try:
            return self._run(work, *arguments, mode=mode, **named)
        finally:
            if mode != "read":
                self.seconds.append((time.perf_counter_ns() - began) / SECOND)


def _write(url: str, number: int, times: int, start: Any, gate: bool, folder: str, breath: float, planted: bool) -> None:  # noqa: FBT001 - of a process
    if not gate:
        _open_to_all()
    errors, chance = [], random.Random(number)  # noqa: S311 - pauses
    with convo.Store(url) as store:
        own, shared = store.create(key=f"own-{number}"), store.get(key="shared")
        start.wait(PATIENCE)
        if planted:
            engine.ATTEMPTS = 1
            store._driver.runner.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout=0").fetchall())
        timed, began = _Timed(store), time.monotonic()
        for turn in range(times):
            try:
                own.send(Echo(), f"question {turn}", model=MODEL, key=f"{turn}")
                shared.add(f"from {number}: {turn}")
            except convo.ConvoError as error:  # a turn whose end was not stored stands in the way of the next
                errors.append(error.code)
            time.sleep(chance.uniform(0, breath))
        told = {"seconds": timed.seconds, "errors": errors, "span": time.monotonic() - began}
    Path(folder, f"told-{number}").write_text(json.dumps(told))


def _listen(url: str, number: int, start: Any, stop: Any, gate: bool) -> None:  # noqa: FBT001 - of a process
    if not gate:
        _open_to_all()
    with convo.Store(url) as store:
        chat = store.create(key=f"heard-{number}")
        start.wait(PATIENCE)
        for count in range(1_000_000):
            if stop.is_set():
                return
            sound = random.Random(f"{number}-{count}").randbytes(1_000_000)  # noqa: S311 - sound that is like no other
            chat.add("heard", convo.Audio.from_bytes(_wav(sound), transcript="noise"))
            time.sleep(BREATH)


def _wav(samples: bytes) -> bytes:
    size = len(samples)
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(
        number.to_bytes(width, "little") for number, width in ((1, 2), (1, 2), (24_000, 4), (48_000, 4), (2, 2), (16, 2))
    )
    return head + form + b"data" + size.to_bytes(4, "little") + samples
