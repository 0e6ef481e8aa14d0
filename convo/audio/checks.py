"""What is wrong with a recording: errors where the API would refuse it, warnings where it is sent all the same.

The thresholds are for speech, and documented beside each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from convo.errors import AudioTooLong, AudioTooShort, ClippedAudio, SilentAudio, TooLarge, TruncatedAudio

if TYPE_CHECKING:
    from convo.audio.levels import Levels
    from convo.audio.value import Audio
    from convo.errors import AudioWarning

SHORTEST = 0.1
"""Seconds; the API refuses less, in its own words: "Audio file is too short. Minimum audio length is 0.1 seconds."."""
INPUT_LIMIT = 20_000_000
"""Bytes of one `input_audio`: 20 MB by Azure's documentation of audio completions; OpenAI documents none."""
UPLOAD_LIMIT = 25_000_000
"""Bytes of one file for the transcription endpoints: 25 MB by OpenAI's speech-to-text guide."""
HEARD = 0.1
"""Seconds that must be louder than -50 dBFS for anything to be heard: what the API calls too short."""
CLIPPED = 0.01
"""Share of samples at full scale from which speech is distorted; sound that just reaches full scale has less."""


def check_sendable(audio: Audio, *, limit: int = INPUT_LIMIT, context: int | None = None) -> None:
    """Raise where the API would refuse a recording, by what is known of it; what was not measured is not judged.

    `AudioTooShort` under 0.1 s; `TooLarge` over `limit` bytes; `AudioTooLong` where its tokens alone fill the model's
    `context`, in tokens. Nothing is decoded.
    """
    if audio.duration is not None and audio.duration < SHORTEST:
        raise AudioTooShort(audio.duration, SHORTEST)
    if audio.size is not None and audio.size > limit:
        raise TooLarge("the audio", audio.size, limit, "bytes")
    tokens, duration = audio.estimated_tokens, audio.duration
    if context is not None and tokens is not None and duration is not None and tokens >= context:
        raise AudioTooLong(math.ceil(duration), int(duration * context / tokens), "the recording for the context of the model")


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
