"""The framework of the benchmarks, and that each of them runs: in a tiny form, whose figures mean nothing."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING

import attrs
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import convert_ as convert
from benchmarks import peers_, results, side_by_side
from benchmarks.crew import crew
from benchmarks.peers import Chat, Opened, Peer
from benchmarks.plot import bars, draw
from benchmarks.results import Result
from benchmarks.side_by_side import Effort, Figure, Ways, percentile, timed
from convo.audio.codec import Form

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HAND, OURS = "raw: by hand", "convo"


@pytest.fixture(autouse=True)
def _server(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks make databases of their own on the server of the tests."""
    monkeypatch.setenv("CONVO_TEST_POSTGRES_URL", postgres_url)


# --- each of them ----------------------------------------------------------------------------------

GOALS = {
    "append": {1.6, 3.0, 1.1}, "send": {1.6, 1.2}, "load": {0.8, 1.2}, "window": {1.3, 1.2}, "resume": {1.3},
    "asynchronous": {2, 1.4}, "writers": {1_500, 1.25}, "clips": {0.6, 1.0, 1.05, 1.3}, "import": {0.5, 1.3, 1.5},
    "depth": {1.5}, "report": set(), "telemetry": {1.1, 1.2}, "cipher": {1.3, 2.5, 1.5}, "export": {1.2, 1.3, 500.0},
}  # fmt: skip


@pytest.mark.parametrize("name", GOALS)
def test_a_benchmark_runs_and_has_the_goals_of_its_table(name: str) -> None:
    found = benchmarks.measured([name], Effort.TINY)
    assert {result.figure.goal for result in found} - {None} == GOALS[name]
    assert all(result.figure.value > 0 for result in found)
    assert {result.benchmark for result in found} == {name}


def test_every_question_is_tried() -> None:
    assert set(benchmarks.QUESTIONS) == {*GOALS, "economy", "convert", "peers", "memory", "capacity"}


def test_a_conversion_is_a_line_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "_SOURCES", {})
    monkeypatch.setattr(convert, "_TARGETS", [Form("flac")])
    head, row = convert.run(Effort.TINY)
    assert "likeness" in str(head)
    assert "wav 24 kHz -> flac" in str(row)


# --- what is timed ---------------------------------------------------------------------------------


class Clock:
    """Stands where the clock of the benchmarks is, and moves only when a way takes its time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def taking(self, *seconds: float) -> Callable[[], None]:
        """A way whose calls take these seconds in turn, and then the last of them."""
        left = list(seconds)

        def way() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return way


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(side_by_side, "time", clock)
    return clock


def test_ways_are_held_against_the_first_one_round_by_round(watch: Clock) -> None:
    base, slow = watch.taking(9, 9, 1, 2, 4), watch.taking(9, 9, 3, 6, 12)
    first, second = timed(Ways("x", {HAND: base, OURS: slow}, {OURS: 3}, rounds=3), Effort.LONG)
    assert (first.value, first.p99, first.ratios) == (2, 4, {HAND: 1})
    assert (second.value, second.p99, second.ratio, second.met) == (6, 12, 3, True)


def test_a_figure_is_of_one_of_the_times_that_a_call_does_the_same(watch: Clock) -> None:
    (figure,) = timed(Ways("x", {HAND: watch.taking(8)}, rounds=2, per=4), Effort.LONG)
    assert (figure.value, figure.p99) == (2, 2)


def test_a_way_can_be_held_against_several(watch: Clock) -> None:
    ways = {"raw: one": watch.taking(1), "raw: two": watch.taking(2), OURS: watch.taking(3)}
    *_, ours = timed(Ways("x", ways, baselines=("raw: one", "raw: two")), Effort.SHORT)
    assert ours.ratios == {"raw: one": 3, "raw: two": 1.5}


def test_every_way_is_once_the_first_of_a_round() -> None:
    said: list[str] = []
    timed(Ways("x", {name: partial(said.append, name) for name in "ab"}, rounds=2), Effort.LONG)
    assert said[4:] == ["a", "b", "b", "a"]


def test_a_way_that_is_awaited_runs_on_the_loop_that_is_given() -> None:
    seen: list[object] = []

    async def way() -> None:
        seen.append(asyncio.get_running_loop())

    with asyncio.Runner() as runner:
        timed(Ways("x", {OURS: way}, rounds=1, batch=2, runner=runner), Effort.LONG)
        assert set(seen) == {runner.get_loop()}


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (100, 99), (200, 198), (50, 50)])
def test_the_99th_percentile_is_one_of_the_values(count: int, expected: int) -> None:
    assert percentile([*range(count, 0, -1)], 0.99) == expected


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure(what="x", way=OURS, value=9, ratios={HAND: 1.6}, goal=1.6), True),
        (Figure(what="x", way=OURS, value=9, ratios={HAND: 1.61}, goal=1.6), False),
        (Figure(what="x", way=OURS, value=1_500, unit="turns/s", goal=1_500, least=True), True),
        (Figure(what="x", way=OURS, value=1_499, unit="turns/s", goal=1_500, least=True), False),
        (Figure(what="x", way=OURS, value=9, ratios={HAND: 1.6}), None),
    ],
)
def test_a_goal_bounds_the_ratio_or_the_value(figure: Figure, *, met: bool | None) -> None:
    assert figure.met is met


# --- processes -------------------------------------------------------------------------------------


def nothing() -> Callable[[], object]:
    return lambda: None


def broken() -> Callable[[], object]:
    raise ValueError("there is no such table")


def test_a_crew_does_its_way_so_many_times_in_every_process() -> None:
    with crew([nothing, nothing], times=3) as working:
        working.work()
        assert (working.turns, len(working.waits)) == (6, 6)


def test_what_a_process_raises_is_raised_where_it_was_started() -> None:
    with pytest.raises(RuntimeError, match="ValueError: there is no such table"), crew([broken], times=1):
        pass


# --- peers -----------------------------------------------------------------------------------------


def opened(place: str, runner: asyncio.Runner) -> Opened:
    """Stand for the adapter of a peer that keeps conversations in a list."""
    del place, runner

    def chat(count: int) -> Chat:
        kept: list[object] = [None] * count
        return Chat(lambda: kept.extend("ab"), lambda: kept)

    return Opened("none at all", chat)


def away(place: str, runner: asyncio.Runner) -> Opened:
    raise OSError("its server is away\nsince yesterday")


def forgetful(place: str, runner: asyncio.Runner) -> Opened:
    """Stand for a peer that does not give back what it was given."""
    return attrs.evolve(opened(place, runner), chat=lambda _: Chat(broken, list))


def test_peers_that_are_there_are_measured_and_the_others_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = tuple(Peer(name, "SQLite", f"{name}:opened") for name in ("here", "away", "gone", "forgetful"))
    places = {"here": opened, "away": away, "forgetful": forgetful}

    def open_(peer: Peer, place: str, runner: asyncio.Runner) -> Opened:
        if peer.name not in places:
            raise ModuleNotFoundError(f"No module named {peer.name!r}")
        return places[peer.name](place, runner)

    monkeypatch.setattr(peers_, "PEERS", peers)
    monkeypatch.setattr(Peer, "open", open_)
    found = benchmarks.measured(["peers"], Effort.TINY)
    said = capsys.readouterr().out
    assert "here, SQLite: none at all" in said
    assert "away, SQLite: failed (OSError: its server is away)" in said
    assert "forgetful, append a turn at 0 messages, SQLite, synchronous=FULL: failed (ValueError: there is no such" in said
    assert "forgetful, load 10 messages, SQLite: failed (ValueError: it gave 0 of 10 messages)" in said
    assert "gone, SQLite: not installed (No module named 'gone')" in said
    assert {result.figure.what for result in found if result.figure.way == "here"} == {
        "append a turn at 0 messages, SQLite, synchronous=FULL", "load 10 messages, SQLite",
    }  # fmt: skip


# --- what is shown ---------------------------------------------------------------------------------

RATIOS = {HAND: 1.5, "raw: rows": 1.25}
MANY = "convo: turns a second"
FOUND = [
    Result("append", Figure(what="append a turn", way=HAND, value=2e-4, p99=3e-4, ratios={HAND: 1.0, "raw: rows": 0.8})),
    Result("append", Figure(what="append a turn", way=OURS, value=3e-4, p99=1.2e-2, ratios=RATIOS, goal=1.6)),
    Result("append", Figure(what="append a turn", way="another", value=1.5, p99=2, ratios={HAND: 94.2}, goal=3)),
    Result("writers", Figure(what="8 writers", way=MANY, value=1_400, unit="turns/s", goal=1_500, least=True)),
    Result("clips", Figure(what="20 clips", way=f"{OURS}: disk", value=21e6, unit="B", ratios={"the bytes": 1.02}, goal=1.05)),
]  # fmt: skip


def test_the_table_says_median_p99_ratios_and_goals() -> None:
    assert [" ".join(results.line(result.figure).split()) for result in FOUND] == [
        "raw: by hand 200.0 us p99 300.0 us",
        "convo 300.0 us p99 12.0 ms 1.50x, 1.25x of raw: rows goal at most 1.6x: met",
        "another 1.5 s p99 2.0 s 94.20x goal at most 3x: NOT met",
        "convo: turns a second 1,400 turns/s goal at least 1,500 turns/s: NOT met",
        "convo: disk 21.0 MB 1.02x goal at most 1.05x: met",
    ]


def test_the_summary_names_the_goals_that_are_not_met() -> None:
    head, *missed = results.summary(FOUND)
    assert head == "2 of 4 goals met"
    assert [line.split(":")[0].strip() for line in missed] == ["append", "writers"]
    assert list(results.summary(FOUND[:1])) == []


def test_the_json_has_what_the_table_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    benchmarks.main(["memory", "--effort", "tiny", "--json", str(path)])
    said = capsys.readouterr().out
    read = json.loads(path.read_text())
    assert (read["effort"], read["figures"][0]["benchmark"], read["versions"]["convo"]) == ("tiny", "memory", "0.1.0")
    assert {figure["goal"] for figure in read["figures"]} == {1.0, None}
    for figure in read["figures"]:
        shown = results.line(Figure(**{name: figure[name] for name in figure if name not in ("benchmark", "ratio", "met")}))
        assert shown in said
        assert figure["ratio"] == next(iter(figure["ratios"].values()))
        assert figure["met"] is (None if figure["goal"] is None else figure["ratio"] <= figure["goal"])


def test_the_plot_has_a_bar_for_every_ratio_to_something_else(tmp_path: Path) -> None:
    rows = bars(FOUND)
    assert [(row["way"], row["label"], row["kind"]) for row in rows] == [
        (OURS, "1.50x", "convo"), ("another", "94x", "other libraries"), (f"{OURS}: disk", "1.02x", "convo"),
    ]  # fmt: skip
    draw(FOUND, tmp_path / "ratios.svg")
    draw(FOUND, tmp_path / "ratios.png")
    assert "append a turn" in (tmp_path / "ratios.svg").read_text()
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["append", "apend"], "no benchmark apend; there are append,"),
        (["append", "--json", "/nowhere/x.json"], "there is no folder /nowhere"),
        (["append", "--plot", "x.gif"], "x.gif ends neither in .svg nor in .png"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        benchmarks.main(arguments)
    assert said in capsys.readouterr().err
