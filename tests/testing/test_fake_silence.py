"""What the fake says in formats that it has no encoder for plays, and as long as it should."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest

from convo.testing.speech import spoken
from convo.testing.transcription import FORMATS, seconds_heard


def played(data: bytes) -> float:
    """The seconds that a decoder finds in a file."""
    file: Any = av.open(io.BytesIO(data))
    with file:
        return float(sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)))


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav"])
@pytest.mark.parametrize(("words", "speed", "seconds"), [(1, None, 0.4), (40, None, 16), (40, 0.25, 64), (40, 4.0, 4)])
def test_each_format_plays_as_long_as_its_text_at_its_speed(name: str, words: int, speed: float | None, seconds: float) -> None:
    data = spoken({"input": "dog " * words, "response_format": name, **({} if speed is None else {"speed": speed})})
    assert played(data) == pytest.approx(seconds, abs=0.18)
    assert seconds_heard(data) is not None or name not in FORMATS


def test_samples_have_a_speed_too() -> None:
    slow, fast = (spoken({"input": "Is it?", "response_format": "pcm", "speed": speed}) for speed in (0.5, 2))
    assert len(slow) == 4 * len(fast) == 2 * len(spoken({"input": "Is it?", "response_format": "pcm"}))
