"""What a server loads before it forks its workers: imported for a turn on a database in memory, after which all is compiled."""

from __future__ import annotations

import convo
from tests.faults.echo import MODEL, Echo


def warm(store: convo.Store) -> None:
    """Do everything once."""
    chat = store.create(key="warm")
    chat.send(Echo(), "question", model=MODEL, key="warm")
    chat.add("from nobody")


with convo.Store("sqlite://") as memory:
    warm(memory)
