"""What does a report of a million calls cost, against the cheapest sum over the same rows by the raw driver?

The calls are of 300 owners in three years, by six models and eight voices. All reports but the last three read every row.
"""

from __future__ import annotations

import random
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

import convo
from benchmarks.databases import postgres_url, settled, sqlite_file
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import runner_of
from convo.store import tables
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.side_by_side import Found
    from convo.report import By

CALLS, OWNERS, CONVERSATIONS = 1_000_000, 300, 9_000
DAY = 86_400_000_000
BEGAN, DAYS = 1_735_689_600_000_000, 3 * 365
"""2025-01-01, and for how many days calls were made."""
BATCH = 20_000
MODELS = ("gpt-audio-1.5", "gpt-audio-mini", "gpt-5.5", "gpt-5.4-mini", "gpt-realtime-1.5", "gpt-4o-transcribe")
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
APIS = ("chat", "chat", "chat", "responses", "realtime", "transcriptions")
STATUSES = ("done",) * 94 + ("interrupted",) * 2 + ("failed",) * 3 + ("late",)
RAW = '{"choices":[{"finish_reason":"stop","index":0}],"id":"chatcmpl-' + "x" * 400 + '"}'


def rows(calls: int, conversations: int) -> Iterator[dict[str, Any]]:
    """Give the calls, in the order in which they were made."""
    chance = random.Random(7)
    whole = dict.fromkeys(("input_image", "input_cached_audio", "output_reasoning"), 0)
    for number in range(calls):
        place = chance.randrange(conversations)
        status = chance.choice(STATUSES)
        kind = chance.randrange(len(MODELS))
        started = BEGAN + number * DAYS * DAY // calls
        row: dict[str, Any] = {
            "owner": f"customer-{place % OWNERS}", "id": UUID(int=number), "conversation": UUID(int=place),
            "branch": UUID(int=place), "hash": b"\0" * 32, "status": status, "attempt": 1, "api": APIS[kind],
            "model": MODELS[kind], "origin": "https://api.openai.com/v1", "asked_first": 1, "asked_last": 1,
            "started_at": started, "finished_at": started + chance.randrange(10**6, 10**7), "currency": None,
        }  # fmt: skip
        if status != "failed":
            spoken = MODELS[kind].startswith("gpt-audio")
            text, heard, said = chance.randrange(2_000), chance.randrange(3_000), chance.randrange(500)
            costs = {"text_in": text * 2_500_000, "audio_in": heard * 32_000_000, "audio_out": said * 64_000_000}
            row |= whole | {
                "asked_speech": spoken,
                "answered_by": MODELS[kind], "request_id": f"req_{number:032}", "finish_reason": "stop", "raw": RAW,
                "voice": chance.choice(VOICES) if spoken else None, "format": "wav", "spoken": spoken,
                "input_tokens": text + heard, "output_tokens": said, "total_tokens": text + heard + said,
                "input_text": text, "input_audio": heard, "input_cached": text // 2, "output_text": 20, "output_audio": said,
                "cost": sum(costs.values()), "currency": "USD", "price_table": "2026-11", "estimated_tokens": text + heard + 9,
                "first_byte_at": started + 400_000, "retries": 0, "recoveries": 0, "sent_references": 3, "sent_transcripts": 1,
                "saved_bytes": 400_000, "saved_tokens": 900, **{f"cost_{name}": cost for name, cost in costs.items()},
            }  # fmt: skip
        yield {name: row.get(name) for name in NAMES}


NAMES = tuple(tables.exchange.c.keys())


def fill(connection: Any, calls: int, conversations: int) -> None:
    """Insert the calls and what they refer to."""
    places = [
        {"owner": f"customer-{place % OWNERS}", "id": UUID(int=place), "branch": UUID(int=place), "created_at": BEGAN}
        for place in range(conversations)
    ]
    connection.execute(sa.insert(tables.conversation), places)
    lines = [
        {"owner": one["owner"], "id": one["id"], "conversation": one["id"], "head": 2, "attempt": 0, "created_at": BEGAN}
        for one in places
    ]
    connection.execute(sa.insert(tables.branch), lines)
    made = rows(calls, conversations)
    while batch := list(islice(made, BATCH)):
        connection.execute(sa.insert(tables.exchange), batch)


def measure(store: convo.Store, effort: Effort, database: str) -> Found:
    """Compare every report with the cheapest sum."""
    runner = runner_of(store)
    calls = effort.of(CALLS, CALLS // 10, 100)
    runner.run(fill, calls, effort.of(CONVERSATIONS, CONVERSATIONS, 10), mode="write")
    settled(store)
    with runner.engines.reading.connect() as connection:
        ways: dict[str, Callable[[], object]] = {
            "raw: count and cost of all": lambda: connection.exec_driver_sql(CHEAPEST).fetchall()
        }
        everyone, one = store.everyone(), store.owned_by("customer-7")
        month = from_micros(BEGAN + (DAYS - 30) * DAY)
        ways |= {f"convo, by {' and '.join(by) or 'nothing'}": partial(everyone.report, by) for by in BY}
        ways |= {
            "convo, by model, the last 30 days": partial(everyone.report, ("model",), since=month),
            "convo, by model and day, one owner": partial(one.report, ("model", "day")),
            "convo, by model, one owner, 30 days": partial(one.report, ("model",), since=month),
        }
        yield Ways(f"reports of {calls:,} calls, {database}", ways, rounds=3)


CHEAPEST = "SELECT count(*), sum(cost) FROM convo_exchange"
BY: tuple[tuple[By, ...], ...] = (
    (),
    ("owner",),
    ("conversation",),
    ("model",),
    ("voice",),
    ("api",),
    ("day",),
    ("error",),
    ("owner", "day"),
)


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
        yield from measure(store, effort, "SQLite")
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        yield from measure(store, effort, "PostgreSQL")
