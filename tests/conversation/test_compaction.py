"""Compaction: a summary stands for old messages in requests, and the log keeps them all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import convo

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

MODEL: dict[str, Any] = {"model": "gpt-4.1"}
LEAD = "Summary of the conversation so far:\n\n"


def long(store: Any, count: int, **facts: Any) -> Any:
    said = [("user", "assistant")[number % 2] for number in range(2 * count)]
    return store.create(messages=[{"role": role, "content": f"{n} " + "word " * 40} for n, role in enumerate(said)], **facts)


def sent(chat: Any, client: Any, **facts: Any) -> list[Any]:
    messages: list[Any] = chat.request(client=client, **MODEL, **facts)["messages"]
    return messages


def numbers(messages: list[Any]) -> list[str]:
    return [message["content"].split()[0] for message in messages]


def test_a_summary_of_a_model_stands_for_all_turns_but_the_last(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 10, instructions="Be brief.")
    fake.will_reply("They counted to 11.")
    made = chat.compact(client, model="gpt-4.1-mini", max_completion_tokens=400)
    asked = fake.last.body
    assert (asked["model"], asked["max_completion_tokens"]) == ("gpt-4.1-mini", 400)
    assert "User: 0 word" in asked["messages"][1]["content"]
    assert "Assistant: 11 word" in asked["messages"][1]["content"]
    assert "12 word" not in asked["messages"][1]["content"]
    assert (made.kind, made.role, made.position, made.covers) == ("summary", "system", 22, 13)
    messages = sent(chat, client)
    assert [message["content"] for message in messages[:2]] == ["Be brief.", f"{LEAD}They counted to 11."]
    assert numbers(messages[2:]) == [str(number) for number in range(12, 20)]
    assert len(chat.history()) == 22, "the log keeps them"
    assert chat.usage().calls == 1, "the call is counted"
    assert "it stands for the messages up to 13" in chat.request(client=client, **MODEL).explain()
    assert len(sent(chat, client, policy=convo.Policy(summaries=False))) == 21


def test_the_doctor_knows_what_is_derived_of_a_summary(store: Any, client: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "One?"}, {"role": "assistant", "content": "One."}])
    chat.add("Two?")
    chat.compact(summarize=lambda *_: "They counted.", keep=1)
    assert [one.kind for one in store.doctor() if one.conversation == chat.id] == []


def test_the_doctor_knows_what_is_derived_of_a_summary_that_outlives_an_answer(store: Any) -> None:
    chat = long(store, 3)
    chat.compact(summarize=lambda *_: "They counted.", keep=1)
    chat.regenerate()
    assert [message.kind for message in chat.history()][-1] == "summary"
    assert [one.kind for one in store.doctor() if one.conversation == chat.id] == []


def test_summaries_chain(store: Any, client: Any) -> None:
    chat = long(store, 4)
    seen: list[Any] = []

    def summarize(history: Any, earlier: Any) -> str:
        seen.append(([message.text.split()[0] for message in history], earlier))
        return f"summary {len(seen)}"

    chat.compact(summarize=summarize, keep=2)
    chat.add("8 more")
    chat.add("9 more", role="assistant")
    chat.compact(summarize=summarize, keep=1)
    assert seen == [(["0", "1", "2", "3"], None), (["4", "5", "6", "7"], "summary 1")]
    assert [message["content"] for message in sent(chat, client)] == [f"{LEAD}summary 2", "8 more", "9 more"]
    assert chat.compact(summarize=summarize, keep=1) is None
    assert chat.compact(summarize=summarize, keep=0).covers > 8
    assert chat.transcript().count("summary") == 0
    assert all("summary" not in str(message) for message in chat.to_chat())
    assert all("summary" not in str(message) for message in chat.history().to_chat())


def test_a_long_log_is_summarised_in_parts(store: Any, client: Any) -> None:
    chat = long(store, 800)
    parts: list[int] = []

    def summarize(history: Any, earlier: Any) -> str:
        parts.append(len(history))
        return f"{len(history)} after {earlier}"

    made = chat.compact(summarize=summarize)
    assert sum(parts) == 1_592
    assert len(parts) > 4
    assert made.covers == 1_592
    assert len(sent(chat, client)) == 9


def test_what_the_window_leaves_behind_is_summarised_before_the_turn(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    policy = convo.Policy(window_tokens=1_000, summary_model="gpt-4.1-mini")
    asked = []
    for number in range(30):
        chat.send(client, f"{number} " + "word " * 40, policy=policy, expected_head=chat.head, **MODEL)
    asked = [one.body for one in fake.received if one.body["model"] == "gpt-4.1-mini"]
    assert 2 <= len(asked) <= 6
    assert "Earlier summary" in asked[-1]["messages"][1]["content"]
    last = fake.last.body["messages"]
    assert last[0]["content"].startswith(LEAD)
    summaries = [message for message in chat.history() if message.kind == "summary"]
    assert len(summaries) == len(asked)
    first = int(numbers(last[1:2])[0])
    covered = [message for message in chat.history() if message.position <= summaries[-1].covers and message.role == "user"]
    assert len(covered) == first, "the summary reaches to where the window begins"


def test_an_own_function_summarises_in_streams_too(store: Any, client: Any) -> None:
    chat = long(store, 20)
    policy = convo.Policy(window_tokens=1_000, summarize=lambda history, earlier: f"{len(history)} messages")
    with chat.stream(client, "Why?", policy=policy, **MODEL) as stream:
        for _ in stream:
            pass
    assert sent(chat, client, policy=policy)[0]["content"].startswith(LEAD)


def test_an_error_of_whoever_summarises_ends_the_call_and_nothing_is_stored(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 20)

    def fails(history: Any, earlier: Any) -> str:
        reason = "no"
        raise LookupError(reason)

    for policy, error in (
        (convo.Policy(window_tokens=1_000, summarize=fails), LookupError),
        (convo.Policy(window_tokens=1_000, summarize=lambda *_: 5), convo.InputError),
        (convo.Policy(window_tokens=1_000, summarize=lambda *_: "  "), convo.InputError),
    ):
        with pytest.raises(error):
            chat.send(client, "Why?", policy=policy, **MODEL)
    fake.will_fail(400)
    with pytest.raises(Exception, match="400"):
        chat.send(client, "Why?", policy=convo.Policy(window_tokens=1_000, summary_model="gpt-4.1-mini"), **MODEL)
    assert len(chat.history()) == 40
    assert not chat.pending()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, convo.ConflictingArguments),
        ({"model": "gpt-4.1"}, convo.ConflictingArguments),
        ({"model": "gpt-4.1", "summarize": str}, convo.ConflictingArguments),
        ({"summarize": "me"}, convo.InputError),
        ({"summarize": str, "keep": -1}, convo.InputError),
        ({"summarize": str, "keep": "few"}, convo.InputError),
        ({"summarize": str, "prompt": 5}, convo.InputError),
        ({"summarize": str, "messages": []}, convo.ConflictingArguments),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(store: Any, arguments: dict[str, Any], error: type[Exception]) -> None:
    chat = long(store, 10)
    with pytest.raises(error):
        chat.compact(**arguments)
    assert len(chat.history()) == 20


def test_redacting_a_message_redacts_the_summaries_made_of_it(store: Any, client: Any) -> None:
    chat = long(store, 6)
    chat.compact(summarize=lambda *_: "about 0 to 3", keep=4)
    fork = chat.fork()
    chat.compact(summarize=lambda *_: "about 0 to 7", keep=2)
    chat.redact(6)
    assert [message.status for message in chat.history() if message.kind == "summary"] == ["complete", "redacted"]
    assert sent(chat, client)[0]["content"] == f"{LEAD}about 0 to 3"
    fork.redact(1)
    assert sent(fork, client)[0]["content"] != f"{LEAD}about 0 to 3"
    assert all(message.status == "redacted" for message in store.get(chat.id).history() if message.kind == "summary")
    made = chat.compact(summarize=lambda history, earlier: f"{len(history)}, {earlier}", keep=2)
    assert made.text.endswith("6, None"), "what was redacted is not told"


@pytest.mark.parametrize("line", ["fork", "edit"])
def test_redacting_a_message_leaves_the_summaries_of_other_lines(store: Any, line: str) -> None:
    chat = long(store, 6)
    chat.compact(summarize=lambda *_: "about 0 to 7", keep=2)
    before = chat.branches()[0]
    other = chat if line == "edit" else chat.fork(at=4)
    other.edit(5, "anew") if line == "edit" else other.add("anew")
    other.redact(5)
    assert [message.status for message in chat.history(branch=before) if message.kind == "summary"] == ["complete"]
    other.redact(2)
    assert [message.status for message in chat.history(branch=before) if message.kind == "summary"] == ["redacted"]


def test_a_summary_that_is_shared_is_redacted_when_its_conversation_is_gone(store: Any) -> None:
    chat = long(store, 6)
    chat.compact(summarize=lambda *_: "about 0 to 7", keep=2)
    fork = chat.fork()
    store.delete(chat.id)
    fork.redact(1)
    assert [message.status for message in fork.history() if message.kind == "summary"] == ["redacted"]


def test_branches_and_forks_have_the_summaries_of_what_they_share(store: Any, client: Any) -> None:
    chat = long(store, 6)
    chat.compact(summarize=lambda *_: "about 0 to 7", keep=2)
    chat.add("12 more")
    chat.add("13 more", role="assistant")
    before = chat.fork(at=12)
    assert numbers(sent(before, client))[0] == "0"
    after = chat.fork()
    assert sent(after, client)[0]["content"].startswith(LEAD)
    chat.regenerate()
    assert sent(chat, client)[0]["content"].startswith(LEAD)
    chat.edit(3, "Anew")
    assert numbers(sent(chat, client)) == ["0", "1", "Anew"]


def test_an_answer_that_is_taken_back_takes_its_summary_along(store: Any, client: Any) -> None:
    chat = long(store, 3)
    chat.compact(summarize=lambda *_: "all", keep=0)
    chat.regenerate()
    assert [message.kind for message in chat.history()] == ["message"] * 5


def test_calls_that_are_open_stay_open_behind_a_summary(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 6)
    fake.will_reply(tool_calls=[("add", "{}", "call_1")])
    tools = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    chat.send(client, "Add.", tools=tools, **MODEL)
    chat.compact(summarize=lambda *_: "about 0 to 7", keep=2)
    reply = chat.send(client, tools=tools, tool_functions={"add": lambda: 3}, **MODEL)
    assert reply.text
    assert [message["role"] for message in fake.last.body["messages"]][-2:] == ["assistant", "tool"]


def test_pinned_messages_stay_beside_the_summary(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("0 My name is Ada.", pinned=True)
    for number in range(1, 12):
        chat.add(f"{number} more", role=("user", "assistant")[number % 2])
    chat.compact(summarize=lambda *_: "talk", keep=2)
    assert numbers(sent(chat, client)) == ["Summary", "0", "8", "9", "10", "11"]
    assert store.search("talk") == []


def test_two_who_summarise_at_once_make_one_summary(database: Database, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store:
        chat = long(store, 6)
        other = store.get(chat.id)

        def summarize(history: Any, earlier: Any) -> str:
            other.compact(summarize=lambda *_: "first", keep=2)
            return "second"

        with pytest.raises(convo.ConflictError, match="summarised or redacted by another"):
            chat.compact(summarize=summarize, keep=2)
        assert [message.text for message in chat.history() if message.kind == "summary"] == [f"{LEAD}first"]


def test_what_is_redacted_meanwhile_is_not_kept_in_a_summary(database: Database, clock: FixedClock) -> None:
    with convo.Store(database.url, clock=clock, **database.options) as store:
        chat = long(store, 6)
        other = store.get(chat.id)

        def summarize(history: Any, earlier: Any) -> str:
            other.redact(3)
            return str(history[2].text)

        with pytest.raises(convo.ConflictError, match="redacted by another"):
            chat.compact(summarize=summarize, keep=2)
        assert all(message.kind == "message" for message in chat.history())


def test_an_async_function_is_for_async_stores(database: Database, clock: FixedClock) -> None:
    async def summarize(history: Any, earlier: Any) -> str:
        return f"{len(history)} messages"

    with (
        convo.Store(database.url, clock=clock, **database.options) as store,
        pytest.raises(convo.InputError, match="AsyncStore"),
    ):
        long(store, 6).compact(summarize=summarize)

    async def go() -> str:
        async with convo.AsyncStore(database.url, clock=clock, **database.options) as store:
            chat = await store.create(messages=[{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hi!"}])
            made = await chat.compact(summarize=summarize, keep=0)
            assert made is not None
            return made.text

    assert asyncio.run(go()) == f"{LEAD}2 messages"
