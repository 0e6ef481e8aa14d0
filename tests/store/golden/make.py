"""Make the golden databases of a revision, with the code of its time: run it in a checkout of that code.

    python tests/store/golden/make.py FOLDER [POSTGRESQL_URL PG_DUMP]

It writes FOLDER/convo_000N.sqlite, with a URL also FOLDER/convo_000N.sql, a dump of the schema `convo_golden`, and
FOLDER/convo_000N.json: what must be read of each after any upgrade. Made once, they never change.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from openai import AuthenticationError

import convo
from convo.store.schema import REVISIONS
from convo.testing import CountedIds, FakeAPI, FixedClock
from tests.support.builders import recording, wav

SCHEMA = "convo_golden"
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "mp3"}
HEARS: dict[str, Any] = {"model": "gpt-audio-1.5", "modalities": ["text"]}
TEXT: dict[str, Any] = {"model": "gpt-4.1"}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
ODD = "naïve 🙂 \u202eright to left\u202c e\u0301 'quoted' \"twice\" \\ back; DROP TABLE x --"
NUMBER = int(REVISIONS[-1][-4:])


def fill(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    """Put into a store what its revision can hold."""
    chat = store.create(key="call-1", instructions="Be brief.", title="All of it", metadata={"channel": "phone", "n": 1})
    chat.add(recording(None, wav(0.2)))
    fake.will_reply("Yes.")
    chat.send(client, **VOICE, key="turn-1")
    fake.will_reply("More.")
    chat.send(client, "And more?", **VOICE, key="turn-2")
    fake.will_reply(tool_calls=[("look_up", '{"what":"hound"}', "call_1")])
    chat.send(client, "Look it up", **HEARS, tools=TOOLS, key="turn-3")
    chat.tool_output("call_1", "a hound")
    clock.advance(60)
    fake.will_reply("It is written there.")
    chat.send(client, **HEARS, tools=TOOLS, key="turn-4")
    fake.will_fail(401)
    try:
        chat.send(client, ODD, **HEARS, tools=TOOLS, key="turn-5")
    except AuthenticationError:
        fake.will_reply("I can try again.")
        chat.send(client, **HEARS, tools=TOOLS, key="turn-6")
    chat.update(instructions="Be long.")
    ada = store.owned_by("ada").create(messages=[{"role": "user", "content": ODD}, {"role": "assistant", "content": "Ok."}])
    ada.add(recording(None, wav(0.2, pitch=330.0)), metadata={"from": "ada"}, pinned=True)
    if NUMBER >= 2:
        branch(store, chat, client, fake)
    if NUMBER >= 3:
        summarise(store, client, fake)
    if NUMBER >= 4:
        ada.transcribe(client)
        ada.translate(client)
        store.save_preset(convo.Preset("calm", voice="sage", format="wav", speed=0.9))
        ada.speak(client, position=2, model="gpt-4o-mini-tts", voice="alloy", format="mp3")


def branch(store: Any, chat: Any, client: Any, fake: FakeAPI) -> None:
    """Branches, notes, a redaction, a cut stream, and an index of words."""
    other = store.create(key="branches", messages=[{"role": "system", "content": "Be kind."}])
    fake.will_reply("A kestrel.")
    other.send(client, "Which bird?", **TEXT, key="b-1")
    other.annotate(2, thumbs=1)
    first = other.branches()[0]
    other.edit(2, "Which fish?")
    fake.will_reply("A pike.")
    other.send(client, **TEXT, key="b-2")
    fork = other.fork()
    fork.add("My secret is 42")
    fork.redact(4)
    fake.will_reply("A long answer that nobody hears to its end, since they hang up.")
    with fork.stream(client, "Tell me all", **TEXT) as stream:
        for number, _ in enumerate(stream):
            if number == 2:
                break
    other.switch(first)
    store.search("kestrel")
    assert chat.head


def summarise(store: Any, client: Any, fake: FakeAPI) -> None:
    """A summary that stands for old messages."""
    long = store.create(key="long", messages=[{"role": "user", "content": "One?"}, {"role": "assistant", "content": "One."}])
    for number in range(3):
        fake.will_reply(f"Number {number}.")
        long.send(client, f"Which number, {number}?", **TEXT, key=f"n-{number}")
    long.compact(summarize=lambda *_, **__: "They counted.", keep=1)


def described(store: Any) -> dict[str, Any]:
    """Say all that must be read of it, of any owner."""
    return {owner: [conversation(store.owned_by(owner), chat.id) for chat in store.owned_by(owner).conversations()]
            for owner in ("", "ada")}  # fmt: skip


def conversation(store: Any, identifier: Any) -> dict[str, Any]:
    """Say what must be read of a conversation: everything but what only newer code makes of it."""
    chat, totals = store.get(identifier), store.get(identifier).usage()
    return {
        "id": str(chat.id), "title": chat.title, "metadata": dict(chat.metadata), "instructions": chat.instructions,
        "head": chat.head, "history": [message(chat, one) for one in chat.history()],
        "branches": len(chat.branches()) if NUMBER >= 2 else 1,
        "usage": {"calls": totals.calls, "input": totals.usage.input_tokens, "output": totals.usage.output_tokens,
                  "cost": str(totals.cost.amount), "currency": totals.cost.currency},
    }  # fmt: skip


def message(chat: Any, found: Any) -> dict[str, Any]:
    """Say what must be read of a message, its bytes by their SHA-256."""
    audio = found.audio
    return {
        "position": found.position, "kind": found.kind, "role": found.role, "status": found.status, "text": found.text,
        "raw": found.raw, "created_at": found.created_at.isoformat(), "pinned": found.pinned,
        "metadata": dict(found.metadata), "audio_id": found.audio_id,
        "audio": None if audio is None else hashlib.sha256(chat.load(audio).data).hexdigest(),
        "transcript": None if audio is None else audio.transcript,
    }  # fmt: skip


def make(url: str, **options: Any) -> dict[str, Any]:
    """Make a store and say what is in it."""
    clock = FixedClock()
    fake = FakeAPI(clock=clock)
    with convo.Store(url, clock=clock, new_id=CountedIds(), **options) as store, fake.client(max_retries=0) as client:
        store.upgrade()
        fill(store, client, fake, clock)
        return {"now": clock().isoformat(), "owners": described(store)}


def main(folder: Path, url: str = "", pg_dump: str = "") -> None:
    """Make the files of the newest revision that this code has."""
    target = folder / REVISIONS[-1]
    file = target.with_suffix(".sqlite")
    made = make(f"sqlite:///{file}")
    target.with_suffix(".json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="ascii")
    with sqlite3.connect(file, isolation_level=None) as connection:
        for statement in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=1024", "VACUUM", "PRAGMA journal_mode=WAL"):
            connection.execute(statement)
    connection.close()
    if url:
        assert make(url, schema=SCHEMA) == made
        command = [pg_dump, "--schema", SCHEMA, "--inserts", "--no-owner", "--no-privileges", url]
        dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        target.with_suffix(".sql").write_text(re.sub(r"(?m)^(\\.*|--.*|)\n", "", dump), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
