"""A program at a terminal: what a person types and sees, by a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 60.0
"""Seconds after which something that was to appear is taken not to come."""
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x01|\x02|\x07")

_OPENS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
for number in range(3):
    os.dup2(os.open(sys.argv[1], os.O_RDWR), number)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""The leader of a session that opens a terminal gets it as its own, so that Ctrl-C reaches the program."""


class Terminal:
    """`python -m convo` with these arguments, at a terminal of its own; `seen` is what it wrote, styles taken out."""

    def __init__(self, *arguments: object, environment: Mapping[str, str], folder: Path, columns: int = 100) -> None:
        ours, theirs = pty.openpty()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        settings = {"PYTHONPATH": str(Path.cwd()), "PYTHONUTF8": "1", "TERM": "xterm"}
        self._process = subprocess.Popen(
            [sys.executable, "-SEc", _OPENS, os.ttyname(theirs), sys.executable, "-m", "convo", *map(str, arguments)],
            cwd=folder, start_new_session=True,
            env={**kept, **settings, "COLUMNS": str(columns), **environment},
        )  # fmt: skip
        self._ours, self._theirs = ours, theirs  # while theirs is open there is a terminal
        self._raw = b""
        self._looked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def raw(self) -> str:
        """All that was written so far, as it came."""
        return self._raw.decode("utf-8", "replace")

    @property
    def seen(self) -> str:
        """All that was written so far, for people."""
        return _STYLE.sub("", self.raw).replace("\r", "")

    def see(self, text: str) -> str:
        """Wait until this appears behind what was waited for before; give what stood before it."""
        return self.match(re.escape(text))

    def match(self, pattern: str) -> str:
        """Wait until this regular expression matches; give what stood before it."""
        until = time.monotonic() + _PATIENCE
        while (found := re.search(pattern, self.seen[self._looked :])) is None:
            assert self._read(), f"it ended without {pattern!r}: {self.seen!r}"
            assert time.monotonic() < until, f"{pattern!r} did not appear in {self.seen!r}"
        before = self.seen[self._looked : self._looked + found.start()]
        self._looked += found.end()
        return before

    def type(self, text: str) -> None:
        """Press keys; Enter is a newline."""
        os.write(self._ours, text.encode())

    def enter(self, text: str) -> None:
        """Type a line."""
        self.type(f"{text}\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def end(self) -> int:
        """Wait for the end; give the exit code."""
        until = time.monotonic() + _PATIENCE
        while self._read():
            assert time.monotonic() < until, f"it did not end: {self.seen!r}"
        return self._process.wait(_PATIENCE)

    def _read(self) -> bool:
        """Read what there is, or wait a little; False once it has ended and all was read."""
        ended = self._process.poll() is not None
        if select.select([self._ours], [], [], 0 if ended else 0.2)[0]:
            self._raw += os.read(self._ours, 65_536)
            return True
        return not ended
