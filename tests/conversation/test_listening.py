"""A Realtime session is recorded while it goes on: in order, each item once, whatever happens to whoever listens."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.intake.seeds import seed_id
from convo.store import exchanges
from tests.support.realtime import MODEL, Script, called, encoded, pcm, spoken, whole_session, written
from tests.support.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


def listen(chat: Any, events: Iterable[Any], **more: Any) -> list[Any]:
    """Feed events to a listener, and give what it gave."""
    with chat.listen(MODEL, **more) as heard:
        return [given for event in events for given in heard.feed(event)]


def drop(chat: Any, events: Iterable[Any], **more: Any) -> None:
    """Feed events to a listener whose worker dies after the last."""
    listen_on(chat.listen(MODEL, **more), events)


def listen_on(heard: Any, events: Iterable[Any]) -> None:
    for event in events:
        heard.feed(event)


def rows(chat: Any) -> list[tuple[Any, ...]]:
    """What the log holds, without times."""
    return [
        (m.position, m.role, m.body, m.status, m.api, m.model, m.text, [attrs.evolve(p, data=None) for p in m.media])
        for m in chat.history()
    ]


def bare(chat: Any) -> list[tuple[str, str]]:
    return [(m.role, m.text) for m in chat.history()]


@pytest.fixture
def chat(store: Any) -> Any:
    return store.create()


# --- what is recorded ------------------------------------------------------------------------------


def test_a_session_becomes_messages_in_the_order_of_its_conversation(chat: Any) -> None:
    listen(chat, whole_session().events)
    assert bare(chat) == [
        ("system", "Be brief."),
        ("user", "is a golden retriever a good dog"),
        ("assistant", "Yes, they are loyal and patient dogs"),
        ("user", "And the weather in Paris?"),
        ("assistant", "I will look."),
        ("assistant", ""),
        ("tool", '{"sky":"clear"}'),
        ("assistant", "The sky over Paris is"),
        ("user", "stop"),
        ("assistant", "As you"),
        ("user", "what else"),
    ]
    history = chat.history()
    assert {m.api for m in history} == {"realtime"}
    assert [m.status for m in history if m.role == "assistant"] == ["complete"] * 3 + ["interrupted"] * 2
    assert [(c.id, c.name, c.arguments) for c in history[5].tool_calls] == [("call_sess_1", "weather", '{"city":"Paris"}')]
    assert history[6].tool_call_id == "call_sess_1"


def test_speech_is_kept_with_its_bytes_and_its_words(chat: Any) -> None:
    script = Script()
    script.speech("hello", 120, seed=2)
    script.respond(spoken("good morning", 300, seed=3))
    listen(chat, script.events)
    mine, theirs = (chat.load(m.audio) for m in chat.history())
    assert (mine.format, mine.duration, mine.sample_rate, mine.transcript) == ("wav", 0.12, 24_000, "hello")
    assert mine.data[44:] == pcm(120, 2)
    assert (theirs.format, theirs.transcript, theirs.voice, theirs.id) == ("pcm16", "good morning", "marin", None)
    assert theirs.data == pcm(300, 3)


def test_a_response_is_recorded_with_what_it_used_and_cost(chat: Any) -> None:
    script = Script(transcription=False)
    script.text("hello")
    script.respond(spoken("hi"))
    *_, reply = listen(chat, script.events)
    assert isinstance(reply, convo.Reply)
    assert (reply.text, reply.finish_reason, reply.model, reply.spoken) == ("hi", "completed", MODEL, True)
    assert (reply.usage.input_cached, reply.usage.input_cached_audio, reply.usage.output_audio) == (64, 4, 91)
    text = (119 - 60) * 4 + 30 * 24
    assert reply.cost.amount == (Decimal(text + 9 * 32 + 91 * 64) + 64 * Decimal("0.40")) / 10**6
    assert chat.usage().calls == 1
    assert chat.usage().cost.amount == reply.cost.amount
    assert reply.raw["id"] == script.events[-1]["response"]["id"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("cancelled", "turn_detected"),
        ("cancelled", "client_cancelled"),
        ("incomplete", "max_output_tokens"),
        ("failed", "failed"),
    ],
)
def test_a_response_that_did_not_complete_keeps_what_came_and_what_it_used(chat: Any, status: str, reason: str) -> None:
    script = Script()
    script.text("tell me all")
    script.respond(spoken("It all began"), status=status, reason=reason)
    *_, reply = listen(chat, script.events)
    assert (reply.text, reply.interrupted, reply.finish_reason) == ("It all began", True, reason)
    assert chat.usage().usage.output_audio == 91


def test_a_response_without_output_is_counted_and_leaves_no_message(chat: Any) -> None:
    script = Script()
    script.text("hello")
    script.respond(status="cancelled", reason="turn_detected")
    listen(chat, script.events)
    assert bare(chat) == [("user", "hello")]
    assert chat.usage().calls == 1
    assert chat.usage().usage.total_tokens == 253


def test_a_response_outside_of_the_conversation_is_counted_and_leaves_no_message(chat: Any) -> None:
    script = Script()
    script.text("hello")
    script.respond(written("smalltalk"), inside=False)
    script.respond(written("hi"))
    listen(chat, script.events)
    assert bare(chat) == [("user", "hello"), ("assistant", "hi")]
    assert chat.usage().calls == 2


def test_what_transcription_used_is_counted_once(chat: Any) -> None:
    script = Script()
    script.speech("hello")
    for _ in range(2):
        listen(chat, script.events)
    assert (chat.usage().calls, chat.usage().usage.input_audio) == (1, 13)


def test_seeds_are_not_recorded_again(chat: Any) -> None:
    for text in ("hello", "who are you"):
        chat.add(text)
    script = Script()
    for position, text in enumerate(("hello", "who are you"), 1):
        script.text(text, name=seed_id(position))
    script.respond(written("a dog"))
    with chat.listen(MODEL) as heard:
        for event in script.events:
            heard.feed(event)
        assert heard.position_of(seed_id(2)) == 2
    assert bare(chat) == [("user", "hello"), ("user", "who are you"), ("assistant", "a dog")]


def test_what_the_application_created_keeps_its_bytes(chat: Any) -> None:
    image = "data:image/png;base64," + encoded(b"\x89PNG\r\n\x1a\n" + bytes(24))
    item = {"id": "item_mine", "type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": image, "detail": "low"},
        {"type": "input_audio", "audio": encoded(pcm(50))},
    ]}  # fmt: skip
    script = Script()
    script.send(item)
    shown = [{"type": "input_text", "text": "look"}, {"type": "input_image"}, {"type": "input_audio", "transcript": "this"}]
    script.shown({**item, "object": "realtime.item", "status": "completed", "content": shown})
    listen(chat, script.events)
    (message,) = chat.history()
    assert [(p.part, p.kind, p.format, p.transcript) for p in message.media] == [
        (1, "image", "image/png", None), (2, "audio", "wav", "this"),
    ]  # fmt: skip
    assert message.raw["content"][1]["image_url"]["detail"] == "low"


def test_an_item_deleted_before_it_is_recorded_is_not(chat: Any) -> None:
    script = Script()
    script.text("hello")
    script.respond(spoken("no, forget it"), done=False)
    script.deleted(str(script._tail))
    unfinished = [e for e in script.events if e["type"] not in ("response.output_audio.done", "response.done")]
    listen(chat, unfinished)
    assert bare(chat) == [("user", "hello")]


def test_a_tool_that_a_server_ran_is_kept_as_it_is(chat: Any) -> None:
    item = {"id": "mcp_1", "type": "mcp_call", "server_label": "docs", "name": "find", "arguments": "{}", "output": "nothing"}
    script = Script()
    script.shown(item)
    listen(chat, script.events)
    assert chat.history()[0].raw["item"] == item


# --- feed and what it takes ------------------------------------------------------------------------


@pytest.mark.parametrize("as_given", [json.dumps, lambda event: json.dumps(event).encode(), lambda event: event])
def test_events_are_taken_as_text_and_as_dicts(chat: Any, as_given: Any) -> None:
    listen(chat, map(as_given, whole_session().events))
    assert len(chat.history()) == 11


def test_events_are_taken_as_the_sdk_gives_them(chat: Any, store: Any) -> None:
    from openai._models import construct_type
    from openai.types.realtime import RealtimeServerEvent

    events = whole_session().events
    values = [e if "event_id" not in e else construct_type(value=e, type_=RealtimeServerEvent) for e in events]
    assert not isinstance(values[0], dict)
    listen(chat, values)
    other = store.create()
    listen(other, events)
    assert rows(chat) == rows(other)


def test_each_item_is_in_the_log_as_soon_as_it_is_final(chat: Any) -> None:
    script = Script()
    script.speech("hello")
    with chat.listen(MODEL) as heard:
        assert heard.id is None
        for event in script.events:
            heard.feed(event)
        assert heard.id == "sess_1"
        assert [m.text for m in chat.history()] == ["hello"]
        assert heard.position_of(script._tail) == 1
        assert heard.position_of("item_unknown") is None


def test_a_correction_gives_the_message_as_it_is_then(chat: Any) -> None:
    script = Script()
    script.speech("hello")
    *_, before, after = listen(chat, script.events)
    assert (before.position, before.text) == (after.position, "") == (1, "")
    assert after.text == "hello"


@pytest.mark.parametrize(
    "event",
    [
        None, 7, "no json", "[]", {}, {"type": 7}, {"type": "conversation.item.done"},
        {"type": "conversation.item.done", "item": 7}, {"type": "conversation.item.done", "item": {}},
        {"type": "conversation.item.added", "item": {"id": 7}},
        {"type": "conversation.item.truncated", "item_id": "item_a"},
        {"type": "conversation.item.truncated", "item_id": "item_a", "audio_end_ms": -1},
        {"type": "conversation.item.truncated", "item_id": "item_a", "audio_end_ms": 10**400},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_a"},
        {"type": "response.done"}, {"type": "response.done", "response": {"output": []}}, {"type": "session.created"},
        {"type": "response.output_audio.delta", "item_id": "item_a", "response_id": "resp_a"},
        {"type": "input_audio_buffer.append"}, {"type": "input_audio_buffer.committed"},
        {"type": "input_audio_buffer.speech_started", "item_id": "item_a"},
        {"type": "conversation.item.create"},
        {"type": "response.output_text.delta", "item_id": "a", "response_id": "b", "delta": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_event_is_refused_and_changes_nothing(chat: Any, store: Any, event: object) -> None:
    events = whole_session().events
    with chat.listen(MODEL) as heard:
        for number, good in enumerate(events):
            if number % 20 == 10:
                with pytest.raises(convo.AnswerError):
                    heard.feed(event)
            heard.feed(good)
    other = store.create()
    listen(other, events)
    assert rows(chat) == rows(other)


@pytest.mark.parametrize(
    "event",
    [{"type": "rate_limits.updated"}, {"type": "error", "error": {}}, {"type": "something.new"}, {"type": "session.update"}],
)
def test_events_that_tell_nothing_of_the_log_are_passed_over(chat: Any, event: dict[str, Any]) -> None:
    assert listen(chat, [event]) == []


def test_hostile_texts_are_stored(chat: Any) -> None:
    script = Script("sess\0\ud800")
    script.events[0]["session"]["model"] = "m\0"
    script.events[0]["session"]["audio"]["output"]["voice"] = "v\0"
    for event in ({"role": "user", "content": [{"type": "input_text", "text": "a\0b\ud800"}]}, {"role": "user", "content": 7}):
        item = {"id": f"item\0\ud800{event['content']!r:.20}", "type": "message", "status": "completed", **event}
        script.events.append({"type": "conversation.item.done", "item": item})
    script.respond(called("f\0", "{no json\ud800", "call\0"), spoken("a\0b\ud800"))
    listen(chat, script.events)
    assert [m.raw.get("content") for m in chat.history()] == ["a\0b\ud800", "", None, None]
    assert chat.history()[2].raw["tool_calls"][0]["function"]["arguments"] == "{no json\ud800"


# --- closing and dying -----------------------------------------------------------------------------


def cut_in_speech() -> tuple[Script, Sequence[Any], Sequence[Any]]:
    """A session, and its events before and after the middle of what the model says."""
    script = Script()
    script.text("hello")
    script.respond(spoken("a long story of many words", 400))
    deltas = [number for number, event in enumerate(script.events) if event["type"] == "response.output_audio.delta"]
    return script, script.events[: deltas[3]], script.events[deltas[3] :]


def test_closing_saves_what_was_being_said(chat: Any) -> None:
    _, first, _ = cut_in_speech()
    listen(chat, first)
    said = chat.history()[1]
    assert (said.status, said.text) == ("interrupted", "a long story of many words")
    assert chat.load(said.audio).data == pcm(150, 7)


def test_an_error_in_the_block_saves_it_too(chat: Any) -> None:
    _, first, _ = cut_in_speech()
    with pytest.raises(convo.AnswerError), chat.listen(MODEL) as heard:
        listen_on(heard, [*first, {"no": "event"}])
    assert [m.status for m in chat.history()] == ["complete", "interrupted"]


def test_a_closed_listener_takes_no_more(chat: Any) -> None:
    with chat.listen(MODEL) as heard:
        pass
    assert heard.close() == []
    with pytest.raises(convo.ListenerClosed, match=r"chat\.listen"):
        heard.feed({"type": "error"})


def test_a_worker_that_dies_loses_only_what_was_not_final(chat: Any) -> None:
    script, first, rest = cut_in_speech()
    drop(chat, first)
    assert bare(chat) == [("user", "hello")]
    listen(chat, rest, session="sess_1")
    assert bare(chat) == [("user", "hello"), ("assistant", "a long story of many words")]
    assert chat.usage().calls == 1
    assert script.name == "sess_1"


def test_who_joins_a_session_completes_what_another_left_unfinished(chat: Any) -> None:
    script, first, _ = cut_in_speech()
    listen(chat, first)
    *_, said, reply = listen(chat, script.events)
    assert (said.position, said.status, reply.message.position) == (2, "complete", 2)
    assert [m.status for m in chat.history()] == ["complete", "complete"]
    assert chat.load(chat.history()[1].audio).data == pcm(400, 7)


def test_a_session_fed_twice_is_recorded_once(chat: Any) -> None:
    events = whole_session().events
    listen(chat, events)
    once, used = rows(chat), chat.usage()
    assert listen(chat, events) == []
    assert rows(chat) == once
    assert chat.usage() == used


def test_two_listeners_of_one_session_record_it_once(chat: Any, store: Any) -> None:
    events = whole_session().events
    with chat.listen(MODEL) as one, store.get(chat.id).listen(MODEL) as two:
        for event in events:
            one.feed(event)
            two.feed(event)
    other = store.create()
    listen(other, events)
    assert rows(chat) == rows(other)
    assert chat.usage() == other.usage()


def test_another_session_may_follow_in_the_same_listener(chat: Any) -> None:
    first, second = Script("sess_1"), Script("sess_2")
    first.text("one", name="item_same")
    first.respond(spoken("I was saying"), done=False)
    second.text("two", name="item_same")
    unfinished = [e for e in first.events if "done" not in e["type"] or "user" in str(e.get("item"))]
    listen(chat, [*unfinished, *second.events])
    assert [(m.text, m.status) for m in chat.history()] == [
        ("one", "complete"), ("I was saying", "interrupted"), ("two", "complete"),
    ]  # fmt: skip


# --- barge-in --------------------------------------------------------------------------------------


def test_a_truncation_leaves_what_was_heard_also_of_a_message_that_is_recorded(chat: Any) -> None:
    script = Script()
    script.text("hello")
    script.respond(spoken("one two three four", 400))
    listen(chat, script.events)
    assert chat.history()[1].status == "complete"
    name = str(script._tail)
    before = len(script.events)
    script.truncated(name, 200)
    listen(chat, script.events[before:], session="sess_1")
    said = chat.history()[1]
    assert (said.text, said.status, said.api, said.model) == ("one two", "interrupted", "realtime", MODEL)
    assert chat.load(said.audio).data == pcm(200, 7)
    assert said.raw["item"] == {"id": name}


@pytest.mark.parametrize("milliseconds", [400, 10_000])
def test_a_truncation_after_the_end_changes_nothing(chat: Any, milliseconds: int) -> None:
    script = Script()
    script.respond(spoken("one two three four", 400))
    script.truncated(str(script._tail), milliseconds)
    listen(chat, script.events)
    assert [(m.text, m.status) for m in chat.history()] == [("one two three four", "complete")]


def test_a_truncation_of_what_is_redacted_or_unknown_changes_nothing(chat: Any) -> None:
    script = Script()
    script.respond(spoken("one two three four", 400))
    listen(chat, script.events)
    chat.redact(1)
    before, count = rows(chat), len(script.events)
    script.truncated(str(script._tail), 200)
    script.truncated("item_unknown", 200)
    listen(chat, script.events[count:], session="sess_1")
    assert rows(chat) == before


def test_a_transcript_of_somebody_else_stays(chat: Any) -> None:
    script = Script()
    script.speech("what the API heard")
    *first, last = script.events
    with chat.listen(MODEL) as heard:
        for event in first:
            heard.feed(event)
        chat.set_transcript(1, "what was said")
        assert heard.feed(last) == []
    assert chat.history()[0].text == "what was said"


def test_speech_whose_transcription_failed_has_none(chat: Any) -> None:
    script = Script()
    script.speech(None, failed=True)
    script.speech(None, failed=True, feed=False)
    listen(chat, script.events)
    first, second = chat.history()
    assert first.audio.transcript is None
    assert (second.text, second.raw["item"]["spoken"]) == ("", True)


# --- where it is recorded --------------------------------------------------------------------------


def test_a_session_stays_on_the_branch_where_it_began(chat: Any) -> None:
    chat.add("before")
    script = Script()
    script.text("hello")
    script.respond(written("hi"))
    half = len(script.events) // 2
    with chat.listen(MODEL) as heard:
        for event in script.events[:half]:
            heard.feed(event)
        left = chat.branches()[0].id
        chat.edit(1, "anew")
        for event in script.events[half:]:
            heard.feed(event)
    assert bare(chat) == [("user", "anew")]
    chat.switch(left)
    assert bare(chat) == [("user", "before"), ("user", "hello"), ("assistant", "hi")]


def test_another_owner_sees_nothing_of_it(world: Any, chat: Any, store: Any) -> None:
    events = whole_session().events
    theirs = store.owned_by("other-than-this")
    other = theirs.create()
    listen(chat, events)
    listen(other, events)
    assert [m.text for m in other.history()] == [m.text for m in chat.history()]
    assert other.usage() == chat.usage()


def test_a_conversation_that_is_deleted_meanwhile_is_an_error(chat: Any, store: Any) -> None:
    events = whole_session().events
    heard = chat.listen(MODEL)
    for event in events[:10]:
        heard.feed(event)
    store.delete(chat.id)
    with pytest.raises(convo.ConversationNotFound):
        listen_on(heard, events[10:])


def test_a_view_that_only_reads_listens_to_nothing(world: Any, chat: Any) -> None:
    if world.asynchronous:
        chat._target._place.tools = attrs.evolve(chat._target._place.tools, writable=False)
    else:
        chat._place.tools = attrs.evolve(chat._place.tools, writable=False)
    with pytest.raises(convo.ReadOnlyView):
        chat.listen(MODEL)


@pytest.mark.parametrize(
    ("argument", "value"), [("model", 7), ("model", "a\0"), ("origin", "a\0"), ("session", 7), ("client", 7)]
)
def test_arguments_that_say_nothing_are_refused(chat: Any, argument: str, value: Any) -> None:
    with pytest.raises(convo.InputError):
        chat.listen(**{"model": MODEL, argument: value})


@pytest.mark.parametrize(
    ("model", "api"), [("gpt-live-1", "live"), ("gpt-audio-1.5", "chat"), ("gpt-transcribe", "transcription")]
)
def test_a_session_of_another_api_is_not_listened_to_in_vain(chat: Any, model: str, api: str) -> None:
    with pytest.raises(convo.ConflictingArguments, match=rf"{model} is a model of api='{api}'.*Realtime sessions only.*extend"):
        chat.listen(model)
    chat.listen("somebody's-realtime-model").close()


def test_what_could_not_be_stored_is_stored_with_the_next_event(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(transcription=False)
    script.text("hello")
    script.respond(spoken("hi"))
    failures = iter([True, False, True, False])
    record = exchanges.record

    def failing(*arguments: Any) -> Any:
        if next(failures, False):
            raise convo.IntegrityError(1)
        return record(*arguments)

    monkeypatch.setattr(exchanges, "record", failing)
    failed = 0
    with chat.listen(MODEL) as heard:
        for event in script.events:
            try:
                heard.feed(event)
            except convo.IntegrityError:
                failed += 1
                heard.feed(event)
    assert failed == 1 + 1
    assert bare(chat) == [("user", "hello"), ("assistant", "hi")]
    assert chat.usage().calls == 1


def test_a_message_added_meanwhile_stands_between(chat: Any) -> None:
    script = Script()
    script.text("hello")
    cut = len(script.events)
    script.respond(written("hi"))
    with chat.listen(MODEL) as heard:
        for event in script.events[:cut]:
            heard.feed(event)
        chat.add("a note of the application", role="system")
        for event in script.events[cut:]:
            heard.feed(event)
    assert [m.role for m in chat.history()] == ["user", "system", "assistant"]


def test_two_threads_that_feed_one_session_record_it_once(database: Any) -> None:
    events = whole_session().events
    with convo.Store(database.url, **database.options) as store:
        chat = store.create()
        barrier = Barrier(2)

        def work(_: int) -> None:
            mine = store.get(chat.id)
            barrier.wait()
            listen(mine, events)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, range(2)))
        other = store.create()
        listen(other, events)
        assert rows(chat) == rows(other)
        assert chat.usage() == other.usage()


async def test_a_listener_is_fed_by_two_tasks_and_survives_one_that_is_cancelled(tmp_path: Path) -> None:
    script = Script(transcription=False)
    for number in range(12):
        script.text(f"message {number}")
    async with convo.AsyncStore(f"sqlite:///{tmp_path}/chat.db") as store:
        chat = await store.create()
        async with chat.listen(MODEL) as heard:
            for number, event in enumerate(script.events):
                task = asyncio.ensure_future(heard.feed(event))
                await asyncio.sleep(0)
                if number % 3 == 0:
                    task.cancel()
                await asyncio.gather(task, heard.feed(event), return_exceptions=True)
        assert [m.text for m in await chat.history()] == [f"message {number}" for number in range(12)]


# --- any order -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path: Path = tmp_path_factory.mktemp("orders") / "chat.db"
    with convo.Store(f"sqlite:///{path}", durability="relaxed") as store:
        yield store


@pytest.fixture(scope="module")
def usual(one_store: Any) -> tuple[Script, list[Any], Any]:
    """A session, and what is recorded of it in the usual order."""
    script = whole_session()
    chat = one_store.create()
    listen(chat, script.events)
    return script, rows(chat), chat.usage()


@given(data=st.data())
@settings(max_examples=40)
def test_any_order_that_the_api_may_have_records_the_same_log(one_store: Any, usual: Any, data: Any) -> None:
    script, expected, used = usual
    random = data.draw(st.randoms(use_true_random=False))
    events = script.ordered(random.randrange)
    events = [again for event in events for again in [event] * (1 + (random.random() < 0.1 and "event_id" in event))]
    chat = one_store.create()
    listen(chat, events)
    assert rows(chat) == expected
    assert chat.usage() == used


@given(data=st.data())
@settings(max_examples=40)
def test_a_session_cut_anywhere_loses_nothing_that_was_final(one_store: Any, usual: Any, data: Any) -> None:
    script, expected, used = usual
    random = data.draw(st.randoms(use_true_random=False))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(script.events)), min_size=1, max_size=3)))
    chat = one_store.create()
    for cut in cuts:
        die = data.draw(st.booleans())
        (drop if die else listen)(chat, script.events[:cut])
    listen(chat, script.ordered(random.randrange))
    assert rows(chat) == expected
    assert chat.usage() == used


@given(data=st.data())
@settings(max_examples=30)
def test_who_joins_where_another_died_records_every_item_once(one_store: Any, usual: Any, data: Any) -> None:
    script, expected, used = usual
    cut = data.draw(st.integers(1, len(script.events)))
    chat = one_store.create()
    drop(chat, script.events[:cut])
    final = rows(chat)
    listen(chat, script.events[cut:], session=script.name)
    found = rows(chat)
    assert [json.loads(row[2])["item"]["id"] for row in found] == [json.loads(row[2])["item"]["id"] for row in expected]
    assert len(final) <= len(found)
    assert [row[1] for row in found] == [row[1] for row in expected]
    assert chat.usage() == used


# --- what comes of it ------------------------------------------------------------------------------


def test_a_recorded_session_goes_on_in_chat_completions(chat: Any) -> None:
    script = whole_session()
    script.speech(None, failed=True, feed=False)
    script.respond(spoken("not heard at all"))
    script.truncated(str(script._tail), 0)
    script.shown({"id": "mcp_1", "type": "mcp_call", "server_label": "docs", "name": "find", "arguments": "{}"})
    listen(chat, [event for event in script.events if not event["type"].startswith("response.output_audio.")])
    chat.add("and now?")
    request = chat.request("gpt-audio-1.5", voice="alloy", format="wav")
    validate(request)
    assert [(m["role"], m.get("content")) for m in request["messages"] if isinstance(m.get("content"), str)] == [
        ("system", "Be brief."),
        ("assistant", "Yes, they are loyal and patient dogs"),
        ("user", "And the weather in Paris?"),
        ("assistant", "I will look."),
        ("tool", '{"sky":"clear"}'),
        ("assistant", "As you"),
        ("user", "what else"),
        ("user", "and now?"),
    ]


def test_what_was_cut_stays_cut_for_a_listener_that_comes_later(chat: Any) -> None:
    script = Script()
    script.text("Count.")
    script.respond(spoken("one two three four five six seven eight nine ten", 2_000))
    events = script.events
    cut = next(index for index, event in enumerate(events) if event["type"] == "response.output_audio.done")
    truncated = {
        "type": "conversation.item.truncated", "event_id": "event_cut", "item_id": events[cut]["item_id"],
        "content_index": 0, "audio_end_ms": 400,
    }  # fmt: skip
    listen(chat, [*events[:cut], truncated])
    heard = bare(chat)
    assert heard[-1][1] in "one two three four"
    listen(chat, events[cut:], session="sess_1")
    assert bare(chat) == heard


def test_what_was_cut_after_it_was_left_stays_cut_too(chat: Any) -> None:
    script = Script()
    script.text("Count.")
    script.respond(spoken("one two three four five six seven eight nine ten", 2_000))
    events = script.events
    end = next(index for index, event in enumerate(events) if event["type"] == "response.output_audio.done")
    listen(chat, events[:end])
    chat.truncate(2, heard_until=0.4)
    heard = bare(chat)
    listen(chat, events[end:], session="sess_1")
    assert bare(chat) == heard


def cut_reply() -> tuple[Script, list[Any], Any, int]:
    """A reply of 400 ms of which 200 were heard: its session, its events before that was told, how, and the first five
    of its eight pieces of sound by their end among these."""
    script = Script()
    script.text("Count.")
    script.respond(spoken("one two three four five six seven eight", 400))
    pieces = [index for index, event in enumerate(script.events) if event["type"] == "response.output_audio.delta"]
    events = list(script.events)
    script.truncated(str(script._tail), 200)
    return script, events, script.events[-1], pieces[4] + 1


@pytest.mark.parametrize("told", ["before the first leaves", "after the first has left", "to both"])
@pytest.mark.parametrize("early", [True, False])
def test_what_was_cut_of_a_part_is_cut_of_the_whole_once_that_is_heard(store: Any, told: str, early: bool) -> None:
    """The words that were heard are reckoned by how long the whole is, not by how much of it had come."""
    _, events, truncation, five = cut_reply()
    begun = next(index for index, event in enumerate(events) if event["type"] == "response.output_audio.delta")
    whole = [*events[:begun], truncation, *events[begun:]] if early else [*events, truncation]
    chat, other = store.create(), store.create()
    listen(chat, [*events[:five], *([] if told == "after the first has left" else [truncation])])
    listen(chat, events if told == "before the first leaves" else whole)
    listen(other, whole)
    assert rows(chat) == rows(other)
    assert bare(chat)[1] == ("assistant", "one two three four")
    assert chat.load(chat.history()[1].audio).data == pcm(200, 7)


def test_what_the_application_cut_of_a_part_is_cut_of_the_whole_too(chat: Any) -> None:
    _, events, _, five = cut_reply()
    listen(chat, events[:five])
    chat.truncate(2, heard_until=0.3)
    chat.truncate(2, heard_until=0.2)
    listen(chat, events)
    assert (bare(chat)[1], chat.history()[1].status) == (("assistant", "one two three four"), "interrupted")
    assert chat.load(chat.history()[1].audio).data == pcm(200, 7)
    once = rows(chat)
    listen(chat, events)
    assert rows(chat) == once


def test_what_will_be_cut_is_known_before_so_much_of_it_has_come(chat: Any) -> None:
    """The first listener leaves before the cut is reached, and only it was told."""
    _, events, truncation, five = cut_reply()
    listen(chat, [*events[: five - 2], truncation])
    listen(chat, events)
    assert bare(chat)[1] == ("assistant", "one two three four")


def test_a_reply_of_which_nothing_was_heard_is_not_completed(chat: Any) -> None:
    _, events, truncation, five = cut_reply()
    listen(chat, [*events[:five], {**truncation, "audio_end_ms": 0}])
    assert bare(chat)[1] == ("assistant", "")
    listen(chat, events)
    assert (bare(chat)[1], chat.history()[1].status) == (("assistant", ""), "interrupted")


def test_a_reply_whose_bill_could_not_be_stored_is_given_with_the_next_event(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    script.text("Hello?")
    script.respond(spoken("Hello there."))
    kept, left = exchanges.keep_call, [1]

    def failing(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise convo.StoreFailed("the disk is full")  # noqa: EM101 - as the store says it
        return kept(*arguments)

    monkeypatch.setattr(exchanges, "keep_call", failing)
    given: list[Any] = []
    with chat.listen(MODEL) as heard:
        for event in script.events:
            try:
                given += heard.feed(event)
            except convo.StoreFailed:
                given += heard.feed({"type": "rate_limits.updated", "event_id": "event_more", "rate_limits": []})
    assert [reply.spoken for reply in given if isinstance(reply, convo.Reply)] == [True]
