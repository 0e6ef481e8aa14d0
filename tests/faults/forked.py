"""Processes that die at their n-th step, forked from a small parent that holds no connection.

A step is the moment before a statement of the database, after it, before a commit, and whatever else the act calls one.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EVENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


def serve(name: str) -> None:
    """Be the parent: fork a process for each line of JSON, let it do the `act` of the module, and say how it ended."""
    module = importlib.import_module(name)
    module.warm()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _do(module.act, order)
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(child, signal.SIGKILL)
        _say(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _do(act: Callable[[dict[str, Any], Callable[..., None]], None], order: dict[str, Any]) -> None:
    steps = itertools.count(1)

    def step(*_: Any) -> None:
        if next(steps) == order["at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in EVENTS:
        sa.event.listen(sa.Engine, name, step)
    try:
        act(order, step)
        step()
        _say(f"steps {next(steps) - 1}")
    except BaseException as error:  # noqa: BLE001 - a child says what went wrong, and ends
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


@attrs.frozen
class Forked:
    """The parent, in a process of its own."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def started(cls, module: str) -> Iterator[Forked]:
        """Start it for the `act` of a module, and end it."""
        command = [sys.executable, "-c", f"from tests.faults.forked import serve; serve({module!r})"]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            yield cls(process)
            assert process.stdin is not None
            process.stdin.close()

    def do(self, *, at: int = 0, after: float | None = None, **order: Any) -> int | None:
        """Do it, and kill that at a step or after some seconds; give its number of steps, None when it was killed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**order, "at": at, "after": after}) + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        steps = int(told.split()[1]) if told.startswith("steps") else None
        code = int(self.process.stdout.readline() if steps else told)
        assert code in (0, -signal.SIGKILL), "the process failed by itself"
        return steps if code == 0 else None
