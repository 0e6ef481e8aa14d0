"""The audio formats that convo can name: MIME type, file extension, and what the API does with each.

Which of them the API takes or gives is in `INPUT_FORMATS` and `OUTPUT_FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT_FORMATS = ("wav", "mp3")
"""What the API takes as `input_audio`, by its schema."""
OUTPUT_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
"""What the API gives as `audio.format`, by its schema."""
STREAM_FORMAT = "pcm16"
"""The only format that the API gives with `stream=true`."""
PCM16_RATE = 24_000
"""Samples a second of the API's pcm16: mono, signed 16 bit, little endian, without a header."""


@attrs.frozen
class AudioFormat:
    """One format: `name` as the API spells it, `extension` with its dot."""

    name: str
    mime: str
    extension: str


_TABLE = (
    AudioFormat("wav", "audio/wav", ".wav"),
    AudioFormat("mp3", "audio/mpeg", ".mp3"),
    AudioFormat("pcm16", "audio/pcm", ".pcm"),
    AudioFormat("flac", "audio/flac", ".flac"),
    AudioFormat("opus", "audio/ogg", ".opus"),
    AudioFormat("ogg", "audio/ogg", ".ogg"),
    AudioFormat("aac", "audio/aac", ".aac"),
    AudioFormat("m4a", "audio/mp4", ".m4a"),
    AudioFormat("mp4", "video/mp4", ".mp4"),
    AudioFormat("webm", "audio/webm", ".webm"),
)
FORMATS: Mapping[str, AudioFormat] = {entry.name: entry for entry in _TABLE}
"""Every format that convo recognises, by name."""

_ALIASES = {"wave": "wav", "mpeg": "mp3", "mpga": "mp3", "pcm": "pcm16", "oga": "ogg"}
_SAME = {("ogg", "opus"), ("m4a", "mp4"), ("mp4", "m4a")}


def format_named(claimed: str) -> str:
    """Give the name in `FORMATS` for a claimed one (any case; `pcm` and `mpeg` are known too), else the claim itself."""
    name = claimed.lower()
    return _ALIASES.get(name, name)


def agrees(claimed: str, found: str) -> bool:
    """Say whether bytes found to be `found` are what `claimed` says: Opus in Ogg is an ogg file too."""
    return claimed == found or (claimed, found) in _SAME
