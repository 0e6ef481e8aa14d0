"""What seals and opens the values of rows: `Keyring` with a cipher, `Plain` without. Neither does I/O.

A keyring that lacks a key raises `KeysWanted`: the unit of work ends, the key is fetched and unwrapped with no transaction
held, and the unit of work begins again (see `convo.steps.keys`).
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any

import attrs

from convo.errors import KeyUnavailable, SealBroken
from convo.sealing import form
from convo.sealing.cipher import SIZE, aead_of
from convo.sealing.form import Box, associated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.sealing.cipher import Cipher


OBJECT = "object"
"""What objects of blob stores are called where rows have a table and a column."""


class KeysWanted(Exception):  # noqa: N818 - no error: it asks for something, and is always answered
    """A value needs a data key that is not at hand: `number` of `owner`, None for one to seal with."""

    def __init__(self, keyring: Keyring, owner: str, number: int | None) -> None:
        super().__init__("a data key is wanted")
        self.keyring = keyring
        self.owner = owner
        self.number = number


@attrs.frozen(repr=False)
class _Keys:
    """The data keys of an owner, as what seals with them, by number, as text, too; the newest seals. `mac` makes digests."""

    aeads: Mapping[int, Any]
    by_text: Mapping[str, Any]
    newest: int
    mac: bytes


def _derived(key: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=SIZE, salt=None, info=b"convo " + purpose).derive(key)


class Plain:
    """Seals nothing, and opens nothing that is sealed: the store was given no cipher."""

    seals = False

    def seal_text(self, column: str, owner: str, keys: tuple[object, ...], value: str) -> str:
        """Give what is stored for a text."""
        del column, owner, keys
        return form.verbatim_text(value)

    def seal_bytes(self, column: str, owner: str, keys: tuple[object, ...], value: bytes) -> bytes:
        """Give what is stored for bytes."""
        del column, owner, keys
        return form.verbatim_bytes(value)

    def open_text(self, column: str, owner: str | None, keys: tuple[object, ...], value: str) -> str:
        """Give the text that is stored. Raises `KeyUnavailable`, `SealBroken`."""
        if form.is_sealed_text(value):
            self._refuse(column, owner, keys)
        return form.plain_text(value)

    def open_bytes(self, column: str, owner: str | None, keys: tuple[object, ...], value: bytes) -> bytes:
        """Give the bytes that are stored. Raises `KeyUnavailable`, `SealBroken`."""
        if form.is_sealed_bytes(value):
            self._refuse(column, owner, keys)
        return form.plain_bytes(value)

    @staticmethod
    def _refuse(column: str, owner: str | None, keys: tuple[object, ...]) -> None:
        del column, keys
        raise KeyUnavailable(
            "what is stored is encrypted, and this store was given no cipher", "pass cipher= as the store that wrote it has",
            owner=owner,
        )  # fmt: skip

    def seal_object(self, owner: str, digest: str, data: bytes) -> bytes:
        """Give the content of an object of a blob store that holds bytes of this digest. Raises `KeysWanted`."""
        del owner, digest
        return data

    def open_object(self, owner: str, digest: str, size: int, data: bytes) -> bytes:
        """Give the bytes that an object holds, `size` of them; what is neither them nor sealed is given as it is.

        Raises `KeysWanted`, `KeyUnavailable` and `SealBroken`.
        """
        if len(data) != size + form.OVERHEAD or not form.is_sealed_bytes(data):
            return data
        return self.open_bytes(OBJECT, owner, (digest,), data)

    def digests(self, owner: str, digest: bytes) -> tuple[bytes, ...]:
        """Give what may be stored for the SHA-256 of a text; the first is what is written."""
        del owner
        return (digest,)

    def cannot_open(self, owner: str, value: str | bytes) -> bool:
        """Say whether a value is sealed and its key was found to be missing; without a cipher every sealed one is so."""
        del owner
        return form.is_sealed_text(value) if isinstance(value, str) else form.is_sealed_bytes(value)

    def lost_count(self, *, anew: bool = False) -> int:
        """Give how many keys could not be had, since it was last counted `anew`."""
        del anew
        return 0

    def held(self) -> Plain:
        """Give what seals inside a transaction of the caller's."""
        return self

    def begins(self, transaction: object) -> None:
        """Take note of the caller's transaction."""

    def current(self, owner: str) -> int | None:
        """Give the number of the key that seals; None: nothing does."""
        del owner
        return None

    def forget(self, owner: str) -> None:
        """Forget the keys of an owner, such as one whose data were erased."""


PLAIN = Plain()


class Keyring(Plain):
    """Seals with the data keys of owners, as far as they are at hand; shared by all views of a store."""

    seals = True

    def __init__(self, cipher: Cipher, now: Callable[[], int], shared: Keyring | None = None) -> None:
        from cryptography.exceptions import InvalidTag

        self.cipher = cipher
        self.now = now
        self._invalid = InvalidTag
        self.lost: set[tuple[str, int | None]] = set()
        """Keys that could not be had: `doctor` says so and goes on."""
        self._shared = shared
        self._known: dict[str, _Keys] = {}
        self._transaction: object = None

    def __repr__(self) -> str:
        """Show nothing of the keys."""
        return f"<Keyring of {self.cipher!r}>"

    # --- which keys there are ----------------------------------------------------------------------

    def lost_count(self, *, anew: bool = False) -> int:
        """Give how many keys could not be had, since it was last counted `anew`."""
        if anew:
            self.lost.clear()
        return len(self.lost)

    def held(self) -> Keyring:
        """Give what seals inside a transaction of the caller's: keys that are learned there may be rolled back with it."""
        return Keyring(self.cipher, self.now, self)

    def begins(self, transaction: object) -> None:
        """Take note of the caller's transaction: what was learned in another one is looked up again."""
        if transaction != self._transaction:
            self._known.clear()
            self._transaction = transaction

    def learn(self, owner: str, keys: Mapping[int, bytes]) -> None:
        """Take the data keys of an owner, all that there are."""
        if not keys:
            self._known.pop(owner, None)
            return
        aeads = {number: aead_of(_derived(key, b"values")) for number, key in keys.items()}
        by_text = {str(number): aead for number, aead in aeads.items()}
        self._known[owner] = _Keys(aeads, by_text, max(keys), _derived(keys[min(keys)], b"digests"))

    def has(self, owner: str, number: int | None) -> bool:
        """Say whether a key is at hand."""
        keys = self._keys(owner)
        return keys is not None and (number is None or number in keys.aeads)

    def forget(self, owner: str) -> None:
        """Forget the keys of an owner."""
        self._known.pop(owner, None)
        if self._shared is not None:
            self._shared.forget(owner)

    def current(self, owner: str) -> int:
        """Give the number of the key that seals. Raises `KeysWanted`."""
        return self._sealing(owner).newest

    def _keys(self, owner: str) -> _Keys | None:
        found = self._known.get(owner)
        return self._shared._keys(owner) if found is None and self._shared is not None else found  # noqa: SLF001 - its own kind

    def _sealing(self, owner: str) -> _Keys:
        keys = self._keys(owner)
        if keys is None:
            raise KeysWanted(self, owner, None)
        return keys

    # --- values ------------------------------------------------------------------------------------

    def seal_text(self, column: str, owner: str, keys: tuple[object, ...], value: str) -> str:
        """Give what is stored for a text. Raises `KeysWanted`."""
        beside = form.references_of(value) if column == "convo_exchange.raw" else ""
        bound = associated(column, owner, keys, beside)
        return form.text_of(self._sealed(owner, value.encode("utf-8", "surrogatepass"), bound, beside))

    def seal_object(self, owner: str, digest: str, data: bytes) -> bytes:
        """Give the content of an object of a blob store that holds bytes of this digest. Raises `KeysWanted`."""
        return self.seal_bytes(OBJECT, owner, (digest,), data)

    def seal_bytes(self, column: str, owner: str, keys: tuple[object, ...], value: bytes) -> bytes:
        """Give what is stored for bytes. Raises `KeysWanted`."""
        return form.bytes_of(self._sealed(owner, value, associated(column, owner, keys)))

    def cannot_open(self, owner: str, value: str | bytes) -> bool:
        """Say whether a value is sealed by a key that could not be had."""
        if not super().cannot_open(owner, value):
            return False
        try:
            number = form.number_of(form.split(value)[0]) if isinstance(value, str) else form.bytes_box(value).number
        except ValueError:
            return False
        return (owner, None) in self.lost or (owner, number) in self.lost

    def _sealed(self, owner: str, value: bytes, bound: bytes, beside: str = "") -> Box:
        known = self._sealing(owner)
        nonce = secrets.token_bytes(form.NONCE)
        return Box(known.newest, nonce, known.aeads[known.newest].encrypt(nonce, value, bound), beside)

    def open_text(self, column: str, owner: str | None, keys: tuple[object, ...], value: str) -> str:
        """Give the text that is stored. Raises `KeysWanted`, `SealBroken`."""
        if owner is None or not form.is_sealed_text(value):
            self._in_the_clear(column, owner, keys)
            return form.plain_text(value)
        known = self._keys(owner)
        try:
            number, data, beside = form.split(value)
            aead = None if known is None else known.by_text.get(number)
            if aead is None:
                raise KeysWanted(self, owner, form.number_of(number))
            text: bytes = aead.decrypt(data[: form.NONCE], data[form.NONCE :], associated(column, owner, keys, beside))
        except (self._invalid, ValueError) as error:
            raise SealBroken(column, owner, keys) from error
        return text.decode("utf-8", "surrogatepass")

    def open_bytes(self, column: str, owner: str | None, keys: tuple[object, ...], value: bytes) -> bytes:
        """Give the bytes that are stored. Raises `KeysWanted`, `SealBroken`."""
        if owner is None or not form.is_sealed_bytes(value):
            self._in_the_clear(column, owner, keys)
            return form.plain_bytes(value)
        try:
            box = form.bytes_box(value)
        except ValueError as error:
            raise SealBroken(column, owner, keys) from error
        return self._opened(box, column, owner, keys)

    def _opened(self, box: Box, column: str, owner: str, keys: tuple[object, ...]) -> bytes:
        known = self._keys(owner)
        aead = None if known is None else known.aeads.get(box.number)
        if aead is None:
            raise KeysWanted(self, owner, box.number)
        try:
            value: bytes = aead.decrypt(box.nonce, box.content, associated(column, owner, keys, box.beside))
        except (self._invalid, ValueError) as error:
            raise SealBroken(column, owner, keys) from error
        return value

    def open_object(self, owner: str, digest: str, size: int, data: bytes) -> bytes:
        """Give the bytes that an object holds, `size` of them; what is neither them nor sealed is given as it is.

        Raises `KeysWanted` and `SealBroken`.
        """
        if len(data) == size and not self.cipher.only_sealed:
            return data
        return self.open_bytes(OBJECT, owner, (digest,), data)

    def _in_the_clear(self, column: str, owner: str | None, keys: tuple[object, ...]) -> None:
        if self.cipher.only_sealed:
            raise SealBroken(column, owner or "", keys)

    def digests(self, owner: str, digest: bytes) -> tuple[bytes, ...]:
        """Give what may be stored for the SHA-256 of a text: an HMAC, so that short texts cannot be guessed; or itself."""
        return hmac.digest(self._sealing(owner).mac, digest, "sha256"), digest
