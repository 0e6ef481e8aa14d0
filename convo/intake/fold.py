"""What folds a stream into one answer: the same for every API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convo.events import Delta


class Fold(ABC):
    """Folds the pieces of one streamed answer. It does no I/O."""

    @abstractmethod
    def feed(self, piece: object, /) -> list[Delta]:
        """Take the next piece, and give what it tells. Raises `AnswerError`; what was folded before stays as it is."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the answer came to its end."""

    @property
    @abstractmethod
    def empty(self) -> bool:
        """Whether nothing has arrived that a reply could hold."""

    @property
    def audio_size(self) -> int:
        """Bytes of sound so far."""
        return 0

    def audio(self, start: int = 0) -> bytes:  # noqa: ARG002 - the interface of those that have sound
        """Give the sound so far, from an offset in bytes on."""
        return b""

    def answer(self) -> dict[str, Any]:
        """Give the answer so far, as the body that the API would have sent in one piece."""
        return self.skeleton()

    @abstractmethod
    def skeleton(self) -> dict[str, Any]:
        """Give `answer()` with null in the place of its sound: `rebuilt(skeleton, audio)` is the answer again."""
