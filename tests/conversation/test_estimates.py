"""What a request is estimated to hold beside what was billed: on the reply, in the store, in sums."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.assembly import estimate as rules
from tests.support.both import resolved

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT: dict[str, Any] = {"model": "gpt-4.1"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
LINES = [
    "Is a golden retriever a good family dog?", "Why do you say that they are loyal?", "How long should they walk every day?",
    "And how much do they eat when they are young?", "Thank you, that helps me a lot.",
]  # fmt: skip


def recording(seconds: float, transcript: str) -> convo.Audio:
    return convo.Audio.from_bytes(bytes(round(seconds * 48_000)), "pcm16", transcript=transcript)


def stored(database: Database, chat: Any) -> list[int | None]:
    """Give the estimates that the exchanges of a conversation hold."""
    engine = sa.create_engine(database.url)
    schema = database.options.get("schema")
    exchange = f'"{schema}".convo_exchange' if schema else "convo_exchange"
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(f"select estimated_tokens from {exchange} where conversation = :id order by started_at, id"),
            {"id": chat.id if schema else chat.id.bytes},
        )
        found = [row[0] for row in rows]
    engine.dispose()
    return found


# --- against the bill ------------------------------------------------------------------------------


def test_a_reply_knows_what_was_expected_and_what_was_billed(store: Any, client: Any, database: Database) -> None:
    chat = store.create(instructions="Answer in one sentence.")
    replies = [chat.send(client, line, **TEXT) for line in LINES[:2]]
    for reply in replies:
        assert reply.estimate.tokens == pytest.approx(reply.usage.input_tokens, rel=0.25)
        assert (reply.estimate.audio_tokens, reply.estimate.cost.amount) == (0, Decimal(2 * reply.estimate.text_tokens) / 10**6)
    totals = chat.usage()
    assert totals.estimated == sum(reply.estimate.tokens for reply in replies)
    assert totals.estimated_of == sum(reply.usage.input_tokens for reply in replies)
    assert totals.estimate_error == totals.estimated / totals.estimated_of - 1
    assert stored(database, chat) == [reply.estimate.tokens for reply in replies]


def test_a_spoken_conversation_is_estimated_near_what_the_fake_bills(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Answer in one sentence.")
    for line in LINES:
        fake.will_reply("They are loyal, patient with children, and easy to train.")
        chat.send(client, recording(5, line), **VOICE)
    assert chat.usage().estimated_of > 1_000
    assert abs(chat.usage().estimate_error) < 0.05


def test_the_bill_of_a_reply_is_the_estimate_of_its_replay(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    billed = {"audio_tokens": 312, "text_tokens": 160}
    fake.will_reply("Yes. " * 8, usage={"completion_tokens": 472, "completion_tokens_details": billed})
    chat = store.create()
    reply = chat.send(client, recording(5, "Hello"), **VOICE)
    chat.add("And then?")
    soon = chat.request("gpt-audio-1.5", client=client, voice="alloy", format="wav")
    clock.advance(7_200)
    late = chat.request("gpt-audio-1.5", client=client, voice="alloy", format="wav")
    assert (reply.usage.output_audio, reply.usage.output_text) == (312, 160)
    assert [one.tokens for one in soon.renderings if one.role == "assistant"] == [rules.MESSAGE_TOKENS + 312]
    assert [one.tokens for one in late.renderings if one.role == "assistant"] == [rules.MESSAGE_TOKENS + 160]


def test_calls_without_one_of_the_numbers_are_not_compared(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    assert chat.usage().estimate_error is None
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}
    chat.add("Hello")
    chat.record({**answer, "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}})
    chat.record({**answer, "id": "2"}, chat.request("gpt-4.1", client=client))
    assert chat.usage().usage.input_tokens == 9
    assert (chat.usage().estimated, chat.usage().estimated_of, chat.usage().estimate_error) == (None, None, None)
    reply = chat.send(client, "Hello", **TEXT)
    assert (chat.usage().estimated, chat.usage().estimated_of) == (reply.estimate.tokens, reply.usage.input_tokens)
    other = store.owned_by(f"{chat.owner}-other")
    assert other.usage().estimated is None


def test_a_replayed_reply_has_no_estimate_and_counts_once(store: Any, client: Any) -> None:
    chat = store.create()
    first = chat.send(client, "Hello", key="k", **TEXT)
    again = chat.send(client, "Hello", key="k", **TEXT)
    assert (again.replayed, again.estimate) == (True, None)
    assert chat.usage().estimated == first.estimate.tokens


def test_what_is_estimated_is_what_was_sent_after_a_refusal(store: Any, client: Any, fake: FakeAPI, database: Database) -> None:
    chat = store.create()
    chat.send(client, recording(5, "Hello"), **VOICE)
    fake.revoke_all()
    reply = chat.send(client, "Why?", **VOICE)
    assert reply.recovered
    assert stored(database, chat)[-1] == reply.estimate.tokens == chat.usage().estimated - stored(database, chat)[0]
    assert reply.estimate.audio_tokens == 50


def test_a_stream_and_an_exchange_of_ones_own_are_estimated_too(
    store: Any, client: Any, world: World, database: Database
) -> None:
    chat = store.create()
    with chat.stream(client, "Hello", **TEXT) as stream:
        for _ in stream:
            pass
    request = chat.request("gpt-4.1", client=client)
    with chat.exchange(request) as call:
        answer = resolved(chat, client.chat.completions.create(**request))
        reply = call.record(answer)
    assert stored(database, chat) == [stream.reply.estimate.tokens, reply.estimate.tokens]
    assert reply.estimate == request.estimate


# --- who counts ------------------------------------------------------------------------------------


def test_the_tokenizer_that_is_installed_counts_unless_another_is_given(world: World, client: Any) -> None:
    text = "Donaudampfschifffahrtsgesellschaftskapitän"
    found = [
        world.open(**more).create(messages=[{"role": "user", "content": text}]).request("gpt-4.1", client=client)
        for more in ({}, {"count_tokens": convo.tokens.rough_tokens}, {"count_tokens": lambda _: 1_000})
    ]
    assert [request.estimate.tokens for request in found] == [4 + 13, 4 + 11, 4 + 1_000]
    assert all("(text by a tokenizer)" in request.explain() for request in (found[0], found[2]))


@pytest.mark.parametrize("count", [42, "o200k_base", object()])
def test_what_cannot_be_called_is_refused(world: World, count: Any) -> None:
    with pytest.raises(convo.InputError, match="count_tokens takes a function"):
        world.open(count_tokens=count)


def test_a_tokenizer_that_gives_no_number_leaves_nothing_behind(world: World, client: Any, fake: FakeAPI) -> None:
    chat = world.open(count_tokens=lambda text: [text]).create()
    with pytest.raises(convo.InputError, match="count_tokens"):
        chat.send(client, "Hello", **TEXT)
    with pytest.raises(convo.InputError, match="count_tokens"), chat.stream(client, "Hello", **TEXT) as stream:
        list(stream)
    assert (len(chat.history()), chat.usage().calls, fake.received) == (0, 0, [])


def test_a_tokenizer_that_fails_later_costs_no_answer(world: World, client: Any, fake: FakeAPI) -> None:
    texts: list[str] = []

    def count(text: str) -> int:
        if len(texts) == 1:
            raise OSError(text)
        texts.append(text)
        return 1

    chat = world.open(count_tokens=count).create()
    reply = chat.send(client, "Hello", **TEXT)
    assert (reply.estimate.tokens, len(fake.received)) == (5, 1)
    with pytest.raises(OSError, match=r"Why\?"):
        chat.send(client, "Why?", **TEXT)
    assert (len(chat.history()), len(chat.pending()), len(fake.received)) == (2, 0, 1)
