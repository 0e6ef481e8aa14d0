"""A server crashes, restarts and loses its connections; the long form is `python -m benchmarks faults restarts`."""

from __future__ import annotations

from tests.faults.restarts import CARELESS, DURABLE, FAULTS, broken, immediate_stop


def test_what_was_acknowledged_is_there_after_every_fault_and_the_store_goes_on() -> None:
    outcome = broken(DURABLE, FAULTS, writers=3)
    assert outcome.problems == []
    assert outcome.acknowledged > 5


def test_a_server_that_acknowledges_what_it_has_not_written_is_caught() -> None:
    assert any("lost" in problem for problem in broken(CARELESS, [immediate_stop] * 2, writers=2, patience=3).problems)
