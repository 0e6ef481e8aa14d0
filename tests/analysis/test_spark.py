"""Spark reads what was exported: `uv run --group spark pytest -n 0 tests/analysis/test_spark.py`, with Java 17 or newer.

It takes long, and so it runs only where the group is there; Spark has a process of its own, whose warnings are its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import convo
from tests.analysis.test_tables import CALLED, rows, talk

if TYPE_CHECKING:
    from pathlib import Path

LACKS = [what for what, there in (("pyspark", find_spec("pyspark")), ("Java", shutil.which("java"))) if not there]
pytestmark = pytest.mark.skipif(
    bool(LACKS),
    reason=f"long, and without {' and '.join(LACKS)} here: uv run --group spark pytest -n 0 tests/analysis/test_spark.py",
)
_PROGRAM = """
import json, sys
from pyspark.sql import SparkSession, functions as F
settings = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": "1"}
builder = SparkSession.builder.master("local[1]")
for name, value in settings.items():
    builder = builder.config(name, value)
with builder.getOrCreate() as spark:
    names = ("conversations", "messages", "audio", "exchanges", "turns")
    tables = {name: spark.read.parquet(f"{sys.argv[1]}/{name}") for name in names}
    messages, exchanges = tables["messages"], tables["exchanges"]
    roles = messages.groupBy("role").count().collect()
    calls = messages.select(F.explode("tool_calls").alias("call")).select("call.name").collect()
    first = messages.select(F.date_format(F.min("created_at"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX")).first()[0]
    sums = exchanges.agg(F.sum("cost"), F.sum("input_tokens")).first()
    print(json.dumps({
        "counts": {name: table.count() for name, table in tables.items()},
        "roles": {row["role"]: row["count"] for row in roles},
        "months": sorted(str(row["month"])[:7] for row in messages.select("month").distinct().collect()),
        "calls": sorted(row["name"] for row in calls), "first": first,
        "cost": str(sums[0]), "input_tokens": sums[1], "seconds": tables["audio"].agg(F.sum("duration_seconds")).first()[0],
        "pinned": messages.where("pinned").count(), "shared": messages.where("shared").count(),
    }))
"""


@pytest.fixture
def store(tmp_path: Path, clock: Any, fake: Any) -> Any:
    """Conversations in three months, with speech, costs, calls of tools, and a fork."""
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", clock=clock) as opened, fake.client() as client:
        for number in range(3):
            talk(opened, client, title=f"Talk {number}", metadata={"n": number})
            clock.advance(timedelta(days=31, microseconds=1))
        opened.create(messages=CALLED).fork(3)
        yield opened


def test_spark_finds_the_same_counts_and_sums(store: Any, tmp_path: Path) -> None:
    store.export(tmp_path / "out")
    done = subprocess.run([sys.executable, "-c", _PROGRAM, str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    tables = {name: rows(getattr(store.tables(), name)) for name in found["counts"]}
    messages, exchanges = tables["messages"], tables["exchanges"]
    assert found["counts"] == {name: len(table) for name, table in tables.items()}
    assert found["roles"] == Counter(row["role"] for row in messages)
    assert found["months"] == sorted({f"{row['created_at']:%Y-%m}" for row in messages})
    assert found["calls"] == sorted(call["name"] for row in messages for call in row["tool_calls"] or ())
    first = min(row["created_at"] for row in messages)
    assert found["first"] == f"{first:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert Decimal(found["cost"]) == sum(row["cost"] for row in exchanges)
    assert found["input_tokens"] == sum(row["input_tokens"] for row in exchanges)
    assert found["seconds"] == pytest.approx(sum(row["duration_seconds"] for row in tables["audio"]))
    assert (found["pinned"], found["shared"]) == tuple(sum(row[name] for row in messages) for name in ("pinned", "shared"))
