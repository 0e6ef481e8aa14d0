"""Budgets: what would pass a limit is not asked, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from convo import Budget, Policy
from convo.store import exchanges
from tests.conversation.test_interruptions import dead_worker
from tests.conversation.test_tool_functions import tools
from tests.support.both import resolved
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT: dict[str, Any] = {"model": "gpt-5.5"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
PRICES = """
[models."gpt-5.5".prices]
text_in = 2
text_out = 8
[models."gpt-4.1-mini".prices]
text_in = 2
text_out = 8
currency = "EUR"
[models."gpt-4o-mini".prices]
text_in = 0
text_out = 0
[models."gpt-4o".prices]
source = "nobody knows"
"""
NOTHING = Policy(budgets=Budget(tokens=0))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> convo.Catalogue:
    path: Path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(PRICES)
    return convo.Catalogue.load(path)


@pytest.fixture
def store(world: World, catalogue: convo.Catalogue) -> Any:
    return world.open(catalogue=catalogue)


@contextlib.contextmanager
def refused(store: Any, chat: Any, fake: FakeAPI, error: type[convo.ConvoError] = convo.BudgetExceeded) -> Iterator[Any]:
    """What is done in the block is refused, nothing is asked and nothing stored."""

    def state() -> Any:
        return [m.raw for m in chat.history()], chat.usage(), store.usage(), chat.pending(), len(fake.received), chat.branches()

    before = state()
    with pytest.raises(error) as raised:
        yield raised
    assert raised.value.committed == "no"
    assert state() == before
    assert [finding for finding in store.doctor() if finding.kind == "orphan_blob"] == []


def money(limit: Decimal | str | int, **more: Any) -> Policy:
    return Policy(budgets=Budget(money=limit, **more))


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [("Hello",), (recording(),), ()], ids=["text", "a recording", "nothing"])
def test_a_refused_call_asks_nobody_and_writes_nothing(store: Any, client: Any, fake: FakeAPI, said: Any) -> None:
    chat = store.create()
    chat.add("Is it loyal?")
    model = VOICE if said and said[0] != "Hello" else TEXT
    with refused(store, chat, fake) as raised:
        chat.send(client, *said, policy=NOTHING, key="k", **model)
    assert raised.value.needed > 0
    assert chat.send(client, *said, key="k", **model).replayed is False


def test_a_refused_stream_asks_nobody_and_writes_nothing(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with refused(store, chat, fake), chat.stream(client, "Hello", policy=NOTHING, **TEXT):
        pass
    with refused(store, chat, fake):
        next(iter(chat.stream(client, "Hello", policy=NOTHING, **TEXT)))


def test_a_refused_exchange_does_not_begin(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-5.5", client=client, policy=NOTHING)
    with refused(store, chat, fake), chat.exchange(request):
        pass
    with chat.exchange(chat.request("gpt-5.5", client=client, policy=Policy(budgets=Budget(tokens=100)))):
        assert len(chat.pending()) == 1


def test_nothing_is_transcribed_for_a_call_that_is_refused(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = Policy(budgets=Budget(tokens=0), missing_transcript="transcribe")
    with refused(store, chat, fake):
        chat.send(client, recording(None), policy=policy, **TEXT)


def test_nothing_is_summarised_for_a_call_that_is_refused(store: Any, client: Any, fake: FakeAPI) -> None:
    said = [{"role": role, "content": "word " * 200} for role in ("user", "assistant") * 10]
    chat = store.create(messages=said)
    called: list[str] = []

    def summarize(history: convo.History, earlier: str | None) -> str:
        called.append("once")
        return "They talked."

    small: dict[str, Any] = {"window_tokens": 1_000, "summarize": summarize}
    with refused(store, chat, fake):
        chat.send(client, "Hello", policy=Policy(budgets=Budget(tokens=0), **small), **TEXT)
    assert called == []
    assert chat.send(client, "Hello", policy=Policy(budgets=Budget(tokens=2_000), **small), **TEXT)
    assert called == ["once"]


def test_the_first_budget_that_refuses_is_the_one_that_is_told(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = Policy(budgets=(Budget(tokens=10**6), Budget(tokens=1), Budget(money=0)))
    with refused(store, chat, fake) as raised:
        chat.send(client, "Hello", policy=policy, **TEXT)
    assert raised.value.limit == 1


# --- what is counted -------------------------------------------------------------------------------


def test_money_at_the_limit_is_spent_and_not_a_millionth_of_a_millionth_more(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    spent = chat.send(client, "Hello", **TEXT).cost.amount
    chat.add("And then?")
    needed = chat.request("gpt-5.5").estimate.cost.amount
    with refused(store, chat, fake) as raised:
        chat.send(client, policy=money(spent + needed - Decimal("1e-12")), **TEXT)
    assert (raised.value.spent, raised.value.needed) == (spent, needed)
    assert chat.send(client, policy=money(spent + needed), **TEXT).text


def test_tokens_at_the_limit_are_used_and_not_one_more(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    spent = chat.send(client, "Hello", **TEXT).usage.total_tokens
    chat.add("And then?")
    needed = chat.request("gpt-5.5").estimate.tokens
    with refused(store, chat, fake):
        chat.send(client, policy=Policy(budgets=Budget(tokens=spent + needed - 1)), **TEXT)
    assert chat.send(client, policy=Policy(budgets=Budget(tokens=spent + needed)), **TEXT).text


def test_what_others_spend_does_not_count(store: Any, client: Any, fake: FakeAPI) -> None:
    other = store.owned_by(f"{store.create().owner}-other")
    other.create().send(client, "Hello " * 1_000, **TEXT)
    chat, second = store.create(), store.create()
    chat.send(client, "Hello " * 400, **TEXT)
    small = Budget(tokens=300)
    assert second.send(client, "Hello", policy=Policy(budgets=small), **TEXT)
    with refused(store, second, fake):
        second.send(client, "Hello", policy=Policy(budgets=Budget(tokens=300, per="owner")), **TEXT)
    assert second.send(client, "Hello", policy=Policy(budgets=Budget(tokens=1_500, per="owner")), **TEXT)


def test_the_branches_that_were_left_count_and_a_fork_begins_anew(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    spent = chat.send(client, "Hello", **TEXT).usage.total_tokens
    chat.edit(1, "Hi")
    with refused(store, chat, fake) as raised:
        chat.send(client, policy=Policy(budgets=Budget(tokens=spent)), **TEXT)
    assert raised.value.spent == spent
    assert chat.fork().send(client, policy=Policy(budgets=Budget(tokens=spent)), **TEXT)


@pytest.mark.parametrize("per", ["conversation", "owner"])
def test_what_is_older_than_the_window_no_longer_counts(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock, per: Any
) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    chat.add("And then?")
    needed = chat.request("gpt-5.5").estimate.tokens
    policy = Policy(budgets=Budget(tokens=needed, per=per, within=timedelta(days=3)))
    clock.advance(timedelta(days=3))
    with refused(store, chat, fake) as raised:
        chat.send(client, policy=policy, **TEXT)
    assert raised.value.retryable
    clock.advance(timedelta(microseconds=1))
    assert chat.send(client, policy=policy, **TEXT)


def test_transcriptions_are_counted(world: World, fake: FakeAPI, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        PRICES + '[models."gpt-transcribe".prices]\ntext_in = 1\ntext_out = 1\naudio_in = 1_000_000\naudio_out = 1\n'
    )
    store = world.open(catalogue=convo.Catalogue.load(tmp_path / "prices.toml"))
    chat = store.create()
    chat.add(recording(None))
    chat.transcribe(world.client)
    assert (paid := chat.usage().cost.amount) > 1
    with refused(store, chat, fake) as raised:
        chat.send(world.client, "Hello", policy=money("0.99"), **TEXT)
    assert raised.value.spent == paid


def test_a_call_that_got_no_answer_does_not_count(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = Policy(budgets=Budget(tokens=60))
    for _ in range(8):
        fake.will_fail(400, code="bad")
        with pytest.raises(openai.BadRequestError):
            chat.send(client, "Hello", policy=policy, key="k", **TEXT)
    assert chat.send(client, "Hello", policy=policy, key="k", **TEXT)


def test_another_try_with_the_same_key_has_to_keep_to_the_budget_too(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_fail(400, code="bad")
    with pytest.raises(openai.BadRequestError):
        chat.send(client, "Hello", key="k", **TEXT)
    with refused(store, chat, fake):
        chat.send(client, "Hello", key="k", policy=NOTHING, **TEXT)
    assert chat.send(client, "Hello", key="k", **TEXT)


def test_an_answer_that_cannot_be_read_was_paid_for(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-5.5", client=client)
    usage = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1_000}
    with pytest.raises(convo.AnswerError), chat.exchange(request) as call:
        call.record({"choices": [], "usage": usage})
    with refused(store, chat, fake) as raised:
        chat.send(client, policy=Policy(budgets=Budget(tokens=1_000)), **TEXT)
    assert raised.value.spent == 1_000


def test_a_stream_that_is_cut_off_counts_with_what_was_received(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply("word " * 400)
    chat = store.create()
    stream = chat.stream(client, "Hello", **TEXT)
    said = ""
    for event in stream:
        said += getattr(event, "text", "")
        if len(said) > 400:
            break
    stream.close()
    assert stream.reply.usage.total_tokens is None
    assert stream.reply.cost.amount is None
    with refused(store, chat, fake) as raised:
        chat.send(client, "Hi", policy=Policy(budgets=Budget(tokens=100)), **TEXT)
    assert 100 <= raised.value.spent <= 600
    with refused(store, chat, fake) as priced:
        chat.send(client, "Hi", policy=money("0.0001"), **TEXT)
    assert priced.value.spent > raised.value.spent * Decimal("0.000004")


def test_the_most_output_is_counted_where_the_call_says_it(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = Policy(budgets=Budget(tokens=1_000))
    for limit in ({"max_completion_tokens": 1_000}, {"max_tokens": 1_000}):
        with refused(store, chat, fake):
            chat.send(client, "Hello", policy=policy, **limit, **TEXT)
    assert chat.send(client, "Hello", policy=policy, max_completion_tokens=900, **TEXT)
    with refused(store, chat, fake) as raised:
        chat.send(client, recording(), policy=money("0.05"), max_completion_tokens=1_000, **VOICE)
    assert raised.value.needed > Decimal("0.064")


def test_what_a_dead_worker_left_counts_although_its_bill_is_not_known(
    world: World, fake: FakeAPI, clock: FixedClock, catalogue: convo.Catalogue
) -> None:
    store = world.open(catalogue=catalogue)
    chat = store.create()
    chat.add("word " * 400)
    dead_worker(world, chat, fake)
    clock.advance(31)
    assert store.get(chat.id).history()[-1].status == "interrupted"
    with pytest.raises(convo.BudgetExceeded) as raised:
        store.get(chat.id).send(world.client, "Hello", policy=Policy(budgets=Budget(tokens=500)), **TEXT)
    assert raised.value.spent >= 400
    with pytest.raises(convo.BudgetExceeded):
        store.get(chat.id).send(world.client, "Hello", policy=money("0.001"), **TEXT)


# --- what is not known -----------------------------------------------------------------------------


def test_a_model_without_prices_is_refused_by_a_budget_of_money(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with refused(store, chat, fake, convo.SpendingUnknown) as raised:
        chat.send(client, "Hello", model="gpt-4o", policy=money(5))
    assert (raised.value.model, raised.value.calls) == ("gpt-4o", 0)
    chat.send(client, "Hello", model="gpt-4o", policy=money(5, unknown="ignore"))
    with refused(store, chat, fake, convo.SpendingUnknown) as raised:
        chat.send(client, "Hello", policy=money(5), **TEXT)
    assert (raised.value.model, raised.value.calls) == (None, 1)
    assert chat.send(client, "Hello", policy=Policy(budgets=Budget(tokens=10_000)), model="gpt-4o")


def test_money_of_another_currency_is_not_added(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with refused(store, chat, fake, convo.SpendingUnknown):
        chat.send(client, "Hello", model="gpt-4.1-mini", policy=money(5))
    chat.send(client, "Hello", model="gpt-4.1-mini", policy=money(5, currency="EUR"))
    with refused(store, chat, fake, convo.SpendingUnknown):
        chat.send(client, "Hello", policy=money(5), **TEXT)


def test_what_costs_nothing_is_within_a_budget_of_nothing(store: Any, client: Any) -> None:
    assert store.create().send(client, "Hello", model="gpt-4o-mini", policy=money(0)).text


# --- keys, rounds ----------------------------------------------------------------------------------


def test_a_reply_that_is_there_is_given_again_whatever_the_budget(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    reply = chat.send(client, recording(), key="k", **VOICE)
    again = chat.send(client, recording(), key="k", policy=NOTHING, **VOICE)
    assert again.replayed
    assert again.text == reply.text
    with chat.stream(client, recording(), key="k", policy=NOTHING, **VOICE) as stream:
        assert list(stream)[-1].replayed
    assert len(fake.received) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["send", "stream"])
def test_each_round_of_a_turn_keeps_to_the_budget(store: Any, client: Any, fake: FakeAPI, streams: bool) -> None:
    fake.will_reply(tool_calls=[("add", '{"a": 1}', "call_1")])
    called: list[int] = []
    chat = store.create()
    needs = store.create(messages=[{"role": "user", "content": "What is it?"}]).request("gpt-5.5", **tools("add")).estimate.tokens
    asked: dict[str, Any] = {"tool_functions": {"add": called.append}, "key": "k", **tools("add"), **TEXT}
    small = Policy(budgets=Budget(tokens=needs))
    with pytest.raises(convo.BudgetExceeded):
        list(chat.stream(client, "What is it?", policy=small, **asked)) if streams else chat.send(
            client, "What is it?", policy=small, **asked
        )
    assert called == []
    assert [message.role for message in chat.history()] == ["user", "assistant"]
    assert chat.pending() == []
    asked["tool_functions"] = {"add": lambda a: a}
    fake.will_reply("1")
    assert chat.send(client, "What is it?", **asked).text == "1"


def test_a_result_that_makes_the_call_too_large_stays_and_the_call_is_not_made(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("read", "{}", "call_1")])
    fake.will_reply("Long.")
    chat = store.create()
    asked: dict[str, Any] = {"tool_functions": {"read": lambda: "word " * 10_000}, "key": "k", **tools("read"), **TEXT}
    with pytest.raises(convo.BudgetExceeded) as raised:
        chat.send(client, "Read it.", policy=Policy(budgets=Budget(tokens=5_000)), **asked)
    assert raised.value.needed > 10_000
    assert [message.role for message in chat.history()] == ["user", "assistant", "tool"]
    assert chat.pending() == []
    assert len(fake.received) == 1
    assert chat.usage().calls == 1
    assert chat.send(client, "Read it.", **asked).text == "Long."


# --- others at work --------------------------------------------------------------------------------


def test_what_others_ask_at_the_same_time_counts_until_they_are_dead(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    policy = Policy(budgets=Budget(tokens=1_000, per="owner"))
    busy, chat = store.create(), store.create()
    busy.add("Hello")
    request = busy.request("gpt-5.5", client=client, policy=policy, max_completion_tokens=950)
    with busy.exchange(request):
        with refused(store, chat, fake) as raised:
            chat.send(client, "Hello " * 50, policy=policy, **TEXT)
        assert raised.value.spent == request.estimate.tokens + 950
        clock.advance(31)
        assert chat.send(client, "Hello " * 50, policy=policy, **TEXT)


def test_a_dead_call_of_the_same_conversation_is_in_nobodys_way(
    store: Any, client: Any, world: World, clock: FixedClock, catalogue: convo.Catalogue
) -> None:
    policy = Policy(budgets=Budget(tokens=1_000))
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-5.5", client=client, policy=policy, max_completion_tokens=900)
    left = chat.exchange(request)
    left.__enter__()
    clock.advance(31)
    assert world.open(catalogue=catalogue).get(chat.id).send(client, policy=policy, max_completion_tokens=900, **TEXT)
    left.__exit__(ValueError, ValueError(), None)


def test_calls_that_begin_at_once_do_not_pass_the_limit_together(
    database: Database, fake: FakeAPI, clock: FixedClock, catalogue: convo.Catalogue
) -> None:
    workers = 8
    with convo.Store(database.url, clock=clock, catalogue=catalogue, **database.options) as store, fake.client() as client:
        chats = [store.create(messages=[{"role": "user", "content": "Hello"}]) for _ in range(workers)]
        needed = chats[0].request("gpt-5.5").estimate.tokens
        policy = Policy(budgets=Budget(tokens=3 * needed, per="owner"))
        begun, ready = contextlib.ExitStack(), Barrier(workers)

        def begin(chat: convo.Conversation) -> bool:
            request = chat.request("gpt-5.5", client=client, policy=policy)
            ready.wait()
            try:
                begun.enter_context(chat.exchange(request))
            except convo.BudgetExceeded:
                return False
            return True

        with ThreadPoolExecutor(workers) as pool:
            made = list(pool.map(begin, chats))
        assert sum(made) == 3
        begun.close()


# --- warnings --------------------------------------------------------------------------------------


def test_a_budget_that_warns_does_so_once_for_each_conversation(store: Any, client: Any) -> None:
    policy = Policy(budgets=Budget(tokens=0, action="warn"))
    chat, other = store.create(), store.create()
    with pytest.warns(convo.BudgetWarning, match=f"conversation {chat.id} has used 0 tokens"):
        chat.send(client, "Hello", policy=policy, **TEXT)
    chat.send(client, "Hello", policy=policy, **TEXT)
    store.get(chat.id).send(client, "Hello", policy=policy, **TEXT)
    assert len(chat.history()) == 6
    with pytest.warns(convo.BudgetWarning, match=str(other.id)):
        other.send(client, "Hello", policy=policy, **TEXT)


def test_a_budget_of_an_owner_warns_once_in_its_time(store: Any, client: Any, clock: FixedClock) -> None:
    policy = Policy(budgets=Budget(tokens=200, per="owner", within=timedelta(days=1), action="warn"))
    with pytest.warns(convo.BudgetWarning):
        store.create().send(client, "Hello " * 200, policy=policy, **TEXT)
    store.create().send(client, "Hello " * 200, policy=policy, **TEXT)
    clock.advance(timedelta(days=2))
    store.create().send(client, "Hello", policy=policy, **TEXT)
    with pytest.warns(convo.BudgetWarning):
        store.create().send(client, "Hello " * 200, policy=policy, **TEXT)


def test_a_budget_that_warns_says_what_it_does_not_know(store: Any, client: Any) -> None:
    with pytest.warns(convo.BudgetWarning, match="this call of gpt-4o have no known cost in USD"):
        store.create().send(client, "Hello", model="gpt-4o", policy=money(5, action="warn"))


def test_a_warning_names_the_line_that_made_the_call(database: Database, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat, policy = store.create(), Policy(budgets=Budget(tokens=0, action="warn"))
        with pytest.warns(convo.BudgetWarning) as found:
            chat.send(client, "Hello", policy=policy, **TEXT)
        assert found[0].filename == __file__


def test_a_warning_that_is_made_an_error_keeps_the_call_from_being_made(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = Policy(budgets=Budget(tokens=0, action="warn"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", convo.BudgetWarning)
        with pytest.raises(convo.BudgetWarning):
            chat.send(client, "Hello", policy=policy, **TEXT)
    assert fake.received == []
    assert chat.pending() == []


def test_an_exchange_warns_when_it_begins_and_does_not_begin_where_that_is_an_error(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-5.5", client=client, policy=Policy(budgets=Budget(tokens=0, action="warn")))
    with warnings.catch_warnings():
        warnings.simplefilter("error", convo.BudgetWarning)
        with pytest.raises(convo.BudgetWarning), chat.exchange(request):
            pass
    assert chat.pending() == []


# --- the budgets of a store ------------------------------------------------------------------------


def test_the_budgets_of_a_store_bind_every_call_beside_those_of_the_policy(
    world: World, client: Any, fake: FakeAPI, catalogue: convo.Catalogue
) -> None:
    store = world.open(catalogue=catalogue, budgets=Budget(tokens=100))
    chat = store.create()
    with refused(store, chat, fake) as raised:
        chat.send(client, "Hello " * 200, **TEXT)
    assert raised.value.limit == 100
    with refused(store, chat, fake) as raised:
        chat.send(client, "Hello", policy=Policy(budgets=Budget(tokens=10**6)), max_completion_tokens=100, **TEXT)
    with refused(store, chat, fake) as raised:
        chat.send(client, "Hello", policy=Policy(budgets=Budget(tokens=1)), **TEXT)
    assert raised.value.limit == 1
    chat.add("Hello " * 200)
    with refused(store, chat, fake), chat.exchange(chat.request("gpt-5.5", client=client)):
        pass
    other = store.owned_by(f"{chat.owner}-other").create()
    with refused(store, other, fake):
        other.send(client, "Hello " * 200, **TEXT)
    assert store.create().send(client, "Hello", **TEXT)


def test_what_a_call_was_taken_to_need_stands_beside_its_bill(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello", recording())
    guess = chat.request("gpt-audio-1.5", client=client, **{k: v for k, v in VOICE.items() if k != "model"}).estimate
    reply = chat.send(client, **VOICE)
    found = resolved(chat, chat._driver.runner.run(exchanges.row_of, chat.owner, reply.exchange))
    assert found["estimated_tokens"] == guess.tokens
    assert (found["assumed_tokens"], found["assumed_cost"]) == (None, None)
    assert found["input_tokens"] is not None
