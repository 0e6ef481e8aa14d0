"""Processes that do the same at the same time, again and again: each is started once, makes its way, and waits for the word."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    Maker = Callable[[], Callable[[], object]]
    """Gives, in a process of its own, what that process is to do; has to be picklable."""


class Crew:
    """What was started: `turns` are the calls of all processes in a round, `waits` the seconds of every single one."""

    def __init__(self, pipes: Sequence[Connection], times: int) -> None:
        self._pipes = pipes
        self._times = times
        self.turns = times * len(pipes)
        self.waits: list[float] = []

    def work(self) -> None:
        """Have every process do its part, and wait for the last one."""
        for pipe in self._pipes:
            pipe.send(self._times)
        for pipe in self._pipes:
            self.waits += _received(pipe)


@contextlib.contextmanager
def crew(makers: Sequence[Maker], times: int) -> Iterator[Crew]:
    """Start a process for each maker; with the word, each does its way so many times. Raises what a process raised."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in makers]
    processes = [context.Process(target=_serve, args=(maker, theirs)) for maker, (_, theirs) in zip(makers, pairs, strict=True)]
    for process in processes:
        process.start()
    pipes = [ours for ours, _ in pairs]
    for _, theirs in pairs:
        theirs.close()  # so that the death of a process is the end of its pipe
    try:
        for pipe in pipes:
            _received(pipe)
        yield Crew(pipes, times)
    finally:
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.send(0)
        for process in processes:
            process.join(10)
            process.kill()


def _received(pipe: Connection) -> list[float]:
    found: Any = pipe.recv()
    if isinstance(found, Exception):
        raise found
    seconds: list[float] = found
    return seconds


def _serve(maker: Maker, pipe: Connection) -> None:
    """Work in the process that was started, until told to stop."""
    try:
        way = maker()
        pipe.send([])
        while times := pipe.recv():
            pipe.send([_seconds(way) for _ in range(times)])
    except Exception as error:  # noqa: BLE001 - raised again where the crew was started
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
    os._exit(0)  # threads of what was left open would keep the process


def _seconds(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started
