"""An owner with something of every kind, and a canary in each, so that what is left of it is found anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import convo
from tests.support.builders import wav

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI


def sound(owner: str, number: int = 0) -> bytes:
    """A recording that no other owner has; its sound is looked for as bytes."""
    return wav(0.1, pitch=200.0 + crc32(owner.encode()) % 1_000_000 / 1_000 + 1_000 * number)


def canary(owner: str, what: str) -> str:
    """A text that is looked for; it is long and has no word of any other."""
    return f"{owner}says{what}"


def fill(store: Any, client: Any, fake: FakeAPI, owner: str) -> Any:
    """Give an owner two conversations that share messages, a left branch, notes, bytes, a preset, calls and an index."""
    mine = store.owned_by(owner)
    fake.will_reply(canary(owner, "reply"), spoken=False)
    chat = mine.create(
        instructions=canary(owner, "instructions"), title=canary(owner, "title"), key=canary(owner, "key"),
        metadata={"where": canary(owner, "metadata")},
    )  # fmt: skip
    recording = convo.Audio.from_bytes(sound(owner), transcript=canary(owner, "transcript"))
    chat.add(canary(owner, "question"), metadata={"why": canary(owner, "label")})
    chat.add(recording)
    chat.send(client, canary(owner, "asked"), model="gpt-audio-1.5", modalities=["text"], key=canary(owner, "turn"))
    chat.annotate(2, note=canary(owner, "note"))
    chat.edit(4, canary(owner, "edited"))
    fork = chat.fork(title=canary(owner, "fork"))
    fork.add(convo.Audio.from_bytes(sound(owner, 1), transcript=None))
    mine.save_preset(convo.Preset(name=canary(owner, "preset"), voice="alloy"))
    assert mine.search(canary(owner, "question")) != []
    return chat


def found(folder: Path, owner: str) -> list[str]:
    """Give what is found of an owner in any file of a folder, with the names of the files."""
    needles = [owner.encode(), sound(owner)[44:], sound(owner, 1)[44:]]
    hits = []
    for file in sorted(folder.rglob("*")):
        data = file.read_bytes().lower() if file.is_file() else b""
        hits += [f"{file.name}: {needle[:20]!r} at {data.find(needle.lower())}" for needle in needles if needle.lower() in data]
    return hits
