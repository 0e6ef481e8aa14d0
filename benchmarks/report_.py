"""What does a report of a million calls cost, against the cheapest sum over the same rows by the raw driver?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from convo.store import tables
from convo.store.tables import COST_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    whole = {name: 0 for name in ("input_image", "input_cached_audio", "output_reasoning")}
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
            text, heard, said = chance.randrange(2_000), chance.randrange(3_000), chance.randrange(500)
            costs = {"text_in": text * 2_500_000, "audio_in": heard * 32_000_000, "audio_out": said * 64_000_000}
            row |= whole | {
                "answered_by": MODELS[kind], "request_id": f"req_{number:032}", "finish_reason": "stop", "raw": RAW,
                "voice": chance.choice(VOICES) if kind < 2 else None, "format": "wav", "spoken": kind < 2,
                "input_tokens": text + heard, "output_tokens": said, "total_tokens": text + heard + said,
                "input_text": text, "input_audio": heard, "input_cached": text // 2, "output_text": 20, "output_audio": said,
                "cost": sum(costs.values()), "currency": "USD", "price_table": "2026-11", "estimated_tokens": text + heard + 9,
                "first_byte_at": started + 400_000, "retries": 0, "recoveries": 0, "sent_references": 3, "sent_transcripts": 1,
                "saved_bytes": 400_000, "saved_tokens": 900, **{f"cost_{name}": cost for name, cost in costs.items()},
            }  # fmt: skip
        yield {name: row.get(name) for name in NAMES}


NAMES = tuple(tables.exchange.c.keys())
assert COST_KINDS


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
