"""Whether the extra `audio` is installed, without importing it."""

from __future__ import annotations

import functools
from importlib.util import find_spec


@functools.cache
def can_convert() -> bool:
    """Say whether audio can be decoded and encoded here."""
    return find_spec("av") is not None
