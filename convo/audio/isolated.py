"""Run a job of the codec in a process of its own, within limits, and get its answer or a typed error.

The process is a fresh interpreter without site-packages, environment or open files. It gets its job over stdin and
answers over stdout. Whatever it does, the caller gets an answer or an error, and no process stays behind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from struct import Struct
from typing import IO, Any, NoReturn, cast

import attrs

from convo.audio.extra import folder
from convo.audio.levels import Levels
from convo.errors import AudioTooLong, BadAudio, CodecFailed, MissingDependency, TooLarge

_START = """
import sys, types
package, libraries = sys.argv[1:]
sys.path.append(libraries)
for name, path in (("convo", package), ("convo.audio", package + "/audio")):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [path]
from convo.audio.confined import main
main()
"""
"""Load the child's module without the rest of convo, which needs a hundred modules that it does not."""
_HEADER = Struct(">I")
_FRAME = Struct(">cI")
_LARGEST = 1 << 16
"""Bytes of one frame."""
_SPARE = 1 << 20
"""Bytes of an answer that may come on top of twice the result: what is said of each piece, and signs of life."""
_MEGABYTE = 1_000_000
_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH")
"""What an interpreter may need to start: Windows' own folder, and where its shared library is."""
_LEAST_SECONDS, _SECONDS_PER_MEGABYTE, _MOST_SECONDS = 30, 40, 600
"""Processor time by size: a megabyte is at most three hours of sound (silence in AAC), decoded 300 times as fast here."""
_NO_TIME = {-getattr(signal, name) for name in ("SIGXCPU",) if hasattr(signal, name)}
_CRASHES = {-getattr(signal, name) for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT") if hasattr(signal, name)}
_CRASHES.add(0xC0000005)  # an access violation on Windows
_WALL = 5
"""Times the processor time that a job may take on a busy machine."""


@attrs.frozen
class Limits:
    """What decoding may cost. Past one of them, the error names it."""

    seconds: int = 4 * 3600
    """Seconds of sound in one recording."""
    output: int = 250 * _MEGABYTE
    """Bytes of the result, of all pieces together: 1.4 hours of wav at 24 kHz, or 8 hours of mp3 at 64 kbit/s."""
    input: int = 500 * _MEGABYTE
    """Bytes of the recording."""
    memory: int = 512 * _MEGABYTE
    """Bytes of memory beside the input and the output."""
    time: int = _MOST_SECONDS
    """Seconds of processor time, of which a short recording gets less."""


LIMITS = Limits()


@attrs.frozen
class Piece:
    """Bytes of a result, with the samples of one channel that are in them."""

    data: bytes
    samples: int
    levels: Levels


@attrs.frozen
class Answer:
    """What came back of a job that was done: what the recording is, as it was recorded, and the pieces of the result."""

    duration: float
    rate: int
    channels: int
    truncated: bool
    levels: Levels | None
    pieces: list[Piece]


@attrs.frozen
class _Refusal:
    """What came back of a job that cannot be done."""

    error: str
    reason: str
    size: int


def ask(job: dict[str, Any], data: bytes, limits: Limits, purpose: str) -> Answer:
    """Do a job in a process of its own. Raises `BadAudio`, `AudioTooLong`, `TooLarge`, `MissingDependency`, `CodecFailed`."""
    if not data:
        raise BadAudio("the audio is empty")
    if len(data) > limits.input:
        raise TooLarge("the audio", len(data), limits.input, "bytes")
    cpu = _seconds(len(data), limits)
    process = _started(purpose)
    answer, late = _run(process, message(job, len(data), limits), data, limits.output, cpu * _WALL)
    if late and answer is None:
        raise CodecFailed(f"decoding {len(data):,} bytes was stopped after {cpu * _WALL} seconds")
    if answer is None:
        _died(process.returncode, cpu, len(data))
    if isinstance(answer, _Refusal):
        _refused(answer, limits, purpose)
    return answer


def message(job: dict[str, Any], size: int, limits: Limits) -> bytes:
    """Give what the process is told before the recording, of so many bytes."""
    held = limits.output if job["form"] else 0
    memory = limits.memory + (0 if job["streamed"] else 2 * size) + held
    header = json.dumps(job | {
        "size": size, "seconds": limits.seconds, "output": limits.output,
        "confines": {"cpu": _seconds(size, limits), "memory": memory},
    }).encode()  # fmt: skip
    return _HEADER.pack(len(header)) + header


def _seconds(size: int, limits: Limits) -> int:
    return min(limits.time, _LEAST_SECONDS + size * _SECONDS_PER_MEGABYTE // _MEGABYTE)


def _run(
    process: subprocess.Popen[bytes], header: bytes, data: bytes, most: int, seconds: int
) -> tuple[Answer | _Refusal | None, bool]:
    """Tell a process its job and hear its answer; give it, and whether time was up. The process is gone then."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, stop)
    teller = threading.Thread(target=_tell, args=(process.stdin, header, data))
    timer.daemon = teller.daemon = True
    with process:
        try:
            timer.start()
            teller.start()
            answer = _heard(cast(IO[bytes], process.stdout), most)
            if answer is None:
                _let_die(process)
        except RuntimeError as error:
            raise CodecFailed(f"no thread could be started ({error})") from error
        finally:
            timer.cancel()
            process.kill()
            if teller.ident is not None:
                teller.join()
    return answer, late.is_set()


def places(purpose: str) -> list[str]:
    """Give the folder of this package and the one that holds PyAV."""
    libraries = folder()
    if libraries is None:
        raise MissingDependency("av", "audio", purpose)
    return [str(Path(__file__).parents[1]), libraries]


def _started(purpose: str) -> subprocess.Popen[bytes]:
    command = ["-I", "-S", "-c", _START, *places(purpose)]
    if not sys.executable or getattr(sys, "frozen", False):
        raise CodecFailed("there is no Python interpreter to start: sys.executable names none")
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        return subprocess.Popen(  # noqa: S603 - this interpreter, with code of our own
            [sys.executable, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
        )  # fmt: skip
    except OSError as error:
        raise CodecFailed(f"no process could be started ({error})") from error


def _tell(pipe: IO[bytes], header: bytes, data: bytes) -> None:
    """Write the job. A process that does not read it has died, which its answer tells."""
    with contextlib.suppress(OSError):
        for part in (header, data):
            view = memoryview(part)
            while view:
                view = view[pipe.write(view) :]


def _heard(pipe: IO[bytes], most: int) -> Answer | _Refusal | None:
    """Read frames up to the last one; None where they end before it, or are none: what answers is not trusted."""
    pieces: list[Piece] = []
    piece, left = io.BytesIO(), 2 * most + _SPARE
    while head := _exactly(pipe, _FRAME.size):
        kind, size = _FRAME.unpack(head)
        left -= len(head) + size
        content = _exactly(pipe, size) if size <= _LARGEST and left >= 0 else b""
        if left < 0 or len(content) < size:
            return None
        try:
            if kind == b"D":
                piece.write(content)
            elif kind == b"P":
                facts = json.loads(content)
                pieces.append(Piece(piece.getvalue(), int(facts["samples"]), Levels(*map(float, facts["levels"]))))
                piece = io.BytesIO()
            else:
                return _answer(json.loads(content), pieces) if kind == b"E" else None
        except (ValueError, TypeError, KeyError):
            return None
    return None


def _answer(facts: dict[str, Any], pieces: list[Piece]) -> Answer | _Refusal:
    if "error" in facts:
        return _Refusal(str(facts["error"]), str(facts.get("reason")), int(facts.get("size", 0)))
    levels = Levels(*map(float, facts["levels"])) if "levels" in facts else None
    return Answer(float(facts["duration"]), int(facts["rate"]), int(facts["channels"]), bool(facts["truncated"]), levels, pieces)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    """Read so many bytes; fewer where there are no more."""
    parts, missing = [], size
    while missing and (part := pipe.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _let_die(process: subprocess.Popen[bytes]) -> None:
    """Give a process that closed its answer the time to end by itself, so that its status says why."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def _died(status: int, cpu: int, size: int) -> NoReturn:
    """Say why there was no answer, by how the process ended. What the recording itself did to it is the recording's fault."""
    if status in _NO_TIME:
        raise BadAudio(f"decoding took more than {cpu} seconds of processor time, which no recording of {size:,} bytes needs")
    if status in _CRASHES:
        raise BadAudio(f"the decoder crashed (status {status})", "the recording is damaged in a way it does not stand")
    raise CodecFailed(f"the process that decodes audio ended without an answer (status {status})")


def _refused(refusal: _Refusal, limits: Limits, purpose: str) -> NoReturn:
    match refusal.error:
        case "seconds":
            raise AudioTooLong(refusal.size, limits.seconds)
        case "output":
            raise TooLarge("the converted audio", refusal.size, limits.output, "bytes")
        case "missing":
            raise MissingDependency("av", "audio", purpose) from ImportError(refusal.reason)
        case "memory":
            raise BadAudio(f"decoding needs more than {limits.memory:,} bytes of memory, which no sound recording does")
        case "bad":
            raise BadAudio(refusal.reason)
        case _:
            raise CodecFailed(f"the process that decodes audio failed ({refusal.reason})")
