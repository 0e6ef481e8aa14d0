"""The codec's child process: it gives up what it does not need, reads one job from stdin, and answers on stdout.

It is loaded without the rest of convo (`isolated` says how), so it imports only what needs nothing but the standard
library, and `child`, which needs PyAV.

In comes the length of a JSON header in 4 bytes, the header, and the recording. Out come frames, each a letter, the
length in 4 bytes, and the content: `D` bytes of the result, `P` the end of a piece, `E` the end of the job, both JSON.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import TYPE_CHECKING, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = struct.Struct(">I")
_FRAME = struct.Struct(">cI")
_FILES = 16
"""Open files: four of our own, and what Python opens where PyAV imports a module late."""
_UNKNOWN_SPACE = 1 << 30
"""Address space taken for an interpreter with libav where the system does not tell."""


def main() -> NoReturn:
    """Do the job on stdin, answer on stdout, and leave without waiting for anything."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no part of the answer

    def send(kind: bytes, content: bytes) -> None:
        view = memoryview(_FRAME.pack(kind, len(content)) + content)
        while view:
            view = view[out.write(view) :]

    try:
        send(b"E", json.dumps(_answer(sys.stdin.buffer, send)).encode())
    except (BrokenPipeError, EOFError):
        os._exit(1)  # the caller is gone
    os._exit(0)


def _answer(source: BinaryIO, send: Callable[[bytes, bytes], None]) -> dict[str, object]:
    (length,) = _HEADER.unpack(_exactly(source, _HEADER.size))
    job = json.loads(_exactly(source, length))
    try:
        from convo.audio import child
    except ImportError as error:
        return {"error": "missing", "reason": str(error)}
    try:
        confine(**job["confines"])
        return child.run(job, _exactly(source, job["size"]), send)
    except (BrokenPipeError, EOFError):
        raise
    except MemoryError:
        return {"error": "memory"}
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
        return {"error": "failed", "reason": f"{type(error).__name__}: {error}"}


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def confine(cpu: int, memory: int) -> None:
    """Limit this process to seconds of processor time and bytes of memory more than it has, and let it write no file.

    Where the system has no such limits nothing happens.
    """
    try:
        import resource
    except ImportError:
        return
    space = _address_space() + memory
    for which, soft, hard in (
        (resource.RLIMIT_CPU, cpu, cpu + 1),  # the soft one ends it with SIGXCPU, which says why
        (resource.RLIMIT_AS, space, space),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _FILES, _FILES),
    ):
        ceiling = resource.getrlimit(which)[1]
        limits = (soft, hard) if ceiling == resource.RLIM_INFINITY else (min(soft, ceiling), min(hard, ceiling))
        try:
            resource.setrlimit(which, limits)
        except (ValueError, OSError):
            continue  # macOS refuses to limit the address space; the other limits hold


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib takes 10 ms to load, of a process that takes 60
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _UNKNOWN_SPACE
