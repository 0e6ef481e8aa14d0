"""What does it cost to load 1,000 messages and assemble the request, against the raw driver and `json.loads`?

The conversation alternates a written question and a spoken reply; half of the replies have expired. The raw driver
selects the same columns of the same rows and parses each body; ours gives a request that is ready to send.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

import convo
from benchmarks.append_ import Stub, runner_of
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import compare

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = 1_000
ROUNDS, BATCH = 30, 4
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def conversation_in(store: convo.Store, *, spoken: bool) -> convo.Conversation:
    """Make the conversation, through the public API."""
    chat = store.create()
    request: convo.Request | None = None
    for number in range(MESSAGES // 2):
        chat.add(f"Question {number}: is a golden retriever a good family dog, and why do you say so?")
        expires = NOW + timedelta(minutes=50) * (1 if number >= MESSAGES // 4 else -1)
        request = request or chat.request("gpt-audio-1.5" if spoken else "gpt-5.5", client=Stub())
        chat.record(_answer(number, int(expires.timestamp()), spoken=spoken), request)
    return chat


def _answer(number: int, expires: int, *, spoken: bool) -> dict[str, Any]:
    said = f"Answer {number}: yes, they are patient, easy to train, and glad of company all day long."
    audio = {"id": f"audio_{number:032x}", "expires_at": expires, "transcript": said, "data": ""}
    message = {"role": "assistant", "content": None, "audio": audio} if spoken else {"role": "assistant", "content": said}
    choice = {"index": 0, "finish_reason": "stop", "message": {**message, "refusal": None, "annotations": []}}
    answer = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 0, "model": "gpt-audio-1.5"}
    return {**answer, "choices": [choice], "usage": _bill(120 if spoken else 0)}


def _bill(audio: int) -> dict[str, Any]:
    """Bill a reply of 20 text tokens, as every answer of the API comes with its bill."""
    details = {"audio_tokens": audio, "text_tokens": 20, "reasoning_tokens": 0}
    usage = {"prompt_tokens": 100, "completion_tokens": audio + 20, "total_tokens": audio + 120}
    return {**usage, "completion_tokens_details": details, "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": 100}}


def statement_of(store: convo.Store, chat: convo.Conversation) -> tuple[str, Any]:
    """Give the statement that reads the messages, as the driver gets it."""
    from sqlalchemy import event

    found: list[tuple[str, Any]] = []
    engine = runner_of(store).engines.reading

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:  # noqa: FBT001
        del connection, cursor, context, many
        found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    chat.request("gpt-audio-1.5", client=Stub())
    event.remove(engine, "before_cursor_execute", note)
    return next(each for each in found if "body" in each[0])


def raw(connection: Any, statement: tuple[str, Any]) -> Callable[[], object]:
    """Read the rows and parse the bodies."""
    sql, parameters = statement

    def load() -> list[Any]:
        return [json.loads(row[3]) for row in connection.execute(sql, parameters).fetchall()]

    return load


def ours(chat: convo.Conversation) -> Callable[[], object]:
    """Read the log and assemble the request."""
    return lambda: chat.request("gpt-audio-1.5", client=Stub(), voice="alloy")


def run() -> None:
    """Print the ratios."""
    for spoken in (True, False):
        print("  half spoken replies:" if spoken else "  all text:")
        with sqlite_file() as path, convo.Store(f"sqlite:///{path}", clock=lambda: NOW) as store:
            chat = conversation_in(store, spoken=spoken)
            connection: Any = sqlite3.connect(path)
            ways = {"raw sqlite3 and json.loads": raw(connection, statement_of(store, chat)), "convo": ours(chat)}
            compare(ways, rounds=ROUNDS, batch=BATCH, limits={"convo": 1.2})
        with postgres_url() as url, convo.Store(url, clock=lambda: NOW) as store, psycopg.connect(url) as connection:
            store.upgrade()
            chat = conversation_in(store, spoken=spoken)
            ways = {"raw psycopg and json.loads": raw(connection, statement_of(store, chat)), "convo": ours(chat)}
            compare(ways, rounds=ROUNDS, batch=BATCH, limits={"convo": 1.2})
