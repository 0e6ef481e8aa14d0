"""Sound made for tests of the codec, and how alike two sounds are."""

from __future__ import annotations

import io
import math
import random
from array import array
from fractions import Fraction
from operator import mul
from typing import TYPE_CHECKING, Any

import av

from tests.audio import builders

if TYPE_CHECKING:
    from collections.abc import Iterable


def tone(seconds: float, *, rate: int = 24_000, hertz: float = 440.0, level: float = 0.5) -> array[int]:
    """A sine."""
    return array("h", (round(32_767 * level * math.sin(2 * math.pi * hertz * at / rate)) for at in range(int(seconds * rate))))


def noise(seconds: float, *, rate: int = 24_000, level: float = 0.5, seed: int = 1) -> array[int]:
    """Noise, the same for the same seed."""
    chance = random.Random(seed)
    top = int(32_767 * level)
    return array("h", (chance.randint(-top, top) for _ in range(int(seconds * rate))))


def wav_of(samples: array[int], *, rate: int = 24_000, channels: int = 1) -> bytes:
    return builders.wav(builders.fmt(rate=rate, channels=channels), builders.chunk(b"data", samples.tobytes()))


def samples_of(wav: bytes) -> array[int]:
    """The samples of a wav that convo made, behind its 44 bytes."""
    return array("h", wav[44:])


def likeness(one: array[int], other: array[int], *, reach: int = 2_700) -> tuple[float, int]:
    """The correlation of two sounds where it is largest, and the lag in samples there: how much later the other one is."""
    first, second = one[::8], other[::8]
    near = 8 * max(range(-reach // 8, reach // 8), key=lambda lag: sum(map(mul, first[max(0, -lag) :], second[max(0, lag) :])))
    found = _correlations(one, other, range(near - 8, near + 9))
    lag = max(found, key=found.__getitem__)
    return found[lag], lag


def _correlations(one: array[int], other: array[int], lags: range) -> dict[int, float]:
    found = {}
    for lag in lags:
        first, second = one[max(0, -lag) :], other[max(0, lag) :]
        size = min(len(first), len(second))
        norm = math.hypot(*first[:size]) * math.hypot(*second[:size])
        found[lag] = sum(map(mul, first[:size], second[:size])) / norm if norm else 0.0
    return found


def container(
    kind: str, codec: str, *, seconds: float = 1.0, rate: int = 48_000, video: str | None = None, seekable: bool = True,
    options: dict[str, str] | None = None, film_seconds: float | None = None,
) -> bytes:  # fmt: skip
    """A tone in a container as others write it: with a film beside it, or as a stream whose length nobody knew."""
    buffer: Any = io.BytesIO() if seekable else _Stream()
    with av.open(buffer, "w", format=kind, container_options=options or {}) as file:
        film = file.add_stream(video, rate=5) if video else None
        if film is not None:
            film.width, film.height, film.pix_fmt = 64, 64, "yuv420p"  # type: ignore[union-attr]
        sound: Any = file.add_stream(codec, rate=rate)
        sound.codec_context.layout = "mono"
        for packet in _film(film, film_seconds or seconds) if film is not None else ():
            file.mux(packet)
        samples = tone(seconds, rate=rate)
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        file.mux(sound.encode(frame))
        file.mux(sound.encode(None))
    return bytes(buffer.getvalue())


def _film(stream: Any, seconds: float) -> Iterable[Any]:
    for at in range(int(seconds * 5)):
        picture = av.VideoFrame(64, 64, "yuv420p")
        picture.pts = at
        yield from stream.encode(picture)
    yield from stream.encode(None)


class _Stream:
    """A file that can only be written on, as a browser's upload is."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, content: bytes) -> int:
        self._parts.append(bytes(content))
        return len(content)

    def getvalue(self) -> bytes:
        return b"".join(self._parts)
