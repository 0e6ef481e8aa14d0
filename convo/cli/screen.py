"""Text on a terminal: what was stored is shown and never obeyed.

A model or a user may write escape sequences, and a terminal would carry them out.
"""

from __future__ import annotations

import io
import sys
import unicodedata

_LAYOUT = "\n\t"
_DIRECTIONS = frozenset("\N{ARABIC LETTER MARK}\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing, so that what follows looks like something else."""
_UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone surrogates, and separators that some terminals take for the end of a line."""


def safe(text: str) -> str:
    r"""Give text that a terminal only shows: a control character becomes its escape, such as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_obeyed(character) else character for character in text)


def line(text: str, limit: int | None = None) -> str:
    """Give text on one line, safe, and cut to `limit` characters where one is given."""
    shown = safe(" ".join(text.split()))
    return shown if limit is None or len(shown) <= limit else f"{shown[: limit - 3]}..."


def indented(text: str, by: str = "    ") -> str:
    """Give safe text with every line indented, so that none can pass for a line of ours."""
    return "\n".join(f"{by}{row}".rstrip() for row in safe(text).split("\n"))


def tolerant() -> None:
    """Let the standard streams write what their encoding lacks as escapes, where they would fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_obeyed(character: str) -> bool:
    return character not in _LAYOUT and (unicodedata.category(character) in _UNSHOWN or character in _DIRECTIONS)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
