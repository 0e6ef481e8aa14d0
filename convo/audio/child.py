"""Decoding and encoding by libav: what the codec's child process does, and the only module that imports PyAV.

Loaded without the rest of convo, see `confined`.
"""

from __future__ import annotations

import io
import json
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import av
import av.logging
from av.filter import Graph

from convo.audio.cutting import pieces
from convo.audio.levels import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

    Send = Callable[[bytes, bytes], None]

_CHUNK = 1 << 16
"""Bytes of the result in one frame, and of samples that are handled at once."""
_CODECS = (
    "aac", "aac_fixed", "alac", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis", "pcm_alaw", "pcm_mulaw",
    "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_s64le", "pcm_f32le", "pcm_f64le",
)  # fmt: skip
"""The decoders that libav may open, of hundreds."""
_MAX_CHANNELS = 32
_RATES = range(1_000, 768_001)
_QUALITY = "filter_size=64:cutoff=0.97"
"""A longer filter than the default, with a pass band that ends close to half the sample rate."""
_LAYOUTS = {1: "mono", 2: "stereo"}
_UNNAMED = " channels"
"""How libav's name of a layout ends that says nothing but the number of channels."""
_ENCODERS = {
    "mp3": ("mp3", "libmp3lame"), "flac": ("flac", "flac"), "opus": ("ogg", "libopus"), "aac": ("adts", "aac"),
    "m4a": ("ipod", "aac"), "webm": ("webm", "libopus"),
}  # fmt: skip
"""libav's container and encoder of each format."""
_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
"""Tags in another encoding stop nothing: an option before PyAV 19, which has no other way."""
_INDEXED = (b"Xing", b"Info", b"VBRI")
_HEAD = 8_192
"""Bytes in which the index of an mp3 stands, behind a small tag; with a picture before it, its claim is not known."""
_BREATH = 60
"""Seconds of sound after which the caller is told that work goes on: it fails, and ends the job, when he is gone."""


class Refused(Exception):  # noqa: N818 - not an error of the program: the answer is no
    """The job cannot be done: `facts` are the answer, with the kind of error under `error`."""

    def __init__(self, error: str, **facts: object) -> None:
        super().__init__(error)
        self.facts = {"error": error, **facts}


def run(job: dict[str, Any], file: Any, send: Send) -> dict[str, Any]:
    """Do a job on a file that has `read`, and perhaps `seek`: give what the recording is, and send what it became."""
    av.logging.set_libav_level(av.logging.PANIC)
    try:
        source = Source(job, file, send)
        return _measured(source) if job["form"] is None else _converted(source, job, send)
    except Refused as refused:
        return refused.facts
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OverflowError) as error:
        return {"error": "bad", "reason": f"the sound of the {job['found']} cannot be decoded ({_why(error)})"}


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _measured(source: Source) -> dict[str, Any]:
    rate, channels, chunks = source.sound()
    meter = Meter(rate, channels)
    for chunk in chunks:
        meter.feed(chunk)
    return source.facts() | {"levels": meter.levels()}


def _converted(source: Source, job: dict[str, Any], send: Send) -> dict[str, Any]:
    form = job["form"]
    rate, channels, chunks = source.sound(form["rate"], form["channels"])
    target = Target(send, job["output"])
    sound: Iterable[bytes | None] = pieces(chunks, rate, channels, job["longest"]) if job["longest"] else chunks
    meter, sink = Meter(rate, channels), target.sink(form)
    for chunk in chain(sound, [None]):
        if chunk is not None:
            meter.feed(chunk)
            sink.write(chunk)
            continue
        sink.finish()
        send(b"P", json.dumps({"samples": meter.samples, "levels": meter.levels()}).encode())
        meter, sink = Meter(rate, channels), target.sink(form)
    return source.facts()


# --- decoding --------------------------------------------------------------------------------------


class Source:
    """A recording that is decoded once, from its beginning. Raises `Refused`."""

    def __init__(self, job: dict[str, Any], file: Any, send: Send) -> None:
        self._send, self._limit, self._size = send, job["seconds"], job["size"]
        self._found, self._demuxer = job["found"], job["demuxer"]
        indexed = self._demuxer == "mp3" and _is_indexed(file)
        self._container = _opened(job, file)
        streams = self._container.streams.audio
        if not streams:
            raise Refused("bad", reason=f"the {self._found} holds no sound")
        self._stream = streams[0]
        # libav's own list is asked only while it looks for streams.
        context: Any = self._stream.codec_context  # None where libav has no decoder
        if context is None or context.name not in _CODECS:
            raise Refused("bad", reason=f"the sound of the {self._found} is in a codec that is not decoded here")
        self._claimed = self._claim(indexed)
        self._told = 0.0
        self._seconds = 0.0
        self._samples: dict[int, int] = {}
        self._rate = self._channels = 0
        self._damaged = False

    def facts(self) -> dict[str, Any]:
        """Give what was found, when all is decoded."""
        # Of whole samples, not of rounded frames; the rate changes in few recordings.
        duration = sum(samples / rate for rate, samples in self._samples.items())
        missing = self._claimed - duration
        return {
            "duration": duration, "rate": self._rate, "channels": self._channels,
            "truncated": self._damaged or missing > max(0.1, 0.02 * self._claimed) or self._reaches_out(),
        }  # fmt: skip

    def sound(self, rate: int | None = None, channels: int | None = None) -> tuple[int, int, Iterator[bytes]]:
        """Give sample rate, channels, and the interleaved 16-bit samples; as they are recorded, or as asked for."""
        frames = self._frames()
        first = next(frames, None)
        if first is None:
            raise Refused("bad", reason=f"the {self._found} holds no sound that can be decoded")
        self._rate, self._channels = first.rate, first.layout.nb_channels
        rate, channels = rate or self._rate, channels or self._channels
        resampler = Resampler(rate, _LAYOUTS.get(channels, first.layout.name))
        return rate, channels, _gathered(resampler.through(chain([first], frames)))

    def _frames(self) -> Iterator[AudioFrame]:
        """Decode. What is damaged is passed over; `_damaged` says at the end whether no good sound followed it."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.FFmpegError:
                self._damaged = True
                if packet is None:
                    return
                continue
            if packet is None:
                return
            for frame in frames:
                self._count(frame)
                yield frame
            self._damaged = self._damaged and not (frames and packet.size)

    def _count(self, frame: AudioFrame) -> None:
        rate, channels = frame.rate, frame.layout.nb_channels
        _check(rate, channels)
        self._samples[rate] = self._samples.get(rate, 0) + frame.samples
        self._seconds += frame.samples / rate
        if self._seconds > self._limit:
            raise Refused("seconds", size=int(self._seconds) + 1)
        if self._seconds > self._told:
            self._send(b"D", b"")
            self._told += _BREATH

    def _claim(self, indexed: bool) -> float:  # noqa: FBT001 - said at its only call
        """Give the seconds that the container says it has, 0 where it does not say and libav guesses."""
        stream = self._stream
        if self._demuxer == "matroska":
            alone = len(self._container.streams) == 1  # else it may be as long as the picture
            return (self._container.duration or 0) / av.time_base if alone else 0.0
        says = indexed or self._demuxer == "flac"
        return float(stream.duration * stream.time_base) if says and stream.duration and stream.time_base else 0.0

    def _reaches_out(self) -> bool:
        """Say whether the index of an mp4 names bytes beyond the end. Its durations are no guide: some are wrong by hours."""
        entries = self._stream.index_entries if self._demuxer == "mov" else ()
        last = range(max(0, len(entries) - 50), len(entries))
        return any(entries[at].pos + entries[at].size > self._size for at in last)


def _opened(job: dict[str, Any], file: BinaryIO) -> InputContainer:
    options = {"protocol_whitelist": "none", "format_whitelist": job["demuxer"], "codec_whitelist": ",".join(_CODECS)}
    if job["demuxer"] == "s16le":
        options |= {"sample_rate": str(job["rate"]), "ch_layout": "mono"}
    try:
        opened: InputContainer = av.open(
            file, "r", format=job["demuxer"], container_options=options, io_open=_nothing, **_LENIENT
        )
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise Refused("bad", reason=f"the bytes cannot be read as {job['found']} ({_why(error)})") from error
    return opened


def _is_indexed(file: Any) -> bool:
    head = file.read(_HEAD)
    file.seek(0)
    return any(mark in head for mark in _INDEXED)


def _nothing(url: str, *_: object) -> NoReturn:
    raise PermissionError(url)


def _check(rate: int, channels: int) -> None:
    if rate not in _RATES or not 0 < channels <= _MAX_CHANNELS:
        raise Refused("bad", reason=f"the sound is said to have {channels:,} channels at {rate:,} Hz")


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join small parts, so that what is done with each costs less."""
    held, size = [], 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class Resampler:
    """From frames of any kind to interleaved 16-bit samples of one rate and layout."""

    def __init__(self, rate: int, layout: str) -> None:
        self._rate, self._layout = rate, layout

    def through(self, frames: Iterable[AudioFrame]) -> Iterator[bytes]:
        """Give the samples; what a recording is may change on its way."""
        kind: tuple[object, ...] | None = None
        graph: Graph | None = None
        for frame in frames:
            found = (frame.format.name, frame.layout.name, frame.rate)
            if graph is None or found != kind:
                yield from _flushed(graph)
                graph, kind = self._graph(frame), found
            # Its times are not used: they may lie, and gaps between them are none in the sound.
            frame.pts = None
            graph.push(frame)
            yield from _pulled(graph)
        yield from _flushed(graph)

    def _graph(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        layout, rate = frame.layout.name, frame.rate
        _check(rate, frame.layout.nb_channels)
        steps = [graph.add_abuffer(format=frame.format.name, sample_rate=rate, layout=layout, time_base=Fraction(1, rate))]
        if layout != self._layout and frame.layout.nb_channels > len(_LAYOUTS) and layout.endswith(_UNNAMED):
            steps.append(graph.add("pan", _average(frame.layout.nb_channels)))
        steps.append(graph.add("aresample", f"{self._rate}:{_QUALITY}:out_sample_fmt=s16:out_chlayout={self._layout}"))
        steps.append(graph.add("abuffersink"))
        graph.link_nodes(*steps).configure()
        return graph


def _average(channels: int) -> str:
    """Mix channels of which nobody knows where they belong."""
    return "mono|c0=" + "+".join(f"{1 / channels:.6f}*c{channel}" for channel in range(channels))


def _flushed(graph: Graph | None) -> Iterator[bytes]:
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[bytes]:
    while True:
        try:
            frame: Any = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield bytes(memoryview(frame.planes[0])[: frame.samples * frame.layout.nb_channels * 2])


# --- encoding --------------------------------------------------------------------------------------


class Target:
    """Where the result goes, in frames, up to a limit in bytes."""

    def __init__(self, send: Send, limit: int) -> None:
        self._send, self._limit, self._size = send, limit, 0

    def sink(self, form: dict[str, Any]) -> Samples | File:
        """Give what takes the samples of one piece."""
        return Samples(self) if form["format"] in ("wav", "pcm16") else File(form, self)

    def check(self, more: int) -> None:
        """Refuse when so many more bytes would pass the limit."""
        if self._size + more > self._limit:
            raise Refused("output", size=self._size + more)

    def write(self, content: bytes | memoryview) -> None:
        """Send bytes of the result."""
        self.check(len(content))
        self._size += len(content)
        for at in range(0, len(content), _CHUNK):
            self._send(b"D", bytes(content[at : at + _CHUNK]))


class Samples:
    """A result without a container: the samples are sent as they come, and the caller writes the header of a wav."""

    def __init__(self, target: Target) -> None:
        self.write = target.write

    def finish(self) -> None:
        """Nothing is held."""


class File:
    """A result in a container, made in memory, as some are written at their beginning last."""

    def __init__(self, form: dict[str, Any], target: Target) -> None:
        muxer, encoder = _ENCODERS[form["format"]]
        self._rate, self._channels, self._target = form["rate"], form["channels"], target
        self._layout = _LAYOUTS[self._channels]
        self._buffer = io.BytesIO()
        # Bit-exact: no names of versions, no dates, no chance in the numbers of streams.
        exact = {"fflags": "+bitexact"}
        self._container: OutputContainer = av.open(self._buffer, "w", format=muxer, container_options=exact)
        self._stream: AudioStream = self._container.add_stream(encoder, rate=self._rate)  # type: ignore[assignment]  # an audio encoder
        context = self._stream.codec_context
        context.layout, context.thread_count = self._layout, 1
        context.flags |= av.codec.context.Flags.bitexact
        if form["bit_rate"]:
            context.bit_rate = form["bit_rate"]
        self._at = 0

    def write(self, samples: bytes) -> None:
        """Encode interleaved samples."""
        frame = av.AudioFrame(format="s16", layout=self._layout, samples=len(samples) // 2 // self._channels)
        frame.planes[0].update(samples)
        frame.rate, frame.pts, frame.time_base = self._rate, self._at, Fraction(1, self._rate)
        self._at += frame.samples
        self._container.mux(self._stream.encode(frame))
        self._target.check(self._buffer.tell())

    def finish(self) -> None:
        """Send the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._target.write(self._buffer.getbuffer())
