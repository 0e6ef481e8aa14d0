"""How far a command is, for people: on stderr, where that is a terminal, and gone when the command has ended."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from convo.cli.screen import cut, is_terminal, line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AFTER = 1.0
"""Seconds after which something is said of a command that cannot tell how far it is."""
_CLEAR = "\r\x1b[K"


def progress_of(owner: str, what: str, of: str = "", *, quiet: bool = False) -> Callable[[int, int], None] | None:
    """Give what says how far a command is, `tell(done, total)`; None where nobody looks, or `quiet` is asked for."""
    if quiet or not _seen():
        return None
    whose = f" of {line(owner)}" if owner else ""

    def tell(done: int, total: int) -> None:
        share = f" ({done * 100 // total} %)" if total else ""
        _say(f"{what} {done:,} of {total:,}{of and f' {of}'}{whose}{share}")

    return tell


@contextmanager
def progress(
    what: str, *, of: str = "", owner: str = "", quiet: bool = False
) -> Iterator[Callable[[int, int], None] | None]:  # fmt: skip
    """Give what `progress_of` gives, and take away at the end what it said."""
    tell = progress_of(owner, what, of, quiet=quiet)
    try:
        yield tell
    finally:
        if tell is not None:
            clear()


@contextmanager
def waiting(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Say what is being done, and for how long, once it takes more than a second; for what cannot tell how far it is."""
    if quiet or not _seen():
        yield
        return
    ended = threading.Event()
    teller = threading.Thread(target=_count, args=(what, ended), daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def clear() -> None:
    """Take away what was said of the progress, to say or to ask something else."""
    if _seen():
        click.echo(_CLEAR, nl=False, err=True)


def _count(what: str, ended: threading.Event) -> None:
    begun, said = time.monotonic(), False
    while not ended.wait(_AFTER):
        said = True
        _say(f"{what}, {time.monotonic() - begun:.0f} s")
    if said:
        click.echo(_CLEAR, nl=False, err=True)


def _seen() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def _say(text: str) -> None:
    click.echo(_CLEAR + cut(text, shutil.get_terminal_size().columns - 1), nl=False, err=True)
