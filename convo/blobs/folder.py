"""A blob store in a folder: files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from convo.blobs.protocol import OBJECT, PIECE, Stored, check_name, digest_of
from convo.errors import BlobNotFound, BlobStoreFailed, InputError, ReadOnlyStore, StorageFull, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PART = ".part"
"""What the name of a file ends with while it is written."""
PAGE = 1_000
"""Objects of one page of a listing."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINKS
_BY_FD = os.open in os.supports_dir_fd
"""Whether folders are held open, so that nobody can put a link into the path meanwhile; not on Windows."""
_FOLDERS = (re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{2}"))


class FolderBlobs:
    """Bytes as files in a folder: `FolderBlobs("/var/lib/app/blobs")`.

    A file is written under another name, flushed to the disk, and then renamed. Folders are made with the mode 0700,
    files with 0600; links inside the folder are not followed. The folder itself is made with the first file, inside
    one that must be there. `name` stands in the database for it.
    """

    def __init__(self, path: str | os.PathLike[str], name: str = "folder") -> None:
        self._path = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no link is resolved, nothing is read
        if not os.fsdecode(path):
            reason = "FolderBlobs('') names no folder; pass its path"
            raise InputError(reason)
        self._name = check_name(name)

    def __repr__(self) -> str:
        """Show where it is."""
        return f"FolderBlobs({self._path!r}, name={self._name!r})"

    @property
    def name(self) -> str:
        """What stands in the database for this folder."""
        return self._name

    def put(self, name: str, data: bytes) -> None:
        """Store bytes; they are on the disk when this returns. Raises `StorageFull`, `ReadOnlyStore`, `BlobStoreFailed`."""
        digest_of(name)
        with self._typed(writing=True), self._folder(name, make=True) as (folder, file):
            try:
                _written(folder, file + PART, data)
                os.rename(_in(folder, file + PART), _in(folder, file), src_dir_fd=_fd(folder), dst_dir_fd=_fd(folder))
            except BaseException:
                with suppress(OSError):
                    os.unlink(_in(folder, file + PART), dir_fd=_fd(folder))
                raise
            _synced(folder)

    def read(self, name: str) -> Iterator[bytes]:
        """Give the bytes in pieces. Raises `BlobNotFound`, `BlobStoreFailed`."""
        digest = digest_of(name)
        with self._typed(), self._folder(name) as (folder, file):
            try:
                opened = os.open(_in(folder, file), os.O_RDONLY | _NO_LINKS, dir_fd=_fd(folder))
            except FileNotFoundError as error:
                raise BlobNotFound(digest) from error
            with open(opened, "rb", buffering=0) as source:  # noqa: PTH123 - opened relative to its folder
                while piece := source.read(PIECE):
                    yield piece

    def size(self, name: str) -> int | None:
        """Give the size of an object, None where there is none. Raises `BlobStoreFailed`."""
        digest_of(name)
        try:
            with self._typed(), self._folder(name) as (folder, file):
                found = os.stat(_in(folder, file), dir_fd=_fd(folder), follow_symlinks=False)
                return found.st_size if stat.S_ISREG(found.st_mode) else None
        except BlobNotFound:
            return None

    def delete(self, name: str) -> None:
        """Delete an object, or what is left of one that was never finished. Raises `ReadOnlyStore`, `BlobStoreFailed`."""
        digest_of(name.removesuffix(PART))
        with suppress(BlobNotFound), self._typed(writing=True), self._folder(name) as (folder, file):
            os.unlink(_in(folder, file), dir_fd=_fd(folder))
            _synced(folder)

    def objects(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """List objects, those that were never finished among them: their names end with `.part`."""
        if not os.path.isdir(self._path):  # noqa: PTH112 - it is made with the first file
            return
        page: list[Stored] = []
        for folder in self._walked(prefix.rstrip("/")):
            for file in self._names(folder):
                page += self._stored(f"{folder}/{file}")
                if len(page) >= PAGE:
                    yield page
                    page = []
        if page:
            yield page

    # --- inside ------------------------------------------------------------------------------------

    def _walked(self, inside: str) -> Iterator[str]:
        """Give the folders in a folder that hold files."""
        depth = len(inside.split("/")) if inside else 0
        if depth == len(_FOLDERS):
            yield inside
            return
        for name in self._names(inside):
            if _FOLDERS[depth].fullmatch(name):
                yield from self._walked(f"{inside}/{name}" if inside else name)

    def _names(self, inside: str) -> list[str]:
        try:
            with self._typed(), self._opened(inside, make=False) as folder:
                return sorted(os.listdir(folder))  # noqa: PTH208 - by its descriptor
        except BlobNotFound:
            return []

    def _stored(self, name: str) -> list[Stored]:
        if OBJECT.fullmatch(name.removesuffix(PART)) is None:
            return []
        try:
            with self._typed(), self._folder(name) as (folder, file):
                found = os.stat(_in(folder, file), dir_fd=_fd(folder), follow_symlinks=False)
        except BlobNotFound:
            return []
        return [Stored(name, found.st_size, found.st_mtime_ns // 1_000)] if stat.S_ISREG(found.st_mode) else []

    @contextmanager
    def _folder(self, name: str, *, make: bool = False) -> Iterator[tuple[int | str, str]]:
        """Give the folder of an object, open, and the object's name in it."""
        inside, _, file = name.rpartition("/")
        with self._opened(inside, make=make) as folder:
            yield folder, file

    @contextmanager
    def _opened(self, inside: str, *, make: bool) -> Iterator[int | str]:
        """Open a folder, one level after the other; where folders cannot be held open, give its path."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(self._path, 0o700)  # noqa: PTH102 - as below
                _synced_path(os.path.dirname(self._path))  # noqa: PTH120 - as below
        folder: int | str = os.open(self._path, _FOLDER & ~_NO_LINKS) if _BY_FD else self._path
        try:
            for level in filter(None, inside.split("/")):
                folder = _entered(folder, level, make=make)
            yield folder
        finally:
            if isinstance(folder, int):
                os.close(folder)

    @contextmanager
    def _typed(self, *, writing: bool = False) -> Iterator[None]:
        """Turn errors of the system into those of convo. A file or a folder that is not there is a `BlobNotFound`."""
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(self._place) from error
            if writing and error.errno in _READ_ONLY:
                raise ReadOnlyStore(self._place) from error
            if error.errno == errno.ENOENT and os.path.isdir(self._path):  # noqa: PTH112 - a plain question
                raise BlobNotFound("of an object in a folder") from error
            reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
            remedy = "check that the folder is there, is mounted, and holds no links"
            raise BlobStoreFailed(self._place, reason, remedy) from error

    @property
    def _place(self) -> str:
        return f"the folder {self._path}"


def _fd(folder: int | str) -> int | None:
    return folder if isinstance(folder, int) else None


def _in(folder: int | str, name: str) -> str:
    return name if isinstance(folder, int) else os.path.join(folder, name)  # noqa: PTH118 - names that we have checked


def _entered(folder: int | str, level: str, *, make: bool) -> int | str:
    """Go one level down, and let go of the level above."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(_in(folder, level), 0o700, dir_fd=_fd(folder))
            _synced(folder)
    if isinstance(folder, str):
        return _in(folder, level)
    inner = os.open(level, _FOLDER, dir_fd=folder)
    os.close(folder)
    return inner


def _written(folder: int | str, file: str, data: bytes) -> None:
    """Write a file that is not there yet, down to the disk; one that an earlier try has left is written anew."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINKS
    opened = os.open(_in(folder, file), flags, 0o600, dir_fd=_fd(folder))
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(opened, left) :]
        os.fsync(opened)
    finally:
        os.close(opened)


def _synced(folder: int | str) -> None:
    """Have what the folder holds survive a power cut."""
    if isinstance(folder, int):
        os.fsync(folder)


def _synced_path(path: str) -> None:
    if _BY_FD:
        opened = os.open(path, _FOLDER & ~_NO_LINKS)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
