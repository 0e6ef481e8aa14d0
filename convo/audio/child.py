"""What runs in the codec's child process: one job, read from stdin, decoded, perhaps encoded, answered on stdout.

The only module that imports PyAV, and it does so in a process that can open nothing and dies with its job. It is
loaded without the rest of convo (`isolated` says how), so it imports only modules that need nothing but the standard library.

In comes the length of a JSON header in 4 bytes, the header, and the recording. Out come frames, each a letter, the
length in 4 bytes, and the content: `D` bytes of the result, `P` the end of a piece, `E` the end of the job, both JSON.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from convo.audio.cutting import pieces
from convo.audio.levels import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

HEADER = struct.Struct(">I")
FRAME = struct.Struct(">cI")
CHUNK = 1 << 16
"""Bytes of the result in one frame."""
_CODECS = "aac,aac_fixed,flac,mp3,mp3float,opus,libopus,vorbis,libvorbis,alac,pcm_u8,pcm_s16le,pcm_s24le,pcm_s32le,pcm_s64le,\
pcm_f32le,pcm_f64le,pcm_alaw,pcm_mulaw"
"""The decoders that libav may open, of hundreds."""
_FILES = 16
"""Open files: four of our own, and what Python opens where PyAV imports a module late."""
_MAX_CHANNELS = 32
_RATES = range(1_000, 768_001)
_QUALITY = "filter_size=64:cutoff=0.97"
"""A longer filter than the default, with a pass band that ends close to half the sample rate."""
_EXACT = {"fflags": "+bitexact"}
_MUXERS = {"mp3": "mp3", "flac": "flac", "opus": "ogg", "aac": "adts", "m4a": "ipod", "webm": "webm"}
_ENCODERS = {"mp3": "libmp3lame", "flac": "flac", "opus": "libopus", "aac": "aac", "m4a": "aac", "webm": "libopus"}
_NO_INPUT, _NO_SOUND = "libav cannot open it", "it holds no sound that can be decoded"


class Refused(Exception):  # noqa: N818 - not an error of the program: the answer is no
    """The job cannot be done: `facts` are the answer, with the kind of error under `error`."""

    def __init__(self, error: str, **facts: object) -> None:
        super().__init__(error)
        self.facts = {"error": error, **facts}


def main() -> NoReturn:
    """Do the job on stdin, answer on stdout, and leave."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        _answer(sys.stdin.buffer, out)
    except BrokenPipeError:
        os._exit(1)
    os._exit(0)


def _answer(source: BinaryIO, out: BinaryIO) -> None:
    try:
        job = json.loads(_exactly(source, HEADER.unpack(_exactly(source, HEADER.size))[0]))
        import av  # noqa: F401 - missing, or loaded before the limits

        confine(job["limits"])
        facts = _done(job, _exactly(source, job["size"]), out)
    except Refused as refused:
        facts = refused.facts
    except ImportError as error:
        facts = {"error": "missing", "reason": str(error)}
    except MemoryError:
        facts = {"error": "memory"}
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        facts = {"error": "failed", "reason": f"{type(error).__name__}: {error}"}
    send(out, b"E", json.dumps(facts).encode())


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        os._exit(1)  # the caller is gone
    return data


def send(out: BinaryIO, kind: bytes, content: bytes) -> None:
    """Write one frame."""
    view = memoryview(FRAME.pack(kind, len(content)) + content)
    while view:
        view = view[out.write(view) :]


def confine(limits: dict[str, int]) -> None:
    """Give up what the job does not need: memory, processor time, files. Where the system has no such limits, nothing happens."""
    try:
        import resource
    except ImportError:
        return
    wanted = {
        resource.RLIMIT_CPU: (limits["cpu"], limits["cpu"] + 1),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_NOFILE: (_FILES, _FILES),
        resource.RLIMIT_AS: (_address_space() + limits["memory"],) * 2,
    }
    for which, (soft, hard) in wanted.items():
        ceiling = resource.getrlimit(which)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(which, (soft, hard))
        except (ValueError, OSError):
            continue  # macOS refuses some; the others hold


def _address_space() -> int:
    """Give the bytes that the interpreter and libav take up before the job begins."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 1 << 30


# --- the job ---------------------------------------------------------------------------------------


def _done(job: dict[str, Any], data: bytes, out: BinaryIO) -> dict[str, Any]:
    """Do the job, sending what it makes, and give what ends the answer."""
    import av

    av.logging.set_level(None)
    source = Source(job, data, out)
    form = job["form"]
    chunks = source.chunks(form and form["rate"], form and form["channels"])
    first = next(chunks, b"")
    if not first:
        raise Refused("bad", reason=_NO_SOUND)
    rate, channels = source.target
    meter = Meter(rate, channels)
    if form is None:
        meter.feed(first)
        for chunk in chunks:
            meter.feed(chunk)
        return source.facts() | {"levels": meter.levels()}
    budget = Budget(out, job["limits"]["output"])
    sound = _with(first, chunks)
    sink = _sink(form, budget)
    for piece in pieces(sound, rate, channels, job["longest"]) if job["longest"] else sound:
        if piece is None:
            sink.finish()
            send(out, b"P", json.dumps({"levels": meter.levels(), "samples": meter.samples}).encode())
            sink, meter = _sink(form, budget), Meter(rate, channels)
            continue
        meter.feed(piece)
        sink.write(piece)
    sink.finish()
    send(out, b"P", json.dumps({"samples": meter.samples, "levels": meter.levels()}).encode())
    return source.facts()


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


# --- decoding --------------------------------------------------------------------------------------


class Source:
    """A recording that is decoded once, from its beginning."""

    def __init__(self, job: dict[str, Any], data: bytes, out: BinaryIO) -> None:
        self._container = _opened(job, data)
        streams = self._container.streams.audio
        if not streams:
            raise Refused("bad", reason="it holds no sound")
        self._stream = streams[0]
        self._out = out
        self._limit = job["limits"]["seconds"]
        self._spoken_for = 60.0
        self.claimed = _claimed(job, data, self._container, self._stream)
        self.seconds = 0.0
        self.rate = self.channels = 0
        self.damaged = False
        self.target = (0, 0)

    def facts(self) -> dict[str, Any]:
        """Give what was found, when all is decoded."""
        missing = self.claimed - self.seconds if self.claimed else 0.0
        return {
            "duration": self.seconds, "rate": self.rate, "channels": self.channels,
            "truncated": self.damaged or missing > max(0.1, 0.02 * (self.claimed or 0)),
        }  # fmt: skip

    def chunks(self, rate: int | None, channels: int | None) -> Iterator[bytes]:
        """Give interleaved 16-bit samples at this rate; None means as they are."""
        resampler: Resampler | None = None
        held: list[bytes] = []
        size = 0
        for frame in self._frames():
            if resampler is None:
                self.rate, self.channels = frame.rate, frame.layout.nb_channels
                self.target = rate or frame.rate, channels or frame.layout.nb_channels
                resampler = Resampler(*self.target)
            for chunk in resampler.push(frame):
                held.append(chunk)
                size += len(chunk)
            if size >= CHUNK:
                yield b"".join(held)
                held, size = [], 0
        if resampler is not None:
            held.extend(resampler.flush())
        if held:
            yield b"".join(held)

    def _frames(self) -> Iterator[AudioFrame]:
        """Decode. What is damaged is passed over; `damaged` says at the end whether good sound followed it."""
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                self.damaged = True
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except (av.FFmpegError, OSError, ValueError):
                self.damaged = True
                continue
            for frame in frames:
                self.damaged = False
                self._check(frame)
                yield frame

    def _check(self, frame: AudioFrame) -> None:
        rate, channels = frame.rate, frame.layout.nb_channels
        if rate not in _RATES or not 0 < channels <= _MAX_CHANNELS:
            raise Refused("bad", reason=f"it claims {channels:,} channels at {rate:,} Hz")
        self.seconds += frame.samples / rate
        if self.seconds > self._limit:
            raise Refused("seconds", size=int(self.seconds) + 1, limit=self._limit)
        if self.seconds > self._spoken_for:
            # A sign of life that costs nothing, and fails when nobody listens any more.
            send(self._out, b"D", b"")
            self._spoken_for = self.seconds + 60


def _opened(job: dict[str, Any], data: bytes) -> InputContainer:
    import av

    options = {"protocol_whitelist": "none", "format_whitelist": job["demuxer"], "codec_whitelist": _CODECS}
    if job["demuxer"] == "s16le":
        options |= {"sample_rate": str(job["rate"]), "ch_layout": "mono"}
    try:
        return av.open(io.BytesIO(data), format=job["demuxer"], container_options=options, io_open=_nothing)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Refused("bad", reason=f"{_NO_INPUT}: {error!r}") from error


def _nothing(url: str, *_: object) -> NoReturn:
    raise PermissionError(url)


def _claimed(job: dict[str, Any], data: bytes, container: InputContainer, stream: av.AudioStream) -> float | None:
    """Give the seconds that the container says it has, where it says so and does not guess."""
    if job["demuxer"] == "wav":
        return None
    if job["demuxer"] == "mp3" and not any(mark in data[:4096] for mark in (b"Xing", b"Info", b"VBRI")):
        return None
    if job["demuxer"] in ("aac", "s16le", "ogg"):
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


class Resampler:
    """From frames of any kind to interleaved 16-bit samples of one kind."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._layout = {1: "mono", 2: "stereo"}.get(channels)
        self._key: tuple[object, ...] | None = None
        self._graph: av.filter.Graph | None = None

    def push(self, frame: AudioFrame) -> Iterator[bytes]:
        """Take a frame and give what is ready."""
        key = (frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.rate)
        if key != self._key:
            yield from self.flush()
            self._graph, self._key = self._made(frame), key
        frame.pts = None
        assert self._graph is not None
        self._graph.push(frame)
        yield from self._pulled()

    def flush(self) -> Iterator[bytes]:
        """Give what is left."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pulled()
            self._graph = None

    def _pulled(self) -> Iterator[bytes]:
        import av

        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield memoryview(frame.planes[0])[: frame.samples * self._channels * 2].tobytes()

    def _made(self, frame: AudioFrame) -> av.filter.Graph:
        from av.filter import Graph

        graph = Graph()
        graph.threads = 1
        steps = [graph.add_abuffer(
            format=frame.format.name, sample_rate=frame.rate, layout=frame.layout.name, time_base=f"1/{frame.rate}"
        )]  # fmt: skip
        layout = "" if self._layout is None else f":out_chlayout={self._layout}"
        steps.append(graph.add("aresample", f"{self._rate}:{_QUALITY}:out_sample_fmt=s16{layout}"))
        steps.append(graph.add("abuffersink"))
        graph.link_nodes(*steps).configure()
        return graph


# --- encoding --------------------------------------------------------------------------------------


class Budget:
    """Where the result goes, in frames, up to a limit."""

    def __init__(self, out: BinaryIO, limit: int) -> None:
        self._out, self._limit = out, limit
        self._size = 0

    def check(self, more: int) -> None:
        """Refuse when so many more bytes would pass the limit."""
        if self._size + more > self._limit:
            raise Refused("output", size=self._size + more, limit=self._limit)

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes of the result."""
        self.check(len(data))
        self._size += len(data)
        for at in range(0, len(data), CHUNK):
            send(self._out, b"D", bytes(data[at : at + CHUNK]))


class Samples:
    """A result without a container: the samples are sent as they come."""

    def __init__(self, budget: Budget) -> None:
        self.write = budget.write

    def finish(self) -> None:
        """Nothing is held."""


class File:
    """A result in a container, made in memory, as some write their beginning last."""

    def __init__(self, form: dict[str, Any], budget: Budget) -> None:
        import av

        self._budget, self._form = budget, form
        self._buffer = io.BytesIO()
        name = form["format"]
        self._container = av.open(self._buffer, "w", format=_MUXERS[name], container_options=_EXACT)
        stream = self._container.add_stream(_ENCODERS[name], rate=form["rate"])
        self._layout = "mono" if form["channels"] == 1 else "stereo"
        stream.codec_context.layout = self._layout
        if form["bit_rate"]:
            stream.codec_context.bit_rate = form["bit_rate"]
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._stream = stream
        self._at = 0

    def write(self, data: bytes) -> None:
        """Encode samples."""
        from fractions import Fraction

        import av

        count = len(data) // 2 // self._form["channels"]
        frame = av.AudioFrame(format="s16", layout=self._layout, samples=count)
        frame.planes[0].update(data)
        frame.rate, frame.pts, frame.time_base = self._form["rate"], self._at, Fraction(1, self._form["rate"])
        self._at += count
        self._container.mux(self._stream.encode(frame))
        self._budget.check(self._buffer.tell())

    def finish(self) -> None:
        """Send the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        self._budget.write(self._buffer.getbuffer())


def _sink(form: dict[str, Any], budget: Budget) -> Samples | File:
    return Samples(budget) if form["format"] in ("wav", "pcm16") else File(form, budget)
