"""What does a report of a million calls cost, against the cheapest sum over the same rows by the raw driver?

The calls are of 300 owners in three years, by six models and eight voices. All reports but the last three read every row.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

import convo
from benchmarks.append_ import runner_of
from benchmarks.databases import postgres_url, sqlite_file
from convo.store import tables
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def rows() -> Iterator[dict[str, Any]]:
    """Give the calls, in the order in which they were made."""
    chance = random.Random(7)
    whole = dict.fromkeys(("input_image", "input_cached_audio", "output_reasoning"), 0)
    for number in range(CALLS):
        place = chance.randrange(CONVERSATIONS)
        status = chance.choice(STATUSES)
        kind = chance.randrange(len(MODELS))
        started = BEGAN + number * DAYS * DAY // CALLS
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


def fill(connection: Any) -> None:
    """Insert the calls and what they refer to."""
    places = [
        {"owner": f"customer-{place % OWNERS}", "id": UUID(int=place), "branch": UUID(int=place), "created_at": BEGAN}
        for place in range(CONVERSATIONS)
    ]
    connection.execute(sa.insert(tables.conversation), places)
    lines = [
        {"owner": one["owner"], "id": one["id"], "conversation": one["id"], "head": 2, "attempt": 0, "created_at": BEGAN}
        for one in places
    ]
    connection.execute(sa.insert(tables.branch), lines)
    batch = []
    insert = sa.insert(tables.exchange)
    for row in rows():
        batch.append(row)
        if len(batch) == BATCH:
            connection.execute(insert, batch)
            batch.clear()
    if batch:
        connection.execute(insert, batch)


def measure(store: convo.Store) -> None:
    """Print seconds and ratios; the cheapest sum is the best of those taken before and after."""
    runner = runner_of(store)
    runner.run(fill, mode="write")
    with runner.engines.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE")
        base = min(timed(lambda: connection.exec_driver_sql(CHEAPEST).fetchall()) for _ in range(3))
    print(f"    {CALLS:9,} rows read {'count and cost, raw driver':32s} {base:7.3f} s    1.0x")
    everyone, one = store.everyone(), store.owned_by("customer-7")
    month = from_micros(BEGAN + (DAYS - 30) * DAY)
    asked: dict[str, tuple[convo.Store, tuple[Any, ...], dict[str, Any]]] = {
        f"by {' and '.join(by) or 'nothing'}": (everyone, by, {}) for by in (*BY, ("owner", "day"))
    }
    asked |= {
        "by model, the last 30 days": (everyone, ("model",), {"since": month}),
        "by model and day, one owner": (one, ("model", "day"), {}),
        "by model, one owner, 30 days": (one, ("model",), {"since": month}),
    }
    for name, (whose, by, more) in asked.items():
        whose.report(by, since=from_micros(BEGAN), until=from_micros(BEGAN + 1))  # compiled, and the tables looked at
        started = time.perf_counter()
        report = whose.report(by, **more)
        seconds = time.perf_counter() - started
        print(f"    {report.total.calls:9,} rows read {name:32s} {seconds:7.3f} s {seconds / base:6.1f}x  {len(report):,} rows")


def timed(way: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


CHEAPEST = "SELECT count(*), sum(cost) FROM convo_exchange"
BY = ((), ("owner",), ("conversation",), ("model",), ("voice",), ("api",), ("day",), ("error",))


def run() -> None:
    """Print the ratios."""
    print("  SQLite:")
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
        measure(store)
    print("  PostgreSQL:")
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        measure(store)
