"""One bit of a stored message is flipped, wherever it is: `history(verify=True)` names the message, and so does the doctor."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from random import Random

import convo

MESSAGES = 50
"""Messages of the conversation of which one is changed."""
LOOKS = 50
"""Flips after which the doctor looks as well: it reads everything."""


def run(times: int) -> str:
    """Flip so many bits, one at a time. Raises `AssertionError` for one that nobody notices."""
    unreadable, looked = flipped(times, seed=times)
    return (
        f"{times:,} flipped bits, {times:,} found by history(verify=True), which named the message; {looked:,} of them shown to "
        f"the doctor, who found {looked:,}; {unreadable:,} could not even be read as text or JSON"
    )


def flipped(times: int, seed: int) -> tuple[int, int]:
    """Flip bits; give how many left no message that can be read, and how often the doctor looked."""
    random = Random(seed)
    unreadable = looked = 0
    with tempfile.TemporaryDirectory(prefix="convo-flips-") as folder:
        path = Path(folder) / "chat.db"
        with convo.Store(f"sqlite:///{path}", durability="relaxed") as store:
            chat = store.create(messages=[_message(random, number) for number in range(MESSAGES)])
            assert len(chat.history(verify=True)) == MESSAGES
            file = sqlite3.connect(path, isolation_level=None)
            try:
                for number in range(times):
                    position = random.randint(1, MESSAGES)
                    before = _flip(file, random, position)
                    assert _named(chat) == position, f"a flipped bit in message {position} was not found"
                    unreadable += not _readable(chat)
                    if number % LOOKS == 0:
                        looked += 1
                        found = [one.position for one in store.doctor() if one.kind == "body_changed"]
                        assert found == [position], f"the doctor found {found}, not {position}"
                    file.execute("UPDATE convo_message SET body = CAST(? AS TEXT) WHERE position = ?", (before, position))
                assert len(chat.history(verify=True)) == MESSAGES
            finally:
                file.close()
    return unreadable, looked


def _message(random: Random, number: int) -> dict[str, str]:
    words = " ".join(random.choice(("rain", "Regen", "雨", "pluie", "🌧", "1.0", '"')) for _ in range(random.randint(1, 60)))
    return {"role": random.choice(("user", "assistant")), "content": f"{number} {words}"}


def _flip(file: sqlite3.Connection, random: Random, position: int) -> bytes:
    """Flip one bit of a body; give the body as it was."""
    (before,) = file.execute("SELECT CAST(body AS BLOB) FROM convo_message WHERE position = ?", (position,)).fetchone()
    changed = bytearray(before)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    file.execute("UPDATE convo_message SET body = CAST(? AS TEXT) WHERE position = ?", (bytes(changed), position))
    return bytes(before)


def _named(chat: convo.Conversation) -> int | None:
    try:
        chat.history(verify=True)
    except convo.IntegrityError as error:
        return error.position
    return None


def _readable(chat: convo.Conversation) -> bool:
    """Whether all messages can be read without looking at hashes; what cannot is a typed error."""
    try:
        return bool(chat.to_chat())
    except convo.StoreError:
        return False
