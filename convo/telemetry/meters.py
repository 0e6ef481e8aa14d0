"""The metrics: instruments, and what is counted in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.telemetry import conventions as names
from convo.telemetry.facts import Attributes, fallen_back

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Meter

    from convo.assembly.plan import Plan
    from convo.recovery import Recovery
    from convo.reply import Reply
    from convo.usage import Cost, Usage


class Meters:
    """The instruments of a store. Their attributes have few values: no ids."""

    def __init__(self, meter: Meter) -> None:
        seconds, tokens = list(names.SECONDS_BUCKETS), list(names.TOKEN_BUCKETS)

        def counter(name: str, what: str, unit: str = "1") -> Counter:
            return meter.create_counter(name, unit=unit, description=what)

        self.duration = meter.create_histogram(
            names.DURATION, unit="s", description="GenAI operation duration.", explicit_bucket_boundaries_advisory=seconds
        )
        self.first_chunk = meter.create_histogram(
            names.FIRST_CHUNK_DURATION, unit="s", explicit_bucket_boundaries_advisory=seconds,
            description="Time to receive the first chunk of a streamed answer.",
        )  # fmt: skip
        self.tokens = meter.create_histogram(
            names.TOKENS, unit="{token}", description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=tokens,
        )  # fmt: skip
        self.cost = counter(names.COST, "What calls cost, by currency; calls of unknown cost are counted apart.", "{currency}")
        self.cost_unknown = counter(names.COST_UNKNOWN, "Calls whose cost is not known.", "{call}")
        self.errors = counter(names.ERRORS, "Work that ended by an error, by its code.", "{error}")
        self.fallbacks = counter(names.FALLBACKS, "What went otherwise than it was meant to.", "{message}")
        self.recoveries = counter(names.RECOVERIES, "Refusals after which a changed request was sent.", "{recovery}")
        self.recordings = counter(names.RECORDINGS, "Recordings that are silent, clipped or truncated.", "{recording}")
        self.replays = counter(names.REPLAYS, "Keys that had their answer already.", "{replay}")

    def used(self, call: Attributes, usage: Usage, cost: Cost) -> None:
        """Count the tokens and the cost of a call."""
        for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if count is not None:
                self.tokens.record(count, {**call, names.TOKEN_TYPE: kind})
        if cost.amount is None:
            self.cost_unknown.add(1, call)
        elif cost.amount >= 0:
            self.cost.add(float(cost.amount), {**call, names.CURRENCY: cost.currency})

    def assembled(self, call: Attributes, plan: Plan) -> None:
        """Count spoken messages that are sent as their transcripts."""
        if number := fallen_back(plan):
            self.fallbacks.add(number, {**call, names.FALLBACK: "transcript"})

    def answered(self, call: Attributes, plan: Plan, reply: Reply) -> None:
        """Count a reply in text where speech was asked for."""
        asked = plan.arguments.get("modalities") or ()
        if "audio" in asked and not reply.spoken and not reply.tool_calls:
            self.fallbacks.add(1, {**call, names.FALLBACK: "text"})

    def recovered(self, call: Attributes, step: Recovery) -> None:
        """Count a recovery."""
        self.recoveries.add(1, {**call, names.RECOVERY_CODE: step.code})
