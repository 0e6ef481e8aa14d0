"""Processes write to one conversation at once, briefly; the long form is `python -m benchmarks faults hot`."""

from __future__ import annotations

import pytest

import convo
from tests.faults.hot import history, side_by_side


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    """A server's database with the tables of convo."""
    with convo.Store(postgres_url) as store:
        store.upgrade()
    return postgres_url


def test_processes_that_write_to_one_conversation_have_one_order(url: str) -> None:
    found = side_by_side(url, writers=2, rounds=1, seconds=0.3)
    assert found.problems == ()
    assert found.turns["convo"] > 0


def test_every_read_is_a_beginning_of_what_many_writers_append(url: str) -> None:
    assert list(history(url, 64, processes=1, threads=4)) == []


def test_a_writer_that_tears_the_head_from_its_message_is_caught(url: str) -> None:
    assert any("is due" in problem for problem in side_by_side(url, writers=1, rounds=1, seconds=0.5, hand="Torn").problems)
