"""Reports as data frames: what pyarrow and polars read of them."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest

import convo
from tests.support.calls import call, tokens, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def store(database: Database) -> Iterator[convo.Store]:
    with convo.Store(database.url, **database.options) as opened:
        opened.conversations()
        yield opened


@pytest.fixture
def chat(store: convo.Store) -> convo.Conversation:
    chat = store.create()
    most = {"cost": (1 << 63) - 1, "currency": "USD", "cost_text_in": 1}
    write(store, [call(chat, NOON, voice="alloy", **most, **tokens(input_tokens=5)), call(chat, NOON, voice="verse", **most)])
    return chat


def test_arrow_has_exact_types(store: convo.Store, chat: convo.Conversation) -> None:
    table = pa.table(store.report(["day", "conversation", "model"]))
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types["day"] == "date32[day]"
    assert types["conversation"] == types["model"] == types["currency"] == "string"
    assert types["cost"] == types["cost_text_in"] == "decimal128(38, 12)"
    assert types["calls"] == types["input_tokens"] == types["saved_bytes"] == "int64"
    assert types["voices"] == "map<string, int64>"
    [row] = table.to_pylist()
    assert row["cost"] == Decimal(2 * ((1 << 63) - 1)).scaleb(-12)
    assert (row["day"], row["conversation"], row["input_tokens"]) == (date(2026, 11, 21), str(chat.id), 5)
    assert (row["output_tokens"], row["cost_audio_out"], row["duration"]) == (None, None, None)
    assert row["voices"] == [("alloy", 1), ("verse", 1)]


def test_arrow_and_json_have_the_same_columns_in_the_same_order(store: convo.Store, chat: convo.Conversation) -> None:
    report = store.report(["voice", "day"])
    [first, _] = report.to_dicts()
    assert tuple(first) == report.columns == tuple(pa.table(report).column_names)


def test_a_report_without_rows_has_the_types_all_the_same(store: convo.Store, chat: convo.Conversation) -> None:
    empty, full = (pa.table(report) for report in (store.report("day", model="none"), store.report("day")))
    assert (empty.num_rows, full.num_rows) == (0, 1)
    assert empty.schema == full.schema


def test_polars_reads_a_report_directly(store: convo.Store, chat: convo.Conversation) -> None:
    frame = pl.DataFrame(store.report("voice"))
    assert frame["cost"].dtype == pl.Decimal(38, 12)
    assert frame.select("voice", "calls").rows() == [("alloy", 1), ("verse", 1)]
    assert frame["cost"].sum() == store.report().total.cost.amount


def test_arrow_needs_the_extra_and_names_it(
    store: convo.Store, chat: convo.Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = store.report()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(convo.MissingDependency, match=r"convo\[analysis\]"):
        report.__arrow_c_stream__()
    assert report.to_dicts()
