"""`Cipher`: what wraps the data keys of owners. Keys in a file of the caller's, or any two functions, such as of a KMS."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pybase64

from convo.checks import check_type
from convo.errors import InputError, KeyUnavailable, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZE = 32
"""Bytes of every key: AES-256."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WRAPPED: Final = "convo data key"


def aead_of(key: bytes) -> Any:
    """Give what seals with a key. Raises `MissingDependency`."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingDependency("cryptography", "crypto", "cipher=") from error
    return AESGCM(key)


class Cipher:
    """What wraps the data keys of owners, passed to a store as `cipher=`.

    `wrap(key, owner)` is given 32 bytes and gives bytes to store; `unwrap(wrapped, owner)` gives the 32 bytes back, or raises:
    the store then raises `KeyUnavailable` from that. They may wait for a key service: no transaction is held meanwhile (but
    inside `within()`), what they give is remembered by the store object, and with `AsyncStore` they may be coroutine functions.
    Pass the owner to the service as context where it can (AWS calls it the encryption context). `name` is that of the key
    which wraps now, up to 64 of A-Z, a-z, 0-9, ".", "_" and "-"; it is stored beside what is wrapped, and when it is another,
    `store.rotate_keys()` wraps all anew.

    What was written before there was a cipher is read as it is. Whoever can write to the database could put such rows there:
    with `only_sealed`, once `store.seal()` has sealed all, what is not sealed raises `SealBroken`. An older row that is put back
    to where it was is not noticed, nor one that was deleted.

    Raises `InputError`, `MissingDependency`.
    """

    def __init__(
        self, *, wrap: Callable[[bytes, str], Any], unwrap: Callable[[bytes, str], Any], name: str = "default",
        only_sealed: bool = False,
    ) -> None:  # fmt: skip
        for label, function in (("wrap", wrap), ("unwrap", unwrap)):
            if not callable(function):
                reason = f"{label}= takes a function of bytes and an owner, not a {type(function).__name__}"
                raise InputError(reason)
        aead_of(bytes(SIZE))
        self.name = _checked_name(name)
        self.only_sealed = only_sealed
        self._wrap = wrap
        self._unwrap = unwrap
        self._keys: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        """Show the name of the key; no key is shown."""
        return f"<Cipher {self.name!r}>"

    def __reduce__(self) -> Any:
        """Refuse: keys do not travel in pickles."""
        reason = "a Cipher is not pickled: its keys would stand in the pickle; make it where it is used"
        raise TypeError(reason)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, only_sealed: bool = False) -> Cipher:
        """Take the keys of a file that `new_key_file` made. The last one wraps, all unwrap.

        A line is a name, a space, and a key of 32 bytes in base64; empty lines and those that begin with "#" say nothing.
        Raises `KeyUnavailable` for a file that is not there, is no such file, or that others than its owner may read.
        """
        keys = {name: aead_of(key) for name, key in _read(Path(path)).items()}
        newest = list(keys)[-1]
        found = cls(wrap=_wrap_by(keys[newest]), unwrap=_unwrap_by(keys[newest]), name=newest, only_sealed=only_sealed)
        found._keys = keys  # noqa: SLF001 - of the same class
        return found

    @staticmethod
    def new_key_file(path: str | os.PathLike[str], name: str = "key-1") -> Path:
        """Make a file with one new key, which only its owner may read, and give its path.

        Keep a copy where the database is not: without the key nothing can be read again. Raises `KeyUnavailable` where a file
        is already, or none can be made.
        """
        _checked_name(name)
        where = Path(path)
        try:
            _write(where, _line(name), os.O_CREAT | os.O_EXCL)
        except FileExistsError as error:
            remedy = "nothing was changed; add a key to it with Cipher.add_key(), or choose another path"
            raise KeyUnavailable(f"there is a file at {where} already", remedy) from error
        except OSError as error:
            raise KeyUnavailable(f"no key file can be made at {where} ({error.strerror})", "choose another path") from error
        return where

    @staticmethod
    def add_key(path: str | os.PathLike[str], name: str | None = None) -> str:
        """Add a new key to a key file, and give its name, by default "key-2" and so on: it wraps from now on.

        Have all processes read the file again before any of them wraps by it; then `store.rotate_keys()` wraps what is there
        anew, after which the older keys may be taken out of the file. Raises `KeyUnavailable`, `InputError`.
        """
        where = Path(path)
        keys = _read(where)
        found = _checked_name(name) if name is not None else _next_name(keys)
        if found in keys:
            reason = f"the key file has a key named {found!r} already; choose another name"
            raise InputError(reason)
        text = where.read_text("ascii")
        fresh = where.with_name(f"{where.name}.new")
        try:
            _write(fresh, f"{text}{'' if text.endswith(chr(10)) else chr(10)}{_line(found)}", os.O_CREAT | os.O_EXCL)
            fresh.replace(where)
        except OSError as error:
            raise KeyUnavailable(f"the key file {where} cannot be changed ({error.strerror})", f"look at {fresh}") from error
        return found

    # --- what a store does with it -----------------------------------------------------------------

    def wrapping(self) -> Callable[[bytes, str], Any]:
        """Give the function that wraps."""
        return self._wrap

    def unwrapping(self, name: str) -> Callable[[bytes, str], Any]:
        """Give the function that unwraps what the key of this name has wrapped. Raises `KeyUnavailable`."""
        if not self._keys or name == self.name:
            return self._unwrap
        if name not in self._keys:
            remedy = f"the key file has {', '.join(map(repr, self._keys))}: put that key back into it"
            raise KeyUnavailable(f"the data key is wrapped by the key {name!r}, which was not given", remedy)
        return _unwrap_by(self._keys[name])


def _wrap_by(aead: Any) -> Callable[[bytes, str], bytes]:
    def wrap(key: bytes, owner: str) -> bytes:
        nonce = secrets.token_bytes(12)
        sealed: bytes = aead.encrypt(nonce, key, _context(owner))
        return nonce + sealed

    return wrap


def _unwrap_by(aead: Any) -> Callable[[bytes, str], bytes]:
    def unwrap(wrapped: bytes, owner: str) -> bytes:
        key: bytes = aead.decrypt(wrapped[:12], wrapped[12:], _context(owner))
        return key

    return unwrap


def _context(owner: str) -> bytes:
    return f"{_WRAPPED}\x1f{owner}".encode()


def _checked_name(name: str) -> str:
    check_type(name, str, "name", "the name of a key")
    if _NAME.fullmatch(name) is None:
        reason = "the name of a key is up to 64 of A-Z, a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
        raise InputError(reason)
    return name


def _next_name(keys: Mapping[str, bytes]) -> str:
    number = len(keys) + 1
    while f"key-{number}" in keys:
        number += 1
    return f"key-{number}"


# --- the file --------------------------------------------------------------------------------------


def _line(name: str) -> str:
    return f"{name} {pybase64.b64encode_as_string(secrets.token_bytes(SIZE))}\n"


def _write(path: Path, text: str, flags: int) -> None:
    """Write a file whole, readable by its owner alone, so that it survives a power cut."""
    with os.fdopen(os.open(path, os.O_WRONLY | flags, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(1_000_000)
    except OSError as error:
        raise KeyUnavailable(
            f"the key file {path} cannot be read ({error.strerror})", "check the path, or make one: Cipher.new_key_file(path)"
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnavailable(f"others than its owner may read the key file {path}", f"take that away: chmod 600 {path}")
    return _parsed(path, data)


def _parsed(path: Path, data: bytes) -> dict[str, bytes]:
    """Read keys; what is wrong is told by its line, never by what stands there."""
    keys: dict[str, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        name, _, encoded = line.decode("latin-1").strip().partition(" ")
        try:
            key = pybase64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            key = b""
        if _NAME.fullmatch(name) is None or len(key) != SIZE or name in keys:
            what = "the name of another line" if name in keys else "no name with 32 bytes in base64"
            raise KeyUnavailable(f"line {number} of the key file {path} is {what}", "restore it from its copy")
        keys[name] = key
    if not keys:
        raise KeyUnavailable(f"the key file {path} holds no key", "restore it from its copy")
    return keys
