"""Ciphers for tests: a key service in memory that counts what it is asked, and can refuse."""

from __future__ import annotations

import secrets

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import convo


@attrs.define
class KeyService:
    """Wraps and unwraps like a key service elsewhere, with the owner as context."""

    name: str = "kms-1"
    key: bytes = attrs.field(factory=lambda: AESGCM.generate_key(256))
    wraps: int = 0
    unwraps: int = 0
    refuses: Exception | None = None

    def wrap(self, key: bytes, owner: str) -> bytes:
        self.wraps += 1
        if self.refuses is not None:
            raise self.refuses
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self.key).encrypt(nonce, key, owner.encode())

    def unwrap(self, wrapped: bytes, owner: str) -> bytes:
        self.unwraps += 1
        if self.refuses is not None:
            raise self.refuses
        return AESGCM(self.key).decrypt(wrapped[:12], wrapped[12:], owner.encode())

    async def wrap_later(self, key: bytes, owner: str) -> bytes:
        return self.wrap(key, owner)

    async def unwrap_later(self, wrapped: bytes, owner: str) -> bytes:
        return self.unwrap(wrapped, owner)

    def cipher(self) -> convo.Cipher:
        return convo.Cipher(wrap=self.wrap, unwrap=self.unwrap, name=self.name)


def shared_cipher() -> convo.Cipher:
    """A cipher that all stores of a run share, as the processes of an application do."""
    return KeyService().cipher()
