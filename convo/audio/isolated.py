"""Run a job of the codec in a process of its own, within limits, and get its answer or a typed error.

The process is a fresh interpreter without site-packages, environment or open files. It gets its job over stdin and
answers over stdout. Whatever it does, the caller gets an answer or an error, and no process stays behind.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from convo.errors import AudioTooLong, BadAudio, CodecFailed, MissingDependency, TooLarge

if TYPE_CHECKING:
    from typing import IO

_START = """
import sys, types
package, libraries = sys.argv[1:]
sys.path.append(libraries)
for name, path in (("convo", package), ("convo.audio", package + "/audio")):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [path]
from convo.audio.child import main
main()
"""
"""Load the child's module without the rest of convo, which needs a hundred modules that it does not."""
_HEADER = Struct(">I")
_FRAME = Struct(">cI")
_LARGEST = 1 << 16
"""Bytes of one frame."""
_MEGABYTE = 1_000_000
_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH")
"""What an interpreter may need to start: Windows' own folder, and where its shared library is."""
_LEAST_SECONDS, _SECONDS_PER_MEGABYTE, _MOST_SECONDS = 20, 20, 600
"""Processor time by size. A megabyte of speech is an hour at most (Opus at 2 kbit/s), decoded 200 times as fast."""
_CRASHES = {-getattr(signal, name) for name in ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT") if hasattr(signal, name)}
_WALL = 3
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
class Answer:
    """What came back: the bytes and facts of each piece, and what was found of the recording."""

    pieces: list[tuple[bytes, dict[str, Any]]]
    facts: dict[str, Any]


def ask(job: dict[str, Any], data: bytes, limits: Limits, purpose: str) -> Answer:
    """Do a job in a process of its own. Raises `BadAudio`, `AudioTooLong`, `TooLarge`, `MissingDependency`, `CodecFailed`."""
    if len(data) > limits.input:
        raise TooLarge("the audio", len(data), limits.input, "bytes")
    cpu = min(limits.time, _LEAST_SECONDS + len(data) * _SECONDS_PER_MEGABYTE // _MEGABYTE)
    header = json.dumps(job | {
        "size": len(data),
        "limits": {
            "seconds": limits.seconds, "output": limits.output, "cpu": cpu,
            "memory": limits.memory + 2 * len(data) + 2 * (limits.output if job["form"] else 0),
        },
    }).encode()  # fmt: skip
    process = _started(purpose)
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(cpu * _WALL, stop)
    timer.daemon = True
    try:
        timer.start()
        _tell(process.stdin, header, data)
        answer = _heard(process.stdout, limits)
        if answer is None:
            _let_die(process)
    finally:
        timer.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            _closed(pipe)
        process.wait()
    if answer is None:
        if late.is_set():
            raise CodecFailed(f"decoding was stopped after {cpu * _WALL} seconds")
        _died(process.returncode, cpu, len(data))
    _check(answer.facts, limits, purpose)
    return answer


def _libraries(purpose: str) -> str:
    """Give the folder that holds PyAV, which is not imported here."""
    try:
        found = importlib.util.find_spec("av")
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        raise MissingDependency("av", "audio", purpose)
    return str(Path(found.origin).parents[1])


def _started(purpose: str) -> subprocess.Popen[bytes]:
    libraries = _libraries(purpose)
    if not sys.executable or getattr(sys, "frozen", False):
        raise CodecFailed("there is no Python interpreter to start: sys.executable names none")
    package = str(Path(__file__).parents[1])
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, package, libraries],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
        )  # fmt: skip
    except OSError as error:
        raise CodecFailed(f"no process could be started ({error})") from error


def _tell(pipe: IO[bytes] | None, header: bytes, data: bytes) -> None:
    """Write the job. A child that does not read it has died, which its end tells."""
    assert pipe is not None
    try:
        for part in (_HEADER.pack(len(header)) + header, data):
            view = memoryview(part)
            while view:
                view = view[pipe.write(view) :]
    except OSError:
        return


def _heard(pipe: IO[bytes] | None, limits: Limits) -> Answer | None:
    """Read frames up to the last one; None where the child died before it, or what it wrote are no frames."""
    assert pipe is not None
    pieces: list[tuple[bytes, dict[str, Any]]] = []
    piece, total = io.BytesIO(), 0
    while True:
        head = _exactly(pipe, _FRAME.size)
        if head is None:
            return None
        kind, size = _FRAME.unpack(head)
        content = _exactly(pipe, size) if size <= _LARGEST else None
        if content is None:
            return None
        if kind == b"D":
            total += size
            if total > limits.output:
                return None
            piece.write(content)
        elif kind == b"P":
            pieces.append((piece.getvalue(), json.loads(content)))
            piece = io.BytesIO()
        else:
            return Answer(pieces, json.loads(content)) if kind == b"E" else None


def _exactly(pipe: IO[bytes], size: int) -> bytes | None:
    parts, missing = [], size
    while missing:
        part = pipe.read(missing)
        if not part:
            return None
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _let_die(process: subprocess.Popen[bytes]) -> None:
    """Give a process that closed its answer the time to end by itself, so that its status says why."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def _closed(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(OSError):
            pipe.close()


def _died(status: int, cpu: int, size: int) -> NoReturn:
    """Say why there was no answer, by how the process ended. What the recording itself did to it is the recording's fault."""
    if status == -getattr(signal, "SIGXCPU", 0):
        raise BadAudio(f"decoding took more than {cpu} seconds of processor time, which no recording of {size:,} bytes needs")
    if status in _CRASHES:
        raise BadAudio(
            f"the decoder crashed ({signal.Signals(-status).name})", "the recording is damaged in a way it does not stand"
        )
    raise CodecFailed(f"the process that decodes audio ended without an answer (status {status})")


def _check(facts: dict[str, Any], limits: Limits, purpose: str) -> None:
    """Raise what the child answered instead of a result."""
    match facts.get("error"):
        case None:
            return
        case "seconds":
            raise AudioTooLong(facts["size"], limits.seconds)
        case "output":
            raise TooLarge("the converted audio", facts["size"], limits.output, "bytes")
        case "missing":
            raise MissingDependency("av", "audio", purpose)
        case "memory":
            raise BadAudio(f"decoding needs more than {limits.memory:,} bytes of memory")
        case "failed":
            raise CodecFailed(f"the process that decodes audio failed ({facts['reason']})")
        case _:
            raise BadAudio(str(facts.get("reason")))
