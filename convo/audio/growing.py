"""A wav that grows: streamed pcm16 written to a file that every player can open at any moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, cast

from convo.audio.rates import PCM16_RATE
from convo.audio.wave import LARGEST, MAX_RATE, wav_header
from convo.errors import BadAudio, TooLarge

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_MAX_CHANNELS = 2
_REMEDY = "pass a path, or a file opened with 'wb'"


class GrowingWav:
    """A wav file of streamed pcm16, valid after every write.

        with convo.GrowingWav("reply.wav") as file:
            for event in stream:
                if isinstance(event, convo.AudioDelta):
                    file.write(event.data)

    Each write hands its samples to the operating system first and their number then, so that whoever is killed loses the last
    chunk at most. `path_or_file` is a path, where an existing file is replaced, or a binary file that can seek, in which the
    wav begins where the file is now; that file is not closed. Raises `BadAudio` for what is neither, `OSError` as `open` does.
    """

    def __init__(self, path_or_file: str | os.PathLike[str] | BinaryIO, sample_rate: int = PCM16_RATE, channels: int = 1) -> None:
        if sample_rate not in range(1, MAX_RATE + 1) or channels not in range(1, _MAX_CHANNELS + 1):
            raise BadAudio(f"there is no wav of {channels!r} channels at {sample_rate!r} Hz", "pass what the stream has")
        self._rate = sample_rate
        self._channels = channels
        self._rest = b""
        self._size = 0
        self._own = isinstance(path_or_file, str | os.PathLike)
        # Without a buffer of its own, so that a write is with the operating system when it returns.
        self._file = cast("BinaryIO", open(path_or_file, "wb", buffering=0) if self._own else _seekable(path_or_file))  # type: ignore[arg-type]  # noqa: SIM115, PTH123 - closed by close(); a path or not, see above
        try:
            self._start = self._file.tell()
            self._put(0, self._header())
        except BaseException:
            if self._own:
                self._file.close()
            raise

    @property
    def duration(self) -> float:
        """Seconds of sound in the file."""
        return self._size / (2 * self._channels) / self._rate

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append samples: signed 16 bit, little endian, channels interleaved; a chunk may end inside a sample.

        Raises `TooLarge`, with nothing written, where the file would pass the 4 GB that a wav can have; `OSError` as files
        do, after which the file is as it was before; `ValueError` when it is closed.
        """
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise BadAudio(f"sound cannot be written from a {type(chunk).__name__}", "pass bytes, decoded from base64")
        if self._file.closed:
            raise ValueError("the wav is closed")
        sound = self._rest + bytes(chunk)
        whole = len(sound) - len(sound) % (2 * self._channels)
        if self._size + whole > LARGEST:
            raise TooLarge("the wav", self._size + whole, LARGEST, "bytes")
        if whole:
            self._put(len(self._header()) + self._size, sound[:whole])
            self._size += whole
            self._put(0, self._header())
        self._rest = sound[whole:]

    def close(self) -> None:
        """Finish. Half a sample at the end is left out; a file that was made here is closed, after it is safe on the disk."""
        if self._own and not self._file.closed:
            try:
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _header(self) -> bytes:
        return wav_header(self._size, self._rate, self._channels)

    def _put(self, at: int, data: bytes) -> None:
        """Write at a place, and leave the file at its end, where its owner goes on."""
        self._file.seek(self._start + at)
        rest = memoryview(data)
        while rest:
            count: int | None = self._file.write(rest)
            rest = rest[len(rest) if count is None else count :]
        if at == 0:
            self._file.seek(self._start + len(data) + self._size)
        self._file.flush()


def _seekable(file: object) -> BinaryIO:
    """Give a file that a wav can grow in. Raises `BadAudio` for a pipe, for text, and for what is no file."""
    seekable, write = getattr(file, "seekable", None), getattr(file, "write", None)
    if not callable(seekable) or not callable(write) or isinstance(getattr(file, "encoding", None), str):
        raise BadAudio(f"a wav cannot grow in a {type(file).__name__}", _REMEDY)
    if "a" in str(getattr(file, "mode", "")):
        raise BadAudio("a wav cannot grow in a file that is opened to append: all that is written goes to its end", _REMEDY)
    if not seekable():
        raise BadAudio("a wav cannot grow in a file that cannot seek, such as a pipe", _REMEDY)
    return cast("BinaryIO", file)
