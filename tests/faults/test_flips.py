"""The short form of flipped bits, and that it finds a store that looks away."""

from __future__ import annotations

import pytest

from convo.store import columns
from tests.faults import flips


def test_each_flipped_bit_of_a_message_is_found_and_named() -> None:
    unreadable, looked = flips.flipped(100, seed=1)
    assert 0 < unreadable < 100
    assert looked == 2


def test_a_store_that_does_not_hold_bodies_against_their_hashes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "check_hashes", lambda connection, owner, rows, at: None)
    with pytest.raises(AssertionError, match="was not found"):
        flips.flipped(1, seed=2)
