"""What is old goes: conversations in which nothing happens, and what old messages said; what is on hold or open stays."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store import ageing
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

DAY = timedelta(days=1)
TEXT: dict[str, Any] = {"model": "gpt-4.1"}


@pytest.fixture(autouse=True)
def _early(clock: FixedClock) -> None:
    """Before any model of these tests has an end that is near."""
    clock.set(datetime(2025, 11, 1, 12, tzinfo=UTC))


@pytest.fixture
def threaded(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        yield opened


def later(clock: FixedClock, days: float) -> None:
    clock.advance(days * 86_400)


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


# --- conversations ---------------------------------------------------------------------------------


def test_conversations_in_which_nothing_happened_go_and_their_bytes_with_them(store: Any, client: Any, clock: FixedClock) -> None:
    old, read, written, called, fork_of_old = (store.create() for _ in range(5))
    old.add(recording(data=wav(0.3)))
    forked = old.fork()
    later(clock, 20)
    written.add("Hello")
    called.add("Hello", created_at=clock() - 30 * DAY)
    called.send(client, **TEXT)
    assert read.history().messages == ()
    later(clock, 20)
    forked.add("Still here")

    foreseen = store.prune(conversations=30 * DAY, dry_run=True)
    done = store.prune(conversations=30 * DAY)

    assert done.conversations == foreseen.conversations == 3
    assert {chat.id for chat in store.conversations()} == {written.id, called.id, forked.id}
    assert texts(forked)[-1] == "Still here"
    assert forked.load(forked.history()[0].audio).data == wav(0.3), "a fork keeps what it shares"
    with pytest.raises(convo.ConversationNotFound):
        old.history()
    assert fork_of_old.id
    assert store.prune(conversations=30 * DAY) == convo.Pruned()
    later(clock, 40)
    last = store.prune(conversations=30 * DAY)
    assert (last.conversations, last.blobs, store.conversations()) == (3, 1, [])


def test_one_that_waits_for_a_living_worker_or_is_on_hold_is_passed_over(store: Any, world: World, clock: FixedClock) -> None:
    waits, held, plain = store.create(), store.create(), store.create()
    for chat in (waits, held, plain):
        chat.add("Hello")
    held.hold("case 4711")
    later(clock, 40)
    sweeper = world.open()
    with waits.exchange(waits.request("gpt-4.1", client=world.client)) as call:
        done = sweeper.prune(conversations=DAY, messages=DAY)
        assert (done.conversations, done.messages, done.held) == (1, 0, 1)
        call.record(
            {"id": "1", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]}
        )
    assert texts(waits) == ["Hello", "x"]
    assert texts(held) == ["Hello"]


# --- messages --------------------------------------------------------------------------------------


def test_old_messages_keep_their_place_and_lose_what_they_said(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create(instructions="Be brief.", title="A title")
    fake.will_reply("An old answer", spoken=False)
    chat.send(client, "An old question", **TEXT)
    chat.add(recording(data=wav(0.3)))
    chat.update(instructions="Be kind.")
    later(clock, 40)
    chat.add("A new question")

    foreseen = store.prune(messages=30 * DAY, dry_run=True)
    done = store.prune(messages=30 * DAY)

    assert (done.messages, done.blobs, done.bytes) == (4, 1, len(wav(0.3)))
    assert foreseen.messages == 4
    assert [message.position for message in chat.history()] == [1, 2, 3, 4, 5, 6]
    assert texts(chat) == ["[redacted]"] * 4 + ["Be kind.", "A new question"]
    assert store.search("old") == []
    assert chat.usage().calls == 1, "what it cost stays"
    assert (chat.instructions, chat.title) == ("Be kind.", "A title")
    assert store.prune(messages=30 * DAY) == convo.Pruned()
    assert chat.send(client, "Still talking?", **TEXT).text


def test_a_call_that_waits_for_its_result_stays_with_the_results_that_are_there(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    fake.will_reply(tool_calls=[("look_up", '{"a":1}', "call_0")])
    chat.send(client, "First", **TEXT)
    chat.tool_output("call_0", "done")
    fake.will_reply(tool_calls=[("look_up", '{"a":1}', "call_1"), ("look_up", '{"a":2}', "call_2")])
    chat.send(client, **TEXT)
    chat.tool_output("call_1", "One is here")
    later(clock, 40)
    assert store.prune(messages=DAY, dry_run=True).messages == store.prune(messages=DAY).messages == 3
    assert [message.status == "redacted" for message in chat.history()] == [True, True, True, False, False]
    chat.tool_output("call_2", "Two is here")
    fake.will_reply("Both.", spoken=False)
    assert chat.send(client, **TEXT).text == "Both."
    later(clock, 40)
    assert store.prune(messages=DAY).messages == 4


def test_a_summary_goes_with_what_it_was_made_of(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = store.create()
    for number in range(4):
        chat.add(f"Question {number}")
        chat.add(f"Answer {number}", role="assistant")
    later(clock, 40)
    fake.will_reply("They talked about numbers.", spoken=False)
    chat.compact(client, model="gpt-4.1", keep=2)
    assert any("They talked about numbers." in text for text in texts(chat))
    store.prune(messages=DAY)
    assert set(texts(chat)) == {"[redacted]"}


def test_what_a_fork_on_hold_shares_stays_in_all_lines(store: Any, clock: FixedClock) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Shared"}])
    fork = chat.fork()
    chat.add("Not shared", recording())
    fork.hold("case 4711")
    later(clock, 40)
    done = store.prune(messages=DAY, keep_audio=DAY)
    assert (done.messages, done.held) == (1, 1)
    assert texts(chat) == ["Shared", "[redacted]"]
    acts: list[Callable[[], object]] = [lambda: chat.redact(1), lambda: store.delete(fork.id), lambda: fork.redact(1)]
    for act in acts:
        with pytest.raises(convo.OnHold, match=str(fork.id)):
            act()
    store.delete(chat.id)
    assert texts(fork) == ["Shared"]


def test_audio_of_a_conversation_on_hold_is_not_let_go(store: Any, clock: FixedClock) -> None:
    held, plain = store.create(), store.create()
    for number, chat in enumerate((held, plain)):
        chat.add(recording(data=wav(0.2 + number)))
    held.hold("case 4711")
    later(clock, 40)
    assert store.prune(keep_audio=DAY).recordings == 1
    assert held.load(held.history()[0].audio).data == wav(0.2)
    held.release()
    assert store.prune(keep_audio=DAY).recordings == 1


def test_an_answer_that_came_too_late_is_forgotten_too(store: Any, world: World, clock: FixedClock, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add("Hello")
    late = {
        "id": "1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A secret"}}],
    }
    with suppress(convo.ExchangeLost), chat.exchange(chat.request("gpt-4.1", client=world.client)) as call:
        other = world.open().get(chat.id)
        other.abandon(other.pending()[0])
        call.record(late)
    assert "A secret" in raws(store)
    later(clock, 40)
    store.prune(messages=DAY)
    assert "A secret" not in raws(store)
    assert store.prune(messages=DAY) == convo.Pruned()


def raws(store: Any) -> str:
    from tests.support.both import resolved

    def read(connection: Any) -> str:
        import sqlalchemy as sa

        from convo.store import tables

        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        return " ".join(filter(None, connection.execute(sa.select(tables.exchange.c.raw), execution_options=options).scalars()))

    found: str = resolved(store, getattr(store, "_target", store)._driver.runner.run(read))
    return found


# --- how it goes -----------------------------------------------------------------------------------


def test_a_sweep_goes_in_bounded_steps_and_says_how_far_it_is(
    store: Any, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ageing, "ROWS", 3)
    monkeypatch.setattr(ageing, "PAGE", 2)
    for statement in (ageing._old, ageing._idle, ageing._with_old, ageing._beside):
        statement.cache_clear()
    chats = [store.create(messages=[{"role": "user", "content": f"{number}"} for number in range(7)]) for _ in range(5)]
    later(clock, 40)
    told: list[tuple[int, int]] = []
    done = store.prune(messages=DAY, progress=lambda *pair: told.append(pair))
    assert done.messages == 35
    assert told[0] == (0, 35)
    assert told[-1] == (35, 35)
    assert max(after[0] - before[0] for before, after in pairwise(told)) == 3
    assert {text for chat in chats for text in texts(chat)} == {"[redacted]"}
    assert store.prune(conversations=DAY).conversations == 5
    for statement in (ageing._old, ageing._idle, ageing._with_old, ageing._beside):
        statement.cache_clear()


def test_a_fault_at_any_statement_leaves_what_the_same_call_finishes(
    threaded: convo.Store, clock: FixedClock, fake: FakeAPI
) -> None:
    from tests.conversation.test_faults import _Fault

    with fake.client() as client:
        fake.will_reply("Old", spoken=False)
        chat = threaded.create(messages=[{"role": "user", "content": "Old"}])
        chat.send(client, recording(data=wav(0.2)), **TEXT)
        threaded.create(messages=[{"role": "user", "content": "Gone"}])
        later(clock, 40)
        chat.add("New")
    for number in range(1, 300):
        with _Fault(threaded, number, lost=False) as fault, suppress(convo.StoreError):
            threaded.prune(messages=DAY, conversations=DAY)
        found = chat.history()
        assert [message.position for message in found] == [1, 2, 3, 4]
        assert {message.text for message in found[:3]} <= {"Old", "What is this?", "[redacted]"}
        if fault.left > 0:
            break
    assert number > 20
    assert [message.status for message in chat.history()] == ["redacted"] * 3 + ["complete"]
    assert [one.id for one in threaded.conversations()] == [chat.id]
    assert threaded.blobs() == []


BAD: dict[str, tuple[Callable[[Any], object], type[Exception]]] = {
    "messages": (lambda store: store.prune(messages=timedelta(0)), convo.InputError),
    "negative": (lambda store: store.prune(conversations=-DAY), convo.InputError),
    "days": (lambda store: store.prune(messages=90), convo.InputError),
    "no reason": (lambda store: store.create().hold(" "), convo.InputError),
    "no text": (lambda store: store.create().hold(None), convo.InputError),
    "nul": (lambda store: store.create().hold("a\0"), convo.InputError),
    "view": (lambda store: store.everyone().prune(messages=DAY), convo.ReadOnlyView),
}


@pytest.mark.parametrize("what", BAD)
def test_what_makes_no_sense_is_refused(threaded: convo.Store, what: str) -> None:
    call, error = BAD[what]
    with pytest.raises(error):
        call(threaded)


def test_a_hold_is_seen_by_all_and_ends(store: Any, world: World) -> None:
    chat = store.create()
    assert chat.held is None
    chat.hold("case 4711")
    chat.hold("case 4712")
    other = world.open().get(chat.id)
    assert [one.held for one in (chat, other)] == ["case 4712"] * 2
    with pytest.raises(convo.OnHold, match=str(chat.id)):
        store.delete(chat.id)
    other.release()
    other.release()
    assert other.held is None
    store.delete(chat.id)
    for act in (lambda: chat.hold("again"), chat.release):
        with pytest.raises(convo.ConversationNotFound):
            act()


def test_a_hold_moves_with_the_conversation(store: Any) -> None:
    chat = store.create()
    chat.hold("case 4711")
    owner = f"{chat.owner}-moved"
    chat.move_to(owner)
    assert store.owned_by(owner).get(chat.id).held == "case 4711"
    with pytest.raises(convo.OnHold):
        store.owned_by(owner).erase(owner)
