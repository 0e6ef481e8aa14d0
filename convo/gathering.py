"""An answer in pieces that a caller passes on as it is: read to its end by either edge, folded as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING

from convo.intake.reading import fold_of

if TYPE_CHECKING:
    from convo.intake.fold import Fold


def gathered(answer: object) -> tuple[object, Exception | None]:
    """Give the fold of a stream, and the error that broke it, if any; an answer that is no stream as it is.

    Raises `AnswerError` for a stream of nothing, and what broke one before anything came.
    """
    if not isinstance(answer, Iterator):
        return answer, None
    gathering = Gathering()
    try:
        for piece in answer:
            gathering.feed(piece)
    except Exception as error:  # noqa: BLE001 - what came before it is recorded, then it is raised
        return gathering.until(error)
    return gathering.whole(), None


async def gathered_async(answer: object) -> tuple[object, Exception | None]:
    """Give what `gathered` gives, of an async stream."""
    if not isinstance(answer, AsyncIterator):
        return gathered(answer)
    gathering = Gathering()
    try:
        async for piece in answer:
            gathering.feed(piece)
    except Exception as error:  # noqa: BLE001 - what came before it is recorded, then it is raised
        return gathering.until(error)
    return gathering.whole(), None


class Gathering:
    """A stream on its way into a fold, which its first piece chooses."""

    def __init__(self) -> None:
        self._fold: Fold | None = None

    def feed(self, piece: object) -> None:
        """Take the next piece. Raises `AnswerError`."""
        if self._fold is None:
            kind = piece.get("type") if isinstance(piece, Mapping) else getattr(piece, "type", None)
            self._fold = fold_of("responses" if isinstance(kind, str) else "chat")
        self._fold.feed(piece)

    def until(self, error: Exception) -> tuple[Fold, Exception]:
        """Give what came before an error; raise it where nothing did."""
        if self._fold is None or self._fold.empty:
            raise error
        return self._fold, error

    def whole(self) -> Fold:
        """Give what came."""
        return self._fold if self._fold is not None else fold_of("chat")
