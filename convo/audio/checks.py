"""What is wrong with a recording: errors where the API would refuse it, warnings where it is sent all the same.

The thresholds are for speech, and documented beside each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.errors import AudioTooShort, ClippedAudio, SilentAudio, TruncatedAudio

if TYPE_CHECKING:
    from convo.audio.levels import Levels
    from convo.audio.value import Audio
    from convo.errors import AudioWarning

SHORTEST = 0.1
"""Seconds; the API refuses less, in its own words: "Audio file is too short. Minimum audio length is 0.1 seconds."."""
HEARD = 0.1
"""Seconds that must be louder than -50 dBFS for anything to be heard: what the API calls too short."""
CLIPPED = 0.01
"""Share of samples at full scale from which speech is distorted; sound that just reaches full scale has less."""


def check_long_enough(audio: Audio) -> None:
    """Raise `AudioTooShort` for less sound than the API takes; what was not measured is not judged."""
    if audio.duration is not None and audio.duration < SHORTEST:
        raise AudioTooShort(audio.duration, SHORTEST)


def problems_of(levels: Levels | None, duration: float | None, *, truncated: bool) -> tuple[AudioWarning, ...]:
    """Give what is wrong with sound of these levels, as warnings; without levels, only whether it is cut off."""
    found: list[AudioWarning] = []
    if levels is not None and duration is not None and (1 - levels.silent) * duration < HEARD:
        found.append(SilentAudio(HEARD, levels.peak))
    if levels is not None and levels.clipped >= CLIPPED:
        found.append(ClippedAudio(levels.clipped))
    if truncated:
        found.append(TruncatedAudio())
    return tuple(found)
