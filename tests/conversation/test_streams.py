"""A reply as it comes: events, the recorded reply, keys, tools; the same as what `send` records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo import AudioDelta, TextDelta, TranscriptDelta

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}


def events_of(stream: Any) -> list[Any]:
    with stream:
        return list(stream)


def joined(events: list[Any], kind: Any) -> Any:
    pieces = [event.data if kind is AudioDelta else event.text for event in events if isinstance(event, kind)]
    return b"".join(pieces) if kind is AudioDelta else "".join(pieces)


def test_a_spoken_reply_comes_in_pieces_and_is_recorded_whole(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes, they are loyal and patient dogs.")
    chat = store.create()
    stream = chat.stream(client, "Is a golden retriever a good dog?", **VOICE)
    events = events_of(stream)
    reply = stream.reply
    assert joined(events, TranscriptDelta) == reply.transcript == "Yes, they are loyal and patient dogs."
    assert joined(events, AudioDelta) == reply.audio.data
    assert reply.audio.format == "pcm16"
    assert events[-1] == reply
    assert sum(isinstance(event, TranscriptDelta) for event in events) > 1
    stored = chat.history()[-1]
    assert stored.status == "complete"
    assert stored.audio.id == reply.message.audio_id
    assert reply.usage.output_audio
    assert reply.cost.amount is not None
    assert not reply.interrupted
    assert reply.request_id


def test_the_request_of_a_stream_asks_for_pcm16_and_for_the_usage(store: Any, client: Any, fake: FakeAPI) -> None:
    events_of(store.create().stream(client, "Hello?", **VOICE))
    assert fake.last.body["stream"] is True
    assert fake.last.body["audio"]["format"] == "pcm16"
    assert fake.last.body["stream_options"] == {"include_usage": True}


def test_the_caller_may_leave_the_usage_out(store: Any, client: Any, fake: FakeAPI) -> None:
    stream = store.create().stream(client, "Hello?", model="gpt-4.1", stream_options={"include_usage": False})
    events_of(stream)
    assert fake.last.body["stream_options"] == {"include_usage": False}
    assert stream.reply.usage.total_tokens is None


def test_a_streamed_spoken_turn_goes_as_a_reference_and_later_as_its_words(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    stream = chat.stream(client, "Hello?", **VOICE)
    events_of(stream)
    chat.send(client, "And now?", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "audio": {"id": stream.reply.message.audio_id}}
    clock.advance(3600)
    chat.send(client, "And now?", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": stream.reply.transcript}


def test_a_written_reply_and_a_refusal_come_in_pieces(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply("Hello to you")
    written = events_of(chat.stream(client, "Hello?", model="gpt-4.1"))
    assert joined(written, TextDelta) == written[-1].text == "Hello to you"
    fake.will_reply(refusal="I will not say that.")
    refused = events_of(chat.stream(client, "Say it", model="gpt-4.1"))
    assert joined(refused, convo.RefusalDelta) == refused[-1].refusal == "I will not say that."


def test_a_streamed_and_a_sent_reply_are_recorded_alike(store: Any, client: Any, fake: FakeAPI) -> None:
    said = {"tool_calls": [("look_up", '{"dog": 1}', "call_1"), ("look_up", '{"dog": 2}', "call_2")], "content": "One moment"}
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    replies = []
    for way in ("send", "stream"):
        chat = store.create()
        fake.will_reply(**said)  # type: ignore[arg-type]
        if way == "send":
            replies.append(chat.send(client, "Which?", model="gpt-4.1", tools=tools))
        else:
            replies.append(events_of(chat.stream(client, "Which?", model="gpt-4.1", tools=tools))[-1])
    sent, streamed = replies
    assert sent.tool_calls == streamed.tool_calls
    assert (sent.text, sent.finish_reason, sent.usage) == (streamed.text, streamed.finish_reason, streamed.usage)


def test_a_key_gives_the_recorded_reply_as_events_without_a_second_call(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = events_of(chat.stream(client, "Hello?", key="press-1", **VOICE))
    again = events_of(chat.stream(client, "Hello?", key="press-1", **VOICE))
    assert len(fake.received) == 1
    assert again[-1].replayed
    for kind in (TranscriptDelta, AudioDelta):
        assert joined(again, kind) == joined(first, kind)
    assert chat.send(client, "Hello?", key="press-1", **VOICE).message == first[-1].message


def test_a_stream_in_progress_keeps_other_turns_out_until_it_ends(store: Any, client: Any) -> None:
    chat = store.create()
    with chat.stream(client, "Hello?", **VOICE) as stream:
        next(stream)
        with pytest.raises(convo.TurnInProgress):
            chat.send(client, "Me too!", model="gpt-4.1")
        assert len(chat.pending()) == 1
        list(stream)
    chat.send(client, "Me too!", model="gpt-4.1")
    assert [message.role for message in chat.history()] == ["user", "assistant"] * 2


def test_nothing_happens_before_a_stream_is_asked_for_something(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    stream = chat.stream(client, "Hello?", **VOICE)
    assert fake.received == []
    stream.close()
    assert list(stream) == []
    assert len(chat.history()) == 0
    with pytest.raises(convo.NoReply):
        _ = stream.reply


def test_a_reply_is_not_there_before_the_end(store: Any, client: Any) -> None:
    with store.create().stream(client, "Hello?", **VOICE) as stream:
        next(stream)
        with pytest.raises(convo.NoReply, match="not ended"):
            _ = stream.reply
        list(stream)
    assert stream.reply.text


def test_an_id_that_is_refused_is_recovered_before_the_stream_begins(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, "Hello?", format="wav", **VOICE)
    fake.revoke_all()
    stream = chat.stream(client, "Again?", **VOICE)
    events_of(stream)
    assert [step.position for step in stream.reply.recovered] == [first.message.position]


def test_an_error_of_the_api_is_raised_and_the_key_tries_again(store: Any, client: Any, fake: FakeAPI) -> None:
    import openai

    chat = store.create()
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        events_of(chat.stream(client, "Hello?", key="press-1", **VOICE))
    stream = chat.stream(client, "Hello?", key="press-1", **VOICE)
    events_of(stream)
    assert [message.role for message in chat.history()] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"format": "mp3"}, convo.ConflictingArguments),
        ({"n": 2}, convo.ConflictingArguments),
        ({"api": "telepathy"}, convo.UnsupportedApi),
        ({"key": "\x1f"}, convo.InputError),
        ({"expected_head": "3"}, convo.InputError),
        ({"tool_functions": {"look_up": len}}, convo.ConflictingArguments),
        ({"tools": [{}], "tool_functions": {"look_up": 3}}, convo.InputError),
        ({"tools": [{}], "tool_functions": [len]}, convo.InputError),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_and_nothing_is_stored(
    store: Any, client: Any, fake: FakeAPI, arguments: dict[str, Any], error: type[Exception]
) -> None:
    chat = store.create()
    with pytest.raises(error):
        events_of(chat.stream(client, "Hello?", **{**VOICE, **arguments}))
    assert len(chat.history()) == 0
    assert fake.received == []


def test_a_view_that_only_reads_and_a_held_transaction_refuse_streams(store: Any, client: Any) -> None:
    chat = store.create()
    with pytest.raises(convo.ReadOnlyView):
        events_of(store.everyone().get(chat.id).stream(client, "Hello?", **VOICE))


def test_the_header_and_the_deltas_are_a_wav(store: Any, client: Any) -> None:
    stream = store.create().stream(client, "Hello?", **VOICE)
    events = events_of(stream)
    audio = convo.Audio.from_bytes(stream.wav_header + joined(events, AudioDelta))
    assert (audio.format, audio.sample_rate, audio.channels) == ("wav", 24_000, 1)
    assert audio.duration == pytest.approx(stream.reply.audio.duration)


# --- a stream that the caller reads ----------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_a_fold_that_the_caller_feeds_is_recorded(store: Any, fake: FakeAPI, whole: bool) -> None:
    fake.will_reply("Yes, they are loyal.")
    chat = store.create(messages=[{"role": "user", "content": "Good dogs?"}])
    fold = convo.ChatFold()
    with fake.client() as own:
        request = chat.request("gpt-audio-1.5", client=own, voice="alloy", stream=True)
        said = ""
        with chat.exchange(request) as call:
            for chunk in own.chat.completions.create(**request):
                said += "".join(delta.text for delta in fold.feed(chunk) if isinstance(delta, TranscriptDelta))
                if not whole and said == "Yes, they":
                    break
            reply = call.record(fold)
    assert reply.interrupted == (not whole)
    assert reply.text == ("Yes, they are loyal." if whole else "Yes, they")
    assert chat.history()[-1] == reply.message


def test_a_fold_without_anything_is_refused_and_ends_the_exchange_with_its_block(store: Any, fake: FakeAPI) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Good dogs?"}])
    request = chat.request("gpt-4.1", stream=True)
    with pytest.raises(convo.AnswerError), chat.exchange(request) as call:
        call.record(convo.ChatFold())
    with pytest.raises(convo.AnswerError):
        chat.record(convo.ChatFold(), request)
    assert chat.pending() == []
    assert len(chat.history()) == 1


def test_a_fold_may_be_recorded_without_an_exchange(store: Any, fake: FakeAPI) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Good dogs?"}])
    fold = convo.ChatFold()
    with fake.client() as own:
        request = chat.request("gpt-4.1", stream=True)
        for chunk in own.chat.completions.create(**request):
            fold.feed(chunk)
            break
        for chunk in own.chat.completions.create(**request):
            fold.feed(chunk)
            if not fold.empty:
                break
    reply = chat.record(fold, request)
    assert reply.interrupted
    assert chat.record(fold, request).replayed
    assert len(chat.history()) == 2
