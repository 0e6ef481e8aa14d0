"""Bytes from and to files: a path, an open binary file, or bytes themselves.

A file is written whole or not at all.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import BinaryIO

from convo.errors import BadAudio


def read_source(source: str | os.PathLike[str] | BinaryIO | bytes) -> bytes:
    """Give the bytes of a path, an open binary file or bytes. Raises `BadAudio` for anything else, `OSError` as `open` does."""
    match source:
        case bytes() | bytearray() | memoryview():
            return bytes(source)
        case str() | os.PathLike():
            return Path(source).read_bytes()
    read = getattr(source, "read", None)
    found: object = read() if callable(read) else None
    if isinstance(found, bytes):
        return found
    raise BadAudio(f"a recording cannot be read from a {type(source).__name__}", "pass a path, bytes, or a file opened with 'rb'")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file through a temporary one in the same folder: readers see the old bytes or all of the new ones.

    Raises `OSError`; the temporary file is removed then.
    """
    temporary = path.with_name(f".convo-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
