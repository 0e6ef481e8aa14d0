"""What pages are drawn from: bars over days, branches as a tree, values in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

import convo
from convo.inspector import words
from convo.inspector.plots import HEIGHT, MAX_BARS, SERIES, WIDTH, bars
from convo.inspector.tree import rows, source, tree

DAY = date(2026, 11, 1)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_bars_stack_to_the_height_of_the_largest_sum() -> None:
    plot = bars({DAY: {"a": 1, "b": 3}, DAY + timedelta(days=2): {"a": 2}})
    assert plot is not None
    assert sorted(plot.series) == ["a", "b"]
    first = [piece for piece in plot.pieces if piece.x == 0]
    assert sum(piece.height for piece in first) == pytest.approx(HEIGHT)
    (last,) = [piece for piece in plot.pieces if piece.x > 0]
    assert last.height == pytest.approx(HEIGHT / 2)
    assert last.x + last.width <= WIDTH
    assert last.label == "2026-11-03: 2 a"


def test_many_days_share_bars_and_many_series_colours() -> None:
    days = {DAY + timedelta(days=number): {f"model {number % 10}": 1.0} for number in range(1_000)}
    plot = bars(days)
    assert plot is not None
    assert len({piece.x for piece in plot.pieces}) <= MAX_BARS
    assert {piece.series for piece in plot.pieces} == set(range(SERIES))
    assert plot.series[-1] == "5 others"
    assert all(0 <= piece.y <= HEIGHT for piece in plot.pieces)


@pytest.mark.parametrize("values", [{}, {DAY: {}}, {DAY: {"a": 0.0}}, {DAY: {"a": -1.0}}])
def test_nothing_is_no_picture(values: dict[date, dict[str, float]]) -> None:
    assert bars(values) is None


def branch(number: int, parent: int | None = None, at: int | None = None) -> convo.Branch:
    return convo.Branch(
        UUID(int=number),
        5,
        None if parent is None else UUID(int=parent),
        at,
        NOON + timedelta(seconds=number),
        False,
        UUID(int=0),
    )


def test_branches_are_a_tree_in_the_order_in_which_they_were_made() -> None:
    found = [branch(4, 9, 1), branch(3, 1, 2), branch(2, 1, 1), branch(1), branch(5, 3, 2)]
    assert [(depth, one.id.int) for depth, one in rows(tree(found))] == [(0, 1), (1, 2), (1, 3), (2, 5), (0, 4)]


def test_ten_thousand_edits_of_edits_are_a_tree_as_well() -> None:
    deep = [branch(1), *(branch(number, number - 1, 1) for number in range(2, 10_001))]
    assert rows(tree(deep))[-1][0] == 9_999
    assert source(deep, UUID(int=10_000), 1) == UUID(int=1)


def test_a_row_belongs_to_the_branch_that_wrote_it() -> None:
    found = [branch(1), branch(2, 1, 3), branch(3, 2, 5)]
    assert [source(found, UUID(int=3), position).int for position in (1, 3, 4, 5, 6)] == [1, 1, 2, 2, 3]
    assert source(found, UUID(int=7), 1) == UUID(int=7)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (words.seconds(None), "length unknown"),
        (words.seconds(0.25), "250 ms"),
        (words.seconds(3.25), "3.2 s"),
        (words.seconds(260), "4 min 20 s"),
        (words.left(-5), "0 s"),
        (words.left(90_061), "1 d 1 h"),
        (words.left(3_599), "59 min 59 s"),
        (words.count(None), "\N{EN DASH}"),
        (words.count(1, "call"), "1 call"),
        (words.count(2_000, "call"), "2,000 calls"),
        (words.size(999), "999 bytes"),
        (words.size(20_500), "20.5 kB"),
        (words.size(3 * 10**9), "3.0 GB"),
        (words.money(None), "cost unknown"),
        (words.percent(0.257), "26%"),
        (words.cut("a " * 200, 5), "a a a…"),
        (words.oneline("a\n\x1b[0m\u202eb"), "a \\x1b[0m\\u202eb"),
        (words.pretty('{"a":1}'), '{\n  "a": 1\n}'),
        (words.pretty("{"), "{"),
        (words.pretty("[" * 40_000), "[" * 40_000),
        (words.plain("\ud800"), "\\ud800"),
    ],
)
def test_values_are_written_for_people(told: str, expected: str) -> None:
    assert told == expected
