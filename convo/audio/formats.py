"""The audio formats that convo can name: MIME types, file extensions, what each is for, and what the API does with it.

By the API's schema: `OUTPUT_FORMATS`, `STREAM_FORMAT`, `SPEECH_FORMATS`, and `AudioFormat.upload`; `INPUT_FORMATS` is in `rates`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import attrs

from convo.audio.rates import INPUT_FORMATS, PCM16_RATE
from convo.checks import check_choice
from convo.errors import BadAudio

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUT_FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
"""What the API gives as `audio.format`, by its schema."""
STREAM_FORMAT = "pcm16"
"""The only format that the API gives with `stream=true`."""
SPEECH_FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm16")
"""What the speech endpoint gives as `response_format`, by its schema, which calls pcm16 `pcm`."""

FormatUse = Literal["streaming", "storage", "quality", "realtime", "general"]
"""What a format is chosen for, see `recommend_format`."""


@attrs.frozen
class AudioFormat:
    """One format: `name` as the API spells it, `extension` with its dot, `use` in a sentence."""

    name: str
    mime: str
    extension: str
    lossless: bool
    sample_rates: tuple[int, ...]
    """Samples a second that are usual, the first most of all; not all that are possible."""
    channels: int
    """The most that one recording can have."""
    upload: str | None
    """The extension under which the transcription endpoint takes a file of it, None where it does not."""
    use: str
    extensions: tuple[str, ...] = ()
    """Other extensions of the same format."""
    mimes: tuple[str, ...] = ()
    """Other MIME types of the same format."""

    @property
    def input(self) -> bool:
        """Whether the API takes it as `input_audio`."""
        return self.name in INPUT_FORMATS

    @property
    def output(self) -> bool:
        """Whether a model speaks it: `audio.format` of a whole answer."""
        return self.name in OUTPUT_FORMATS

    @property
    def stream(self) -> bool:
        """Whether a model speaks it in a stream."""
        return self.name == STREAM_FORMAT

    @property
    def speech(self) -> bool:
        """Whether the speech endpoint makes it."""
        return self.name in SPEECH_FORMATS


# Rates: of wav and flac those that recorders offer; mp3, MPEG-1 layer III and its halves; opus, RFC 7845 decodes to 48 kHz;
# aac, what phones record. Channels: the header field for wav (convo takes 32), the codec's limit for the others.
_TABLE = (
    AudioFormat(
        "wav", "audio/wav", ".wav", lossless=True, sample_rates=(24_000, 16_000, 44_100, 48_000), channels=32, upload=".wav",
        use="quality: samples under a header; every player and the API take it, at 2.9 MB a minute (24 kHz, mono)",
        extensions=(".wave",), mimes=("audio/x-wav", "audio/wave", "audio/vnd.wave"),
    ),
    AudioFormat(
        "mp3", "audio/mpeg", ".mp3", lossless=False, sample_rates=(44_100, 48_000, 24_000, 16_000), channels=2, upload=".mp3",
        use="general: small, played everywhere, and taken by the API as it is, at 0.5 MB a minute (64 kbit/s)",
        extensions=(".mpga", ".mpeg"), mimes=("audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg"),
    ),
    AudioFormat(
        "pcm16", "audio/pcm", ".pcm", lossless=True, sample_rates=(PCM16_RATE,), channels=1, upload=None,
        use="streaming and realtime: samples without a header, to be played as they come",
        extensions=(".raw",), mimes=("audio/x-pcm",),
    ),
    AudioFormat(
        "flac", "audio/flac", ".flac", lossless=True, sample_rates=(24_000, 44_100, 48_000), channels=8, upload=".flac",
        use="archives: the samples of a wav in about half of its bytes",
        mimes=("audio/x-flac",),
    ),
    AudioFormat(
        "opus", "audio/ogg", ".opus", lossless=False, sample_rates=(48_000,), channels=255, upload=".ogg",
        use="storage: the best speech for its size, at 0.2 MB a minute (24 kbit/s); Opus in Ogg",
        mimes=("audio/opus",),
    ),
    AudioFormat(
        "ogg", "audio/ogg", ".ogg", lossless=False, sample_rates=(48_000, 44_100), channels=255, upload=".ogg",
        use="found: Vorbis in Ogg, of older recorders and games",
        extensions=(".oga",), mimes=("application/ogg", "audio/vorbis"),
    ),
    AudioFormat(
        "aac", "audio/aac", ".aac", lossless=False, sample_rates=(44_100, 48_000, 24_000), channels=8, upload=None,
        use="found: AAC without a container, of broadcasts and Apple's streams",
        mimes=("audio/aacp", "audio/x-aac"),
    ),
    AudioFormat(
        "m4a", "audio/mp4", ".m4a", lossless=False, sample_rates=(44_100, 48_000), channels=8, upload=".m4a",
        use="found: AAC in MP4, what phones record",
        extensions=(".m4b",), mimes=("audio/m4a", "audio/x-m4a"),
    ),
    AudioFormat(
        "mp4", "audio/mp4", ".mp4", lossless=False, sample_rates=(48_000, 44_100), channels=8, upload=".mp4",
        use="found: any MP4 with sound, what Safari (AAC) and Chromium (Opus) record as audio/mp4",
        mimes=("video/mp4", "audio/3gpp", "audio/3gpp2", "video/3gpp", "video/quicktime"),
    ),
    AudioFormat(
        "webm", "audio/webm", ".webm", lossless=False, sample_rates=(48_000,), channels=2, upload=".webm",
        use="found: Opus in WebM, what browsers record",
        mimes=("video/webm",),
    ),
)  # fmt: skip
FORMATS: Mapping[str, AudioFormat] = MappingProxyType({entry.name: entry for entry in _TABLE})
"""Every format that convo recognises, by name."""

_ALIASES = {"wave": "wav", "mpeg": "mp3", "mpga": "mp3", "pcm": "pcm16", "oga": "ogg"}
_SAME = {("ogg", "opus"), ("m4a", "mp4"), ("mp4", "m4a")}
# Where two have the same MIME type, the last one here counts: the container, which `agrees` with what is in it.
_BY_MIME = {mime: name for name in (*FORMATS, "ogg") for mime in (FORMATS[name].mime, *FORMATS[name].mimes)}
_BY_EXTENSION = {end: name for name, entry in FORMATS.items() for end in (entry.extension, *entry.extensions)}
_RECOMMENDED: Mapping[FormatUse, str] = {
    "streaming": "pcm16", "storage": "opus", "quality": "wav", "realtime": "pcm16", "general": "mp3",
}  # fmt: skip


def recommend_format(use: FormatUse = "general") -> AudioFormat:
    """Give the format that suits a use; its `use` says why.

    `streaming` and `realtime`: played while it comes. `storage`: kept for long. `quality`: nothing lost, taken by the API
    as it is. `general`: anything else. Raises `InputError` for a use that is none of these.
    """
    check_choice(use, get_args(FormatUse), "use")
    return FORMATS[_RECOMMENDED[use]]


def format_named(claimed: str) -> str:
    """Give the name in `FORMATS` for a claimed one (any case; `pcm` and `mpeg` are known too), else the claim itself."""
    name = claimed.lower()
    return _ALIASES.get(name, name)


def known_format(claimed: str) -> AudioFormat:
    """Give the format of that name. Raises `BadAudio` for one that convo does not know."""
    name = format_named(claimed)
    if name not in FORMATS:
        raise BadAudio(f"{claimed!r} is no format that convo knows", f"pass one of {', '.join(FORMATS)}")
    return FORMATS[name]


def format_of_mime(mime: str) -> str | None:
    """Give the name of the format of a MIME type, whatever its case and parameters (`audio/webm;codecs=opus`), or None.

    A container's type gives the container's name: `audio/mp4` is `mp4`, which `agrees` with `m4a`.
    """
    return _BY_MIME.get(mime.partition(";")[0].strip().lower())


def mime_parameters(mime: str) -> dict[str, str]:
    """Give the parameters of a MIME type, names in lower case, values without quotes: `audio/pcm;rate=16000`."""
    found = (part.partition("=") for part in mime.split(";")[1:])
    return {name.strip().lower(): value.strip().strip('"') for name, mark, value in found if mark}


def format_of_suffix(suffix: str) -> str | None:
    """Give the name of the format that a file's extension names (with its dot, any case), or None."""
    return _BY_EXTENSION.get(suffix.lower())


def is_made_as(wanted: str, found: str) -> bool:
    """Say whether bytes found to be `found` need no conversion to be `wanted`; an mp4 may hold a picture, and any codec."""
    return wanted == found or (wanted, found) in (("ogg", "opus"), ("mp4", "m4a"))


def agrees(claimed: str, found: str) -> bool:
    """Say whether bytes found to be `found` are what `claimed` says: Opus in Ogg is an ogg file too."""
    return claimed == found or (claimed, found) in _SAME
