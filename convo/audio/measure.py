"""From bytes and a claim to what they are: the claim must agree with what is found.

Only `pcm16`, which has no header, is taken at its word.
"""

from __future__ import annotations

from convo.audio.formats import agrees, format_named, known_format
from convo.audio.mpeg import probe_mp3
from convo.audio.probe import Probe
from convo.audio.rates import PCM16_RATE
from convo.audio.sniff import describe, sniff
from convo.audio.wave import MAX_CHANNELS, MAX_RATE, probe_pcm16, probe_wav, wav_of_samples
from convo.checks import check_type
from convo.errors import AudioFormatMismatch, BadAudio, UnknownAudioFormat

_READERS = {"wav": probe_wav, "mp3": probe_mp3, "pcm16": probe_pcm16}


def measure(data: bytes, claimed: str | None = None) -> Probe:
    """Measure audio: wav, mp3 and pcm16 fully, of other formats only the name.

    Raises `AudioFormatMismatch` when the bytes are another format than claimed, `UnknownAudioFormat` when they are
    none that convo knows, `BadAudio` when they are empty or damaged.
    """
    if not data:
        raise BadAudio("the audio is empty")
    found = sniff(data)
    name = None if claimed is None else format_named(claimed)
    if found is not None:
        check_claim(name, found)
    name = found or _at_its_word(data, name)
    reader = _READERS.get(name)
    return reader(data) if reader else Probe(name)


def check_claim(claimed: str | None, found: str) -> None:
    """Raise `AudioFormatMismatch` where a claim, if any, is not what was found."""
    name = None if claimed is None else format_named(claimed)
    if name is not None and not agrees(name, found):
        raise AudioFormatMismatch(name, found)


def measure_as(data: bytes, claimed: str | None, rate: int | None, channels: int | None) -> tuple[bytes, Probe]:
    """Give bytes and what they are, where a recorder's settings are known.

    Raw samples that are not the API's pcm16 (24 kHz, one channel) become a wav, which says what they are and loses nothing.
    Raises what `measure` does, and `BadAudio` where a header says something else.
    """
    for name, value in (("sample_rate", rate), ("channels", channels)):
        if value is not None:
            check_type(value, int, name, "a number")
    raw = claimed is not None and format_named(claimed) == "pcm16" and data and sniff(data) is None
    if raw and (_or(rate, PCM16_RATE), _or(channels, 1)) != (PCM16_RATE, 1):
        data, claimed = _recorded(data, _or(rate, PCM16_RATE), _or(channels, 1)), "wav"
    found = measure(data, claimed)
    for wanted, there, what in ((rate, found.sample_rate, "samples a second"), (channels, found.channels, "channels")):
        if wanted is not None and there is not None and wanted != there:
            raise BadAudio(f"the audio is claimed to have {wanted:,} {what}, and it has {there:,}", "leave the claim out")
    return data, found


def _or(given: int | None, usual: int) -> int:
    return usual if given is None else given


def _recorded(data: bytes, rate: int, channels: int) -> bytes:
    """Give raw 16-bit samples as a wav. Raises `BadAudio` for a rate, channels or bytes that cannot be."""
    if not 0 < rate <= MAX_RATE or not 0 < channels <= MAX_CHANNELS:
        raise BadAudio(f"there is no sound of {channels} channels at {rate} Hz", "pass what the recorder was set to")
    if len(data) % (2 * channels):
        raise BadAudio(f"pcm16 of {channels} channels has {2 * channels} bytes a sample, and {len(data):,} are no multiple of it")
    return wav_of_samples(data, rate, channels)


def _at_its_word(data: bytes, name: str | None) -> str:
    # An mp3 may start with junk, which the search for its first frame passes over.
    if name in ("pcm16", "mp3"):
        return name
    if name is not None:
        known_format(name)
    raise UnknownAudioFormat(describe(data))
