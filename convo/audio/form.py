"""What sound is converted to: a format with its sample rate, channels and bit rate, under one stable name."""

from __future__ import annotations

import attrs

from convo.audio.formats import format_named
from convo.audio.rates import PCM16_RATE
from convo.errors import BadAudio

_RATES = {
    "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
    "webm": (8_000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "aac": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
    "m4a": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
}
"""Sample rates that a coded format has; the others have any from 4 to 192 kHz."""
_ANY = range(4_000, 192_001)
_BIT_RATES = {"mp3": 64_000, "aac": 64_000, "m4a": 64_000, "opus": 32_000, "webm": 32_000}
"""Bits a second where none are asked for: speech of one channel that nobody tells from the source."""
_LEAST_BITS, _MOST_BITS = 6_000, 512_000
_MAX_CHANNELS = 2
FORMS = ("wav", "pcm16", "flac", "mp3", "opus", "aac", "m4a", "webm")
"""The formats that sound can be converted to. `opus` is in Ogg, `aac` has ADTS headers, `webm` holds Opus."""


def _rate(value: int | None) -> int:
    return PCM16_RATE if value is None else value


def _channels(value: int | None) -> int:
    return 1 if value is None else value


@attrs.frozen
class Form:
    """What to convert to. What is left out is what speech needs: 24 kHz, one channel, 64 kbit/s (Opus 32).

    `channels` is 1 or 2. Two forms are equal when they make the same sound. Raises `BadAudio` for what the format does not have.
    """

    format: str = attrs.field(converter=format_named)
    sample_rate: int = attrs.field(default=None, converter=_rate)
    channels: int = attrs.field(default=None, converter=_channels)
    bit_rate: int | None = None

    def __attrs_post_init__(self) -> None:
        """Check, and fill in the bit rate."""
        if self.format not in FORMS:
            raise BadAudio(f"{self.format!r} is no format to convert to", f"pass one of {', '.join(FORMS)}")
        rates = _RATES.get(self.format, _ANY)
        if self.sample_rate not in rates:
            known = "4,000 to 192,000 Hz" if isinstance(rates, range) else f"{', '.join(f'{rate:,}' for rate in rates)} Hz"
            raise BadAudio(f"{self.format} cannot have {self.sample_rate!r} samples a second", f"it has {known}")
        if self.channels not in range(1, _MAX_CHANNELS + 1):
            raise BadAudio(f"sound cannot be converted to {self.channels!r} channels", "pass 1 or 2")
        default = _BIT_RATES.get(self.format)
        if default is None or self.bit_rate is None:
            object.__setattr__(self, "bit_rate", default)
        elif not _LEAST_BITS <= self.bit_rate <= _MOST_BITS:
            raise BadAudio(
                f"{self.format} cannot have {self.bit_rate:,} bits a second", f"pass {_LEAST_BITS:,} to {_MOST_BITS:,}"
            )

    @property
    def name(self) -> str:
        """Stable text, such as `wav/24000/1` or `mp3/24000/1/64000`: a key under which a conversion is remembered."""
        parts = (self.format, self.sample_rate, self.channels, self.bit_rate)
        return "/".join(str(part) for part in parts if part is not None)
