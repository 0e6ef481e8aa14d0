"""Bytes from and to files: a path, an open binary file, bytes themselves, or text that holds or names them.

A file is written whole or not at all.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from convo.audio.texts import Source, from_data_url, recording_in
from convo.errors import BadAudio, UrlNotAllowed

if TYPE_CHECKING:
    from convo.audio.fetch import Fetch

_LONGEST_PATH = 4_096
"""Characters of a path, PATH_MAX of Linux; longer text was meant as something else."""
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def read_source(source: str | os.PathLike[str] | BinaryIO | bytes, fetch: Fetch | None = None) -> Source:
    """Give the bytes of a path, an open binary file, bytes, base64, a data URL or, with `fetch`, a URL.

    A text is told apart without a look at the disk. Raises `BadAudio` for anything else, `UrlNotAllowed` and
    `FetchFailed` as `Fetch` says, `OSError` as `open` does.
    """
    match source:
        case bytes() | bytearray() | memoryview():
            return Source(bytes(source))
        case str():
            return _read_text(source, fetch)
        case os.PathLike():
            return Source(Path(source).read_bytes())
    read = getattr(source, "read", None)
    found: object = read() if callable(read) else None
    if isinstance(found, bytes | bytearray | memoryview):
        return Source(bytes(found))
    raise BadAudio(f"a recording cannot be read from a {type(source).__name__}", "pass a path, bytes, or a file opened with 'rb'")


def _read_text(text: str, fetch: Fetch | None) -> Source:
    if text[:5].lower() == "data:":
        return from_data_url(text)
    if match := _URL.match(text):
        return Source(_fetched(text, match[1].lower(), fetch))
    if (found := recording_in(text)) is not None:
        return Source(found)
    if len(text) > _LONGEST_PATH or "\0" in text:
        raise BadAudio(
            f"the text of {len(text):,} characters is no path, URL, or base64 of a known format",
            "pass base64 of raw audio to Audio.from_base64(text, 'pcm16')",
        )
    return Source(Path(text).read_bytes())


def _fetched(url: str, scheme: str, fetch: Fetch | None) -> bytes:
    from convo.audio.fetch import fetched, shown

    if fetch is None:
        remedy = "pass fetch=convo.Fetch() to allow it, or the bytes themselves"
        if scheme not in ("http", "https"):
            remedy = "pass a path, the bytes, or a URL of http or https with fetch=convo.Fetch()"
        raise UrlNotAllowed(shown(url), "URLs are not fetched unless it is asked for", remedy)
    return fetched(url, fetch)


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
