"""What does encryption cost? Adding a message, loading 1,000 of them, storing and fetching 1 MB: with a cipher, and without."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import convo
from benchmarks.side_by_side import Ways
from convo.audio.wave import wav_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Effort, Found

TEXT = "Is a golden retriever a good family dog? They are loyal, and need an hour of walking a day. " * 3
MESSAGES = 1_000
SOUND = 1_000_000


def adding(store: convo.Store) -> Callable[[], object]:
    """Add a message to a conversation."""
    chat = store.create()
    return lambda: chat.add(TEXT)


def loading(store: convo.Store) -> Callable[[], object]:
    """Load a conversation of 1,000 messages."""
    chat = store.create(messages=[{"role": "user", "content": TEXT}] * MESSAGES)
    return chat.history


def sounding(store: convo.Store) -> Callable[[], object]:
    """Store a recording of 1 MB, each of other bytes, and fetch it."""
    chat, numbers = store.create(), iter(range(1_000_000))

    def work() -> object:
        samples = next(numbers).to_bytes(8, "big") * (SOUND // 8)
        chat.add(convo.Audio.from_bytes(wav_header(len(samples)) + samples))
        return chat.load(chat.history(last=1)[0].audio)  # type: ignore[arg-type]

    return work


def run(effort: Effort) -> Found:
    """Compare on SQLite."""
    del effort
    with tempfile.TemporaryDirectory() as folder:
        keys = convo.Cipher.new_key_file(Path(folder) / "keys")
        stores = {
            name: convo.Store(f"sqlite:///{Path(folder)}/{number}.db", cipher=cipher, durability="relaxed")
            for number, (name, cipher) in enumerate((("without", None), ("with a cipher", convo.Cipher.from_file(keys))))
        }
        jobs = (("add a message", adding, 1.3), ("load 1,000 messages", loading, 2.5), ("1 MB of sound", sounding, 1.5))
        for what, way, limit in jobs:
            ways = {f"{what}, {name}": way(store) for name, store in stores.items()}
            yield Ways(what, ways, {f"{what}, with a cipher": limit}, rounds=30, batch=3)
        for store in stores.values():
            store.close()
