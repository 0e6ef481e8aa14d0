"""From one format to another: without decoding where only a header comes or goes, else by the codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.audio.formats import FORMATS, is_made_as
from convo.audio.rates import PCM16_RATE
from convo.audio.wave import samples_of, wav_of_pcm16
from convo.errors import BadAudio

if TYPE_CHECKING:
    from convo.audio.codec import Form
    from convo.audio.value import Audio

_MADE_AS = {"ogg": "opus", "mp4": "m4a"}
"""Containers by what convo makes to put into them."""
_EVERYWHERE = 48_000
"""A sample rate that every format has."""
_MOST_CHANNELS = 2


def converted(audio: Audio, name: str, rate: int | None, channels: int | None) -> Audio:
    """Give audio in the format `name`, see `Audio.convert`."""
    if name == "pcm16" and (rate or PCM16_RATE, channels or 1) != (PCM16_RATE, 1):
        raise BadAudio("pcm16 is the API's: 24 kHz, one channel", "convert to wav, which says what it holds")
    same = rate in (None, audio.sample_rate) and channels in (None, audio.channels)
    if same and is_made_as(name, audio.format):
        return audio
    data = _relabelled(audio, name) if same else None
    return _decoded(audio, name, rate, channels) if data is None else _made(audio, name, data)


def _relabelled(audio: Audio, name: str) -> bytes | None:
    """Give samples with a header, or without it, where that is all that differs."""
    match audio.format, name:
        case "pcm16", "wav":
            return wav_of_pcm16(audio.data)
        case "wav", "pcm16" if (audio.sample_rate, audio.channels) == (PCM16_RATE, 1):
            return samples_of(audio.data)
    return None


def _made(audio: Audio, name: str, data: bytes) -> Audio:
    from convo.audio.value import Audio

    # What an API answered is kept unmeasured, whatever it is, and so is what is made of it.
    made = Audio.unchecked(data, name) if audio.duration is None else Audio.from_bytes(data, name)
    return _like(made, audio)


def _decoded(audio: Audio, name: str, rate: int | None, channels: int | None) -> Audio:
    from convo.audio import codec
    from convo.audio.value import Audio

    if audio.format not in FORMATS:
        raise BadAudio(f"nobody knows what format {audio.format!r} is", "save the bytes under a name without a suffix")
    known = audio if audio.sample_rate and audio.channels else audio.measured()
    form = _form(_MADE_AS.get(name, name), known, rate, channels)
    found = codec.convert(audio.data, audio.format, form, sample_rate=PCM16_RATE if audio.format == "pcm16" else None)
    probe = found.probe
    made = attrs.evolve(
        Audio.unchecked(found.data, probe.format), duration=probe.duration, sample_rate=probe.sample_rate,
        channels=probe.channels, decoded=(found.levels, False),
    )  # fmt: skip
    return _like(made, audio)


def _form(name: str, audio: Audio, rate: int | None, channels: int | None) -> Form:
    """Give what to convert to: the audio's own rate and channels where nothing else is asked for and the format has them."""
    from convo.audio.codec import Form

    if name == "pcm16":
        return Form(name)
    channels = channels or min(audio.channels or 1, _MOST_CHANNELS)
    try:
        return Form(name, rate or audio.sample_rate, channels)
    except BadAudio:
        if rate is not None:
            raise
        return Form(name, _EVERYWHERE, channels)


def _like(made: Audio, audio: Audio) -> Audio:
    return attrs.evolve(made, transcript=audio.transcript, voice=audio.voice, made_by=audio.made_by)
