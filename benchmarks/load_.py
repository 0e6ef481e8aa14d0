"""What does it cost to load a conversation and assemble its request, against the raw driver and `json.loads`?

Every second reply is spoken; the audio of half of those has expired. By hand it is one query of the bodies, and `json.loads` of
each; and once more a query of everything that decides about the request, the columns that convo reads. Ours gives a request that
is ready to send.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.replay import statements_of
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import Stub, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.side_by_side import Found

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MODEL: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
SPOKEN = 4
"""One message of so many is a spoken reply."""
BODIES, COLUMNS = "raw: the bodies, and json.loads", "raw: the columns of convo, and json.loads"
PLAIN, VERIFIED = "convo, the request", "convo, the request, every hash verified"


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL, for long and longer conversations."""
    options: dict[str, Any] = {"clock": lambda: NOW, "catalogue": _with_room()}
    for count in effort.of((1_000, 10_000), (1_000,), (20,)):
        with sqlite_file() as path, convo.Store(f"sqlite:///{path}", **options) as store:
            chat = conversation_in(store, count)
            raw = sqlite3.connect(path)
            yield _compared(store, chat, count, raw, "SQLite")
            raw.close()
        with postgres_url() as url, convo.Store(url, **options) as store, psycopg.connect(url) as connection:
            store.upgrade()
            chat = conversation_in(store, count)
            settled(store)
            yield _compared(store, chat, count, connection, "PostgreSQL")


def _with_room() -> convo.Catalogue:
    """Give a catalogue by which all messages fit."""
    known = convo.Catalogue.default()
    model = attrs.evolve(known.lookup(MODEL["model"]), context=100_000_000)
    return attrs.evolve(known, models={**known.models, model.name: model})


def conversation_in(store: convo.Store, count: int) -> convo.Conversation:
    """Make the conversation through the public API: written first, then every second reply is recorded as spoken."""
    chat = store.create()
    request: convo.Request | None = None
    for number, message in enumerate(messages(count)):
        if number % 2 == 0:
            chat.add(message["content"])
            continue
        spoken = number % SPOKEN == SPOKEN - 1
        request = request or chat.request(client=Stub(), **MODEL)
        expires = NOW + timedelta(minutes=50) * (1 if number >= count // 2 else -1)
        chat.record(_answer(number, message["content"], int(expires.timestamp()) if spoken else None), request)
    return chat


def _answer(number: int, said: str, expires: int | None) -> dict[str, Any]:
    audio = {"id": f"audio_{number:032x}", "expires_at": expires, "transcript": said, "data": ""}
    content: dict[str, Any] = {"content": said} if expires is None else {"content": None, "audio": audio}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", **content, "refusal": None, "annotations": []},
    }
    answer = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 0, "model": "gpt-audio-1.5"}
    return {**answer, "choices": [choice], "usage": _bill(0 if expires is None else 120)}


def _bill(audio: int) -> dict[str, Any]:
    """Bill a reply of 20 text tokens, as every answer of the API comes with its bill."""
    details = {"audio_tokens": audio, "text_tokens": 20, "reasoning_tokens": 0}
    usage = {"prompt_tokens": 100, "completion_tokens": audio + 20, "total_tokens": audio + 120}
    return {**usage, "completion_tokens_details": details, "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": 100}}


def _compared(store: convo.Store, chat: convo.Conversation, count: int, connection: Any, database: str) -> Ways:
    client = Stub()
    mark = "?" if database == "SQLite" else "%s"
    found = statements_of(store, lambda: chat.request(client=client, **MODEL))
    columns = [each for each in found if "body" in each[0]]
    branch = chat._place.found.branch
    bodies = (
        f"SELECT body FROM convo_message WHERE owner = {mark} AND branch = {mark} ORDER BY position",
        ("", branch.bytes if database == "SQLite" else branch),
    )

    verified = convo.Policy(verify=True)
    ways = {
        BODIES: raw(connection, [bodies], 0),
        COLUMNS: raw(connection if database == "SQLite" else psycopg.RawCursor(connection), columns, 2),
        PLAIN: lambda: chat.request(client=client, **MODEL),
        VERIFIED: lambda: chat.request(client=client, policy=verified, **MODEL),
    }
    assert len(chat.request(client=client, **MODEL)["messages"]) == count
    what = f"load {count:,} messages and assemble the request, {database}"
    return Ways(what, ways, {PLAIN: 0.8, VERIFIED: 1.2}, (BODIES, COLUMNS), rounds=30, batch=4)


def raw(connection: Any, statements: Sequence[tuple[str, Any]], column: int) -> Callable[[], object]:
    """Read the rows and parse the bodies, which stand in a column."""

    def load() -> list[Any]:
        pages = [connection.execute(sql, parameters).fetchall() for sql, parameters in statements]
        return [json.loads(row[column]) for rows in pages for row in rows]

    return load
