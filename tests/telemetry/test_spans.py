"""Spans and metrics, by the real SDK of OpenTelemetry: what a call was, used and cost, and how it ended."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import httpx2
import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

import convo
from convo.telemetry import content, facts
from convo.telemetry import conventions as names
from tests.support.builders import recording, wav
from tests.support.canaries import canary
from tests.support.realtime import MODEL, Script, spoken

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from convo.testing import FakeAPI
    from tests.conftest import Database, World
    from tests.support.canaries import Told

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
CHAT = "chat gpt-audio-1.5"
SAID = canary("said")


@pytest.fixture
def chat(world: World, told: Told) -> Any:
    """A conversation of a store with telemetry."""
    return world.open(telemetry=told.telemetry()).create(instructions=canary("instructions"), metadata={"x": canary("metadata")})


def parent_of(span: ReadableSpan, told: Told) -> str | None:
    return None if span.parent is None else {s.context.span_id: s.name for s in told.spans}.get(span.parent.span_id)


# --- send ------------------------------------------------------------------------------------------


def test_a_send_is_a_span_around_assembly_call_and_record(chat: Any, client: Any, told: Told) -> None:
    chat.send(client, SAID, **VOICE)

    assert told.names() == [CHAT, "convo.assemble", "convo.record", "convo.send"]
    assert {span.name: parent_of(span, told) for span in told.spans} == {
        CHAT: "convo.send", "convo.assemble": "convo.send", "convo.record": "convo.send", "convo.send": None,
    }  # fmt: skip
    assert {span.name: span.kind for span in told.spans}[CHAT] == SpanKind.CLIENT
    assert all(span.status.status_code == StatusCode.UNSET for span in told.spans)


def test_a_call_says_what_it_was_used_and_cost(chat: Any, client: Any, told: Told) -> None:
    reply = chat.send(client, recording(SAID), key=canary("key"), temperature=0.5, **VOICE)

    found = dict(told.named(CHAT).attributes or {})
    assert {name: found.get(name) for name in (names.OPERATION, names.PROVIDER, names.OUTPUT_TYPE, names.API_TYPE)} == {
        names.OPERATION: "chat", names.PROVIDER: "openai", names.OUTPUT_TYPE: "speech", names.API_TYPE: "chat_completions",
    }  # fmt: skip
    assert found[names.CONVERSATION] == str(chat.id)
    assert found[names.EXCHANGE] == str(reply.exchange)
    assert (found[names.SERVER_ADDRESS], found[names.SERVER_PORT]) == ("fake.test", 80)
    assert (found[names.REQUEST_MODEL], found[names.RESPONSE_MODEL]) == ("gpt-audio-1.5", "gpt-audio-1.5")
    assert (found[names.RESPONSE_ID], found[names.FINISH_REASONS]) == (reply.raw["id"], ("stop",))
    assert found["gen_ai.request.temperature"] == 0.5
    assert {field: found[name] for name, field in names.USAGE.items() if name in found} == {
        field: count for field in names.USAGE.values() if (count := getattr(reply.usage, field)) is not None
    }
    assert Decimal(str(found[names.COST_EXACT])) == reply.cost.amount
    assert (found[names.COST], found[names.CURRENCY]) == (float(reply.cost.amount), "USD")
    assert (found[f"{names.SENT}inline"], found[names.SPOKEN]) == (1, True)
    assert names.INPUT_MESSAGES not in found


def test_metrics_count_tokens_money_and_time(chat: Any, client: Any, told: Told) -> None:
    reply = chat.send(client, SAID, **VOICE)

    assert told.sums(names.TOKENS, names.TOKEN_TYPE) == {"input": reply.usage.input_tokens, "output": reply.usage.output_tokens}
    assert told.sums(names.COST, names.CURRENCY) == {"USD": pytest.approx(float(reply.cost.amount))}
    (duration,) = told.points(names.DURATION)
    assert duration.count == 1
    assert tuple(duration.explicit_bounds) == names.SECONDS_BUCKETS
    assert tuple(told.points(names.TOKENS)[0].explicit_bounds) == names.TOKEN_BUCKETS
    assert names.CONVERSATION not in duration.attributes


def test_a_cost_that_is_not_known_is_counted_apart(chat: Any, client: Any, told: Told, fake: FakeAPI) -> None:
    fake._models["my-model"] = "text"
    chat.send(client, SAID, model="my-model")
    assert told.points(names.COST) == []
    assert told.sums(names.COST_UNKNOWN, names.OPERATION) == {"chat": 1}
    assert (told.named("chat my-model").attributes or {})[names.COST_KNOWN] is False


def test_the_span_of_the_application_is_the_parent(chat: Any, client: Any, told: Told) -> None:
    with told.tracers.get_tracer("application").start_as_current_span("request"):
        chat.send(client, SAID, **VOICE)
    assert parent_of(told.named("convo.send"), told) == "request"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_key_that_has_its_answer_calls_nobody(chat: Any, client: Any, told: Told) -> None:
    chat.send(client, SAID, key=canary("key"), **VOICE)
    chat.send(client, SAID, key=canary("key"), **VOICE)
    assert told.names().count(CHAT) == 1
    assert told.sums(names.REPLAYS, names.PROVIDER) == {None: 1}
    assert len(told.points(names.TOKENS)) == 2


# --- what goes wrong -------------------------------------------------------------------------------


def test_a_recovery_is_an_event_of_the_call(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    first = chat.send(client, recording(SAID), **VOICE)
    fake.revoke(first.audio.id)
    told.exporter.clear()
    chat.send(client, SAID, **VOICE)

    (event,) = told.named(CHAT).events
    assert (event.name, dict(event.attributes or {})) == (
        names.RECOVERY, {names.RECOVERY_CODE: "audio_not_found", names.DEGRADED: 1},
    )  # fmt: skip
    assert told.named(CHAT).status.status_code == StatusCode.UNSET
    assert told.sums(names.RECOVERIES, names.RECOVERY_CODE) == {"audio_not_found": 1}
    assert told.sums(names.FALLBACKS, names.FALLBACK) == {}
    assert "the request was changed after a refusal" in told.records.messages()


def test_an_error_of_the_api_ends_the_spans_by_its_code(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_fail(400, code="content_policy_violation", message=canary("message of the API"))
    with pytest.raises(openai.BadRequestError):
        chat.send(client, SAID, **VOICE)
    for name in (CHAT, "convo.send"):
        span = told.named(name)
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
        assert (span.attributes or {})[names.ERROR_TYPE] == "content_policy_violation"
    assert told.sums(names.ERRORS, names.ERROR_TYPE) == {"content_policy_violation": 1}
    assert told.sums(names.DURATION, names.ERROR_TYPE).keys() == {"content_policy_violation"}


def test_what_is_no_code_is_not_told_as_one(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_fail(400, code=f"no code but words: {canary('code')}")
    with pytest.raises(openai.BadRequestError):
        chat.send(client, SAID, **VOICE)
    assert told.sums(names.ERRORS, names.ERROR_TYPE) == {"BadRequestError": 1}


def test_an_error_before_the_call_ends_the_spans(chat: Any, client: Any, told: Told) -> None:
    with pytest.raises(convo.StaleHead):
        chat.send(client, SAID, expected_head=99, **VOICE)
    assert told.names() == ["convo.assemble", "convo.send"]
    assert len(told.sums(names.ERRORS, names.ERROR_TYPE)) == 1
    assert list(told.sums(names.ERRORS, names.ERROR_TYPE).values()) == [1]


def test_a_reply_in_text_where_speech_was_asked_for_is_a_fallback(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_reply(SAID, spoken=False)
    chat.send(client, SAID, **VOICE)
    assert told.sums(names.FALLBACKS, names.FALLBACK) == {"text": 1}
    assert (told.named(CHAT).attributes or {})[names.SPOKEN] is False


def test_recordings_with_problems_are_counted(chat: Any, told: Told) -> None:
    sound = wav(0.5)
    silence = convo.Audio.open(convo.Audio.from_bytes(sound[:44] + bytes(len(sound) - 44)).convert("flac").data)
    with pytest.warns(convo.SilentAudio):
        chat.add(silence)
    assert told.sums(names.RECORDINGS, names.PROBLEM) == {"silent": 1}


def test_a_cancelled_send_ends_its_spans(database: Database, fake: FakeAPI, told: Told) -> None:
    async def main() -> None:
        async with convo.AsyncStore(database.url, telemetry=told.telemetry(), **database.options) as store:
            chat = await store.create()
            hold = fake.hold()
            async with fake.async_client() as client:
                task = asyncio.ensure_future(chat.send(client, SAID, **VOICE))
                await asyncio.to_thread(hold.wait_until_held)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                hold.release()

    asyncio.run(main())
    assert told.names() == [CHAT, "convo.assemble", "convo.send"]
    assert (told.named(CHAT).attributes or {})[names.ERROR_TYPE] == "CancelledError"


def test_sends_at_the_same_time_keep_their_spans_apart(database: Database, fake: FakeAPI, told: Told) -> None:
    async def main() -> None:
        options = {"telemetry": told.telemetry(), **database.options}
        async with convo.AsyncStore(database.url, **options) as store, fake.async_client() as client:
            chats = [await store.create() for _ in range(4)]
            await asyncio.gather(*(chat.send(client, SAID, **VOICE) for chat in chats))

    asyncio.run(main())
    by_trace: dict[int, set[Any]] = {}
    for span in told.spans:
        by_trace.setdefault(span.context.trace_id, set()).add((span.attributes or {})[names.CONVERSATION])
    assert len(by_trace) == 4
    assert all(len(found) == 1 for found in by_trace.values())


# --- streams ---------------------------------------------------------------------------------------


def streamed(told: Told) -> dict[str, Any]:
    assert told.names() == [CHAT, "convo.assemble", "convo.record", "convo.stream"]
    assert {parent_of(span, told) for span in told.spans} == {None, "convo.stream"}
    return dict(told.named(CHAT).attributes or {})


PCM: dict[str, Any] = {**VOICE, "format": "pcm16"}


def test_a_stream_ends_its_spans_when_it_ends(chat: Any, client: Any, told: Told) -> None:
    with chat.stream(client, SAID, **PCM) as stream:
        for _ in stream:
            pass
    found = streamed(told)
    assert (found[names.REQUEST_STREAM], found[names.INTERRUPTED]) == (True, False)
    assert found[names.FIRST_CHUNK] > 0
    assert told.points(names.FIRST_CHUNK_DURATION)[0].count == 1


def test_a_stream_that_is_closed_early_ends_its_spans(chat: Any, client: Any, told: Told) -> None:
    with chat.stream(client, SAID, **PCM) as stream:
        next(iter(stream))
    assert streamed(told)[names.INTERRUPTED] is True


def test_a_stream_that_breaks_ends_its_spans(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_drop(chunks=2)
    with pytest.raises((openai.APIError, httpx2.HTTPError)), chat.stream(client, SAID, **PCM) as stream:
        for _ in stream:
            pass
    assert streamed(told)[names.INTERRUPTED] is True


def test_a_stream_whose_store_is_closed_ends_its_spans(world: World, told: Told) -> None:
    store = world.open(telemetry=told.telemetry())
    stream = store.create().stream(world.client, SAID, **PCM)
    next(iter(stream))
    store.close()
    assert streamed(told)[names.INTERRUPTED] is True


def test_a_stream_of_which_nothing_comes_says_so(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_drop(chunks=0, times=5)
    with pytest.raises((openai.APIError, httpx2.HTTPError)), chat.stream(client, SAID, **PCM) as stream:
        for _ in stream:
            pass
    assert told.named(CHAT).status.status_code == StatusCode.ERROR
    assert told.named("convo.stream").status.status_code == StatusCode.ERROR


# --- sessions --------------------------------------------------------------------------------------


def test_responses_and_transcripts_of_a_session_are_calls(chat: Any, told: Told) -> None:
    script = Script()
    script.speech(SAID)
    script.respond(spoken(SAID))
    with chat.listen(MODEL) as heard:
        for event in script.events * 2:
            heard.feed(event)
    assert [span.name.split()[0] for span in told.spans].count("transcription") == 1
    found = dict(told.named(f"chat {MODEL}").attributes or {})
    assert (found[names.API_TYPE], found[names.CONVERSATION]) == ("realtime", str(chat.id))
    assert found[names.OUTPUT_TOKENS] == 121
    assert told.sums(names.TOKENS, names.OPERATION)["chat"] == 132 + 121


# --- everything else -------------------------------------------------------------------------------


def test_a_call_of_ones_own_is_a_span_too(chat: Any, client: Any, world: World, told: Told) -> None:
    chat.add(SAID)
    request = chat.request("gpt-4.1", client=client)
    with chat.exchange(request) as call:
        answer = client.chat.completions.create(**request)
        if world.asynchronous:
            answer = chat._loop.run_until_complete(answer)
        call.record(answer)
    assert told.names() == ["chat gpt-4.1", "convo.assemble", "convo.record"]
    assert (told.named("chat gpt-4.1").attributes or {})[names.FINISH_REASONS] == ("stop",)


def test_a_call_of_ones_own_that_is_given_up_ends_its_span(chat: Any, client: Any, told: Told) -> None:
    chat.add(SAID)
    with chat.exchange(chat.request("gpt-4.1", client=client)):
        pass
    assert (told.named("chat gpt-4.1").attributes or {})[names.INTERRUPTED] is True


def test_transcription_and_translation_are_calls(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_transcribe(SAID)
    fake.will_translate(SAID)
    chat.add(recording(None))
    chat.transcribe(client)
    with pytest.warns(DeprecationWarning, match="deprecated|shut"):
        chat.translate(client)
    assert told.names() == ["transcription gpt-transcribe", "translation whisper-1"]
    found = dict(told.named("transcription gpt-transcribe").attributes or {})
    assert (found[names.OPERATION], found[names.OUTPUT_TYPE]) == ("transcription", "text")
    assert found[names.CONVERSATION] == str(chat.id)
    assert told.sums(names.DURATION, names.OPERATION).keys() == {"transcription", "translation"}


def test_a_recording_that_cannot_be_transcribed_is_an_error(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    fake.will_fail(400, message=canary("message"))
    chat.add(recording(None))
    chat.transcribe(client)
    assert told.named("transcription gpt-transcribe").status.status_code == StatusCode.ERROR


def test_speech_is_a_call(chat: Any, client: Any, told: Told) -> None:
    chat.speak(client, SAID, model="gpt-4o-mini-tts", voice="alloy")
    span = told.named("speech gpt-4o-mini-tts")
    assert (span.kind, (span.attributes or {})[names.OUTPUT_TYPE]) == (SpanKind.CLIENT, "speech")


def test_a_summary_is_a_call(chat: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    for _ in range(3):
        chat.send(client, SAID, model="gpt-4.1")
    told.exporter.clear()
    fake.will_reply(canary("summary"))
    chat.compact(client, model="gpt-4.1-mini", keep=1)
    found = dict(told.named("chat gpt-4.1-mini").attributes or {})
    assert (found[names.API], found[names.OPERATION]) == ("summary", "chat")


def test_an_answer_that_is_recorded_afterwards_is_counted(chat: Any, client: Any, world: World, told: Told) -> None:
    chat.add(SAID)
    request = chat.request("gpt-4.1", client=client)
    answer = client.chat.completions.create(**request)
    if world.asynchronous:
        answer = chat._loop.run_until_complete(answer)
    reply = chat.record(answer, request)
    chat.record(answer, request)
    assert told.sums(names.TOKENS, names.TOKEN_TYPE)["output"] == reply.usage.output_tokens


def test_what_a_server_gives_as_a_reason_is_cut(store: Any, client: Any) -> None:
    reply = store.create().send(client, canary("said"), **VOICE)
    told_of = facts.of_reply(attrs.evolve(reply, finish_reason="x" * 10_000))
    assert told_of[names.FINISH_REASONS] == ("x" * facts.LONGEST,)


@pytest.mark.parametrize(
    "text", ["", " ", " NaN", ' {"a":Infinity}', " " + "[" * 100_000, " {'a': 1}"], ids=lambda text: text[:9]
)
def test_arguments_of_a_tool_that_are_no_json_are_told_as_a_text(text: str) -> None:
    assert content._arguments(text) == text
    assert content._arguments(' {"a": 1}\n') == {"a": 1}
