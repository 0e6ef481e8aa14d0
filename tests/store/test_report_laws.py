"""A report of any calls is what plain Python makes of the same rows."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.report import KEYS
from tests.support.calls import call, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conftest import Database

Row = dict[str, Any]
DAY = 86_400_000_000
ANSWERED = ("done", "interrupted", "late")
USED = [field.name for field in attrs.fields(convo.Usage)]
SUMMED = ("sent_references", "sent_transcripts", "saved_bytes", "saved_tokens")
KINDS = ("text_in", "audio_out")
_owners = itertools.count(1)


@pytest.fixture
def store(database: Database) -> Iterator[convo.Store]:
    with convo.Store(database.url, **database.options) as opened:
        opened.conversations()
        yield opened


# --- any rows --------------------------------------------------------------------------------------


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


counts = maybe(st.integers(0, 10**12))
picos = maybe(st.integers(0, (1 << 63) - 1))
moments = st.integers(-3 * DAY, 3 * DAY)
rows = st.fixed_dictionaries(
    {
        "place": st.integers(0, 1),
        "status": st.sampled_from(("done", "done", *ANSWERED, "failed", "abandoned", "pending", "added")),
        "model": st.sampled_from(("m", "n")),
        "api": st.sampled_from(("chat", "speech")),
        "voice": maybe(st.sampled_from(("alloy", "verse"))),
        "error": maybe(st.sampled_from(("timeout", "refused"))),
        "raw": maybe(st.just("{}")),
        "started_at": moments,
        "finished_at": maybe(moments),
        "first_byte_at": maybe(moments),
        "currency": maybe(st.sampled_from(("USD", "EUR"))),
        "cost": picos,
        "spoken": maybe(st.booleans()),
        "asked_speech": maybe(st.booleans()),
        "estimated_tokens": counts,
        "retries": maybe(st.integers(0, 3)),
        "recoveries": maybe(st.integers(0, 3)),
    }
    | {f"cost_{kind}": picos for kind in KINDS}
    | dict.fromkeys((*USED[:3], "input_cached", "saved_bytes", "saved_tokens"), counts)
    | dict.fromkeys(("sent_references", "sent_transcripts"), maybe(st.integers(0, 1_000)))
)


# --- what plain Python makes of them ---------------------------------------------------------------


def total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def seconds(values: Sequence[int | None], begins: Sequence[int]) -> tuple[float | None, float | None]:
    took = [end - begin for end, begin in zip(values, begins, strict=True) if end is not None and end > begin]
    return (sum(took) / len(took) / 10**6, max(took) / 10**6) if took else (None, None)


def money(values: Sequence[int | None]) -> str | None:
    found = total(values)
    return None if found is None else plain(Decimal(found) / 10**12) if found < 10**27 else plain(Decimal(found).scaleb(-12))


def plain(amount: Decimal) -> str:
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"


def summed(group: Sequence[Row], names: Sequence[str]) -> Row:
    """Give the numbers of a row; `names` are those of its columns."""
    answered = [row for row in group if row["status"] in ANSWERED or (row["status"] == "failed" and row["raw"])]
    whole = [row for row in answered if row["status"] == "done"]
    both = [row for row in answered if None not in (row["estimated_tokens"], row["input_tokens"])]
    cached = [row for row in answered if None not in (row["input_cached"], row["input_tokens"])]
    input_of_cached = sum(row["input_tokens"] for row in cached)
    begins = [row["started_at"] for row in whole]
    status = Counter(row["status"] for row in group)
    asked = [
        row for row in answered if row["asked_speech"] is not None and (row["spoken"] is not None or not row["asked_speech"])
    ]
    duration, first = (seconds([row[name] for row in whole], begins) for name in ("finished_at", "first_byte_at"))
    found = {
        "calls": len(group), "replied": status["done"], "interrupted": status["interrupted"],
        "failed": status["failed"] + status["abandoned"], "late": status["late"], "pending": status["pending"],
        "answered": len(answered), "unpriced": sum(row["cost"] is None for row in answered),
        "cost": money([row["cost"] for row in answered]),
        "cached_share": sum(row["input_cached"] for row in cached) / input_of_cached if input_of_cached else None,
        "estimated": total([row["estimated_tokens"] for row in both]),
        "estimated_of": total([row["input_tokens"] for row in both]),
        "unspoken": total([int(row["asked_speech"] and not row["spoken"]) for row in asked]),
        "duration": duration[0], "duration_max": duration[1], "first_byte": first[0], "first_byte_max": first[1],
        "voices": dict(Counter(row["voice"] for row in answered if row["voice"] is not None)),
    }  # fmt: skip
    found |= {name: total([row[name] for row in group]) for name in ("retries", "recoveries")}
    found |= {name: total([row.get(name) for row in answered]) for name in (*USED, *SUMMED)}
    parts = [name for name in names if name.startswith("cost_")]
    return found | {name: money([row.get(name) for row in answered]) for name in parts}


def currency_of(row: Row) -> str | None:
    known = any(row[name] is not None for name in ("cost", *(f"cost_{kind}" for kind in KINDS)))
    return row["currency"] if known else None


def by_currency(group: Sequence[Row]) -> dict[str | None, list[Row]]:
    found: dict[str | None, list[Row]] = {}
    for row in group:
        found.setdefault(currency_of(row), []).append(row)
    known = [currency for currency in found if currency is not None]
    if len(known) == 1:
        found = {known[0]: list(group)}
    return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0] or "")))


def key_of(row: Row, name: str) -> Any:
    if name == "day":
        return str((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["started_at"])).date())
    return str(row[name]) if name == "conversation" else row[name]


def reported(rows: Sequence[Row], by: Sequence[str], names: Sequence[str]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["status"] != "added":
            groups.setdefault(tuple(key_of(row, name) for name in by), []).append(row)
    ordered = sorted(groups, key=lambda keys: tuple((key is None, key or "") for key in keys))
    found = [
        {**dict(zip(by, keys, strict=True)), "currency": currency, **summed(group, names)}
        for keys in ordered
        for currency, group in by_currency(groups[keys]).items()
    ]
    return [{**row, "voices": {}} if "voice" in by else row for row in found]


@settings(max_examples=50)
@given(made=st.lists(rows, max_size=10), by=st.lists(st.sampled_from(KEYS), unique=True, max_size=3))
def test_a_report_is_what_plain_python_makes_of_the_rows(store: convo.Store, made: list[Row], by: list[Any]) -> None:
    theirs = store.owned_by(f"owner-laws-{os.getpid()}-{next(_owners)}")
    chats = [theirs.create(), theirs.create()]
    written = [call(chats[row["place"]], **{name: value for name, value in row.items() if name != "place"}) for row in made]
    write(theirs, written)
    report = theirs.report(by)
    assert report.to_dicts() == reported(written, by, report.columns)
    whole = theirs.report()
    assert whole.to_dicts() == reported(written, (), whole.columns)
    assert report.totals == whole.totals == whole.rows
