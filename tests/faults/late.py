"""A worker whose API answers late: it is stopped meanwhile, or another one comes."""

from __future__ import annotations

from typing import Any

import convo
from tests.faults.echo import MODEL, Echo


class Slow(Echo):
    """A client whose API answers when it is told to."""

    def __init__(self, asked: Any, go: Any) -> None:
        super().__init__()
        self._asked, self._go = asked, go

    def create(self, **request: Any) -> Any:
        """Say that it was asked, and wait."""
        self._asked.set()
        self._go.wait()
        return super().create(**request)


def late(url: str, options: dict[str, Any], identifier: str, asked: Any, go: Any, told: Any) -> None:
    """Send a turn; tell how it ended."""
    with convo.Store(url, **options) as store:
        try:
            told.send(store.get(identifier).send(Slow(asked, go), "Hello", model=MODEL, key="k").text)
        except convo.ConvoError as error:
            told.send((error.code, error.committed))
