"""Text on a terminal: what was stored is shown and never obeyed.

A model or a user may write escape sequences, and a terminal would carry them out.
"""

from __future__ import annotations

import io
import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING

from convo.escapes import safe

if TYPE_CHECKING:
    from typing import TextIO

_WIDE = frozenset("WF")
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})
"""Characters that stand on the one before, or are not seen."""


def line(text: str, limit: int | None = None) -> str:
    """Give text on one line, safe, and cut to `limit` columns where a number is given."""
    shown = safe(" ".join(text.split()))
    return shown if limit is None else cut(shown, limit)


def indented(text: str, by: str = "    ") -> str:
    """Give safe text with every line indented, so that none can pass for a line of ours."""
    return "\n".join(f"{by}{row}".rstrip() for row in safe(text).split("\n"))


def width(text: str) -> int:
    """Give the columns that text takes: ideographs and emoji take two, accents of their own none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def padded(text: str, columns: int) -> str:
    """Give text with spaces behind it, so that it takes so many columns."""
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """Give text that takes at most so many columns; one that was cut ends with dots."""
    if width(text) <= columns:
        return text
    taken, kept = 3, []
    for character in text:
        taken += _width(character)
        if taken > columns:
            break
        kept.append(character)
    return f"{''.join(kept)}..."


def columns() -> int | None:
    """Give the columns of the terminal on which the output is shown, None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def is_terminal(stream: TextIO | None) -> bool:
    """Say whether somebody looks at a standard stream, or types into it; one that was closed is None."""
    return stream is not None and stream.isatty()


def tolerant() -> None:
    """Let the standard streams write what their encoding lacks as escapes, where they would fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 1 + (unicodedata.east_asian_width(character) in _WIDE)
