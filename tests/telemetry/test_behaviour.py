"""Telemetry changes nothing: off unless asked for, harmless when it breaks, nothing imported that is not needed."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

import convo

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.conftest import World
    from tests.support.canaries import Told

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


class Broken:
    """Whatever is asked of it, it raises."""

    def __getattr__(self, name: str) -> Any:
        def broken(*args: Any, **named: Any) -> Any:
            raise RuntimeError(name)

        return broken


class BrokenSpans:
    """A provider whose spans raise."""

    def get_tracer(self, *args: Any, **named: Any) -> Any:
        return self

    def start_span(self, *args: Any, **named: Any) -> Any:
        return Broken()


class BrokenExporter(SpanExporter):
    def export(self, spans: Any) -> Any:
        raise RuntimeError(spans)


def all_of_it(world: World, fake: FakeAPI, telemetry: Any) -> None:
    store = world.open(telemetry=telemetry)
    chat = store.create()
    first = chat.send(world.client, "Hello", **VOICE)
    fake.revoke(first.audio.id)
    assert chat.send(world.client, "Again", **VOICE).recovered
    with chat.stream(world.client, "More", model="gpt-4.1") as stream:
        list(stream)
    chat.speak(world.client, "Yes.", model="gpt-4o-mini-tts", voice="alloy")
    assert chat.head == 7
    fake.will_fail(400)
    with pytest.raises(Exception, match="400"):
        chat.send(world.client, "Hello", **VOICE)


@pytest.mark.parametrize("provider", [Broken(), BrokenSpans()], ids=["provider", "spans"])
def test_providers_that_raise_break_nothing(world: World, fake: FakeAPI, provider: Any, told: Told) -> None:
    all_of_it(world, fake, convo.Telemetry(tracer_provider=provider, meter_provider=Broken()))  # type: ignore[arg-type]
    assert "telemetry failed" in told.records.messages(logging.WARNING)


def test_exporters_that_raise_break_nothing(world: World, fake: FakeAPI) -> None:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(BrokenExporter()))
    all_of_it(world, fake, convo.Telemetry(tracer_provider=tracers))


def test_without_providers_nothing_is_recorded_and_all_works(world: World, fake: FakeAPI) -> None:
    all_of_it(world, fake, telemetry=True)


@pytest.mark.parametrize("wrong", ["yes", 1, None, object()])
def test_what_is_no_telemetry_is_refused(world: World, wrong: Any) -> None:
    with pytest.raises(convo.InputError, match="telemetry takes"):
        world.open(telemetry=wrong)


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_a_store_without_telemetry_imports_nothing_of_it() -> None:
    found = run(
        "import sys, convo; s = convo.Store('sqlite://'); s.create(); "
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'convo.telemetry'))])"
    )
    assert found == "[]"


def test_where_the_package_is_missing_the_error_names_the_extra() -> None:
    found = run(
        "import sys\nsys.modules['opentelemetry'] = None\nimport convo\n"
        "try:\n    convo.Store('sqlite://', telemetry=True)\nexcept convo.MissingDependency as error:\n    print(error)"
    )
    assert "pip install 'convo[telemetry]'" in found
