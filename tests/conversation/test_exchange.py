"""The protocol of an exchange: keys, leases, attempts, and what stands in the log whatever happens."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from convo.protocol import LEASE
from convo.steps.place import Tools
from tests.support.both import resolved
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

TEXT = {"model": "gpt-4.1"}
LEASE_SECONDS = LEASE / 1_000_000


def begun(chat: Any, client: Any) -> Any:
    """Begin an exchange as a worker that dies: it is neither recorded nor left."""
    call = chat.exchange(chat.request("gpt-4.1", client=client))
    call.__enter__()
    return call


def test_the_same_key_again_answers_from_the_record(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, recording(), model="gpt-audio-1.5", voice="alloy", key="press-1")
    again = chat.send(client, recording(), model="gpt-audio-1.5", voice="alloy", key="press-1")
    assert len(fake.received) == 1
    assert (again.replayed, first.replayed) == (True, False)
    assert (again.text, again.usage, again.cost.amount, again.seen) == (first.text, first.usage, first.cost.amount, first.seen)
    assert again.audio.data == first.audio.data
    assert again.raw == first.raw
    assert len(chat.history()) == 2


def test_a_key_used_for_other_content_is_an_error_and_changes_nothing(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, "Yes?", **TEXT, key="press-1")
    with pytest.raises(convo.KeyMismatch, match="press-1"):
        chat.send(client, "No?", **TEXT, key="press-1")
    assert (len(chat.history()), len(fake.received)) == (2, 1)


def test_keys_belong_to_a_conversation(store: Any, client: Any) -> None:
    one, other = store.create(), store.create()
    assert one.send(client, "Yes?", **TEXT, key="k").message.position == 2
    assert not other.send(client, "No?", **TEXT, key="k").replayed


def test_a_second_turn_waits_for_the_first(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.add("Hello")
    begun(chat, world.client)
    other = world.open().get(chat.id)
    with pytest.raises(convo.TurnInProgress) as caught:
        other.send(world.client, "Me too", **TEXT)
    assert 0 < caught.value.retry_after <= LEASE_SECONDS
    assert caught.value.retryable
    assert len(other.history()) == 1
    assert not fake.received


def test_add_always_succeeds_and_the_reply_tells_what_came_in_between(world: World) -> None:
    chat = world.open().create()
    chat.add("Hello")
    request = chat.request("gpt-4.1", client=world.client)
    with chat.exchange(request) as call:
        world.open().get(chat.id).add("One more thing")
        reply = call.record(answer("Yes."))
    assert (reply.seen, reply.message.position, list(reply.between)) == (1, 3, [2])
    assert [message.text for message in chat.history()] == ["Hello", "One more thing", "Yes."]


def test_a_message_that_came_in_before_the_call_is_in_the_request(world: World, fake: FakeAPI, monkeypatch: Any) -> None:
    from convo.store import exchanges

    chat = world.open().create()
    other = world.open()
    begin = exchanges.begin
    once = itertools.count()

    def after_another_writer(connection: Any, entry: Any) -> Any:
        if next(once) == 0:
            from convo.content import message_draft
            from convo.store.append import Entry, Guard, append

            append(connection, Guard.ADD, Entry(entry.owner, entry.branch, entry.now, [message_draft(["In between"])]))
        return begin(connection, entry)

    monkeypatch.setattr(exchanges, "begin", after_another_writer)
    reply = chat.send(world.client, "Hello", **TEXT)
    assert [message["content"] for message in fake.last.body["messages"]] == ["In between", "Hello"]
    assert reply.seen == 2
    assert len(other.get(chat.id).history()) == 3


def test_when_a_worker_dies_the_same_key_takes_over_without_a_second_message(
    world: World, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = world.open().create()
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.send(world.client, "Hello", **TEXT, key="k")
    reply = chat.send(world.client, "Hello", **TEXT, key="k")
    assert [m.text for m in chat.history()] == ["Hello", reply.text]
    assert chat.pending() == []


def test_after_its_lease_a_pending_exchange_gives_way(world: World, clock: FixedClock) -> None:
    chat = world.open().create()
    chat.add("Hello")
    lost = begun(chat, world.client)
    clock.advance(LEASE_SECONDS + 1)
    reply = chat.send(world.client, "Anybody there?", **TEXT)
    assert [m.text for m in chat.history()] == ["Hello", "Anybody there?", reply.text]
    with pytest.raises(convo.ExchangeLost, match="abandoned"):
        lost.record(answer("Too late."))
    assert len(chat.history()) == 3
    assert chat.usage().calls == 2, "the late answer was billed, and is counted"


def test_an_answer_after_a_take_over_of_the_same_key_is_kept_beside_the_log(world: World, clock: FixedClock) -> None:
    from convo.steps import ending

    chat = world.open().create()
    place = chat._place
    first = resolved(chat, chat._driver.do(_begin_with_key(place, world.client, "k")))
    clock.advance(LEASE_SECONDS + 1)
    reply = chat.send(world.client, "Hello", **TEXT, key="k")
    with pytest.raises(convo.ExchangeLost):
        resolved(chat, chat._driver.do(ending.completed(place, first, answer("Too late."))))
    assert [m.text for m in chat.history()] == ["Hello", reply.text]


def _begin_with_key(place: Any, client: Any, key: str) -> Any:
    from convo.content import message_draft
    from convo.steps import ending
    from convo.steps import exchange as steps
    from convo.steps.requests import opened, planned, target_of

    target = target_of(place, "gpt-4.1", "chat", client, None, {})
    drafts = [message_draft(["Hello"])]
    start = yield from opened(place, target, convo.Policy())
    plan = planned(place, start, drafts, target, convo.Policy(), place.tools.now())
    entry = steps._entry(place, target, drafts, key, None, place.tools.now())
    begun: Any = yield from steps._begun(place, entry)
    return ending.Open(begun, plan)


def test_while_it_waits_the_lease_is_renewed(world: World, clock: FixedClock) -> None:
    chat = world.open().create()
    chat.add("Hello")
    with chat.exchange(chat.request("gpt-4.1", client=world.client)) as call:
        clock.advance(LEASE_SECONDS - 1)
        lease = call._lease
        resolved(chat, chat._driver._renew(lease))
        clock.advance(LEASE_SECONDS - 1)
        with pytest.raises(convo.TurnInProgress):
            world.open().get(chat.id).send(world.client, "Me too", **TEXT)
        call.record(answer("Yes."))


def test_an_error_of_the_api_leaves_the_question_and_nothing_pending(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_fail(400, code="context_length_exceeded")
    with pytest.raises(openai.BadRequestError):
        chat.send(client, "Hello", **TEXT)
    assert [m.text for m in chat.history()] == ["Hello"]
    assert chat.pending() == []
    assert chat.send(client, **TEXT).message.position == 2


def test_an_error_before_the_call_stores_nothing(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with pytest.raises(convo.TranscriptMissing):
        chat.send(client, recording(None), **TEXT)
    with pytest.raises(convo.ConflictingArguments):
        chat.send(client, "Hello", **TEXT, n=2)
    assert (chat.head, len(chat.history()), chat.pending(), len(fake.received)) == (0, 0, [], 0)


def test_expected_head_refuses_when_the_log_has_moved(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("one")
    with pytest.raises(convo.StaleHead) as caught:
        chat.add("two", expected_head=0)
    assert (caught.value.expected, caught.value.actual) == (0, 1)
    with pytest.raises(convo.StaleHead):
        chat.send(client, "two", **TEXT, expected_head=0)
    assert chat.send(client, "two", **TEXT, expected_head=1).message.position == 3


def test_pending_lists_what_waits_and_abandon_ends_it(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    call = begun(chat, client)
    (waiting,) = chat.pending()
    assert (waiting.model, waiting.attempt, waiting.positions, waiting.key) == ("gpt-4.1", 1, None, None)
    chat.abandon(waiting)
    assert chat.pending() == []
    with pytest.raises(convo.ExchangeNotFound):
        chat.abandon(waiting.id)
    with pytest.raises(convo.ExchangeLost):
        call.record(answer("Late."))


def test_a_caller_s_own_call_is_recorded_or_ended(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add("Hello")
    with chat.exchange(chat.request("gpt-4.1", client=client)) as call:
        reply = call.record(answer("Yes."))
        with pytest.raises(convo.CallClosed):
            call.record(answer("Again."))
    assert reply.text == "Yes."
    with pytest.raises(KeyError), chat.exchange(chat.request("gpt-4.1", client=client)):
        raise KeyError
    assert chat.pending() == []
    with chat.exchange(chat.request("gpt-4.1", client=client)):
        pass
    assert chat.pending() == []
    assert len(chat.history()) == 2


def test_a_caller_s_own_call_recovers(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    first = chat.send(world.client, recording(), model="gpt-audio-1.5", voice="alloy")
    fake.revoke(first.audio.id)
    chat.add("Why?")
    request = chat.request("gpt-audio-1.5", client=world.client, voice="alloy")
    plain = fake.client()
    with chat.exchange(request) as call:
        with pytest.raises(openai.BadRequestError) as caught:
            plain.chat.completions.create(**request)
        following = call.recover(caught.value)
        assert following is not None
        reply = call.record(plain.chat.completions.create(**following))
    plain.close()
    assert [step.audio_id for step in reply.recovered] == [first.audio.id]
    assert chat.request("gpt-audio-1.5", client=world.client).renderings[1].how == "transcript"


def test_record_stores_an_answer_once(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-4.1", client=client)
    first = chat.record(answer("Yes."), request)
    again = chat.record(answer("Yes."), request)
    assert (first.message.position, again.message.position, again.replayed) == (2, 2, True)
    assert chat.usage().calls == 1


def test_what_is_no_answer_is_refused_and_the_exchange_goes_on(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    with chat.exchange(chat.request("gpt-4.1", client=client)) as call:
        wrongs: tuple[Any, ...] = ({}, {"choices": []}, {"choices": [{}, {}]}, "no json", 7)
        for wrong in wrongs:
            with pytest.raises(convo.AnswerError):
                call.record(wrong)
        assert call.record(answer("Yes.")).text == "Yes."


def test_a_message_with_a_key_is_added_once(store: Any) -> None:
    chat = store.create()
    first = chat.add("Hello", key="m-1")
    assert chat.add("Hello", key="m-1") == first
    with pytest.raises(convo.KeyMismatch):
        chat.add("Bye", key="m-1")
    assert len(chat.history()) == 1
    assert chat.usage().calls == 0


def test_a_model_call_is_refused_inside_the_caller_s_transaction(store: Any) -> None:
    tools = store._driver.tools
    with pytest.raises(convo.HeldTransaction, match="send"):
        Tools(tools.clock, tools.new_id, tools.catalogue, tools.warn, held=True).check_may_wait("send()")


def answer(text: str) -> dict[str, Any]:
    """Give an answer of the API."""
    return {
        "id": f"chatcmpl-{text}",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
