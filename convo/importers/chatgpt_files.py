"""The files of ChatGPT's export: a zip, its folder, or `conversations.json` alone, read a conversation at a time.

Newer exports split the list, `conversations-000.json` and so on. An asset is a file whose name begins with the id that a
pointer ends with: `sediment://file_000ab` is `file_000ab-<uuid>.png`, in whatever folder of the export.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from convo.errors import MissingDependency, NotImportable
from convo.extract import MAX_RECORDING
from convo.importers.chatgpt import NAME, conversation_of
from convo.importers.foreign import Lost, Skipped
from convo.importers.reading import Unreadable, known_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.importers.foreign import ForeignConversation

MOST = 500_000_000
"""Bytes of JSON that one conversation may have: it is in memory as a whole."""
_LIST = re.compile(r"conversations(-\d+)?\.json")
_ASSET = re.compile(r"file[-_][A-Za-z0-9]+")
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What reading raises of files that are gone, damaged, encrypted, or compressed in a way that nothing here knows."""
_REMEDY = "pass the zip that ChatGPT sends, the folder that it unpacks to, or its conversations.json"


@attrs.frozen
class Found:
    """A file of the export."""

    name: str
    data: bytes = attrs.field(repr=False)


class ChatGPTExport:
    """An export, opened. `done` of `total` bytes of its conversations are read."""

    def __init__(self, path: str) -> None:
        """Open it. Raises `NotImportable`."""
        self.done = 0
        self.total = 0
        self._zip: zipfile.ZipFile | None = None
        self._lists: list[tuple[str, Callable[[], IO[bytes]], int]] = []
        self._assets: dict[str, tuple[str, Callable[[], IO[bytes]], int]] = {}
        try:
            if os.path.isdir(path):  # noqa: PTH112 - a path in text
                self._in_folder(path)
            elif zipfile.is_zipfile(path):
                self._in_zip(path)
            else:
                file = Path(path)
                self._lists = [(file.name, lambda: file.open("rb"), file.stat().st_size)]
        except (OSError, zipfile.BadZipFile) as error:
            raise NotImportable(NAME, f"{path} cannot be read ({_word(error)})", _REMEDY) from error
        if not self._lists:
            raise NotImportable(NAME, f"{path} holds no conversations.json", _REMEDY)
        self._lists.sort(key=lambda entry: entry[0])
        self.total = sum(size for _, _, size in self._lists)

    def close(self) -> None:
        """Let go of it."""
        if self._zip is not None:
            self._zip.close()

    def _in_folder(self, path: str) -> None:
        for folder, _, names in os.walk(path):
            for name in names:
                file = Path(folder) / name
                if file.is_file() and not file.is_symlink():
                    self._index(name, lambda file=file: file.open("rb"), file.stat().st_size)  # type: ignore[misc]  # bound now

    def _in_zip(self, path: str) -> None:
        self._zip = opened = zipfile.ZipFile(path)
        for info in opened.infolist():
            if not info.is_dir():
                self._index(info.filename.rpartition("/")[2], lambda info=info: opened.open(info), info.file_size)  # type: ignore[misc]  # bound now

    def _index(self, name: str, opening: Callable[[], IO[bytes]], size: int) -> None:
        if _LIST.fullmatch(name):
            self._lists.append((name, opening, size))
        elif match := _ASSET.match(name):
            self._assets.setdefault(match[0], (name, opening, size))

    # --- assets ------------------------------------------------------------------------------------

    def find(self, pointer: str) -> Found | None:
        """Give the file of an asset, None where it is not in the export, cannot be read, or is too large."""
        for identifier in reversed(_ASSET.findall(pointer)):
            if (entry := self._assets.get(identifier)) is not None:
                name, opening, size = entry
                return Found(name, data) if size <= MAX_RECORDING and (data := _bytes(opening)) is not None else None
        return None

    # --- conversations -----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read the conversations. Raises `NotImportable` where a list is none, or breaks off."""
        number = 0
        for name, opening, _ in self._lists:
            for raw in self._items(name, opening):
                number += 1
                yield self._conversation(raw, number)

    def _conversation(self, raw: object, number: int) -> ForeignConversation | Skipped:
        try:
            return _read(raw, self.find)
        except Unreadable as error:
            if number == 1 and not (isinstance(raw, dict) and raw.get("mapping") is not None):
                raise NotImportable(NAME, f"its first entry is no conversation: {error}", _REMEDY) from error
            identifier = raw.get("conversation_id") or raw.get("id") if isinstance(raw, dict) else None
            known = identifier if isinstance(identifier, str | int) and identifier else f"number {number}"
            return Skipped(known_by(known), Lost("conversation", str(error)))

    def _items(self, name: str, opening: Callable[[], IO[bytes]]) -> Iterator[object]:
        ijson = _ijson()
        try:
            with opening() as file:
                yield from self._parsed(ijson, name, _Counted(file, self, name))
        except _UNREADABLE as error:
            raise NotImportable(NAME, f"{name} cannot be read ({_word(error)})", _REMEDY) from error

    def _parsed(self, ijson: Any, name: str, counted: _Counted) -> Iterator[object]:
        begin = counted.peek()
        if begin[:1] not in (b"[", b"{"):
            raise NotImportable(NAME, f"{name} is no JSON list of conversations", _REMEDY)
        path = "item" if begin[:1] == b"[" else "conversations.item"
        try:
            for item in ijson.items(counted, path, use_float=True):
                counted.since = 0
                yield item
        except ijson.JSONError as error:
            whole = f"{name} is no JSON from byte {counted.read_bytes:,} on, or breaks off there"
            raise NotImportable(NAME, whole, "ask for the export once more; what came before that is imported") from error


def _read(raw: object, find: Callable[[str], Found | None]) -> ForeignConversation:
    """Give a conversation. Raises `Unreadable`, also where texts should be and JSON is that nothing can print."""
    try:
        return conversation_of(raw, find)
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error


class _Counted:
    """A file that counts what is read of it, and refuses a conversation that would fill the memory."""

    def __init__(self, file: IO[bytes], export: ChatGPTExport, name: str) -> None:
        self._file = file
        self._export = export
        self._name = name
        self._begin = b""
        self.since = 0
        self.read_bytes = 0

    def peek(self) -> bytes:
        """Give how the text begins: what comes before is no part of it."""
        while not self._begin and (piece := self._file.read(4096)):
            self._begin = piece.removeprefix(b"\xef\xbb\xbf").lstrip()
        return self._begin

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        if not size:
            return b""
        piece, self._begin = (self._begin, b"") if self._begin else (self._file.read(size), b"")
        self.since += len(piece)
        self.read_bytes += len(piece)
        self._export.done += len(piece)
        if self.since > MOST:
            reason = f"{self._name} holds a conversation of more than {MOST:,} bytes"
            raise NotImportable(NAME, reason, "take it out of the list; what came before it is imported")
        return piece


def _ijson() -> Any:
    try:
        import ijson
    except ModuleNotFoundError as error:
        raise MissingDependency("ijson", "chatgpt", "reading ChatGPT's export") from error
    return ijson


def _bytes(opening: Callable[[], IO[bytes]]) -> bytes | None:
    """Give what a file holds; a zip may lie about the size of its files."""
    try:
        with opening() as file:
            data = file.read(MAX_RECORDING + 1)
    except _UNREADABLE:
        return None
    return data if len(data) <= MAX_RECORDING else None


def _word(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
