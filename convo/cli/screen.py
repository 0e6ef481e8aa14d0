"""Text on a terminal: what was stored is shown and never obeyed.

A model or a user may write escape sequences, and a terminal would carry them out.
"""

from __future__ import annotations

import io
import sys

from convo.escapes import safe


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
