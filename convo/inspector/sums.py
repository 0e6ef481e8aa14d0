"""The pages of sums: what calls used and cost, by day and by model; and what is wrong with the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from convo.inspector.asked import ask
from convo.inspector.plots import bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from starlette.responses import Response

    from convo.inspector.asked import Asked
    from convo.inspector.plots import Plot
    from convo.report import ReportRow

SPANS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year", "": "all"}
_TOKENS = {
    "input_text": "text in", "input_audio": "audio in", "input_image": "images in", "output_text": "text out",
    "output_audio": "audio out",
}  # fmt: skip
SEVERITIES = ("error", "warning", "note")


async def usage(asked: Asked) -> Response:
    """Give what calls used and cost: pictures by day, a table by model."""
    span = asked.query("days") if asked.query("days") in SPANS else "30" if "days" not in asked.request.query_params else ""
    since = datetime.now(UTC) - timedelta(days=int(span)) if span else None
    report = await ask(asked.store.report, ["day", "model"], since=since)
    models = await ask(asked.store.report, ["model"], since=since)
    dated = [row for row in report.rows if row.day is not None]
    return asked.page("usage.html", spans=SPANS, span=span, report=models, costs=_costs(dated), tokens=_tokens(dated))


def _costs(rows: Sequence[ReportRow]) -> list[tuple[str, Plot]]:
    """Give a picture for each currency: amounts in different ones are never added."""
    found: dict[str, dict[date, dict[str, float]]] = {}
    for row in rows:
        if row.day is not None and row.cost.amount is not None and row.currency is not None:
            day = found.setdefault(row.currency, {}).setdefault(row.day, {})
            name = row.model or "unknown"
            day[name] = day.get(name, 0) + float(row.cost.amount)
    plots = {currency: bars(days, form="{:,.4g}") for currency, days in sorted(found.items())}
    return [(currency, plot) for currency, plot in plots.items() if plot is not None]


def _tokens(rows: Sequence[ReportRow]) -> Plot | None:
    found: dict[date, dict[str, float]] = {}
    for row in rows:
        if row.day is not None:
            day = found.setdefault(row.day, {})
            for name in _TOKENS:
                day[name] = day.get(name, 0) + (getattr(row.usage, name) or 0)
    return bars(found, _TOKENS) if found else None


async def doctor(asked: Asked) -> Response:
    """Give what is wrong with the owner's part of the store; all of it is read only where that is asked for."""
    whole = asked.query("verify") == "1"
    findings = await ask(asked.store.doctor, verify=whole)
    groups = [(severity, [one for one in findings if one.severity == severity]) for severity in SEVERITIES]
    return asked.page("doctor.html", groups=groups, whole=whole, well=all(one.healthy for one in findings))
