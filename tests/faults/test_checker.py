"""The checker finds what it is there to find: each law, broken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.checker import Acknowledged, Diary, acknowledged_in, check

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.checker import Entry

LOG = [(1, "user", "q1"), (2, "assistant", "a1"), (3, "user", "q2"), (4, "assistant", "a2"), (5, "user", "q3")]
TURNS = [Acknowledged("k1", "q1", "a1", 2), Acknowledged("k2", "q2", "a2", 4)]
REPLIES = {"q1": "a1", "q2": "a2", "q3": "a3"}


def test_a_whole_log_has_no_problem_and_a_question_may_stand_alone() -> None:
    found = check(LOG, TURNS, reads=[LOG[:2], LOG[:5], LOG[:0]], replies=REPLIES)
    assert found.problems == ()
    assert (found.acknowledged, found.present, found.unacknowledged) == (2, 2, 0)


@pytest.mark.parametrize(
    ("log", "reads", "problem"),
    [
        (LOG[:3], (), "lost: the reply of k2"),
        ([LOG[0], LOG[1], (3, "assistant", "a2"), (4, "user", "q2")], (), "lost: the reply of k2 is not at 4"),
        ([LOG[0], LOG[1], LOG[2], (5, "assistant", "a2")], (), "position 5 stands where 4 is due"),
        ([*LOG, (6, "assistant", "a2")], (), "2 times in the log: assistant 'a2'"),
        ([*LOG, (6, "user", "q9")], (), "nobody asked 'q9'"),
        ([*LOG[:4], (5, "assistant", "a3")], (), "half a turn: the reply 'a3'"),
        ([(1, "user", "q2"), LOG[1], (3, "user", "q1"), LOG[3]], (), "lost: the question of k1"),
        (LOG, ([*LOG[:2], (3, "user", "other")],), "read 0 of 3 messages is no beginning of the log"),
        (LOG, ([*LOG, (6, "assistant", "gone again")],), "read 0 of 6 messages"),
    ],
    ids=["lost", "moved", "gap", "twice", "stranger", "half", "order", "other", "shorter"],
)
def test_each_broken_law_is_named(log: list[Entry], reads: tuple[list[Entry], ...], problem: str) -> None:
    assert any(problem in one for one in check(log, TURNS, reads=reads, replies=REPLIES).problems)


def test_a_line_that_a_kill_cut_was_not_acknowledged(tmp_path: Path) -> None:
    Diary(tmp_path / "diary").acknowledged(TURNS[0])
    with (tmp_path / "diary").open("a") as file:
        file.write('{"key": "k2", "ask')
    assert acknowledged_in(tmp_path / "diary") == TURNS[:1]
