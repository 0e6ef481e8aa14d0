"""The value `Audio`: a recording or a spoken reply, with what is known about it.

Its bytes may be absent: audio in a stored history is loaded only when asked for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import attrs
import pybase64

from convo.audio.checks import problems_of
from convo.audio.files import read_source, write_whole
from convo.audio.formats import FORMATS, format_of_suffix, is_made_as, known_format
from convo.audio.levels import Levels, levels_of_pcm16
from convo.audio.measure import check_claim, measure, measure_as
from convo.audio.probe import Probe
from convo.audio.rates import REPLY_AUDIO_RATE, USER_AUDIO_RATE, audio_tokens
from convo.audio.texts import Source, from_base64
from convo.audio.wave import is_cut_off, samples_of
from convo.errors import AudioNotLoaded, MissingDependency

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from convo.audio.fetch import Fetch
    from convo.errors import AudioWarning


@attrs.frozen(kw_only=True)
class Audio:
    """A recording or a spoken reply. Make one with `open`, `from_bytes` or `from_base64`.

    Two are equal when everything known about them is equal. Bytes are compared by their `digest`, so that audio
    which was not loaded equals the same audio with its bytes.
    """

    format: str
    """One of `convo.audio.formats.FORMATS`, as the bytes say; `unknown` for a reply that is none of them."""
    duration: float | None = None
    """Seconds; None for what was not measured: formats other than wav, mp3 and pcm16 are by `open` and `measured` alone."""
    transcript: str | None = attrs.field(default=None, repr=False)
    """What is said, where the caller or the API told."""
    sample_rate: int | None = None
    """Samples a second of one channel; None like `duration`."""
    channels: int | None = None
    digest: str | None = None
    """SHA-256 of the bytes, in hex."""
    size: int | None = None
    """Bytes."""
    id: str | None = None
    """The API's id of audio that it made, valid until `expires_at`."""
    expires_at: datetime | None = None
    voice: str | None = None
    translation: str | None = attrs.field(default=None, repr=False)
    """What is said, in English, where it was translated (see `Conversation.translate`)."""
    made_by: str | None = None
    """The model that made this speech of a reply that its own model gave as text; None for any other audio."""
    _data: bytes | None = attrs.field(default=None, repr=False, eq=False)
    _decoded: tuple[Levels, bool] | None = attrs.field(default=None, repr=False, eq=False)
    """What decoding told: the levels, and whether the file is cut off."""

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | BinaryIO | bytes,
        transcript: str | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the API's word, here and below
        sample_rate: int | None = None,
        channels: int | None = None,
        fetch: Fetch | None = None,
    ) -> Audio:
        """Read a recording from a path, an open binary file, bytes, base64, a data URL, or a URL.

        A text is told apart without a look at the disk: `data:`, a URL, at least 100 characters of base64 of a known format,
        else a path. A URL is fetched only with `fetch=convo.Fetch()`. A file's name says nothing about its format; `format`
        and the type of a data URL must agree with what is found. `format`, `sample_rate` and `channels` say what raw
        samples are, see `from_bytes`.

        Formats other than wav, mp3 and pcm16 are decoded to be measured, in a child process that takes about 0.1 s, where
        the extra `audio` is installed; without it their `duration` is None. Files and URLs block too: see `open_async`.

        Raises what `from_bytes` does, `BadAudio` for what cannot be decoded, `AudioTooLong` and `TooLarge` for what would
        decode to more than the limits, `UrlNotAllowed` and `FetchFailed` for URLs, `OSError` as Python does for a path.
        """
        return _opened(read_source(source, fetch), format, transcript, sample_rate, channels)

    @classmethod
    async def open_async(
        cls,
        source: str | os.PathLike[str] | BinaryIO | bytes,
        transcript: str | None = None,
        *,
        format: str | None = None,  # noqa: A002
        sample_rate: int | None = None,
        channels: int | None = None,
        fetch: Fetch | None = None,
    ) -> Audio:
        """Do what `open` does in a thread, so that the event loop goes on. When cancelled, the thread ends by itself."""
        from asyncio import to_thread

        return await to_thread(
            cls.open, source, transcript, format=format, sample_rate=sample_rate, channels=channels, fetch=fetch
        )

    @classmethod
    def from_base64(
        cls,
        text: str,
        format: str | None = None,  # noqa: A002
        transcript: str | None = None,
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
    ) -> Audio:
        """Take a recording as base64, line breaks and all, and measure it as `open` does. Raises what `open` does."""
        return _opened(Source(from_base64(text)), format, transcript, sample_rate, channels)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        format: str | None = None,  # noqa: A002
        transcript: str | None = None,
        *,
        voice: str | None = None,
        sample_rate: int | None = None,
        channels: int | None = None,
    ) -> Audio:
        """Take the bytes of a recording; only headers are read, nothing is decoded, so that it is cheap.

        `format` is needed only for `pcm16`, which has no header: the API's is 24 kHz and mono. With another `sample_rate`
        or `channels` the samples become a wav, which says so. `measured` tells what is known only by decoding.

        Raises `AudioFormatMismatch` when the bytes are another format than claimed, `UnknownAudioFormat` when they
        are none that convo knows, `BadAudio` when they are empty, damaged, or have another rate or more channels than claimed.
        """
        data = bytes(data)
        if sample_rate is None and channels is None:
            return _described(data, measure(data, format), transcript, voice)
        return _described(*measure_as(data, format, sample_rate, channels), transcript, voice)

    @classmethod
    def unchecked(
        cls,
        data: bytes,
        format: str,  # noqa: A002
        transcript: str | None = None,
        *,
        voice: str | None = None,
    ) -> Audio:
        """Take bytes as they are, for what an API answered: it is kept, whatever it is. Nothing is measured."""
        return _described(bytes(data), Probe(format), transcript, voice)

    @classmethod
    def stored(  # noqa: PLR0913 - one argument for each thing that a store keeps
        cls,
        *,
        format: str,  # noqa: A002
        digest: str | None,
        size: int | None,
        duration: float | None = None,
        sample_rate: int | None = None,
        channels: int | None = None,
        transcript: str | None = None,
        voice: str | None = None,
        id: str | None = None,  # noqa: A002
        expires_at: datetime | None = None,
        made_by: str | None = None,
        translation: str | None = None,
        data: bytes | None = None,
    ) -> Audio:
        """Give audio as a store knows it, mostly without its bytes. Nothing is checked."""
        return cls(
            format=format, digest=digest, size=size, duration=duration, sample_rate=sample_rate, channels=channels,
            transcript=transcript, voice=voice, id=id, expires_at=expires_at, made_by=made_by,
            translation=translation, data=data,
        )  # fmt: skip

    @property
    def loaded(self) -> bool:
        """Whether the bytes are here."""
        return self._data is not None

    @property
    def data(self) -> bytes:
        """The bytes. Raises `AudioNotLoaded` when they were left in the store."""
        if self._data is None:
            raise AudioNotLoaded(f"the audio {self.id or self.digest or ''}".rstrip())
        return self._data

    @property
    def levels(self) -> Levels | None:
        """How loud it is: peak, mean, clipped and silent shares; None where that is not known.

        It is known of 16-bit wav and pcm16 whose bytes are here, and of anything that was `measured`.
        """
        if self._decoded is not None:
            return self._decoded[0]
        samples = self._samples()
        return None if samples is None else levels_of_pcm16(samples, self.channels or 1, self.sample_rate or 1)

    @property
    def problems(self) -> tuple[AudioWarning, ...]:
        """What is wrong with the sound, though it can be sent: `SilentAudio`, `ClippedAudio`, `TruncatedAudio`.

        As far as `levels` are known. Silent is what has less than 0.1 s above -50 dBFS; clipped, 1 % of the samples at full
        scale. Those of audio that was opened are known; else they are computed each time, in about 2 ms a second of sound.
        A store warns of the former when the audio is added or sent.
        """
        truncated = self._decoded[1] if self._decoded is not None else self._is_measured_wav() and is_cut_off(self.data)
        return problems_of(self.levels, self.duration, truncated=truncated)

    @property
    def estimated_tokens(self) -> int | None:
        """What it costs as input: 10 tokens a second of a recording, 20 of a model's speech (with an `id` or a `voice`).

        By its size where nobody knows how long it lasts; None where that is not known either.
        """
        if self.duration is None and self.size is None:
            return None
        spoken = self.id is not None or self.voice is not None
        return audio_tokens(self.duration, self.size or 0, REPLY_AUDIO_RATE if spoken else USER_AUDIO_RATE)

    def measured(self) -> Audio:
        """Give the same audio with all that decoding tells: duration, sample rate, channels, levels, whether it is cut off.

        A child process decodes it, in about 0.1 s; 16-bit wav and pcm16 need none. Raises `MissingDependency` without the
        extra `audio`, `BadAudio` for what cannot be decoded, `AudioTooLong` and `TooLarge` past the limits, `AudioNotLoaded`.
        """
        if self._decoded is not None:
            return self
        if (levels := self.levels) is not None:
            return attrs.evolve(self, decoded=(levels, self._is_measured_wav() and is_cut_off(self.data)))
        from convo.audio.codec import decoded

        found = decoded(self.data, self.format)
        probe = found.probe
        return attrs.evolve(
            self, duration=probe.duration if self.duration is None else self.duration,
            sample_rate=self.sample_rate or probe.sample_rate, channels=self.channels or probe.channels,
            decoded=(found.levels, found.truncated),
        )  # fmt: skip

    def convert(
        self,
        format: str,  # noqa: A002
        sample_rate: int | None = None,
        channels: int | None = None,
    ) -> Audio:
        """Give the same sound in another format, with its transcript and voice, but not the API's id of the original.

        Sample rate and channels stay as they are, as far as the format has them, unless others are given; `pcm16` is 24 kHz
        and mono. A child process converts; between pcm16 and wav of 24 kHz and mono none is needed, and for the format that
        it has already the audio itself is given.

        Raises `MissingDependency` without the extra `audio`, `BadAudio` for a format that cannot be made and for what cannot
        be decoded, `AudioTooLong` and `TooLarge` past the limits, `AudioNotLoaded`.
        """
        from convo.audio.conversion import converted

        return converted(self, known_format(format).name, sample_rate, channels)

    def wav(self) -> bytes:
        """Give a file that every player knows: wav as it is, pcm16 with a header, anything else as `convert` makes it."""
        return self.convert("wav").data

    def data_url(self) -> str:
        """Give a data URL for the player of a page; pcm16, which no browser plays, as wav. Raises `AudioNotLoaded`."""
        audio = self.convert("wav") if self.format == "pcm16" else self
        known = FORMATS.get(audio.format)
        mime = "application/octet-stream" if known is None else known.mime
        return f"data:{mime};base64,{pybase64.b64encode_as_string(audio.data)}"

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> Path:  # noqa: A002
        """Write a file, whole or not at all, and give its path. An existing file is replaced.

        Its format is `format`, else the one that the path's suffix names (`.wav`, `.mp3`, `.flac`, `.opus`, `.ogg`, `.m4a`,
        ...), else that of the audio, whose bytes are then written as they are. Raises what `convert` does, and `OSError` as
        Python does; nothing is written then.
        """
        target = Path(path)
        wanted = format_of_suffix(target.suffix) if format is None else known_format(format).name
        same = wanted is None or is_made_as(wanted, self.format)
        write_whole(target, self.data if same or wanted is None else self.convert(wanted).data)
        return target

    @property
    def known_problems(self) -> tuple[AudioWarning, ...]:
        """Those of `problems` that are known without computing anything."""
        return () if self._decoded is None else self.problems

    def _samples(self) -> bytes | None:
        """Give the samples where the bytes hold them as 16-bit integers, else None."""
        if self.format == "pcm16" and self.duration is not None:
            return self._data
        return samples_of(self.data) if self._is_measured_wav() else None

    def _is_measured_wav(self) -> bool:
        # What an API answered is a wav by name alone, and has no duration then.
        return self.format == "wav" and self.duration is not None and self._data is not None


def _opened(
    source: Source,
    format: str | None,  # noqa: A002
    transcript: str | None,
    sample_rate: int | None,
    channels: int | None,
) -> Audio:
    """Give the audio of a source, which its own type describes where the caller does not, measured as far as can be."""
    audio = Audio.from_bytes(
        source.data, format or source.format, transcript,
        sample_rate=source.sample_rate if sample_rate is None else sample_rate,
        channels=source.channels if channels is None else channels,
    )  # fmt: skip
    if audio.size == len(source.data):  # and not raw samples that got a header
        check_claim(source.format, audio.format)
    if audio.format == "mp3" and audio.duration is not None:
        return audio
    try:
        return audio.measured()
    except MissingDependency:
        return audio


def _described(data: bytes, found: Probe, transcript: str | None, voice: str | None) -> Audio:
    return Audio(
        format=found.format, duration=found.duration, sample_rate=found.sample_rate, channels=found.channels,
        transcript=transcript, voice=voice, digest=hashlib.sha256(data).hexdigest(), size=len(data), data=data,
    )  # fmt: skip
