"""The worked example: its code runs as it stands, on a smaller store, and finds what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from convo.cli.sample import sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).with_name("afternoon.md")
SIZE = 6_000


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the demo."""
    path = tmp_path_factory.mktemp("year") / "year.db"
    result = CliRunner().invoke(main, ["--store", str(path), "demo", "--store-size", str(SIZE)])
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(path))}: 6,0\d\d messages\n", result.stderr)
    return path


@pytest.fixture(scope="module")
def found(year: Path) -> Iterator[dict[str, Any]]:
    """The names that the code of the document leaves behind."""
    names: dict[str, Any] = {"year": f"sqlite:///{year}", "folder": year.parent}
    for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        exec(block, names)
    yield names
    names["db"].close()
    names["store"].close()


def test_the_cheap_model_is_cheap_and_the_old_one_is_dear(found: dict[str, Any]) -> None:
    assert set(found["minute"]) == {"gpt-audio", "gpt-audio-1.5", "gpt-audio-mini"}
    assert (found["cheapest"], found["minute"]["gpt-audio-mini"] * 2 < found["minute"][found["dearest"]]) == (
        "gpt-audio-mini",
        True,
    )


def test_people_lose_their_patience(found: dict[str, Any]) -> None:
    assert found["cut"]["early"] < found["cut"]["middle"] < found["cut"]["late"]
    assert found["cut"]["late"] > 3 * found["cut"]["early"]


def test_who_comes_back_later_gets_words(found: dict[str, Any]) -> None:
    assert 0.05 < found["share"] < 0.5
    assert found["later"][True] > found["later"][False]


def test_no_customer_waits_much_longer(found: dict[str, Any]) -> None:
    times = [p95 for _, p95, _ in found["slow"]]
    assert len(times) >= 3
    assert max(times) < 2 * min(times)


def test_the_pictures_are_there(found: dict[str, Any], year: Path) -> None:
    named = set(re.findall(r'"(\w+\.svg)"', DOCUMENT.read_text()))
    assert {file.name for file in year.parent.glob("*.svg")} == named
    assert len(named) == 5


# --- the store -------------------------------------------------------------------------------------


def test_the_same_size_gives_the_same_store() -> None:
    one, other = list(sessions(500)), list(sessions(500))
    assert one == other
    assert 500 <= sum(count for _, count, _ in one) < 550


def test_nothing_is_wrong_with_the_store(year: Path) -> None:
    with convo.Store.existing(f"sqlite:///{year}") as store:
        known = {"references", "synchronous", "wal_reset_bug"}
        assert [finding for finding in store.everyone().doctor() if finding.kind not in known] == []


def test_the_store_has_what_a_year_has(year: Path) -> None:
    with convo.Store.existing(f"sqlite:///{year}") as store:
        (row,) = store.everyone().tables().measures(()).to_pylist()
        assert store.everyone().tables().measures("owner").num_rows >= 3
        days = store.everyone().tables().measures("day")["day"].to_pylist()
    assert (days[0].year, days[-1].year) == (2025, 2026)
    some = ("interruptions", "tool_calls", "silences", "failed_calls", "mended_calls", "fallback_rate", "talk_ratio")
    assert all(row[name] for name in some)
    assert row["unpriced_calls"] == 0


def test_no_store_is_overwritten(year: Path) -> None:
    before = year.read_bytes()
    for arguments in (
        ["--store", str(year), "demo", "--store-size", "10"],
        ["--store", "postgresql://h/x", "demo", "--store-size", "10"],
    ):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, "is no new file" in result.stderr) == (1, True)
    assert CliRunner().invoke(main, ["demo", "--live", "--store-size", "10"]).exit_code == 2
    assert year.read_bytes() == before


def test_a_plot_is_drawn_from_the_command_line(year: Path) -> None:
    def run(*arguments: object) -> Any:
        return CliRunner().invoke(main, ["--store", str(year), "plot", *map(str, arguments)])

    picture = year.parent / "pictures"
    picture.mkdir()
    done = run("tokens", "-o", picture / "tokens.svg", "--everyone", "--since", "2026-01-01", "--zone", "Europe/Berlin")
    assert (done.exit_code, done.stderr) == (0, f"{picture / 'tokens.svg'}: Tokens by kind\n")
    assert "week (Europe/Berlin)" in (picture / "tokens.svg").read_text()
    assert run("cost", "-o", picture / "cost.png").exit_code == 0  # of an owner that has nothing
    for wrong in (("cost", "-o", picture / "cost.pdf"), ("expiry", "-o", picture / "a.svg"), ("cost", "-o", year / "a.svg")):
        assert run(*wrong).exit_code == 1
    assert run("costs", "-o", picture / "a.svg").exit_code == 2
    assert sorted(file.name for file in picture.iterdir()) == ["cost.png", "tokens.svg"]
