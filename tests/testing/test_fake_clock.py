"""The clock stands still, and the ids count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from convo.testing import CountedIds, FakeAPI, FixedClock


def test_the_clock_gives_the_same_aware_time_until_it_is_moved() -> None:
    clock = FixedClock()
    assert clock() == clock() == datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_the_clock_advances_by_seconds_or_by_a_timedelta() -> None:
    clock = FixedClock()
    clock.advance(1.5)
    clock.advance(timedelta(hours=1))
    assert clock() == datetime(2026, 11, 1, 13, 0, 1, 500_000, tzinfo=UTC)


def test_the_clock_can_be_set_back() -> None:
    clock = FixedClock()
    clock.set(datetime(2025, 1, 1, tzinfo=UTC))
    assert clock() == datetime(2025, 1, 1, tzinfo=UTC)


def test_a_naive_time_is_an_error_that_says_what_to_pass() -> None:
    with pytest.raises(ValueError, match="no time zone; pass an aware datetime"):
        FixedClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="no time zone"):
        FixedClock().set(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_a_fake_whose_clock_is_naive_says_so() -> None:
    fake = FakeAPI(clock=lambda: datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="the fake's clock has no time zone"):
        fake.client().models.list()


def test_ids_are_uuids_of_version_7() -> None:
    made = CountedIds()()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_ids_sort_in_the_order_of_the_calls() -> None:
    new_id = CountedIds()
    made = [new_id() for _ in range(2_000)]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_are_the_same_in_every_run() -> None:
    assert str(CountedIds()()) == "01a196fb-1601-7000-8000-000000000001"
    assert CountedIds(start=7)() == [make() for make in [CountedIds()] for _ in range(7)][-1]


def test_threads_never_get_the_same_id() -> None:
    new_id = CountedIds()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(800)))
    assert len(set(made)) == 800
