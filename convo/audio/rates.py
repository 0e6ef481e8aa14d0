"""Constants of the API's audio, and audio tokens before the bill: how many a second of sound costs, by its documentation."""

from __future__ import annotations

INPUT_FORMATS = ("wav", "mp3")
"""What the API takes as `input_audio`, by its schema."""
PCM16_RATE = 24_000
"""Samples a second of the API's pcm16: mono, signed 16 bit, little endian, without a header."""
USER_AUDIO_RATE = 10
"""Tokens a second of a user's recording: one per 100 ms, by the API's documentation of audio tokens."""
REPLY_AUDIO_RATE = 20
"""Tokens a second of a spoken reply: one per 50 ms; 312 were billed for 15.6 s."""
BYTES_A_SECOND = 16_000
"""Of a recording whose length could not be read: an mp3 at 128 kbit/s."""


def audio_tokens(seconds: float | None, size: int, rate: int = USER_AUDIO_RATE) -> int:
    """Give the estimated tokens of a recording of so many seconds, or of so many bytes where nobody knows its length."""
    return round((size / BYTES_A_SECOND if seconds is None else seconds) * rate)
