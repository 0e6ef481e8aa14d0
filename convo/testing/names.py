"""Ids that look like the API's and are the same in every run."""

from __future__ import annotations

from hashlib import sha256


class Names:
    """A maker of ids. Makers with different seeds make different ids."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0

    def make(self, prefix: str, length: int = 24) -> str:
        """Give the next id."""
        self._made += 1
        return prefix + sha256(f"{self._seed}/{prefix}/{self._made}".encode()).hexdigest()[:length]
