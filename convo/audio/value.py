"""The value `Audio`: a recording or a spoken reply, with what is known about it.

Its bytes may be absent: audio in a stored history is loaded only when asked for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import attrs

from convo.audio.files import read_source, write_whole
from convo.audio.measure import measure
from convo.audio.probe import Probe
from convo.audio.wave import wav_of_pcm16
from convo.errors import AudioNotLoaded, BadAudio

if TYPE_CHECKING:
    import os
    from datetime import datetime


@attrs.frozen(kw_only=True)
class Audio:
    """A recording or a spoken reply. Make one with `open` or `from_bytes`.

    Two are equal when everything known about them is equal. Bytes are compared by their `digest`, so that audio
    which was not loaded equals the same audio with its bytes.
    """

    format: str
    """One of `convo.audio.formats.FORMATS`, as the bytes say; `unknown` for a reply that is none of them."""
    duration: float | None = None
    """Seconds; None for formats that are not measured (all but wav, mp3 and pcm16)."""
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

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | BinaryIO | bytes,
        transcript: str | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the API's word, here and below
    ) -> Audio:
        """Read a recording from a path, an open binary file, or bytes. A file's name says nothing about its format.

        Raises `OSError` as Python does for a path that cannot be read, and what `from_bytes` raises.
        """
        return cls.from_bytes(read_source(source), format, transcript)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        format: str | None = None,  # noqa: A002
        transcript: str | None = None,
        *,
        voice: str | None = None,
    ) -> Audio:
        """Take the bytes of a recording. `format` is needed only for `pcm16`, which has no header (24 kHz, mono).

        Raises `AudioFormatMismatch` when the bytes are another format than claimed, `UnknownAudioFormat` when they
        are none that convo knows, `BadAudio` when they are empty or damaged.
        """
        data = bytes(data)
        return _described(data, measure(data, format), transcript, voice)

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

    def wav(self) -> bytes:
        """Give a file that every player knows: pcm16 with a header, wav as it is.

        Raises `BadAudio` for other formats, which would have to be decoded.
        """
        if self.format == "pcm16":
            return wav_of_pcm16(self.data)
        if self.format == "wav":
            return self.data
        raise BadAudio(
            f"the audio is {self.format}, and only wav and pcm16 become wav without decoding", "save it, and convert the file"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file, whole or not at all, and give its path. An existing file is replaced.

        `pcm16` gets a wav header when the name ends in `.wav`. Otherwise the name does not matter: the bytes are
        written as they are, and mp3 saved as `dog.wav` is still mp3. Raises `AudioNotLoaded`, and `OSError` as
        Python does.
        """
        target = Path(path)
        wanted = self.format == "pcm16" and target.suffix.lower() == ".wav"
        write_whole(target, self.wav() if wanted else self.data)
        return target


def _described(data: bytes, found: Probe, transcript: str | None, voice: str | None) -> Audio:
    return Audio(
        format=found.format, duration=found.duration, sample_rate=found.sample_rate, channels=found.channels,
        transcript=transcript, voice=voice, digest=hashlib.sha256(data).hexdigest(), size=len(data), data=data,
    )  # fmt: skip
