"""What the endpoints take that turn a recording into text, and how any other recording becomes that."""

from __future__ import annotations

from convo.audio.formats import FORMATS
from convo.audio.wave import wav_of_pcm16
from convo.errors import BadAudio, MissingDependency

File = tuple[str, bytes, str]
"""A recording as the client takes a file: its name, by whose ending the API tells the format, its bytes, its MIME type."""

LARGEST = 26_214_400
"""Bytes of one recording, from the API's own error message."""
_NAMES = {"opus": ".ogg"}
"""Endings that the API does not know, and what it calls the same."""
_NOT_TAKEN = ("aac", "pcm16")
_RATE, _BITS = 24_000, 64_000
"""Of pieces: mp3, mono, samples and bits a second. It is far more than speech needs to be understood, and always the same."""
_LONGEST = 3_000.0
"""Seconds of a piece: 24 MB."""
_MARGIN = 10.0
"""Seconds by which pieces stay below what a model hears: an encoder pads, and the API counts what it decodes."""
_FEWEST_BYTES = 750
"""Bytes a second of speech at the lowest rate that a recorder uses: Opus at 6 kbit/s."""


def fits(size: int, format_: str | None, duration: float | None, longest: float | None) -> bool:
    """Say whether an endpoint takes a recording as it is. `longest` is in seconds, None where no limit is known."""
    if size > LARGEST or format_ in _NOT_TAKEN:
        return False
    return longest is None or (size / _FEWEST_BYTES if duration is None else duration) <= longest


def file_of(data: bytes, format_: str | None) -> File:
    """Give a recording as a file."""
    known = FORMATS.get(format_ or "")
    if known is None:
        return "recording", data, "application/octet-stream"
    return f"recording{_NAMES.get(known.name, known.extension)}", data, known.mime


def files_of(data: bytes, format_: str | None, duration: float | None, longest: float | None) -> list[File]:
    """Give a recording that does not fit in files that do, one after the other: mp3, cut where it is quiet.

    Its length is measured where it is not known. This decodes, and blocks meanwhile. Raises `BadAudio` for what cannot be
    decoded, and `MissingDependency`.
    """
    if format_ == "pcm16":
        data, format_ = wav_of_pcm16(data), "wav"
    if duration is None and longest is not None:
        duration = _measured(data, format_)
    if format_ is None or fits(len(data), format_, duration, None if duration is None else longest):
        return [file_of(data, format_)]
    from convo.audio.codec import Form, split

    form = Form("mp3", sample_rate=_RATE, channels=1, bit_rate=_BITS)
    most = _LONGEST if longest is None else min(_LONGEST, max(longest - _MARGIN, longest / 2))
    return [file_of(piece.data, "mp3") for piece in split(data, format_, form, longest=most)]


def _measured(data: bytes, format_: str | None) -> float | None:
    """Give the seconds that a recording plays; None where it cannot be told without decoding: the API may know."""
    if format_ is None:
        return None
    try:
        from convo.audio.codec import decoded

        return decoded(data, format_).probe.duration
    except (BadAudio, MissingDependency):
        return None
