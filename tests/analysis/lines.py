"""Small conversations as Arrow tables, from rows in few words; and measures of such rows, worked out one by one."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from convo.analysis.arrow import schema_of
from convo.analysis.columns import AUDIO, EXCHANGES, MESSAGES, TURNS

DESCRIBED = {"messages": MESSAGES, "turns": TURNS, "audio": AUDIO, "exchanges": EXCHANGES}
BEGIN = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST: dict[str, dict[str, Any]] = {
    "messages": {"kind": "message", "status": "complete", "shared": False, "text": ""},
    "turns": {"shared": False},
    "audio": {"part": 0, "shared": False},
    "exchanges": {"status": "done"},
}


def at(seconds: float) -> datetime:
    """A time so many seconds after the begin."""
    return BEGIN + timedelta(seconds=seconds)


def tables(**rows: list[dict[str, Any]]) -> dict[str, pa.Table]:
    """Tables of rows; columns that they do not name are null."""
    found = {}
    for name, described in DESCRIBED.items():
        whole = [{"owner": "", "conversation": "c", **FIRST[name], **row} for row in rows.get(name, [])]
        schema = schema_of(described)
        columns = [pa.array([row.get(field.name) for row in whole], _plain(field.type)) for field in schema]
        found[name] = pa.table(columns, names=schema.names).cast(schema)
    return found


def _plain(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


# --- one by one ------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """The words of a text, by the categories of its characters."""
    marked = [char if unicodedata.category(char)[0] in "LMN" or char in "'-’" else " " for char in text.lower()]  # noqa: RUF001
    return [word for word in (piece.strip("'-’") for piece in "".join(marked).split(" ")) if word]  # noqa: RUF001


def quantile(values: list[float], share: float) -> float | None:
    """A quantile, between two values in proportion."""
    if not values:
        return None
    ordered, place = sorted(values), (len(values) - 1) * share
    low = int(place)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)


def by_hand(rows: dict[str, pa.Table]) -> dict[str, Any]:
    """Measures of all rows, in plain Python."""
    found = {name: [row for row in table.to_pylist() if not row.get("shared")] for name, table in rows.items()}
    said = [row for row in found["messages"] if row["kind"] == "message"]
    users, answers = ([row for row in said if row["role"] == role] for role in ("user", "assistant"))
    words = {
        role: [word for row in some if row["status"] != "redacted" for word in words_of(row["text"] or "")]
        for role, some in (("user", users), ("assistant", answers))
    }
    spans: dict[Any, list[datetime]] = {}
    for row in found["messages"]:
        spans.setdefault((row["owner"], row["conversation"]), []).append(row["created_at"])
    speech = _speech(found["audio"])
    seconds = {role: [one for (*_, who), one in speech.items() if who == role and one is not None] for role in words}
    silences = _silences(found["turns"])
    calls = found["exchanges"]
    answered = [row for row in calls if row["status"] in ("done", "interrupted", "late")]
    mended = [row for row in calls if row["recoveries"]]
    priced = [row for row in calls if row["cost"] is not None]
    coins = {row["currency"] for row in priced}
    heard, spoken = (sum(seconds[role]) if seconds[role] else None for role in ("user", "assistant"))
    both = None if heard is None and spoken is None else (heard or 0) + (spoken or 0)
    cost = sum((row["cost"] for row in priced), Decimal(0)) if len(coins) == 1 else None
    tokens = [row[name] for row in calls for name in ("input_tokens", "output_tokens") if row[name] is not None]
    words_said = len(words["assistant"])
    responses = [row["response_seconds"] for row in found["turns"] if row["response_seconds"] is not None]
    return {
        "conversations": len(spans),
        "turns": len(found["turns"]),
        "messages": len(found["messages"]),
        "elapsed_seconds": sum((max(times) - min(times)).total_seconds() for times in spans.values()) if spans else None,
        "user_words": len(words["user"]),
        "assistant_words": words_said,
        "words_per_answer": _ratio(words_said, len(answers)),
        "word_ratio": _ratio(words_said, len(words["user"]) + words_said),
        "user_vocabulary": len(set(words["user"])),
        "assistant_vocabulary": len(set(words["assistant"])),
        "user_richness": _ratio(len(set(words["user"])), len(words["user"]) ** 0.5),
        "user_speech_seconds": heard,
        "assistant_speech_seconds": spoken,
        "unmeasured_speech": sum(one is None for (*_, who), one in speech.items() if who in words),
        "talk_ratio": None if both is None else _ratio(spoken or 0.0, both),
        "audio_share": _ratio(sum(who in words for *_, who in speech), len(users) + len(answers)),
        "response_median_seconds": quantile(responses, 0.5),
        "response_p95_seconds": quantile(responses, 0.95),
        "silences": len(silences),
        "silence_seconds": sum(silences) if silences else None,
        "interruptions": sum(row["status"] == "interrupted" for row in answers),
        "tool_calls": sum(len(row["tool_calls"] or []) for row in answers),
        "tools": len({call["name"] for row in found["messages"] for call in row["tool_calls"] or []}),
        "calls": len(calls),
        "failed_calls": sum(row["status"] == "failed" for row in calls),
        "fallback_rate": _ratio(_sum(calls, "sent_transcripts"), _sum(calls, "sent_transcripts", "sent_references")),
        "mended_calls": len(mended),
        "recovery_rate": _ratio(sum(row in answered for row in mended), len(mended)),
        "cost": cost,
        "unpriced_calls": sum(row["cost"] is None for row in answered),
        "tokens_per_minute": _ratio(sum(tokens) if tokens else None, None if both is None else both / 60),
        "cost_per_minute": _ratio(None if cost is None else float(cost), None if both is None else both / 60),
    }


def _sum(rows: list[Any], *names: str) -> int | None:
    values = [row[name] for row in rows for name in names if row[name] is not None]
    return sum(values) if values else None


def _ratio(of: float | None, to: float | None) -> float | None:
    return None if of is None or not to else of / to


def _speech(rows: list[Any]) -> dict[Any, float | None]:
    pieces: dict[Any, list[Any]] = {}
    for row in rows:
        pieces.setdefault((row["owner"], row["conversation"], row["position"], row["role"]), []).append(row)
    found = {}
    for key, some in pieces.items():
        known = [row for row in some if row["duration_seconds"] is not None]
        own = [row["duration_seconds"] for row in known if row["source"] != "speech"]
        found[key] = sum(own) if own else max((row["duration_seconds"] for row in known), default=None)
    return found


def _silences(rows: list[Any]) -> list[float]:
    turns = {(row["owner"], row["conversation"], row["turn"]): row for row in rows}
    found = []
    for (owner, conversation, turn), row in turns.items():
        before = turns.get((owner, conversation, turn - 1))
        if before is None or row["user_audio_seconds"] is None:
            continue
        gap = (row["started_at"] - before["ended_at"]).total_seconds()
        silent = gap - (before["assistant_audio_seconds"] or 0.0) - row["user_audio_seconds"]
        if 1 <= silent < 1800:
            found.append(silent)
    return found
