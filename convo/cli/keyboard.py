"""What is typed, or comes through a pipe: lines, files that are dropped on the terminal, and Ctrl-C while a reply comes."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from convo.cli.screen import is_terminal
from convo.escapes import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType, ModuleType
    from typing import TextIO

_ON = "\\"
"""What a line ends with that goes on in the next."""
_LOOK = 0.1
"""Seconds between two looks for a Ctrl-C that ended no wait."""


class Keyboard:
    """Lines of a terminal, with the editing and the recall that readline gives; of a pipe, or when scripted, no prompt."""

    def __init__(self, *, coloured: bool, scripted: bool) -> None:
        self.interactive = not scripted and is_terminal(sys.stdin) and is_terminal(sys.stdout)
        self._readline = _readline() if self.interactive else None
        self._coloured = coloured
        if isinstance(stdin := _stdin(), io.TextIOWrapper):
            stdin.reconfigure(errors="surrogateescape")  # the message that holds it is refused, and not the whole pipe

    def line(self, prompt: str = "> ", filled: str = "") -> str:
        """Give what was typed, `filled` already typed; a backslash at the end of a line takes the next one to it.

        Raises `EOFError` at the end, `KeyboardInterrupt` for Ctrl-C.
        """
        text = self._next(prompt, filled)
        while text.endswith(_ON):
            text = f"{text[:-1]}\n{self._next('. ', '')}"
        return text

    def remember(self, said: Iterable[str]) -> None:
        """Let the arrow keys bring back what was said before: it comes from the store, and is kept nowhere else.

        What a terminal would obey is left out: readline writes C1 controls as they are, and takes no NUL.
        """
        if self._readline is not None:
            self._readline.clear_history()
            for text in filter(_is_shown, said):
                self._readline.add_history(text)

    def complete(self, words: Iterable[str]) -> None:
        """Let the Tab key complete these words at the beginning of a line."""
        if self._readline is None:
            return
        known = sorted(words)

        def matching(text: str, state: int) -> str | None:
            found = [word for word in known if word.startswith(text)] if text.startswith("/") else []
            return found[state] if state < len(found) else None

        self._readline.set_completer_delims(" ")
        self._readline.set_completer(matching)
        self._readline.parse_and_bind("tab: complete")

    def _next(self, prompt: str, filled: str) -> str:
        if not self.interactive:
            text = lines.readline() if (lines := _stdin()) is not None else ""
            if not text:
                raise EOFError
            return text.rstrip("\r\n")
        readline = self._readline
        if readline is None:
            return input(prompt)
        readline.set_startup_hook(lambda: readline.insert_text(filled if _is_shown(filled) else ""))
        try:
            return _typed(f"\x01\x1b[1m\x02{prompt}\x01\x1b[0m\x02" if self._coloured else prompt)
        finally:
            readline.set_startup_hook()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise `KeyboardInterrupt` once; what is pressed again is ignored, so that what came is stored in peace."""
    pressed = False

    def once(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        del number, frame
        if not pressed:
            pressed = True
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def dropped(text: str, suffixes: Iterable[str]) -> Path | None:
    """Give the file that a line names, as terminals write it when one is dropped on them; None for any other line."""
    words = words_of(text.strip())
    if len(words) != 1:
        return None
    path = path_of(words[0])
    try:
        return path if path.suffix.lower() in suffixes and path.is_file() else None
    except (OSError, ValueError):  # no path at all
        return None


def path_of(word: str) -> Path:
    """Give the path of a word: with ~ for the home of the user, or as a URL of a file."""
    if word.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        with suppress(ValueError):  # no URL
            word = unquote(urlsplit(word).path)
    try:
        return Path(word).expanduser()
    except RuntimeError:  # no such user
        return Path(word)


def words_of(text: str) -> list[str]:
    """Give the words of a line as a shell reads them; where it cannot, those between spaces."""
    try:
        return [word.strip("\"'") for word in shlex.split(text, posix=False)] if os.name == "nt" else shlex.split(text)
    except ValueError:
        return text.split()


def _typed(prompt: str) -> str:
    """Give the line that is typed at a prompt of readline; a Ctrl-C raises `KeyboardInterrupt`, at whatever moment it comes.

    Python sees a signal that came right before readline waits only when the next key ends the wait, and drops what is raised
    while readline calls back. So the wait is ended every now and then, and nothing is raised elsewhere than in it.
    """
    if not hasattr(signal, "setitimer"):  # Windows
        return _wait(prompt)
    pressed = False

    def heed(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = pressed or number == signal.SIGINT
        if pressed and frame is not None and frame.f_code is _wait.__code__:
            pressed = False
            raise KeyboardInterrupt

    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
    try:
        text = _wait(prompt)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
    if pressed:
        raise KeyboardInterrupt
    return text


def _wait(prompt: str) -> str:
    return input(prompt)


def _is_shown(text: str) -> bool:
    """Say whether a terminal only shows a text."""
    return safe(text) == text


def _stdin() -> TextIO | None:
    """Give the standard input, None where it was closed."""
    return sys.stdin


def _readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:  # Windows
        return None
    return readline
