"""What a statement reads, by the plan that PostgreSQL makes for it: which partitions, and by which index."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARTITION = re.compile(r"convo_\w+_p(\d{4})")
PLANS = ("force_custom_plan", "force_generic_plan")
"""With the values at hand when it is planned, and planned once for all values, which are looked at when it is run."""


@attrs.frozen
class Planned:
    """A statement of the store, how it was planned, and the plan as EXPLAIN gives it."""

    text: str
    mode: str
    plan: Any

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the partitions that it reads or changes."""
        return touched(self.plan)

    @property
    def scans(self) -> tuple[tuple[str, str], ...]:
        """Each table that is read, with the condition by which rows are found in an index; "" where all are read."""
        return tuple(_scans(self.plan))

    @property
    def tables(self) -> str:
        """The tables that it names, to tell statements apart by."""
        return " ".join(dict.fromkeys(re.findall(r"convo_[a-z_]+", self.text)))


def touched(plan: Any) -> frozenset[int]:
    """Give the numbers of the partitions in a plan, as EXPLAIN gives it."""
    return frozenset(int(number) for number in PARTITION.findall(json.dumps(plan)))


def _scans(plan: Any) -> Iterator[tuple[str, str]]:
    for node in plan if isinstance(plan, list) else (plan,):
        if "Scan" in node.get("Node Type", "") and "Relation Name" in node:
            inner = [cond for _, cond in _conditions(node)]
            yield node["Relation Name"], " ".join(inner)
        for child in (*node.get("Plans", ()), *([node["Plan"]] if "Plan" in node else [])):
            yield from _scans(child)


def _conditions(node: Any) -> Iterator[tuple[str, str]]:
    """Give the conditions of a scan, and of those that find rows for it."""
    if "Index Cond" in node:
        yield node["Node Type"], node["Index Cond"]
    for child in node.get("Plans", ()):
        if child["Node Type"] in ("Bitmap Index Scan", "BitmapOr", "BitmapAnd"):
            yield from _conditions(child)


def explain(connection: Any, text: str, values: Sequence[Any], mode: str) -> Planned:
    """Have a statement planned on a connection of psycopg, and not run. It is in the server's own words."""
    cursor = connection.cursor()
    cursor.execute(sql.SQL("SET plan_cache_mode = {}").format(sql.Identifier(mode)))
    cursor.execute(f"PREPARE convo_planned AS {text}".encode(), prepare=False)
    arguments = sql.SQL(", ").join(map(sql.Literal, values))
    asked = sql.SQL("EXPLAIN (FORMAT JSON, COSTS OFF, VERBOSE) EXECUTE convo_planned")
    cursor.execute(asked + sql.SQL("({})").format(arguments) if values else asked)
    plan = cursor.fetchone()[0]
    cursor.execute("DEALLOCATE convo_planned")
    cursor.execute("RESET plan_cache_mode")
    return Planned(" ".join(text.split()), mode, plan)


@contextmanager
def planned() -> Iterator[list[Planned]]:
    """Have every statement about convo's tables planned, in each of `PLANS`, before it is run on psycopg."""
    found: dict[tuple[str, str], Planned] = {}
    told: list[Planned] = []

    def before(_: Any, cursor: Any, text: str, parameters: Any, *__: Any) -> None:
        values = parameters[0] if isinstance(parameters, list) else parameters
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text) and "convo_" in text:
            for mode in PLANS:
                if (text, mode) not in found:
                    found[text, mode] = explain(getattr(cursor, "driver_connection", cursor.connection), text, values, mode)
                    told.append(found[text, mode])

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    try:
        yield told
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", before)
