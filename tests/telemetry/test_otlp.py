"""What arrives at a receiver of OTLP, sent by the real exporter over HTTP as protobuf."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import convo
from convo.telemetry import conventions as names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI
    from tests.conftest import World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


class Receiver(ThreadingHTTPServer):
    """Takes OTLP by HTTP and keeps what came, decoded."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.traces: list[Any] = []
        self.metrics: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> dict[str, Any]:
        return {
            span.name: span for one in self.traces for r in one.resource_spans for s in r.scope_spans for span in s.spans
        }  # fmt: skip

    def scopes(self) -> set[tuple[str, str]]:
        return {(s.scope.name, s.schema_url) for one in self.traces for r in one.resource_spans for s in r.scope_spans}

    def instruments(self) -> dict[str, Any]:
        scopes = [scope for one in self.metrics for resource in one.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}


class _Taker(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.traces.append(ExportTraceServiceRequest.FromString(body))
        else:
            self.server.metrics.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def attributes_of(span: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


def test_spans_and_metrics_arrive(world: World, receiver: Receiver) -> None:
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{receiver.url}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{receiver.url}/v1/metrics"))
    meters = MeterProvider([reader])
    chat = world.open(telemetry=convo.Telemetry(tracer_provider=tracers, meter_provider=meters)).create()

    reply = chat.send(world.client, "Hello", **VOICE)
    tracers.shutdown()
    meters.shutdown()

    spans = receiver.spans()
    assert receiver.scopes() == {("convo", names.SCHEMA_URL)}
    assert set(spans) == {"chat gpt-audio-1.5", "convo.assemble", "convo.record", "convo.send"}
    call = spans["chat gpt-audio-1.5"]
    assert call.parent_span_id == spans["convo.send"].span_id
    assert call.start_time_unix_nano <= call.end_time_unix_nano <= spans["convo.record"].end_time_unix_nano
    found = attributes_of(call)
    assert found[names.OUTPUT_TOKENS] == reply.usage.output_tokens
    assert found[names.CONVERSATION] == str(chat.id)
    assert [value.string_value for value in found[names.FINISH_REASONS].values] == ["stop"]
    instruments = receiver.instruments()
    assert {names.DURATION, names.TOKENS, names.COST} <= set(instruments)
    points = instruments[names.TOKENS].histogram.data_points
    assert {point.sum for point in points} == {reply.usage.input_tokens, reply.usage.output_tokens}


def test_a_receiver_that_is_not_there_breaks_nothing(fake: FakeAPI) -> None:
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9/v1/traces", timeout=1)))
    telemetry = convo.Telemetry(tracer_provider=tracers)
    with convo.Store("sqlite://", telemetry=telemetry) as store, fake.client() as client:
        assert store.create().send(client, "Hello", **VOICE).text
    tracers.shutdown()
