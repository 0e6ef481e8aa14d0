"""From bytes and a claim to what they are: the claim must agree with what is found.

Only `pcm16`, which has no header, is taken at its word.
"""

from __future__ import annotations

from convo.audio.formats import FORMATS, agrees, format_named
from convo.audio.mpeg import probe_mp3
from convo.audio.probe import Probe
from convo.audio.sniff import describe, sniff
from convo.audio.wave import probe_pcm16, probe_wav
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
    if found is not None and name is not None and not agrees(name, found):
        raise AudioFormatMismatch(name, found)
    name = found or _at_its_word(data, name)
    reader = _READERS.get(name)
    return reader(data) if reader else Probe(name)


def _at_its_word(data: bytes, name: str | None) -> str:
    # An mp3 may start with junk, which the search for its first frame passes over.
    if name in ("pcm16", "mp3"):
        return name
    if name is not None and name not in FORMATS:
        raise BadAudio(f"{name!r} is no format that convo knows", f"pass one of {', '.join(FORMATS)}")
    raise UnknownAudioFormat(describe(data))
