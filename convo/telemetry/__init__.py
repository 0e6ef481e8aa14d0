"""Telemetry by OpenTelemetry: spans and metrics of what a store does, by the conventions for generative AI.

A store has none unless it is asked for one, as the clients of HTTP and SQL have none: what leaves the process, and what is
counted twice where the OpenAI client is instrumented too, is the application's decision. `Store(..., telemetry=True)` uses
the providers that the application has set; with none set nothing is recorded.

Spans: `convo.send` and `convo.stream` around `convo.assemble`, the call (`chat gpt-audio-1.5`, also `transcription`,
`translation` and `speech`) and `convo.record`. Metrics: those of the conventions, and `convo.cost`, `convo.errors`,
`convo.fallbacks`, `convo.recoveries`, `convo.recordings.problems`, `convo.replays`; names are in `convo.telemetry.conventions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.checks import check_type
from convo.errors import MissingDependency
from convo.watching import Watch

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


@attrs.frozen(kw_only=True)
class Telemetry:
    """What a store tells OpenTelemetry, for `Store(telemetry=...)`.

    `tracer_provider` and `meter_provider` are the application's global ones where they are None. With `content`, spans of
    calls hold what was said: instructions, messages, arguments and results of tools; sound never. Without, no part of it.
    Owners, keys and metadata are never told; ids of conversations and exchanges are.
    """

    content: bool = False
    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None


def watch_of(telemetry: Telemetry | bool) -> Watch:  # noqa: FBT001 - the argument of Store
    """Give what watches a store. Raises `InputError`, and `MissingDependency` where the API of OpenTelemetry is missing."""
    check_type(telemetry, (Telemetry, bool), "telemetry", "True, False or a convo.Telemetry")
    if telemetry is False:
        return Watch()
    try:
        import opentelemetry.metrics
        import opentelemetry.trace  # noqa: F401 - to see whether it is there
    except ImportError as error:
        raise MissingDependency("opentelemetry-api", "telemetry", "telemetry=") from error
    from convo.telemetry.spans import SpanWatch

    return SpanWatch(Telemetry() if telemetry is True else telemetry)
