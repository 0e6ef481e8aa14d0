"""Every call of every endpoint is one row: what it used, when it began to be answered, what was tried again, how it ended."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.models import Model, Prices
from convo.store import tables
from convo.testing import FixedClock
from convo.times import to_micros
from tests.conversation.test_transcripts import ran
from tests.support.both import resolved
from tests.support.builders import recording, wav
from tests.support.realtime import MODEL as REALTIME
from tests.support.realtime import Script, spoken

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.conftest import World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
TEXT: dict[str, Any] = {"model": "gpt-5.5"}


def rows(chat: Any) -> list[dict[str, Any]]:
    """The calls of a conversation, in the order in which they were made."""
    x = tables.exchange.c

    def work(connection: Any) -> list[dict[str, Any]]:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        statement = sa.select(*x).where(x.owner == chat.owner, x.api != "none").order_by(x.started_at, x.id)
        return [dict(row._mapping) for row in connection.execute(statement, execution_options=options)]

    found: list[dict[str, Any]] = resolved(chat, chat._driver.runner.run(work, mode="write"))
    return found


def of(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes: whoever looks at the clock sees another time."""
    told = FixedClock.__call__

    def later(clock: FixedClock) -> Any:
        clock.advance(timedelta(milliseconds=1))
        return told(clock)

    monkeypatch.setattr(FixedClock, "__call__", later)


# --- turns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_turn_is_a_row_with_its_times_and_the_parts_of_its_cost(store: Any, client: Any, api: str, ticking: None) -> None:
    chat = store.create()
    reply = chat.send(client, "Hello", api=api, **TEXT)
    (row,) = rows(chat)
    assert of(row, "api", "status", "error", "retries", "recoveries") == (api, "done", None, 0, 0)
    assert row["started_at"] < row["first_byte_at"] <= row["finished_at"]
    assert of(row, "sent_references", "sent_transcripts", "saved_bytes", "saved_tokens") == (0, 0, 0, 0)
    assert sum(row[f"cost_{kind}"] for kind in tables.COST_KINDS) == row["cost"] == reply.cost.picos
    assert of(row, "cost_text_in", "cost_audio_in") == (row["input_text"] * 5_000_000, 0)


def test_a_replayed_reply_has_the_parts_of_its_cost(store: Any, client: Any) -> None:
    chat = store.create()
    first = chat.send(client, recording(), key="k", **VOICE)
    again = chat.send(client, recording(), key="k", **VOICE)
    assert (again.replayed, again.cost) == (True, first.cost)
    assert sum(again.cost.by_kind.values()) == first.cost.amount
    assert set(first.cost.by_kind) == {"audio_in", "audio_out", "text_out"} | (set(first.cost.by_kind) & {"text_in"})


def test_what_ids_and_words_stood_for_is_counted(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create()
    said = recording("Is it a good dog?", wav(3))
    fake.will_reply("Yes, a very good one.")
    reply = chat.send(client, said, **VOICE)
    one = -(-reply.audio.size // 3) * 4
    chat.send(client, "Why?", **VOICE)
    assert of(rows(chat)[1], "sent_references", "sent_transcripts", "saved_bytes", "saved_tokens") == (1, 0, one, 0)
    second = chat.history()[-1].audio
    clock.advance(timedelta(hours=2))
    chat.send(client, "Say it again.", **VOICE)
    both = one + -(-second.size // 3) * 4
    row = rows(chat)[2]
    assert of(row, "sent_references", "sent_transcripts", "saved_bytes") == (0, 2, both)
    billed = sum(message.audio_tokens for message in chat.history() if message.role == "assistant") - row["output_audio"]
    assert 0 < row["saved_tokens"] < billed
    chat.send(client, "And now in writing.", **TEXT)
    last = rows(chat)[3]
    size = -(-chat.history()[0].audio.size // 3) * 4
    assert of(last, "sent_references", "sent_transcripts") == (0, 4)
    assert last["saved_bytes"] == both + size + -(-chat.history()[5].audio.size // 3) * 4


def test_a_placeholder_is_nobodys_words(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, recording(None, wav(3)), "What is that?", policy=convo.Policy(missing_transcript="placeholder"), **TEXT)
    assert of(rows(chat)[0], "sent_transcripts", "saved_bytes", "saved_tokens") == (0, 0, 0)


def test_a_recovery_is_counted_and_what_is_sent_last_counts(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, recording("Is it?", wav(3)), **VOICE)
    fake.revoke_all()
    chat.send(client, "Why?", **VOICE)
    row = rows(chat)[1]
    assert of(row, "status", "recoveries", "retries", "sent_references", "sent_transcripts") == ("done", 1, 0, 0, 1)


def test_what_the_client_tried_again_is_counted(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_fail(500, times=2)
    patient = client.with_options(max_retries=2)
    chat.send(patient, "Hello", **TEXT)
    fake.will_fail(500, times=3)
    with pytest.raises(openai.InternalServerError):
        chat.send(patient, "Hello?", **TEXT)
    assert [of(row, "status", "retries") for row in rows(chat)] == [("done", 2), ("failed", 2)]


def test_a_failed_call_says_what_ended_it(store: Any, client: Any, fake: FakeAPI, ticking: None) -> None:
    chat = store.create()
    fake.will_fail(429)
    with pytest.raises(openai.RateLimitError) as error:
        chat.send(client.with_options(max_retries=0), "Hello", **TEXT)
    (row,) = rows(chat)
    assert of(row, "status", "error", "retries", "recoveries", "cost") == ("failed", error.value.code, 0, 0, None)
    assert row["request_id"] == error.value.request_id
    assert row["started_at"] < row["first_byte_at"] <= row["finished_at"]
    assert chat.usage().calls == 0


def test_a_stream_begins_to_be_answered_with_its_first_piece(store: Any, client: Any, ticking: None) -> None:
    chat = store.create()
    with chat.stream(client, "Hello", **TEXT) as stream:
        for _ in stream:
            pass
    (row,) = rows(chat)
    assert row["started_at"] < row["first_byte_at"] < row["finished_at"]
    assert of(row, "retries", "recoveries", "status") == (0, 0, "done")


def test_an_interrupted_stream_has_a_whole_row(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, recording("Is it?", wav(3)), **VOICE)
    fake.will_reply("One two three four five six seven eight nine ten.")
    with chat.stream(client, "Count.", **{**VOICE, "format": "pcm16"}) as stream:
        next(iter(stream))
    row = rows(chat)[1]
    assert of(row, "status", "retries", "recoveries", "sent_references") == ("interrupted", 0, 0, 1)
    assert row["first_byte_at"] is not None
    assert row["saved_bytes"] > 0


def test_a_callers_own_call_has_no_times_of_its_answer(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, recording("Is it?", wav(3)), **VOICE)
    chat.add("Why?")
    request = chat.request(client=client, **VOICE)
    answer = resolved(chat, client.chat.completions.create(**request))
    with chat.exchange(request) as call:
        call.record(answer)
    chat.record(resolved(chat, client.chat.completions.create(**request)), request)
    for row in rows(chat)[1:]:
        assert of(row, "first_byte_at", "retries", "sent_references", "status") == (None, None, 1, "done")
        assert row["saved_bytes"] > 0


def test_an_answer_that_came_too_late_has_a_whole_row(store: Any, client: Any, clock: FixedClock) -> None:
    chat = store.create()
    chat.send(client, recording("Is it?", wav(3)), **VOICE)
    chat.add("Why?")
    request = chat.request(client=client, **VOICE)
    answer = resolved(chat, client.chat.completions.create(**request))

    def record() -> None:
        with chat.exchange(request) as call:
            chat.abandon(chat.pending()[0])
            call.record(answer)

    with pytest.raises(convo.ExchangeLost):
        record()
    (late,) = [row for row in rows(chat) if row["status"] == "late"]
    assert of(late, "sent_references", "recoveries") == (1, 0)
    assert late["saved_bytes"] > 0
    assert late["cost"] == sum(late[f"cost_{kind}"] for kind in tables.COST_KINDS) > 0


def test_an_answer_that_cannot_be_read_keeps_its_bill_when_its_turn_is_tried_again(
    store: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of the turn is taken over; what the first attempt used stays, in a row of its own."""
    chat = store.create()

    def unreadable(*arguments: Any, **named: Any) -> Any:
        raise convo.AnswerError("it is odd", "try again")

    with monkeypatch.context() as broken:
        broken.setattr("convo.steps.columns.read_reply", unreadable)
        with pytest.raises(convo.AnswerError):
            chat.send(client, "Hello", key="k", **TEXT)
    used = chat.usage()
    assert (used.calls, used.unpriced) == (1, 0)
    reply = chat.send(client, "Hello", key="k", **TEXT)
    first, second = sorted(rows(chat), key=lambda row: row["attempt"])
    assert of(first, "status", "error", "key", "position") == ("failed", convo.AnswerError.code, None, None)
    assert of(second, "status", "error", "key", "attempt") == ("done", None, "k", 2)
    assert chat.usage().cost.amount == used.cost.amount + reply.cost.amount
    assert chat.send(client, "Hello", key="k", **TEXT).replayed


def test_an_attempt_has_its_own_times(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create()
    fake.will_fail(400)
    with pytest.raises(openai.BadRequestError):
        chat.send(client, "Hello", key="k", **TEXT)
    clock.advance(timedelta(days=1))
    chat.send(client, "Hello", key="k", **TEXT)
    (row,) = rows(chat)
    assert row["started_at"] == row["first_byte_at"] == row["finished_at"] == to_micros(clock())


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_call_in_another_service_tier_has_no_known_cost(store: Any, client: Any, tier: str) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request(client=client, **TEXT)
    answer = resolved(chat, client.chat.completions.create(**request)).to_dict()
    reply = chat.record({**answer, "service_tier": tier}, request)
    assert (reply.cost.amount, reply.usage.input_tokens) == (None, answer["usage"]["prompt_tokens"])


# --- beside turns ----------------------------------------------------------------------------------


def test_transcriptions_and_translations_are_rows_with_what_they_used(store: Any, client: Any, ticking: None) -> None:
    chat = store.create()
    chat.add(recording(None, wav(3)))
    chat.transcribe(client, model="gpt-4o-transcribe")
    chat.add(recording(None, wav(60)))
    chat.transcribe(client, model="whisper-1")
    tokens, length = rows(chat)
    for row in (tokens, length):
        assert row["started_at"] < row["first_byte_at"] <= row["finished_at"]
        assert of(row, "api", "status", "retries", "error") == ("transcriptions", "done", 0, None)
    assert tokens["cost_audio_in"] == tokens["input_audio"] * 6_000_000
    assert of(length, "input_tokens", "input_milliseconds", "cost", "cost_minutes_in") == (None, 60_000, 6 * 10**9, 6 * 10**9)
    assert chat.usage().usage.input_milliseconds == 60_000


@pytest.mark.parametrize("call", ["transcribe", "speak", "compact"])
def test_a_call_beside_a_turn_that_fails_is_one_row_with_its_code(store: Any, client: Any, fake: FakeAPI, call: str) -> None:
    chat = store.create()
    chat.add(recording("Is it?", wav(3)))
    chat.send(client, "Hello", **TEXT)
    chat.add(recording(None, wav(4)))
    fake.will_fail(401)
    acts = {
        "transcribe": lambda: chat.transcribe(client),
        "speak": lambda: chat.speak(client, "Hello", model="tts-1", voice="alloy"),
        "compact": lambda: chat.compact(client, model="gpt-5.5", keep=0),
    }
    with pytest.raises(openai.AuthenticationError) as error:
        acts[call]()
    _, row = rows(chat)
    api = {"transcribe": "transcriptions", "speak": "speech", "compact": "summary"}[call]
    code = error.value.code or "AuthenticationError"
    assert of(row, "api", "status", "error", "retries", "cost", "raw") == (api, "failed", code, 0, None, None)
    assert chat.usage().calls == 1


def test_speech_is_billed_by_what_was_sent(store: Any, client: Any) -> None:
    chat = store.create()
    text = "Hello, how may I help? 👋"
    chat.speak(client, text, model="tts-1", voice="alloy")
    (row,) = rows(chat)
    assert of(row, "input_characters", "cost_characters_in", "cost") == (
        len(text),
        len(text) * 15 * 10**6,
        len(text) * 15 * 10**6,
    )
    assert row["first_byte_at"] is not None


def test_speech_that_is_billed_by_the_minute_has_its_length(world: World, client: Any) -> None:
    models = {"tts-1": Model(name="tts-1", family="tts-1", prices=Prices(minutes_out="0.06"))}
    chat = world.open(catalogue=convo.Catalogue(models, "mine")).create()
    message = chat.speak(client, "Hello, how may I help?", model="tts-1", voice="alloy", format="wav")
    (row,) = rows(chat)
    assert row["output_milliseconds"] == round(message.audio.duration * 1000)
    assert row["cost"] == row["output_milliseconds"] * 10**6


def test_speech_with_a_known_price_keeps_to_a_budget(store: Any, client: Any, fake: FakeAPI) -> None:
    policy = convo.Policy(budgets=convo.Budget(money="0.0001"))
    chat = store.create()
    assert chat.speak(client, "Hello", model="tts-1", voice="alloy", policy=policy)
    with pytest.raises(convo.BudgetExceeded):
        chat.speak(client, "Hello again", model="tts-1", voice="alloy", policy=policy)
    assert len(fake.received) == 1


def test_a_summary_is_a_row_with_its_cost(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    chat.compact(client, model="gpt-5.5", keep=0)
    row = rows(chat)[1]
    assert of(row, "api", "status", "retries") == ("summary", "done", 0)
    assert row["cost"] == row["cost_text_in"] + row["cost_text_out"] > 0
    assert of(row, "answered_by") == ("gpt-5.5",)


# --- sessions --------------------------------------------------------------------------------------


def test_a_response_of_a_session_says_when_it_began_and_when_it_came(store: Any, ticking: None) -> None:
    chat, script = store.create(), Script(transcription=False)
    script.text("hello")
    script.respond(spoken("hi"))
    with chat.listen(REALTIME) as heard:
        for event in script.events:
            heard.feed(event)
    (row,) = rows(chat)
    assert row["started_at"] < row["first_byte_at"] < row["finished_at"]
    assert of(row, "api", "status") == ("realtime", "done")


@pytest.mark.parametrize("times", [1, 2])
def test_a_transcript_of_a_session_that_failed_is_one_row(store: Any, times: int) -> None:
    chat = store.create()
    failure = {
        "type": "conversation.item.input_audio_transcription.failed", "event_id": "event_x", "item_id": "item_1",
        "content_index": 0, "error": {"type": "transcription_error", "code": "audio_unintelligible", "message": "It was noise."},
    }  # fmt: skip
    for number in range(times):
        with chat.listen(REALTIME, session="sess_1") as heard:
            heard.feed({**failure, "event_id": f"event_{number}"})
    (row,) = rows(chat)
    assert of(row, "api", "status", "error", "raw") == ("transcriptions", "failed", "audio_unintelligible", None)
    assert chat.usage().calls == 0


def test_a_transcript_of_a_session_that_is_billed_by_its_length_has_its_cost(store: Any) -> None:
    chat = store.create()
    session = {"id": "sess_1", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    with chat.listen(REALTIME) as heard:
        heard.feed({"type": "session.created", "event_id": "event_0", "session": session})
        heard.feed({
            "type": "conversation.item.input_audio_transcription.completed", "event_id": "event_1", "item_id": "item_1",
            "content_index": 0, "transcript": "Hello.", "usage": {"type": "duration", "seconds": 1.5},
        })  # fmt: skip
    (row,) = rows(chat)
    assert of(row, "model", "input_milliseconds", "cost") == ("whisper-1", 1_500, 150 * 10**6)


# --- sums ------------------------------------------------------------------------------------------


def test_costs_in_two_currencies_are_not_added(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    before = chat.usage().cost
    chat.send(client, "Hello again", **TEXT)
    x = tables.exchange.c
    second = max(row["id"] for row in rows(chat))
    ran(chat, sa.update(tables.exchange).where(x.id == second).values(currency="EUR"))
    cost = chat.usage().cost
    assert (cost.amount, cost.unknown, cost.currency) == (None, ("currency",), "")
    assert (before.amount, before.currency) != (None, "")
    assert chat.usage().unpriced == 0
    assert str(cost) == "unknown"
    assert before.amount > Decimal(0)
