"""What does telemetry cost a send? Without any; with the API of OpenTelemetry and no provider; with the SDK.

The model is a fake inside this process that answers at once, and nothing is exported: what is left is what convo and
OpenTelemetry do. A real call takes a thousand times as long.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

import convo
from benchmarks.side_by_side import Ways
from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.side_by_side import Effort, Found

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


def sending(store: convo.Store, client: Any) -> Callable[[], object]:
    """Send a turn in a conversation of its own, so that all are as short."""
    return lambda: store.create().send(client, "Is it a good dog?", **VOICE)


def run(effort: Effort) -> Found:
    """Compare on SQLite."""
    del effort
    sdk = convo.Telemetry(tracer_provider=TracerProvider(), meter_provider=MeterProvider([InMemoryMetricReader()]))
    ways: dict[str, convo.Telemetry | bool] = {
        "a send without telemetry": False,
        "with the API and no provider": True,
        "with the SDK": sdk,
    }
    with tempfile.TemporaryDirectory() as folder, FakeAPI().client() as client:
        stores = {
            name: convo.Store(f"sqlite:///{Path(folder)}/{number}.db", durability="relaxed", telemetry=telemetry)
            for number, (name, telemetry) in enumerate(ways.items())
        }
        sends = {name: sending(store, client) for name, store in stores.items()}
        goals = {"with the API and no provider": 1.1, "with the SDK": 1.2}
        yield Ways("a send", sends, goals, rounds=60, batch=10)
        for store in stores.values():
            store.close()
