"""What makes spans and metrics of what a store does. Nothing here raises: what fails is logged, and the work goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode

from convo.logs import code_of
from convo.reply import Reply
from convo.telemetry import content, facts
from convo.telemetry import conventions as names
from convo.telemetry.blocks import INSIDE, Asking, Block, Calling, Seen, Stretch, WorkPart, safely
from convo.telemetry.meters import Meters
from convo.usage import Cost, Usage
from convo.watching import NO_WHOLE, NOTHING, Part, Watch, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from opentelemetry.trace import Span

    from convo.steps.ending import Open
    from convo.steps.place import Place
    from convo.telemetry import Telemetry
    from convo.telemetry.facts import Attributes

SCOPE = "convo"


class SpanWatch(Watch):
    """Makes spans and metrics, beside the logs."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._content = telemetry.content
        self.tracer = self._tracer(telemetry)
        self.meters = self._meters(telemetry)

    @safely(trace.NoOpTracer())
    def _tracer(self, telemetry: Telemetry) -> trace.Tracer:
        return trace.get_tracer(SCOPE, None, telemetry.tracer_provider, names.SCHEMA_URL)

    def _meters(self, telemetry: Telemetry) -> Meters:
        return self._counting(telemetry) or Meters(metrics.NoOpMeter(SCOPE))

    @safely(None)
    def _counting(self, telemetry: Telemetry) -> Meters | None:
        return Meters(metrics.get_meter(SCOPE, "", telemetry.meter_provider, names.SCHEMA_URL))

    # --- parts ---------------------------------------------------------------------------------

    @safely(NOTHING)
    def part(self, name: str, conversation: UUID | None) -> Part:
        return WorkPart(self, self._internal(name.removesuffix("_answer"), conversation), name)

    @safely(NO_WHOLE)
    def whole(self, name: str, conversation: UUID) -> Whole:
        return Stretch(self, self._internal(name, conversation), name)

    def _internal(self, name: str, conversation: UUID | None) -> Span:
        where = {} if conversation is None else {names.CONVERSATION: str(conversation)}
        return self.tracer.start_span(f"convo.{name}", attributes=where)

    def _client(self, call: Attributes, start: int | None = None) -> Span:
        name = f"{call[names.OPERATION]} {call[names.REQUEST_MODEL]}"
        return self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=call, start_time=start)

    def failed(self, span: Span, error: BaseException, call: Mapping[str, Any], block: Block | None) -> None:
        """Mark a span as failed, with the code and never the words; count the error, unless a part inside has."""
        code = code_of(error)
        span.set_attribute(names.ERROR_TYPE, code)
        span.set_status(StatusCode.ERROR)
        if block is None or block.counted is not error:
            self.meters.errors.add(1, {**call, names.ERROR_TYPE: code})
        outer = INSIDE.get()
        if outer is not None:
            outer.counted = error

    # --- turns ---------------------------------------------------------------------------------

    def begun(self, place: Place, current: Open) -> None:
        super().begun(place, current)
        self._began(place, current)

    def asking(self, place: Place, current: Open) -> Part:
        super().asking(place, current)
        return self._asking(place, current)

    @safely(NOTHING)
    def _asking(self, place: Place, current: Open) -> Part:
        seen = self._began(place, current)
        if seen is None:
            return NOTHING
        return Asking(self, seen, streamed=bool(current.plan.arguments.get("stream")))

    @safely(None)
    def _began(self, place: Place, current: Open) -> Seen | None:
        seen: Seen | None = current.seen
        if seen is None:
            call = facts.of_plan(current.plan)
            span = self._client(call)
            seen = current.seen = Seen(span, call)
            if span.is_recording():
                span.set_attributes(facts.of_open(place.found.id, current) | facts.of_request(current.plan))
        self._recovered(seen, current)
        return seen

    def _recovered(self, seen: Seen, current: Open) -> None:
        for step in current.recovered[seen.recoveries :]:
            seen.span.add_event(names.RECOVERY, {names.RECOVERY_CODE: step.code, names.DEGRADED: len(step.degraded)})
            self.meters.recovered(seen.call, step)
        seen.recoveries = len(current.recovered)

    @safely(None)
    def arrived(self, current: Open) -> None:
        if current.seen is not None:
            current.seen.arrived()

    @safely(None)
    def came(self, current: Open) -> None:
        if current.seen is not None:
            current.seen.over()

    def ended(self, place: Place, current: Open, reply: Any, error: BaseException | None = None) -> None:
        super().ended(place, current, reply, error)
        self._ended(current, reply, error)

    @safely(None)
    def _ended(self, current: Open, reply: Any, error: BaseException | None) -> None:
        seen, current.seen = current.seen, None
        if seen is None:
            return
        try:
            seen.over()
            self._recovered(seen, current)
            self._settled(seen, current, reply, error)
        finally:
            seen.span.end(seen.ended_at)

    def _settled(self, seen: Seen, current: Open, reply: Any, error: BaseException | None) -> None:
        span, call = seen.span, seen.call
        if error is not None:
            self.failed(span, error, call, INSIDE.get())
            call = {**call, names.ERROR_TYPE: code_of(error)}
        if isinstance(reply, Reply):
            self.meters.used(call, reply.usage, reply.cost)
            self.meters.answered(call, current.plan, reply)
        elif error is None:
            span.set_attribute(names.INTERRUPTED, True)  # noqa: FBT003 - the signature of OpenTelemetry
        assert seen.ended is not None  # noqa: S101 - it was noted before
        self.meters.duration.record(seen.ended - seen.began, call)
        if seen.first is not None:
            self.meters.first_chunk.record(seen.first - seen.began, seen.call)
        if span.is_recording():
            span.set_attributes(self._told(seen, current, reply))

    def _told(self, seen: Seen, current: Open, reply: Any) -> Attributes:
        found: Attributes = facts.of_assembly(current.plan)
        if seen.first is not None:
            found[names.FIRST_CHUNK] = seen.first - seen.began
        if self._content:
            found |= content.of_plan(current.plan)
        if isinstance(reply, Reply):
            found |= facts.of_reply(reply) | (content.of_reply(reply) if self._content else {})
        return found

    # --- other calls ---------------------------------------------------------------------------

    def call(self, api: str, model: str, client: Any, conversation: UUID | None) -> Part:
        super().call(api, model, client, conversation)
        return self._call(api, model, client, conversation)

    @safely(NOTHING)
    def _call(self, api: str, model: str, client: Any, conversation: UUID | None) -> Part:
        call = facts.of_client(api, model, client)
        span = self._client(call)
        if span.is_recording():
            span.set_attributes({names.API: api, names.OUTPUT_TYPE: names.OUTPUTS.get(api, "text")})
            if conversation is not None:
                span.set_attribute(names.CONVERSATION, str(conversation))
        return Calling(self, span, call)

    def kept(self, span: Span, call: Attributes, row: Mapping[str, Any]) -> None:
        """Tell what the row of a call says."""
        usage = Usage(**{field.name: row.get(field.name) for field in attrs.fields(Usage)})
        cost = Cost.from_picos(row.get("cost"), currency=row.get("currency") or "USD", table=row.get("price_table") or "")
        self.meters.used(call, usage, cost)
        if span.is_recording():
            reason = {names.FINISH_REASONS: (row["finish_reason"],)} if row.get("finish_reason") else {}
            span.set_attributes({names.EXCHANGE: str(row["id"]), **facts.of_usage(usage), **facts.of_cost(cost), **reason})

    def billed(self, row: Mapping[str, Any]) -> None:
        super().billed(row)
        self._billed(row)

    @safely(None)
    def _billed(self, row: Mapping[str, Any]) -> None:
        call = facts.call_attributes(row["api"], row["model"], "", row["origin"])
        span = self._client(call, row["started_at"] * 1_000)
        if span.is_recording():
            span.set_attributes({names.API: row["api"], names.CONVERSATION: str(row["conversation"])})
            if (kind := names.API_TYPES.get(row["api"])) is not None:
                span.set_attribute(names.API_TYPE, kind)
        self.kept(span, call, row)
        if row.get("error"):
            code = code_of(_Told(row["error"]))
            span.set_attribute(names.ERROR_TYPE, code)
            span.set_status(StatusCode.ERROR)
            self.meters.errors.add(1, {**call, names.ERROR_TYPE: code})
        span.end(row["finished_at"] * 1_000)

    def problem(self, place: Place, warning: Warning) -> None:
        super().problem(place, warning)
        self._problem(warning)

    @safely(None)
    def _problem(self, warning: Warning) -> None:
        self.meters.recordings.add(1, {names.PROBLEM: type(warning).__name__.removesuffix("Audio").lower()})


class _Told(Exception):  # noqa: N818 - the code that a session told, as if it were raised
    def __init__(self, code: str) -> None:
        self.code = code
