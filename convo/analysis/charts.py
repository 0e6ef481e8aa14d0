"""How plots look: rows become charts of Altair, with titles, units and colours. Stored text comes here as data, never as code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from convo.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

WIDTH, HEIGHT = 640, 300
INK, QUIET, LINES = "#222222", "#666666", "#e4e4e4"
COLOURS = {
    "audio out": "#D55E00", "text out": "#E69F00", "audio in": "#0072B2", "text in": "#56B4E9", "image in": "#CC79A7",
    "cached in": "#B8B8B8", "not split": "#555555",
}  # fmt: skip
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
"""Of the palette of Okabe and Ito, Color Universal Design (2008)."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCK = {
    "milliseconds": "%H:%M:%S", "seconds": "%H:%M:%S", "minutes": "%H:%M", "hours": "%H:%M", "day": "%-d %b", "date": "%-d %b",
    "week": "%-d %b", "month": "%b", "quarter": "%b", "year": "%Y",
}  # fmt: skip
"""How times stand at an axis, by what they begin."""
_ZERO = "datum.value == 0 ? '0' : datum.label"
_LEFT, _RIGHT = 0.2, 0.78
"""Parts of an axis outside of which words beside a line would not fit."""
_SECONDS = tuple(float(f"{digit}e{power}") for power in range(-6, 9) for digit in (1, 2, 5))
TICKS = 6
"""Steps at an axis of amounts, about."""


def altair() -> Any:
    """Give the package `altair`. Raises `MissingDependency`."""
    try:
        import altair as alt
    except ImportError as error:
        raise MissingDependency("altair", "plots", "a plot") from error
    return alt


def short(number: float) -> str:
    """Give a number in at most three digits and a unit."""
    for unit, size in (("billion", 1e9), ("million", 1e6), ("thousand", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:,.0f}"


def _data(rows: Rows) -> Any:
    """Give rows as they stand in a chart: times as the clocks show them, which the chart takes for UTC."""
    plain = [{name: _value(value) for name, value in row.items()} for row in rows]
    return altair().Data(values=plain)


def _value(value: Any) -> Any:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if hasattr(value, "isoformat") else value


def _finished(chart: Any, title: str, words: str) -> Any:
    alt = altair()
    heading = alt.TitleParams(
        title, subtitle=words, anchor="start", frame="group", fontSize=17, fontWeight=600, color=INK, subtitleColor=QUIET,
        subtitleFontSize=13, subtitlePadding=5, offset=16,
    )  # fmt: skip
    return (
        chart.properties(title=heading, background="white", padding=16)
        .configure(font="Arial, Helvetica, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titleColor=QUIET, labelColor=INK, gridColor=LINES,
            domainColor="#999999", tickColor="#999999", titlePadding=9, labelPadding=4,
        )
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titleColor=QUIET, labelColor=INK)
    )  # fmt: skip


def nothing(title: str, words: str) -> Any:
    """A plot that says that there is nothing to show."""
    alt = altair()
    chart = alt.Chart(_data([{"words": f"Nothing to show: {words}."}])).mark_text(fontSize=15, color=QUIET)
    return _finished(chart.encode(text="words:N").properties(width=WIDTH, height=HEIGHT // 2), title, "")


def _time(title: str | None, **more: Any) -> Any:
    alt = altair()
    return alt.X(
        "begin:T", title=title, scale=alt.Scale(type="utc"), axis=alt.Axis(grid=False, tickCount=8, format=_CLOCK, **more)
    )


def stacked(title: str, words: str, rows: Rows, kinds: Sequence[str], unit: str, axis: str, form: str) -> Any:
    """Bars over time, by kind."""
    alt = altair()
    chart = alt.Chart(_data([{**row, "order": -kinds.index(row["kind"])} for row in rows])).mark_bar(
        binSpacing=0, stroke="white", strokeWidth=0.3
    )
    chart = chart.encode(
        x=_time(axis),
        x2="end:T",
        y=alt.Y("sum(value):Q", title=unit, stack="zero", axis=alt.Axis(format=form, tickCount=TICKS, labelExpr=_ZERO)),
        color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=list(kinds), range=[COLOURS[kind] for kind in kinds])),
        order=alt.Order("order:Q"),
    )
    return _finished(chart.properties(width=WIDTH, height=HEIGHT), title, words)


def audio(title: str, words: str, above: Rows, below: Rows, axis: str) -> Any:
    """Shares over time: of spoken turns, and of the ways that earlier speech went."""
    alt = altair()
    percent = {"format": "%", "tickCount": 5}
    share = alt.Scale(domain=[0, 1])
    begins = [_value(row[name]) for row in (*above, *below) for name in ("begin", "end")]
    time = alt.X("begin:T", title=None, scale=alt.Scale(type="utc", domain=[min(begins), max(begins)], nice=False, padding=0),
                 axis=alt.Axis(grid=False, tickCount=8, format=_CLOCK))  # fmt: skip
    top = (
        alt.Chart(_data(above))
        .mark_rect(color=BLUE, stroke="white", strokeWidth=0.3)
        .encode(
            x=time,
            x2="end:T",
            y2=alt.datum(0),
            y=alt.Y("share:Q", title="turns that are spoken", scale=share, axis=alt.Axis(**percent)),
        )
        .properties(width=WIDTH, height=150)
    )
    names = ["by its id", "as its words"]
    bottom = (
        alt.Chart(_data([{**row, "order": names.index(row["kind"])} for row in below]))
        .mark_bar(binSpacing=0, stroke="white", strokeWidth=0.3)
        .encode(
            x=time.copy().title(axis),
            x2="end:T",
            y=alt.Y("sum(share):Q", title="earlier speech is sent", stack="zero", scale=share, axis=alt.Axis(**percent)),
            color=alt.Color("kind:N", title=None, scale=alt.Scale(domain=names, range=[GREEN, ORANGE])),
            order=alt.Order("order:Q"),
        )
        .properties(width=WIDTH, height=150)
    )
    return _finished(alt.vconcat(top, bottom, spacing=24), title, words)


def activity(title: str, words: str, rows: Rows, axis: str) -> Any:
    """A field for each weekday and hour."""
    alt = altair()
    named = [{**row, "weekday": DAYS[row["day"]]} for row in rows]
    legend = alt.Legend(values=_whole(max(row["turns"] for row in rows)), format=",d")
    chart = alt.Chart(_data(named)).mark_rect(stroke="white", strokeWidth=1)
    chart = chart.encode(
        x=alt.X("hour:O", title=axis, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("weekday:O", title=None, sort=list(DAYS)),
        color=alt.Color("turns:Q", title="turns", scale=alt.Scale(scheme="blues", domainMin=0), legend=legend),
    )
    return _finished(chart.properties(width=WIDTH, height=7 * 32), title, words)


def distributions(title: str, words: str, panels: Sequence[Mapping[str, Any]]) -> Any:
    """Histograms under each other, of one axis of seconds, in powers of ten."""
    alt = altair()
    ends = [row[name] for panel in panels for row in panel["rows"] for name in ("low", "high")]
    domain = [min(ends), max(ends)]
    ticks = [tick for tick in _SECONDS if domain[0] <= tick <= domain[1]]
    charts = [_distribution(panel, domain, ticks, last=panel is panels[-1]) for panel in panels]
    return _finished(alt.vconcat(*charts, spacing=22), title, words)


_TO_ALL = "datum.value > 1 ? '' : datum.label"
"""The room above a bar of all has no share."""


def _distribution(panel: Mapping[str, Any], domain: list[float], ticks: list[float], *, last: bool) -> Any:
    alt = altair()
    most = max(row["share"] for row in panel["rows"])
    scale = alt.Scale(type="log", domain=domain, nice=False)
    seconds = alt.X("low:Q", title="seconds" if last else None, scale=scale, axis=alt.Axis(values=ticks, format="~g", grid=False))
    share = alt.Y(
        "share:Q",
        title="share",
        axis=alt.Axis(format="%", tickCount=3, labelExpr=_TO_ALL),
        scale=alt.Scale(domain=[0, most * 1.5], nice=False),
    )
    bars = alt.Chart(_data(panel["rows"])).mark_rect(color=COLOURS["text in"], stroke="white", strokeWidth=0.5)
    bars = bars.encode(x=seconds, x2="high:Q", y=share, y2=alt.datum(0))
    one, two = (math.log(panel[name] / domain[0]) / math.log(domain[1] / domain[0]) for name in ("median", "p95"))
    marks = [
        {"low": panel["median"], "words": f"median {_seconds(panel['median'])}", "left": one > _LEFT, "share": most * 1.2},
        {"low": panel["p95"], "words": f"95% within {_seconds(panel['p95'])}", "left": two > _RIGHT, "share": most * 1.2},
    ]
    if marks[0]["left"] == marks[1]["left"]:
        marks[0]["share"] = most * 1.42
    parts = [bars]
    for mark in marks:
        base = alt.Chart(_data([mark])).encode(x=seconds)
        side = {"align": "right", "dx": -5} if mark["left"] else {"align": "left", "dx": 5}
        parts.append(base.mark_rule(color=RED, strokeWidth=1.5, strokeDash=[4, 3]))
        parts.append(base.mark_text(color=RED, fontSize=12, **side).encode(text="words:N", y=share))
    heading = alt.TitleParams(panel["name"], anchor="start", frame="group", fontSize=13, fontWeight=500, color=INK, offset=4)
    return alt.layer(*parts).properties(width=WIDTH, height=110, title=heading)


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 10 else f"{value:,.0f} s"  # noqa: PLR2004 - two digits are enough


def _whole(most: int) -> list[int]:
    """Give whole numbers from 0 to `most`, at most nine, at round distances."""
    power = 10 ** max(0, len(str(most)) - 2)
    step = next(one * power for one in (1, 2, 5, 10, 20) if most <= _TICKS * one * power)
    return list(range(0, most + 1, step))


_TICKS = 8


def talk(title: str, words: str, rows: Rows, median: float) -> Any:
    """A histogram of shares."""
    alt = altair()
    most = max(row["count"] for row in rows)
    share = alt.X("low:Q", title="share of the speech that is the assistant's", scale=alt.Scale(domain=[0, 1]),
                  axis=alt.Axis(format="%", grid=False, tickCount=10))  # fmt: skip
    count = alt.Y(
        "count:Q",
        title="conversations",
        axis=alt.Axis(values=_whole(most), format=",d"),
        scale=alt.Scale(domain=[0, most * 1.12], nice=False),
    )
    bars = alt.Chart(_data(rows)).mark_rect(color=COLOURS["text in"], stroke="white", strokeWidth=0.5)
    mark = alt.Chart(_data([{"low": median, "words": f"median {median:.0%}", "count": most * 1.07}])).encode(x=share)
    side = {"align": "right", "dx": -5} if median > 0.5 else {"align": "left", "dx": 5}  # noqa: PLR2004 - the middle
    chart = alt.layer(
        bars.encode(x=share, x2="high:Q", y=count, y2=alt.datum(0)),
        mark.mark_rule(color=RED, strokeWidth=1.5, strokeDash=[4, 3]),
        mark.mark_text(color=RED, fontSize=12, **side).encode(text="words:N", y=count),
    )
    return _finished(chart.properties(width=WIDTH, height=HEIGHT), title, words)


def expiry(title: str, words: str, rows: Rows, marks: Rows, axis: str) -> Any:
    """A bar for each reply while its id is valid; a line for each call."""
    alt = altair()
    begins = [_value(row[name]) for row in rows for name in ("begin", "end")] + [_value(mark["time"]) for mark in marks]
    scale = alt.Scale(type="utc", domain=[min(begins), max(begins)])
    labels = [row["reply"] for row in rows]
    replies = alt.Chart(_data(rows)).mark_bar(height=12, color=COLOURS["text in"], stroke=COLOURS["text in"], cornerRadius=2)
    names = ["all by its id", "some as its words", "none there yet"]
    calls = alt.Chart(_data(marks)).mark_rule(strokeWidth=1.2, opacity=0.7)
    chart = alt.layer(
        replies.encode(
            x=alt.X("begin:T", title=axis, scale=scale, axis=alt.Axis(tickCount=8, format=_CLOCK)),
            x2="end:T",
            y=alt.Y("reply:N", title=None, sort=labels, axis=alt.Axis(labelLimit=260)),
        ),
        calls.encode(
            x=alt.X("time:T", scale=scale),
            color=alt.Color(
                "sent:N",
                title="calls, with earlier speech",
                scale=alt.Scale(domain=names, range=[GREEN, RED, "#999999"]),
                legend=alt.Legend(orient="bottom", symbolType="stroke", symbolStrokeWidth=2.5),
            ),
        ),
    )
    return _finished(chart.properties(width=WIDTH - 60, height=max(90, 22 * len(rows))), title, words)
