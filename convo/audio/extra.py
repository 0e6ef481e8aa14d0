"""Whether the extra `audio` is installed, and where, without importing it."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path


@functools.cache
def can_convert() -> bool:
    """Say whether audio can be decoded and encoded here."""
    return folder() is not None


def folder() -> str | None:
    """Give the folder that holds PyAV, None where it is not installed."""
    try:
        found = importlib.util.find_spec("av")
    except (ImportError, ValueError):
        return None
    if found is None or found.origin is None:  # no package, or a folder of that name
        return None
    return str(Path(found.origin).parents[1])
