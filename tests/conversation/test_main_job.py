"""The main job: store a conversation, send it, resume it after the audio has expired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import convo
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

VOICE = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


def test_a_spoken_turn_is_sent_by_its_id_while_it_is_valid(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Answer in one sentence.")
    reply = chat.send(client, recording("Is a golden retriever a good family dog?"), **VOICE)
    assert reply.spoken
    assert reply.text == reply.transcript
    assert reply.audio.data[:4] == b"RIFF"

    chat.send(client, "Why?", **VOICE)

    sent = fake.last.body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert sent[2] == {"role": "assistant", "audio": {"id": reply.audio.id}}


def test_after_its_expiry_the_same_turn_is_sent_as_its_transcript(world: World, clock: FixedClock, fake: FakeAPI) -> None:
    chat = world.open().create()
    reply = chat.send(world.client, recording(), **VOICE)
    clock.advance(3600)

    resumed = world.open().get(chat.id)
    answer = resumed.send(world.client, "And now?", **VOICE)

    assert fake.last.body["messages"][1] == {"role": "assistant", "content": reply.transcript}
    assert not answer.recovered


def test_a_reference_is_given_up_a_margin_before_its_expiry(store: Any, client: Any, clock: FixedClock) -> None:
    chat = store.create()
    reply = chat.send(client, recording(), **VOICE)
    clock.set(reply.audio.expires_at)
    clock.advance(-61)
    assert chat.request("gpt-audio-1.5", client=client).next_expiry == reply.audio.expires_at
    clock.advance(1)
    assert [r.how for r in chat.request("gpt-audio-1.5", client=client).renderings] == ["inline", "transcript"]


def test_an_id_that_is_refused_early_is_replaced_and_the_reply_tells(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, recording(), **VOICE)
    fake.revoke(first.audio.id)

    reply = chat.send(client, "Why?", **VOICE)

    assert [(step.code, step.position, step.audio_id, step.degraded) for step in reply.recovered] == [
        ("audio_not_found", 2, first.audio.id, (2,))
    ]
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": first.transcript}
    assert len(fake.received) == 3
    chat.send(client, "Once more", **VOICE)
    assert len(fake.received) == 4, "the refusal is remembered: the id is not tried again"


def test_each_of_several_refused_ids_is_degraded_and_none_twice(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    replies = []
    for _ in range(3):
        replies.append(chat.send(client, recording(), **VOICE))
        clock.advance(10)
    for reply in replies:
        fake.revoke(reply.audio.id)

    answer = chat.send(client, "Why?", **VOICE)

    assert [step.audio_id for step in answer.recovered] == [reply.audio.id for reply in replies]
    assert len(fake.received) == 3 + 4
    said = [m["content"] for m in fake.last.body["messages"] if m["role"] == "assistant"]
    assert said == [reply.transcript for reply in replies]


def test_all_ids_of_the_age_of_a_refused_one_are_given_up_with_it(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    for _ in range(3):
        last = chat.send(client, recording(), **VOICE)
        clock.advance(10)
    fake.revoke(last.audio.id)

    answer = chat.send(client, "Why?", **VOICE)

    assert [step.degraded for step in answer.recovered] == [(2, 4, 6)]


def test_a_written_reply_to_a_request_for_speech_is_recorded(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply(text="Written.", spoken=False)
    reply = chat.send(client, recording(), **VOICE)
    assert (reply.text, reply.spoken, reply.audio) == ("Written.", False, None)
    assert chat.history()[-1].text == "Written."


def test_usage_and_cost_are_those_of_the_bill(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    reply = chat.send(client, recording(), **VOICE)
    assert fake.last.response is not None
    billed = fake.last.response["usage"]
    assert reply.usage.input_audio == billed["prompt_tokens_details"]["audio_tokens"]
    assert reply.usage.output_audio == billed["completion_tokens_details"]["audio_tokens"]
    assert reply.cost.amount is not None
    total = chat.usage()
    assert (total.calls, total.usage, total.cost.amount) == (1, reply.usage, reply.cost.amount)
    assert store.usage() == total


def test_a_preview_writes_nothing(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, recording(), **VOICE)
    before = (chat.history(), chat.usage(), chat.head)
    chat.request("gpt-audio-1.5", client=client, voice="alloy")
    assert (chat.history(), chat.usage(), store.get(chat.id).head) == before


def test_stored_audio_comes_without_bytes_until_they_are_loaded(store: Any, client: Any) -> None:
    chat = store.create()
    reply = chat.send(client, recording("hello"), **VOICE)
    asked, said = chat.history()
    assert (asked.audio.transcript, asked.text) == ("hello", "hello")
    assert not said.audio.loaded
    assert chat.load(said.audio).data == reply.audio.data


def test_what_a_policy_wants_is_not_remembered(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, recording(), **VOICE)
    cautious = convo.Policy(margin=timedelta(hours=2))
    chat.send(client, "Why?", **VOICE, policy=cautious)
    renderings = chat.request("gpt-audio-1.5", client=client, policy=cautious).renderings
    assert [(r.how, "longer margin" in r.reason) for r in renderings if r.role == "assistant"] == [("transcript", True)] * 2
    assert [r.how for r in chat.request("gpt-audio-1.5", client=client).renderings if r.role == "assistant"] == ["reference"] * 2
