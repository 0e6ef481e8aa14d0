"""What was found as a picture: one bar for each ratio, on a logarithmic scale, with a mark where its goal is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.results import Result

OURS, THEIRS, BY_HAND = "convo", "other libraries", "raw driver, another way"
COLOURS = {OURS: "#1f6f8b", THEIRS: "#b9b4aa", BY_HAND: "#dfdbd3"}
GOAL = "#c8502d"


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
        "kind:N", title=None, legend=alt.Legend(orient="top") if len(kinds) > 1 else None,
        scale=alt.Scale(domain=kinds, range=[COLOURS[kind] for kind in kinds]),
    )  # fmt: skip
    scale = alt.Scale(type="log", domainMin=_lower(rows))
    x = alt.X("ratio:Q", title="times as long, or as much, as the baseline (logarithmic); mark: goal", scale=scale)
    y = alt.Y("way:N", title=None, sort=None, axis=alt.Axis(labelLimit=420, ticks=False, domain=False))
    base = alt.Chart(alt.Data(values=rows)).encode(y=y)
    bar = base.mark_bar(height=13).encode(x=x, x2=alt.datum(1), color=colour)
    label = base.mark_text(align="left", dx=5, fontSize=11).encode(
        x=alt.X("end:Q", scale=scale), text="label:N"
    ).transform_calculate(end="max(datum.ratio, 1, datum.goal)")  # fmt: skip
    goal = base.transform_filter("isValid(datum.goal)").mark_tick(color=GOAL, thickness=2.5, height=19).encode(
        x=alt.X("goal:Q", scale=scale)
    )  # fmt: skip
    rule = alt.Chart().mark_rule(color="#555").encode(x=alt.datum(1))
    facet = alt.Facet(
        "what:N", title=None, sort=None,
        header=alt.Header(labelAnchor="start", labelFontWeight="bold", labelFontSize=12, labelPadding=3),
    )  # fmt: skip
    return (
        alt.layer(bar, goal, label, rule, data=alt.Data(values=rows))
        .properties(width=420, height=alt.Step(19))
        .facet(facet, columns=1, spacing=8)
        .resolve_scale(y="independent")
        .configure(background="white")
        .configure_view(stroke=None)
    )


def _lower(rows: list[dict[str, Any]]) -> float:
    return min([0.5, *(float(row["ratio"]) * 0.9 for row in rows)])
