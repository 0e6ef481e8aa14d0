"""A failover to a standby, once with synchronous replication and once without; long: `python -m benchmarks faults failover`."""

from __future__ import annotations

from tests.faults.failover import failed_over


def test_a_failover_with_synchronous_replication_loses_nothing_that_was_acknowledged() -> None:
    outcome = failed_over(1, synchronous=True, writers=3)
    assert outcome.problems == []
    assert outcome.acknowledged > 3


def test_a_failover_with_asynchronous_replication_loses_turns_and_it_is_seen() -> None:
    assert any("lost" in problem for problem in failed_over(1, synchronous=False, writers=1).problems)
