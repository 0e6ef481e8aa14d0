"""Reports as tables for people: in line, within 80 columns, and honest about what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import convo
from tests.support.calls import PICOS, call, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[convo.Store]:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as opened:
        yield opened


@pytest.fixture
def chat(store: convo.Store) -> convo.Conversation:
    chat = store.create()
    amounts = (("a", PICOS * 1_234), ("b", PICOS // 80), ("c", None), ("d", 1))
    write(store, [call(chat, model=model, cost=cost, currency="EUR") for model, cost in amounts])
    write(store, [call(chat, model="e", status="failed")])
    return chat


def test_a_table_aligns_money_and_says_what_is_unknown(store: convo.Store, chat: convo.Conversation) -> None:
    assert str(store.report("model")).splitlines() == [
        "MODEL  CALLS  FAILED  TOKENS IN   CACHED  TOKENS OUT  UNPRICED  COST (EUR)",
        "a          1       0    unknown  unknown     unknown         0  1,234.0000",
        "b          1       0    unknown  unknown     unknown         0      0.0125",
        "c          1       0    unknown  unknown     unknown         1     unknown",
        "d          1       0    unknown  unknown     unknown         0   <0.000001",
        "e          1       1          -        -           -         -           -",
        "total      5       1    unknown  unknown     unknown         1  1,234.0125",
    ]


def test_currencies_have_a_column_and_totals_of_their_own(store: convo.Store, chat: convo.Conversation) -> None:
    write(store, [call(chat, model="a", cost=PICOS, currency="USD")])
    lines = str(store.report("model")).splitlines()
    assert [line.split()[0:2] + line.split()[-1:] for line in lines] == [
        ["MODEL", "CURRENCY", "COST"],
        ["a", "EUR", "1,234.0000"],
        ["a", "USD", "1.0000"],
        ["b", "EUR", "0.0125"],
        ["c", "-", "unknown"],
        ["d", "EUR", "<0.000001"],
        ["e", "-", "-"],
        ["total", "EUR", "1,234.0125"],
        ["total", "USD", "1.0000"],
        ["total", "-", "unknown"],
    ]


def test_a_report_by_nothing_is_a_line(store: convo.Store, chat: convo.Conversation) -> None:
    assert len(str(store.report()).splitlines()) == 2


def test_calls_that_are_in_no_sum_are_counted_however_narrow_the_table_is(store: convo.Store, chat: convo.Conversation) -> None:
    [header, *_] = store.report(["conversation", "model"]).table(40).splitlines()
    assert header.split() == ["CONVERSATION", "MODEL", "CALLS", "UNPRICED", "COST", "(EUR)"]


def test_names_are_escaped_and_cut(store: convo.Store) -> None:
    chat = store.create()
    write(store, [call(chat, model="a\x1b[2J\n\u202eb"), call(chat, model="c" * 100)])
    [_, one, other, _] = str(store.report("model")).splitlines()
    assert one.startswith(r"a\x1b[2J\n\u202eb ")
    assert other.startswith(f"{'c' * 37}...  ")
