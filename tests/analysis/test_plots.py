"""Plots: each says what it shows, of a store or of files; stored text stays text; nothing to show is said."""

from __future__ import annotations

import builtins
import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest

import convo
from convo.analysis import charts, drawing
from convo.analysis.plots import NEEDED, PLOTS, plot
from tests.analysis.lines import at, tables
from tests.support.builders import wav

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "gpt-audio-1.5"
EVIL = "<script>alert(1)</script>\x00\x1b[31m&\"'\n</svg>"
WORDS = {
    "cost": {"Cost of calls by kind", "cost in USD an hour", "hour (UTC)", "audio out", "text in"},
    "tokens": {"Tokens by kind", "tokens an hour", "hour (UTC)", "audio out", "text in"},
    "latency": {"How long answers take", "seconds", "call: until the answer begins", "call: until it is complete"},
    "talk": {"Who does the talking", "share of the speech that is the assistant's", "conversations"},
    "audio": {"turns that are spoken", "earlier speech is sent", "by its id", "as its words", "hour (UTC)"},
    "expiry": {"time (UTC)", "all by its id", "some as its words"},
    "activity": {"Turns by weekday and hour", "hour (UTC)", "Monday", "Sunday", "turns"},
}


def texts(svg: str) -> set[str]:
    """What an SVG says; it is XML, with no scripts and nothing from elsewhere."""
    root = ET.fromstring(svg)
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {"svg", "g", "path", "rect", "text", "defs", "clipPath", "line",
                                                                     "linearGradient", "stop", "tspan"}  # fmt: skip
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on") or name.endswith("href")]
    return {"".join(one.itertext()) for one in root.iter() if one.tag.endswith("}text")}


def marks(svg: str, kind: str) -> int:
    """How many paths and shapes stand in groups of a kind of mark."""
    groups = [one for one in ET.fromstring(svg).iter() if f"mark-{kind}" in one.get("class", "").split()]
    return sum(len(group) for group in groups if "role-mark" in group.get("class", ""))


def spoken(store: Any, client: Any, clock: Any, transcript: str = "Hello there.") -> Any:
    chat = store.create()
    for _ in range(3):
        chat.send(client, convo.Audio.from_bytes(wav(1.5), transcript=transcript), model=MODEL, voice="alloy", format="wav")
        clock.advance(timedelta(minutes=40))
    return chat


@pytest.mark.parametrize("name", PLOTS)
def test_each_plot_of_a_store_says_what_it_shows(store: Any, client: Any, clock: Any, name: Any) -> None:
    store = store.owned_by(f"ada-{uuid4()}")
    chat = spoken(store, client, clock)
    found = store.tables().plot(name, conversation=chat.id if name == "expiry" else None)
    said = texts(found.svg())
    if name == "latency" and "call: until the answer begins" not in said:  # the clock of the test stands still in a call
        assert any(words.startswith("Nothing to show") for words in said)
        return
    assert WORDS[name] <= said
    assert found.title in said
    assert found.png().startswith(b"\x89PNG")


def test_a_timeline_has_a_bar_for_each_reply_and_a_line_for_each_call(store: Any, client: Any, clock: Any) -> None:
    chat = spoken(store, client, clock)
    spoken(store, client, clock)
    svg = store.tables().plot("expiry", conversation=str(chat.id)).svg()
    assert (marks(svg, "rect"), marks(svg, "rule")) == (3, 3)
    day = f"{clock():%d %B %Y}".lstrip("0")
    assert f"3 spoken replies, 3 calls, {day}; a bar lasts while the id of a reply is valid" in texts(svg)
    with pytest.raises(convo.ConversationNotFound):
        store.owned_by(f"eve-{uuid4()}").tables().plot("expiry", conversation=chat.id)


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(1, [0, 1]), (8, [*range(9)]), (9, [0, 2, 4, 6, 8]), (99, [0, 20, 40, 60, 80]), (1_000, [0, 200, 400, 600, 800, 1_000])],
)
def test_counts_have_ticks_at_whole_numbers(most: int, ticks: list[int]) -> None:
    assert charts._whole(most) == ticks


def test_what_is_short_is_told_in_seconds() -> None:
    assert (drawing._hours(3.2), drawing._hours(90), drawing._hours(9_000)) == ("3 seconds", "1.5 minutes", "2.5 hours")


def test_activity_has_a_field_for_each_hour_of_the_week_by_the_clocks_of_a_zone() -> None:
    rows = tables(turns=[{"turn": 1, "started_at": at(0)}, {"turn": 2, "started_at": at(1)}])
    values = {zone: plot("activity", rows, zone=zone).chart.to_dict()["data"]["values"] for zone in ("UTC", "Asia/Tokyo")}
    busy = {zone: [(row["weekday"], row["hour"], row["turns"]) for row in some if row["turns"]] for zone, some in values.items()}
    assert busy == {"UTC": [("Sunday", 12, 2)], "Asia/Tokyo": [("Sunday", 21, 2)]}
    assert marks(plot("activity", rows).svg(), "rect") == 7 * 24


def test_bars_of_costs_add_up_and_other_currencies_are_told() -> None:
    told = {"started_at": at(0), "currency": "USD", "cost_text_in": Decimal("0.25"), "cost_audio_out": Decimal("0.5")}
    calls = [{**told, "cost": Decimal("0.75")}, {**told, "cost": Decimal(1)}, {**told, "cost": Decimal(9), "currency": "EUR"}]
    found = plot("cost", tables(exchanges=calls))
    values = {row["kind"]: row["value"] for row in found.chart.to_dict()["data"]["values"]}
    assert values == {"text in": 0.5, "audio out": 1.0, "not split": pytest.approx(0.25)}
    assert "$1.75 for 2 calls; 1 call in other currencies not shown, 1 November 2026" in texts(found.svg())


def test_what_cost_nothing_is_told_and_no_empty_picture() -> None:
    calls = [{"started_at": at(0), "cost": Decimal(0), "currency": "USD"}] * 2
    found = plot("cost", tables(exchanges=calls))
    assert "Nothing to show: 2 calls cost nothing." in texts(found.svg())
    assert found.png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("cost", "words", "ticks"),
    [
        ("0.01", "$0.010 for 1 call", {"$0.002", "$0.004", "$0.006", "$0.008", "$0.010"}),
        ("0.000012", "$0.000012 for 1 call", {"$0.000002", "$0.000004", "$0.000010", "$0.000012"}),
        ("5", "$5.00 for 1 call", {"$1.00", "$2.00", "$3.00", "$4.00", "$5.00"}),
    ],
)
def test_small_costs_are_told_with_as_many_decimals_as_they_need(cost: str, words: str, ticks: set[str]) -> None:
    said = texts(plot("cost", tables(exchanges=[{"started_at": at(0), "cost": Decimal(cost), "currency": "USD"}])).svg())
    assert ticks <= said
    assert f"{words}, 1 November 2026" in said


@pytest.mark.parametrize(("seconds", "tick"), [((0.001, 0.004), "0.002"), ((5_000.0, 90_000.0), "50000")])
def test_durations_of_any_length_have_labels_at_their_axis(seconds: tuple[float, ...], tick: str) -> None:
    turns = [{"turn": turn, "started_at": at(0), "response_seconds": one} for turn, one in enumerate(seconds, 1)]
    assert tick in texts(plot("latency", tables(turns=turns)).svg())


def test_a_bar_that_is_shorter_than_a_pixel_can_be_seen() -> None:
    reply = {"position": 2, "source": "reply", "role": "assistant", "created_at": at(0), "expires_at": at(3_600)}
    rows = tables(audio=[reply], exchanges=[{"started_at": at(0)}, {"started_at": at(400 * 86_400)}])
    assert 'stroke="#56B4E9"' in plot("expiry", rows, conversation="c").svg()


def test_tokens_from_the_cache_are_counted_once() -> None:
    call = {"started_at": at(0), "input_text": 100, "input_audio": 50, "input_cached": 70, "input_cached_audio": 30}
    values = plot("tokens", tables(exchanges=[{**call, "output_text": 7}])).chart.to_dict()["data"]["values"]
    assert {row["kind"]: row["value"] for row in values} == {"text in": 60, "audio in": 20, "cached in": 70, "text out": 7}


@pytest.mark.parametrize(("days", "unit"), [(1, "hour"), (30, "day"), (400, "week"), (2_000, "month"), (20_000, "year")])
def test_bars_are_as_long_as_the_time_asks_for(days: int, unit: str) -> None:
    calls = [{"started_at": at(0), "output_text": 5}, {"started_at": at(days * 86_400), "output_text": 5}]
    found = plot("tokens", tables(exchanges=calls))
    assert f"tokens a{'n' if unit == 'hour' else ''} {unit}" in texts(found.svg())
    assert len(found.chart.to_dict()["data"]["values"]) == 2


@pytest.mark.parametrize("name", PLOTS)
def test_where_there_is_nothing_the_plot_says_so(name: Any) -> None:
    found = plot(name, tables(), conversation=uuid4() if name == "expiry" else None)
    said = texts(found.svg())
    assert found.title in said
    assert any(words.startswith("Nothing to show: ") for words in said)


def test_stored_text_stays_text() -> None:
    rows = tables(
        audio=[
            {"position": 2, "source": "reply", "role": "assistant", "created_at": at(0), "expires_at": at(99), "transcript": EVIL}
        ],
        exchanges=[{"started_at": at(0), "cost": Decimal(1), "currency": EVIL}],
    )
    timeline = plot("expiry", rows, conversation="c")
    assert any(words.startswith(("2  <script>", "2 <script>")) for words in texts(timeline.svg()))
    assert "cost in ? an hour" in texts(plot("cost", rows).svg())
    assert "<script" not in timeline.svg()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("costs", {}),
        ("cost", {"zone": "Mars/Base"}),
        ("cost", {"zone": "../etc/passwd"}),
        ("cost", {"zone": ""}),
        ("cost", {"conversation": uuid4()}),
        ("expiry", {}),
    ],
)
def test_bad_input_is_refused(store: Any, name: Any, more: Any) -> None:
    with pytest.raises(convo.InputError):
        store.tables().plot(name, **more)


def test_a_plot_is_saved_by_the_name_of_its_file(tmp_path: Path) -> None:
    found = plot("activity", tables())
    found.save(tmp_path / "a.svg")
    found.save(str(tmp_path / "b.PNG"))
    assert (tmp_path / "a.svg").read_text() == found.svg()
    assert (tmp_path / "b.PNG").read_bytes().startswith(b"\x89PNG")
    for name in ("c.pdf", "svg", ""):
        with pytest.raises(convo.InputError, match=r"\.svg or \.png"):
            found.save(tmp_path / name)
    assert found._repr_mimebundle_()["image/svg+xml"] == found.svg()


def test_a_table_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(convo.InputError, match="has no column 'response_seconds'"):
        plot("latency", {**tables(), "turns": tables()["turns"].drop_columns(["response_seconds"])})
    with pytest.raises(convo.InputError, match="needs the table 'turns'"):
        plot("talk", {"turns": []})


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    found = plot("activity", tables()) if package == "vl_convert" else None
    real = builtins.__import__

    def importing(name: str, *rest: Any, **more: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(convo.MissingDependency, match=r"pip install 'convo\[plots\]'"):
        (found.svg if found else lambda: plot("activity", tables()))()


def test_a_chart_holds_no_more_than_it_draws() -> None:
    calls = [{"started_at": at(0), "output_text": 5, "request_id": "secret"}] * 1_000
    assert len(json.dumps(plot("tokens", tables(exchanges=calls)).chart.to_dict())) < 20_000
    assert set(NEEDED) == set(PLOTS)
