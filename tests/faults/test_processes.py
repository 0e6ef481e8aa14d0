"""What happens to processes and disks, in short: kills, power cuts, full disks, many writers; each with a planted bug, too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults import disk, kills, points, power, writers
from tests.faults.edge import driver_url

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it needs signals and mounts of Linux")
compiled = pytest.mark.skipif(power.compiler() is None, reason="it needs a C compiler")


@linux
def test_killed_workers_lose_halve_and_double_nothing(tmp_path: Path) -> None:
    (found,) = kills.killed(tmp_path, {"sqlite async": 16}).values()
    assert found["problems"] == []
    assert found["kills"] == 16
    assert found["turns"] > 0


@linux
def test_kills_show_a_retry_with_another_key(tmp_path: Path) -> None:
    (found,) = kills.killed(tmp_path, {"sqlite": 6}, planted="keys").values()
    assert any("times in the log: user" in problem for problem in found["problems"])


@linux
@compiled
def test_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = power.cuts(tmp_path, 120, "full", turns=6)
    assert (found.images, found.lost, found.problems) == (120, 0, [])
    assert found.due > 100


@linux
@compiled
def test_power_cuts_show_what_relaxed_durability_loses_and_that_it_is_the_end_alone(tmp_path: Path) -> None:
    found = power.cuts(tmp_path, 120, "relaxed", turns=6)
    assert found.lost > 0
    assert all(problem.startswith("lost") for problem in found.problems)


def test_writers_of_one_file_take_turns() -> None:
    assert writers.written(3, 3, breath=0.0).errors == {}


def test_writers_who_do_not_wait_are_seen() -> None:
    assert "store_busy" in writers.written(4, 20, breath=0.0, planted=True).errors


@pytest.mark.parametrize(("number", "name"), list(enumerate(points.OPERATIONS)))
def test_every_operation_withstands_a_fault_at_its_first_points(number: int, name: str, tmp_path: Path) -> None:
    kinds = (*points.SQLITE, *points.OTHERS)
    assert points.failed("sqlite", f"sqlite:///{tmp_path}/chat.db", name, kinds[number % len(kinds)], points=5) > 1


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_operations_withstand_faults_of_a_server(driver: str, postgres_url: str, postgres_schema: str) -> None:
    del postgres_schema
    assert points.failed(driver, driver_url(postgres_url, driver), "add", "53100", points=3) == 3


def test_points_show_what_was_lost(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="lost"):
        points.failed("sqlite", f"sqlite:///{tmp_path}/chat.db", "add", "FULL", points=2, planted=True)


@linux
@pytest.mark.parametrize("number", [0, 1], ids=["chunks in the database", "files in a folder"])
def test_a_full_disk_loses_nothing_and_the_same_store_goes_on(number: int) -> None:
    assert disk.filled(number) > 2


@linux
def test_a_full_disk_shows_a_turn_that_was_not_stored() -> None:
    with pytest.raises(AssertionError, match="lost"):
        disk.filled(0, planted=True)
