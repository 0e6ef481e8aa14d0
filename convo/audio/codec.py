"""Decode and convert recordings of any format that convo knows (extra `audio`), each in a process of its own.

Plain blocking functions: a job takes about a tenth of a second and 1/200 of the recording's length. They may be called
from any thread. The same recording and form give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.form import FORMS, Form
from convo.audio.isolated import LIMITS, Limits, ask
from convo.audio.levels import SILENT, Levels
from convo.audio.ogg import ends_within_page
from convo.audio.probe import Probe
from convo.audio.rates import PCM16_RATE
from convo.audio.wave import claimed_wav, wav_of_samples
from convo.errors import BadAudio, UnknownAudioFormat

if TYPE_CHECKING:
    from convo.audio.isolated import Piece

__all__ = ["FORMS", "LIMITS", "Converted", "Decoded", "Form", "Levels", "Limits", "convert", "decoded", "split"]

_DEMUXERS = {
    "wav": "wav", "mp3": "mp3", "flac": "flac", "ogg": "ogg", "opus": "ogg", "aac": "aac",
    "m4a": "mov", "mp4": "mov", "webm": "matroska", "pcm16": "s16le",
}  # fmt: skip
"""libav's reader of each format. It is always named: libav's own guess would open what was never asked for."""
_LEAST_PIECE = 0.1
"""Seconds: shorter sound is refused by the API, too."""

_SLACK = 0.1
"""Seconds that a header may claim too much."""


@attrs.frozen
class Decoded:
    """What a recording is, by decoding it: `probe` and `levels` of its sound as it was recorded."""

    probe: Probe
    levels: Levels
    truncated: bool
    """Whether the recording claims noticeably more sound than there is, or ends with what cannot be decoded."""


@attrs.frozen
class Converted:
    """A converted recording, or a piece of one: its bytes, and what they are."""

    data: bytes = attrs.field(repr=False)
    probe: Probe
    levels: Levels


def decoded(data: bytes, found: str, *, sample_rate: int | None = None, limits: Limits = LIMITS) -> Decoded:
    """Decode a recording and say what it is. `found` is its format, as `sniff` gives it; `sample_rate` is that of pcm16.

    Raises `BadAudio` with the reason where there is no sound that can be decoded, `AudioTooLong` and `TooLarge` past the
    limits, `MissingDependency` without the extra `audio`, `CodecFailed` when the process that decodes was ended.
    """
    answer = ask(_job(found, sample_rate), data, limits, "decoding audio")
    probe = Probe(found, answer.duration, answer.rate, answer.channels)
    return Decoded(probe, answer.levels or SILENT, answer.truncated or _cut_off(data, found, answer.duration))


def convert(data: bytes, found: str, form: Form, *, sample_rate: int | None = None, limits: Limits = LIMITS) -> Converted:
    """Give a recording in another form, its own metadata left out. Raises what `decoded` raises.

    Probe and levels are those of the result. Several channels are mixed so that nothing clips. What is damaged within
    the recording is left out.
    """
    answer = ask(_job(found, sample_rate, form), data, limits, f"converting {found} to {form.format}")
    return _converted(answer.pieces, form)[0]


def split(
    data: bytes, found: str, form: Form, *, longest: float, sample_rate: int | None = None, limits: Limits = LIMITS
) -> list[Converted]:
    """Give a recording in another form, in pieces of at most `longest` seconds (at least 0.1), cut in pauses where there are any.

    The pieces are in order, and their samples together are those of `convert`: nothing is lost, and nothing is said twice.
    Raises what `decoded` raises.
    """
    if not longest >= _LEAST_PIECE:
        raise BadAudio(f"a recording cannot be cut into pieces of {longest!r} seconds", f"pass longest={_LEAST_PIECE} or more")
    answer = ask(_job(found, sample_rate, form, longest), data, limits, f"converting {found} to {form.format}")
    return _converted(answer.pieces, form)


def _job(found: str, sample_rate: int | None, form: Form | None = None, longest: float | None = None) -> dict[str, Any]:
    demuxer = _DEMUXERS.get(found)
    if demuxer is None:
        raise UnknownAudioFormat(f"the format {found!r}")
    wanted = form and {
        "format": form.format, "rate": form.sample_rate, "channels": form.channels, "bit_rate": form.bit_rate,
    }  # fmt: skip
    rate = PCM16_RATE if sample_rate is None else sample_rate
    return {
        "found": found, "demuxer": demuxer, "rate": rate, "form": wanted, "longest": longest,
        "streamed": found in ("wav", "pcm16"),
    }  # fmt: skip


def _converted(pieces: list[Piece], form: Form) -> list[Converted]:
    return [
        Converted(
            wav_of_samples(piece.data, form.sample_rate, form.channels) if form.format == "wav" else piece.data,
            Probe(form.format, piece.samples / form.sample_rate, form.sample_rate, form.channels),
            piece.levels,
        )
        for piece in pieces
    ]


def _cut_off(data: bytes, found: str, duration: float) -> bool:
    """Say whether the bytes end before the sound that their headers tell of."""
    if found == "wav":
        return claimed_wav(data) > duration + max(_SLACK, duration / 50)
    return found in ("ogg", "opus") and ends_within_page(data)
