"""Strings that must not get out: put into all that users say and applications pass, looked for in all that is told."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import convo

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "canary"


def canary(what: str) -> str:
    """A string that is looked for, in whatever it is part of."""
    return f"{MARK}-{what}"


class Records(logging.Handler):
    """Every record of `convo` and below, with all that stands in it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)

    def messages(self, level: int = logging.DEBUG) -> list[str]:
        return [record.getMessage() for record in self.all if record.levelno >= level]

    def texts(self) -> Iterator[str]:
        for record in self.all:
            yield f"{vars(record)} {record.getMessage()} {logging.Formatter().format(record)}"
            if record.exc_info and record.exc_info[0] is not None:
                yield "".join(traceback.format_exception(*record.exc_info))


@attrs.define
class Told:
    """What a store told: logs, spans and metrics, by the SDK of OpenTelemetry."""

    records: Records = attrs.field(factory=Records)
    exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    tracers: TracerProvider = attrs.field(factory=TracerProvider)
    meters: MeterProvider = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])

    def telemetry(self, **more: Any) -> convo.Telemetry:
        return convo.Telemetry(tracer_provider=self.tracers, meter_provider=self.meters, **more)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def names(self) -> list[str]:
        return sorted(span.name for span in self.spans)

    def points(self, metric: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def sums(self, metric: str, by: str) -> dict[Any, Any]:
        """The sum of a metric by an attribute."""
        found: dict[Any, Any] = {}
        for point in self.points(metric):
            key = point.attributes.get(by)
            found[key] = found.get(key, 0) + (point.value if hasattr(point, "value") else point.sum)
        return found

    def texts(self) -> Iterator[str]:
        """All that was told, as text."""
        yield from self.records.texts()
        for span in self.spans:
            yield span.to_json()
        data = self.reader.get_metrics_data()
        yield "" if data is None else data.to_json()

    def check(self) -> None:
        """Find no canary."""
        found = [text for text in self.texts() if MARK in text.lower()]
        assert not found, found[0]
