"""The Responses API: one history with Chat Completions, items that go back as they came, Responses that are referred to."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import convo
from convo import TextDelta
from tests.support.both import resolved
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
ASK: dict[str, Any] = {"model": "gpt-5.5", "api": "responses"}
WEATHER: dict[str, Any] = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CHAIN = convo.Policy(previous_response=True)


def items(fake: FakeAPI) -> list[Any]:
    return list(fake.last.body["input"])


def test_a_turn_is_asked_and_recorded(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes, they are.")
    chat = store.create(instructions="Be brief.")
    reply = chat.send(client, "Are they loyal?", **ASK)
    assert fake.last.path == "/v1/responses"
    assert items(fake) == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Are they loyal?"}]
    assert (reply.text, reply.finish_reason, reply.spoken) == ("Yes, they are.", "stop", False)
    assert reply.usage.input_tokens
    assert reply.usage.output_tokens
    stored = chat.history()[-1]
    assert (stored.api, stored.text, stored.status) == ("responses", "Yes, they are.", "complete")
    assert reply.raw == fake.last.response, "nothing of the answer is lost"
    assert reply.raw["output"] == stored.raw["output"]


def test_items_go_back_as_they_came_reasoning_among_them(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes.", reasoning="They think of dogs.")
    chat = store.create()
    first = chat.send(client, "Are they loyal?", **ASK)
    assert [item["type"] for item in first.raw["output"]] == ["reasoning", "message"]
    chat.send(client, "Why?", **ASK)
    assert items(fake)[1:3] == first.raw["output"]
    assert items(fake)[-1] == {"role": "user", "content": "Why?"}


def test_one_history_moves_between_the_apis(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create()
    spoken = chat.send(client, recording("What is this?"), **VOICE)
    fake.will_reply("A dog.", reasoning="Four legs.")
    chat.send(client, "Sure?", **ASK)
    assert items(fake) == [
        {"role": "user", "content": [{"type": "input_text", "text": "What is this?"}]},
        {"role": "assistant", "content": spoken.transcript},
        {"role": "user", "content": "Sure?"},
    ]
    chat.send(client, "Say it aloud.", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "audio": {"id": spoken.message.audio_id}}
    assert fake.last.body["messages"][3] == {"role": "assistant", "content": "A dog."}
    clock.advance(3600)
    chat.send(client, "Again.", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": spoken.transcript}


def test_a_stream_gives_the_same_as_a_whole_answer(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes, they are loyal and patient.", reasoning="Dogs.")
    chat = store.create()
    with chat.stream(client, "Are they?", **ASK) as stream:
        events = list(stream)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Yes, they are loyal and patient."
    assert events[-1] == stream.reply
    assert stream.reply.usage.total_tokens
    chat.send(client, "Why?", **ASK)
    assert items(fake)[1:3] == stream.reply.raw["output"]


def test_a_stream_that_is_closed_leaves_what_came(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes, they are loyal and patient and glad of company.", reasoning="Dogs.")
    chat = store.create()
    with chat.stream(client, "Are they?", **ASK) as stream:
        for event in stream:
            if isinstance(event, TextDelta):
                break
    said = chat.history()[-1]
    assert said.status == "interrupted"
    assert said.text
    chat.send(client, "Go on.", **ASK)
    assert items(fake)[1] == {"role": "assistant", "content": said.text}


def test_functions_answer_the_calls(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("weather", '{"place":"Oslo"}', "call_1")], reasoning="Look it up.")
    fake.will_reply("No rain.")
    chat = store.create()
    reply = chat.send(client, "Rain?", tools=[WEATHER], tool_functions={"weather": lambda **place: place}, **ASK)
    assert reply.text == "No rain."
    assert fake.last.body["tools"] == [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}]
    assert [item.get("type", "message") for item in items(fake)] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert items(fake)[-1] == {"type": "function_call_output", "call_id": "call_1", "output": '{"place":"Oslo"}'}
    chat.send(client, "And in chat?", model="gpt-5.5")
    assert [message["role"] for message in fake.last.body["messages"]] == ["user", "assistant", "tool", "assistant", "user"]


def test_a_call_of_your_own_is_recorded(store: Any, client: Any, world: Any, fake: FakeAPI) -> None:
    del world
    chat = store.create()
    chat.add("Are they loyal?")
    request = chat.request("gpt-5.5", api="responses", client=client)
    with chat.exchange(request) as call:
        reply = call.record(resolved(chat, client.responses.create(**request)))
    assert reply.message.api == "responses"
    assert chat.history()[-1].text == reply.text


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_stream_of_your_own_is_recorded(store: Any, client: Any, fake: FakeAPI, api: str, folded: bool) -> None:
    fake.will_reply("Yes, they are.")
    chat = store.create()
    chat.add("Are they loyal?")
    request = chat.request("gpt-5.5", api=api, client=client, stream=True)
    create = client.responses.create if api == "responses" else client.chat.completions.create
    with chat.exchange(request) as call:
        answer = resolved(chat, create(**request))
        if folded:
            fold = convo.ResponseFold() if api == "responses" else convo.ChatFold()
            for event in pieces_of(chat, answer):
                fold.feed(event)
            answer = fold
        reply = call.record(answer)
    assert (reply.text, reply.interrupted, reply.message.api) == ("Yes, they are.", False, api)
    assert chat.history()[-1].text == "Yes, they are."


def test_of_a_stream_that_breaks_what_came_is_recorded_and_its_error_raised(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_drop(chunks=7)
    fake.will_reply("Yes, they are loyal and patient dogs.")
    chat = store.create()
    chat.add("Are they loyal?")
    request = chat.request("gpt-5.5", api="responses", client=client, stream=True)
    with pytest.raises(Exception, match=r"(?i)peer|connection|incomplete|broke") as raised:
        chat.record(resolved(chat, client.responses.create(**request)), request)
    assert not isinstance(raised.value, convo.ConvoError)
    assert chat.history()[-1].status == "interrupted"
    assert "Yes, they are loyal and patient dogs.".startswith(chat.history()[-1].text)


def pieces_of(chat: Any, stream: Any) -> list[Any]:
    async def all_of() -> list[Any]:
        return [event async for event in stream]

    return list(stream) if hasattr(stream, "__iter__") else resolved(chat, all_of())


def test_a_key_is_one_turn(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, "Are they?", key="k", **ASK)
    again = chat.send(client, "Are they?", key="k", **ASK)
    assert (again.replayed, again.text, again.raw) == (True, first.text, first.raw)
    assert len(fake.received) == 1


def test_a_picture_that_was_made_goes_back_as_it_came(store: Any, client: Any, fake: FakeAPI) -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
    made = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": picture}
    fake.will_reply(output=[made])
    chat = store.create()
    reply = chat.send(client, "Draw one.", **ASK)
    assert reply.message.media[0].kind == "image"
    assert reply.message.raw["output"][0]["result"] == {"$blob": reply.message.media[0].digest}, "no base64 in a row"
    chat.send(client, "Another.", **ASK)
    assert items(fake)[1] == {**made, "result": picture}


def test_what_a_session_begins_with_is_no_request(store: Any) -> None:
    chat = store.create()
    chat.add("Hello?")
    seeds = chat.request("gpt-realtime-2.1", api="realtime")
    with pytest.raises(convo.InputError, match="session"):
        chat.record({"choices": []}, seeds)
    with pytest.raises(convo.InputError):
        chat.exchange(seeds).__enter__()
    assert len(chat.history()) == 1


@pytest.mark.parametrize("as_items", [True, False])
def test_of_two_calls_with_one_id_one_is_sent(store: Any, client: Any, fake: FakeAPI, as_items: bool) -> None:
    chat = store.create()
    call = {"type": "custom_tool_call", "call_id": "call_1", "name": "look"}
    chat.record({"object": "response", "output": [{**call, "input": "there"}, {**call, "input": "here"}], "status": "completed"})
    chat.tool_output("call_1", "Nobody.")
    reply = chat.send(client, "And now?", **ASK, policy=convo.Policy(response_items=as_items))
    assert not reply.recovered
    assert items(fake)[:2] == [
        {**call, "input": "here"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Nobody."},
    ]


def test_calls_that_were_cut_off_are_not_made(store: Any, client: Any, fake: FakeAPI) -> None:
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": "{}",
        "status": "incomplete",
    }
    answer = {
        "id": "resp_1", "object": "response", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
        "store": True, "model": "gpt-5.5", "output": [call],
    }  # fmt: skip
    chat = store.create()
    chat.add("Rain?")
    reply = chat.record(answer, chat.request("gpt-5.5", api="responses", client=client))
    assert (reply.tool_calls, reply.finish_reason) == ((), "length")
    made: list[str] = []
    chat.send(client, "Well?", tools=[WEATHER], tool_functions={"weather": lambda: made.append("x")}, **ASK)
    assert made == []
    assert items(fake) == [{"role": "user", "content": "Rain?"}, {"role": "user", "content": "Well?"}]


# --- what it has not -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "gpt-audio-1.5"}, "the Responses API has no audio"),
        ({"model": "gpt-5.5", "voice": "alloy"}, "the Responses API has no audio"),
        ({"model": "gpt-5.5", "previous_response_id": "resp_1"}, "previous_response"),
        ({"model": "gpt-5.5", "conversation": "conv_1"}, "convo assembles"),
        ({"model": "gpt-5.5", "response_format": {"type": "text"}}, "pass text="),
        ({"model": "gpt-5.5", "max_tokens": 5}, "pass max_output_tokens="),
        ({"model": "gpt-5.5", "stop": "x"}, "leave it out"),
        ({"model": "gpt-5.5", "include": 5}, "no list"),
    ],
)
def test_what_this_api_has_not_is_refused_before_anything_is_stored(
    store: Any, client: Any, fake: FakeAPI, arguments: dict[str, Any], words: str
) -> None:
    chat = store.create()
    with pytest.raises(convo.ConflictingArguments, match=words):
        chat.send(client, "Hello?", api="responses", **arguments)
    assert (len(chat.history()), fake.received) == (0, [])


def test_a_session_is_no_call(store: Any, client: Any) -> None:
    chat = store.create()
    with pytest.raises(convo.ConflictingArguments, match="session"):
        chat.send(client, "Hello?", model="gpt-realtime-2.1", api="realtime")
    assert len(chat.history()) == 0


# --- Responses that are referred to ----------------------------------------------------------------


def test_the_last_response_is_referred_to_where_the_policy_wants_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Be brief.")
    first = chat.send(client, "Are they?", policy=CHAIN, **ASK)
    assert "previous_response_id" not in fake.last.body
    second = chat.send(client, "Why?", policy=CHAIN, **ASK)
    assert fake.last.body["previous_response_id"] == first.raw["id"]
    assert items(fake) == [{"role": "user", "content": "Why?"}]
    chat.send(client, "And cats?", **ASK)
    assert "previous_response_id" not in fake.last.body
    assert len(items(fake)) == 6
    assert second.recovered == ()


def test_a_request_says_what_the_api_has_already(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Are they?", policy=CHAIN, **ASK)
    chat.add("Why?")
    request = chat.request("gpt-5.5", api="responses", client=client, policy=CHAIN)
    assert [(one.position, one.index, one.how) for one in request.renderings] == [
        (1, None, "chained"), (2, None, "chained"), (3, 0, "text"),
    ]  # fmt: skip
    assert "stands behind the Response" in request.explain()


def test_everything_is_sent_once_the_api_has_forgotten_the_response(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, "Are they?", policy=CHAIN, **ASK)
    fake.forget_response(first.raw["id"])
    second = chat.send(client, "Why?", policy=CHAIN, **ASK)
    assert [step.code for step in second.recovered] == ["previous_response_not_found"]
    assert [step.position for step in second.recovered] == [2]
    assert len(items(fake)) == 3
    chat.send(client, "So?", policy=CHAIN, **ASK)
    assert fake.last.body["previous_response_id"] == second.raw["id"]


CHANGES = [
    "nothing", "redacted", "instructed", "not stored", "a month later", "another api", "taken back", "transcribed", "moved",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_response_is_not_referred_to_where_it_does_not_hold_the_same(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock, change: str
) -> None:
    policy = convo.Policy(previous_response=True, missing_transcript="placeholder")
    chat = store.create()
    chat.send(client, "My name is Ann.", recording(None), policy=policy, **ASK)
    chat.send(client, "Are they? " * 50, policy=policy, **(ASK | ({"store": False} if change == "not stored" else {})))
    if change == "redacted":
        chat.redact(1)
    if change == "instructed":
        chat.update(instructions="Be long.")
    if change == "a month later":
        clock.advance(timedelta(days=31).total_seconds())
    if change == "another api":
        chat.send(client, "And now?", model="gpt-5.5", policy=policy)
    if change == "taken back":
        chat.regenerate()
    if change == "transcribed":
        chat.set_transcript(1, "And I like dogs.")
    if change == "moved":
        policy = attrs.evolve(policy, window_tokens=150)
    chat.add("Why?")
    request = chat.request("gpt-5.5", api="responses", client=client, policy=policy)
    wanted = {"nothing": 4, "taken back": 2}.get(change)
    assert request.get("previous_response_id") == (chat.history()[wanted - 1].raw["id"] if wanted else None)


def test_reasoning_that_the_api_does_not_keep_goes_back_encrypted(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes.", reasoning="Dogs.")
    chat = store.create()
    first = chat.send(client, "Are they?", store=False, **ASK)
    assert fake.last.body["include"] == ["reasoning.encrypted_content"]
    assert first.raw["output"][0]["encrypted_content"]
    chat.send(client, "Why?", store=False, **ASK)
    assert items(fake)[1:3] == first.raw["output"]


def test_items_that_the_api_has_forgotten_go_as_their_words(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("Yes.", reasoning="Dogs.")
    chat = store.create()
    first = chat.send(client, "Are they?", **ASK)
    fake.forget_response(first.raw["id"])
    second = chat.send(client, "Why?", **ASK)
    assert [(step.code, step.degraded) for step in second.recovered] == [("item_not_found", (2,))]
    assert items(fake)[1] == {"role": "assistant", "content": "Yes."}


def test_items_are_good_for_a_month_and_where_they_came_from(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    fake.will_reply("Yes.", reasoning="Dogs.")
    chat = store.create()
    chat.send(client, "Are they?", **ASK)
    plain = {"role": "assistant", "content": "Yes."}
    assert chat.request("gpt-5.5", api="responses", client=client)["input"][1]["type"] == "reasoning"
    assert chat.request("gpt-5.5", api="responses", origin="http://elsewhere.test/v1")["input"][1] == plain
    assert chat.request("gpt-5.4", api="responses", client=client)["input"][1] == plain
    clock.advance(timedelta(days=31).total_seconds())
    assert chat.request("gpt-5.5", api="responses", client=client)["input"][1] == plain
