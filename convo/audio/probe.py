"""What is measured of a recording without decoding it.

One value, made by the reader of each format.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Probe:
    """What the bytes are: `duration` in seconds, `sample_rate` in hertz; None where the format is not measured."""

    format: str
    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
