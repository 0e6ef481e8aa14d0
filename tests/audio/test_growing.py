"""A wav that grows: valid after every write, for any reader, whatever happens then."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import wave
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.audio import growing
from convo.audio.wave import LARGEST

if TYPE_CHECKING:
    from pathlib import Path


def read(data: bytes) -> tuple[int, int, bytes]:
    """What Python's own reader finds."""
    with wave.open(io.BytesIO(data)) as file:
        return file.getframerate(), file.getnchannels(), file.readframes(10**7)


@given(st.lists(st.binary(max_size=40), max_size=12), st.sampled_from([1, 2]))
def test_it_is_a_valid_wav_after_every_write(chunks: list[bytes], channels: int) -> None:
    """Chunks may end anywhere: what is in the file is all the whole samples so far."""
    file, written = io.BytesIO(), b""
    with convo.GrowingWav(file, 16_000, channels) as grown:
        assert read(file.getvalue()) == (16_000, channels, b"")
        for chunk in chunks:
            grown.write(chunk)
            written += chunk
            whole = written[: len(written) - len(written) % (2 * channels)]
            assert read(file.getvalue()) == (16_000, channels, whole)
            assert grown.duration == len(whole) / 2 / channels / 16_000
    assert not file.closed


def test_it_grows_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Another reader sees each chunk at once, and an older file is replaced."""
    path = tmp_path / "reply.wav"
    path.write_bytes(b"old" * 1000)
    with convo.GrowingWav(path) as grown:
        for count in (1, 2, 3):
            grown.write(bytes(4800))
            assert convo.Audio.open(path).duration == pytest.approx(count / 10)
            assert grown.duration == pytest.approx(count / 10)
    assert read(path.read_bytes()) == (24_000, 1, bytes(14_400))
    grown.close()
    with pytest.raises(ValueError, match="closed"):
        grown.write(b"ab")


def test_it_begins_where_the_file_is(tmp_path: Path) -> None:
    """The file stays its owner's: what is before is kept, and it is left open at its end."""
    with (tmp_path / "many").open("wb") as file:
        file.write(b"before")
        with convo.GrowingWav(file) as grown:
            grown.write(b"abcd")
        file.write(b"after")
    data = (tmp_path / "many").read_bytes()
    assert (data[:6], data[-5:], read(data[6:-5])[2]) == (b"before", b"after", b"abcd")


KILLED = """
import os, sys, convo
grown = convo.GrowingWav(sys.argv[1])
for number in range(5):
    grown.write(bytes([number]) * 4801)
    print(number, flush=True)
os.kill(os.getpid(), 9)
"""


def test_whoever_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False, capture_output=True)
    assert done.returncode == -9
    assert len(read(path.read_bytes())[2]) == 5 * 4801 - 1


@pytest.mark.parametrize("writes", [1, 2])
def test_a_write_that_fails_leaves_the_wav_as_it_was(tmp_path: Path, writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two fails, the sound or its size; the next write goes on."""
    path = tmp_path / "reply.wav"
    with convo.GrowingWav(path) as grown:
        grown.write(b"abcd")
        put, calls = growing.GrowingWav._put, []

        def failing(self: growing.GrowingWav, at: int, data: bytes) -> None:
            calls.append(at)
            if len(calls) == writes:
                put(self, at, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            put(self, at, data)

        with monkeypatch.context() as patch:
            patch.setattr(growing.GrowingWav, "_put", failing)
            with pytest.raises(OSError, match="No space"):
                grown.write(b"efgh")
        assert read(path.read_bytes())[2].startswith(b"abcd")
        grown.write(b"ijkl")
    assert read(path.read_bytes())[2] in (b"abcdijkl", b"abcdefghijkl")


def test_it_stops_before_it_passes_what_a_wav_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST == 2**32 - 1 - 36
    monkeypatch.setattr(growing, "LARGEST", 8)
    path = tmp_path / "reply.wav"
    with convo.GrowingWav(path) as grown:
        grown.write(b"abcdef")
        with pytest.raises(convo.TooLarge) as caught:
            grown.write(b"ghij")
        assert (caught.value.size, caught.value.limit) == (10, 8)
        grown.write(b"gh")
    assert read(path.read_bytes())[2] == b"abcdefgh"


def test_files_that_no_wav_can_grow_in(tmp_path: Path) -> None:
    ends = os.pipe()
    with os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb") as pipe, pytest.raises(convo.BadAudio, match="cannot seek"):
        convo.GrowingWav(pipe)
    with (tmp_path / "text").open("w", encoding="utf-8") as text, pytest.raises(convo.BadAudio, match="TextIOWrapper"):
        convo.GrowingWav(text)  # type: ignore[arg-type]
    with pytest.raises(convo.BadAudio, match="a int"):
        convo.GrowingWav(7)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        convo.GrowingWav(tmp_path / "none" / "reply.wav")


@pytest.mark.parametrize(
    ("rate", "channels"), [(0, 1), (-1, 1), (10**9, 1), (24_000, 0), (24_000, 3), ("24000", 1), (16_000.5, 1)]
)
def test_sound_that_cannot_be(rate: int, channels: int, tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    path.write_bytes(b"old")
    with pytest.raises(convo.BadAudio):
        convo.GrowingWav(path, rate, channels)
    assert path.read_bytes() == b"old"


def test_chunks_are_bytes() -> None:
    grown = convo.GrowingWav(io.BytesIO())
    with pytest.raises(convo.BadAudio, match="decoded from base64"):
        grown.write("UklGRg==")  # type: ignore[arg-type]
    grown.write(memoryview(b"ab"))
    grown.write(bytearray(b"cd"))
    assert grown.duration == 2 / 24_000


def test_a_file_that_is_opened_to_append_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("ab") as file, pytest.raises(convo.BadAudio, match="opened to append"):
        convo.GrowingWav(file)
    assert (tmp_path / "a.wav").read_bytes() == b""
