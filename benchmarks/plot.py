"""What was found as a picture: one bar for each ratio, on a logarithmic scale, with a mark where its goal is."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.results import Result

OURS, THEIRS, BY_HAND = "convo", "other libraries", "raw driver, another way"
COLOURS = {OURS: "#1f6f8b", THEIRS: "#b9b4aa", BY_HAND: "#dfdbd3"}
GOAL = "#c8502d"
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"


def draw(results: Sequence[Result], path: Path) -> None:
    """Write the picture as an SVG or a PNG, as the ending of the path says. Needs the group `benchmarks` of dependencies."""
    import altair as alt

    chart = _chart(alt, bars(results))
    chart.save(str(path), **({"scale_factor": 2} if path.suffix == ".png" else {}))


def bars(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Give the rows of the picture: figures that have a ratio to something else."""
    return [
        {
            "what": result.figure.what, "way": result.figure.way, "ratio": ratio, "goal": result.figure.goal,
            "label": f"{ratio:,.2f}x" if ratio < _ROUND else f"{ratio:,.0f}x", "kind": _kind(result.figure.way),
        }
        for result in results
        if (ratio := result.figure.ratio) is not None and result.figure.way not in result.figure.ratios
    ]  # fmt: skip


_ROUND = 10
"""Ratios from here on are written without decimals."""


def _kind(way: str) -> str:
    return OURS if way.startswith("convo") else BY_HAND if way.startswith("raw") else THEIRS


def _chart(alt: Any, rows: list[dict[str, Any]]) -> Any:
    kinds = [kind for kind in COLOURS if any(row["kind"] == kind for row in rows)]
    colour = alt.Color(
        "kind:N",
        title=None,
        legend=alt.Legend(orient="bottom", offset=4) if len(kinds) > 1 else None,
        scale=alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds]),
    )
    scale = alt.Scale(type="log", domain=_domain(rows))
    panels = [list(panel) for _, panel in groupby(rows, key=lambda row: str(row["what"]))]
    charts = [_panel(alt, panel, colour, scale, last=panel is panels[-1]) for panel in panels]
    return alt.vconcat(*charts, spacing=6).configure(background="white", font=FONT).configure_view(stroke=None)


def _panel(alt: Any, rows: list[dict[str, Any]], colour: Any, scale: Any, *, last: bool) -> Any:
    """Draw what belongs to one baseline; only the lowest panel says what the scale is."""
    shown = alt.Axis(title=_SCALE, format="~g", grid=False) if last else None
    y = alt.Y("way:N", title=None, sort=None, axis=alt.Axis(labelLimit=_LABELS, minExtent=_LABELS, ticks=False, domain=False))
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    bar = base.mark_bar(height=12).encode(x=alt.X("ratio:Q", scale=scale, axis=shown), x2=alt.datum(1), color=colour)
    goal = base.transform_filter("isValid(datum.goal)").mark_tick(color=GOAL, thickness=2.5, height=17)
    text = base.transform_calculate(end="max(datum.ratio, 1, datum.goal)").mark_text(align="left", dx=5, fontSize=11)
    rule = base.mark_rule(color="#555", strokeWidth=1).encode(x=alt.datum(1, scale=scale), y=alt.value(0), y2=alt.value("height"))
    layers = (
        bar,
        goal.encode(x=alt.X("goal:Q", scale=scale, axis=shown)),
        text.encode(x=alt.X("end:Q", scale=scale, axis=shown), text="label:N"),
        rule,
    )
    title = alt.TitleParams(rows[0]["what"], anchor="start", frame="bounds", fontSize=12, offset=3)
    return alt.layer(*layers).properties(width=420, height=alt.Step(17), title=title)


_SCALE = "times the baseline, logarithmic; the red mark is the goal"
_LABELS = 290
"""Pixels for the names of the ways."""


def _domain(rows: list[dict[str, Any]]) -> list[float]:
    """Give the ends of the scale, with room for the text behind the longest bar."""
    ends = [float(row[name]) for row in rows for name in ("ratio", "goal") if row[name] is not None]
    return [min(0.5, *ends) * 0.95, max(2.0, *ends) * 1.8]
