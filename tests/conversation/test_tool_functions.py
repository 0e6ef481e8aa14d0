"""Functions behind tools: a turn goes on to its end by itself, and after a crash from where it was."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import convo

if TYPE_CHECKING:
    from datetime import datetime

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

MODEL: dict[str, Any] = {"model": "gpt-4.1"}


def tools(*names: str, custom: bool = False) -> dict[str, Any]:
    if custom:
        return {"tools": [{"type": "custom", "custom": {"name": name}} for name in names]}
    return {"tools": [{"type": "function", "function": {"name": name, "parameters": {}}} for name in names]}


def results(fake: FakeAPI) -> list[Any]:
    """The results in the last request, by their calls."""
    messages = fake.last.body["messages"]
    return [(message["tool_call_id"], message["content"]) for message in messages if message["role"] == "tool"]


def test_functions_answer_the_calls_until_the_model_has_no_more(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", '{"a": 1, "b": 2}', "call_1"), ("add", '{"a": 3, "b": 4}', "call_2")])
    fake.will_reply(tool_calls=[("double", '{"n": 7}', "call_3")])
    fake.will_reply("It is 14.")
    chat = store.create()
    functions = {"add": lambda a, b: a + b, "double": lambda n: {"result": 2 * n}}
    reply = chat.send(client, "What is it?", tool_functions=functions, **tools("add", "double"), **MODEL)
    assert reply.text == "It is 14."
    assert [[call.id for call in earlier.tool_calls] for earlier in reply.earlier] == [["call_1", "call_2"], ["call_3"]]
    assert results(fake) == [("call_1", "3"), ("call_2", "7"), ("call_3", '{"result":14}')]
    history = chat.history()
    roles = ["user", "assistant", "tool", "tool", "assistant", "tool", "assistant"]
    assert [message.role for message in history] == roles
    assert len(history.turns) == 1
    assert chat.usage().calls == 3


def test_without_functions_the_calls_are_returned(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1")])
    reply = store.create().send(client, "What is it?", **tools("add"), **MODEL)
    assert [call.id for call in reply.tool_calls] == ["call_1"]
    assert reply.earlier == ()


def test_calls_are_returned_together_when_one_of_them_has_no_function(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1"), ("ask_a_human", "{}", "call_2")])
    chat = store.create()
    called: list[str] = []
    functions = {"add": lambda: called.append("add")}
    reply = chat.send(client, "What is it?", tool_functions=functions, **tools("add", "ask_a_human"), **MODEL)
    assert [call.id for call in reply.tool_calls] == ["call_1", "call_2"]
    assert called == []
    chat.tool_output("call_1", "1")
    chat.tool_output("call_2", "he said 2")
    chat.send(client, tool_functions=functions, **tools("add", "ask_a_human"), **MODEL)
    assert results(fake) == [("call_1", "1"), ("call_2", "he said 2")]


def test_calls_that_another_worker_answers_meanwhile_are_not_run(database: Database, fake: FakeAPI, clock: FixedClock) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1"), ("double", "{}", "call_2")])
    both = tools("add", "double")
    called: list[str] = []
    functions = {"add": lambda: called.append("add"), "double": lambda: called.append("double")}

    answers: list[str] = []

    def late() -> datetime:
        """Let another worker answer when a turn that has read the log asks for the time."""
        while answers:
            other.tool_output(answers.pop(), "by another")
        return clock()

    with (
        convo.Store(database.url, clock=clock, **database.options) as elsewhere,
        convo.Store(database.url, clock=late, **database.options) as store,
        fake.client() as client,
    ):
        chat = store.create()
        chat.send(client, "What is it?", **both, **MODEL)
        other = elsewhere.get(chat.id)
        answers += "call_1", "call_2"
        chat.send(client, tool_functions=functions, **both, **MODEL)
    assert called == []
    assert results(fake) == [("call_1", "by another"), ("call_2", "by another")]


def _fails() -> None:
    reason = "the shelf is empty"
    raise LookupError(reason)


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        ("fail", "{}", "Error: LookupError: the shelf is empty"),
        ("fail", '{"x": 1}', "unexpected keyword argument 'x'"),
        ("add", "{not json", "Error: JSONDecodeError"),
        ("add", "[1, 2]", "Error: ValueError: the arguments are no JSON object"),
        ("add", "[" * 100_000, "Error: ValueError: the arguments are nested too deeply"),
        ("made_up", "{}", "Error: there is no tool 'made_up'"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(
    store: Any, client: Any, fake: FakeAPI, name: str, arguments: str, output: str
) -> None:
    fake.will_reply(tool_calls=[(name, arguments, "call_1")])
    functions = {"fail": _fails, "add": lambda a, b: a + b}
    reply = store.create().send(client, "Do it", tool_functions=functions, **tools("fail", "add"), **MODEL)
    assert not reply.tool_calls
    assert output in results(fake)[0][1]


def test_a_function_is_given_the_id_of_its_call_and_the_model_cannot_choose_it(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("pay", '{"sum": 5, "call_id": "call_of_another"}', "call_1")])
    paid: list[tuple[int, str]] = []

    def pay(sum: int, call_id: str) -> str:  # noqa: A002 - the model's word
        paid.append((sum, call_id))
        return "paid \ud800"

    store.create().send(client, "Pay", tool_functions={"pay": pay}, **tools("pay"), **MODEL)
    assert paid == [(5, "call_1")]
    assert results(fake) == [("call_1", "paid \ufffd")]


def test_a_custom_tool_is_given_its_text_and_parts_stay_parts(store: Any, client: Any, fake: FakeAPI) -> None:
    call = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    fake.will_reply(tool_calls=[call])
    parts = [{"type": "text", "text": "a.txt"}, {"type": "text", "text": "b.txt"}]
    functions = {"shell": lambda text: parts if text == "ls -l" else "?"}
    store.create().send(client, "Look", tool_functions=functions, **tools("shell", custom=True), **MODEL)
    assert results(fake) == [("call_1", parts)]


def test_the_calls_of_the_last_round_are_returned(store: Any, client: Any, fake: FakeAPI) -> None:
    for number in range(3):
        fake.will_reply(tool_calls=[("again", "{}", f"call_{number}")])
    called: list[int] = []
    policy = convo.Policy(tool_rounds=2)
    reply = store.create().send(
        client, "Loop", tool_functions={"again": lambda: called.append(1)}, policy=policy, **tools("again"), **MODEL
    )
    assert [call.id for call in reply.tool_calls] == ["call_2"]
    assert called == [1, 1]


def test_an_output_that_is_no_json_is_the_callers_mistake_and_the_call_stays_open(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1")])
    chat = store.create()
    with pytest.raises(convo.InputError):
        chat.send(client, "Add", tool_functions={"add": object}, **tools("add"), **MODEL)
    assert chat.pending() == []
    chat.send(client, tool_functions={"add": lambda: 3}, **tools("add"), **MODEL)
    assert results(fake) == [("call_1", "3")]


# --- once ------------------------------------------------------------------------------------------


def test_a_key_makes_the_whole_turn_once(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", "{}", "call_1")])
    fake.will_reply("Three.")
    chat = store.create()
    called: list[int] = []
    same: dict[str, Any] = {"tool_functions": {"add": lambda: called.append(1)}, "key": "press-1", **tools("add"), **MODEL}
    first = chat.send(client, "Add", **same)
    again = chat.send(client, "Add", **same)
    assert again.text == first.text == "Three."
    assert again.replayed
    assert [earlier.message for earlier in again.earlier] == [earlier.message for earlier in first.earlier]
    assert called == [1]
    assert len(fake.received) == 2
    assert len(chat.history()) == 4


class Crash(BaseException):
    """The end of a worker."""


@pytest.mark.parametrize("again", ["same key", "no content"])
def test_a_crash_between_call_and_result_resumes(store: Any, client: Any, fake: FakeAPI, again: str) -> None:
    fake.will_reply(tool_calls=[("add", '{"n": 1}', "call_1"), ("add", '{"n": 2}', "call_2")])
    chat = store.create()
    called: list[int] = []
    crashing = [True]

    def add(n: int) -> int:
        called.append(n)
        if n == 2 and crashing:
            crashing.clear()
            raise Crash
        return n

    same: dict[str, Any] = {"tool_functions": {"add": add}, **tools("add"), **MODEL}
    with pytest.raises(Crash):
        chat.send(client, "Add", key="press-1", **same)
    before = len(chat.history())
    fake.will_reply("Done.")
    reply = chat.send(client, "Add", key="press-1", **same) if again == "same key" else chat.send(client, **same)
    assert reply.text == "Done."
    assert results(fake) == [("call_1", "1"), ("call_2", "2")]
    assert called.count(2) == 2
    assert len(chat.history()) <= before + 3
    assert [message.role for message in chat.history()].count("user") == 1


def test_a_worker_that_is_taken_over_while_its_function_runs_stores_no_second_result(
    database: Database, fake: FakeAPI, clock: FixedClock
) -> None:
    fake.will_reply(tool_calls=[("look", "{}", "call_1")])
    same: dict[str, Any] = {**tools("look"), **MODEL, "key": "press-1"}
    options = {"clock": clock, **database.options}
    with convo.Store(database.url, **options) as store, convo.Store(database.url, **options) as other, fake.client() as client:
        chat = store.create()

        def slow() -> str:
            clock.advance(31)
            again = other.get(chat.id).send(client, "Look", tool_functions={"look": lambda: "quick"}, **same)
            assert again.text
            return "slow"

        with pytest.raises(convo.ExchangeLost):
            chat.send(client, "Look", tool_functions={"look": slow}, **same)
        assert [message.text for message in chat.history() if message.role == "tool"] == ["quick"]


# --- streams ---------------------------------------------------------------------------------------


def test_a_stream_goes_on_through_the_rounds_of_its_turn(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", '{"a": 1}', "call_1")])
    fake.will_reply("Three.")
    chat = store.create()
    stream = chat.stream(client, "Add", key="press-1", tool_functions={"add": lambda a: a + 2}, **tools("add"), **MODEL)
    with stream:
        events = list(stream)
    replies = [event for event in events if isinstance(event, convo.Reply)]
    assert [reply.text for reply in replies] == ["", "Three."]
    calls = [event for event in events if isinstance(event, convo.ToolCallDelta)]
    assert "".join(event.arguments for event in calls) == '{"a": 1}'
    assert stream.reply.text == "Three."
    assert len(stream.reply.earlier) == 1
    assert results(fake) == [("call_1", "3")]
    again = list(chat.stream(client, "Add", key="press-1", tool_functions={"add": len}, **tools("add"), **MODEL))
    assert [event.text for event in again if isinstance(event, convo.Reply)] == ["", "Three."]
    assert len(fake.received) == 2


# --- asyncio ---------------------------------------------------------------------------------------


async def test_coroutine_functions_run_at_once_and_others_in_threads(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    fake.will_reply(tool_calls=[("wait", '{"n": 1}', "call_1"), ("wait", '{"n": 2}', "call_2"), ("plain", "{}", "call_3")])
    both = asyncio.Barrier(2)

    async def wait(n: int) -> str:
        await both.wait()
        return f"waited {n}"

    def plain() -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return "plain"

    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        functions: dict[str, Any] = {"wait": wait, "plain": plain}
        await chat.send(client, "Wait", tool_functions=functions, **tools("wait", "plain"), **MODEL)
    assert results(fake) == [("call_1", "waited 1"), ("call_2", "waited 2"), ("call_3", "plain")]


async def test_a_cancelled_turn_leaves_its_calls_open_and_resumes(database: Database, clock: FixedClock, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("wait", "{}", "call_1"), ("quick", "{}", "call_2")])
    waiting = asyncio.Event()

    async def wait() -> None:
        waiting.set()
        await asyncio.Event().wait()

    async def quick() -> int:
        return 2

    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        functions: dict[str, Any] = {"wait": wait, "quick": quick}
        work = chat.send(client, "Wait", tool_functions=functions, **tools("wait", "quick"), **MODEL)
        task = asyncio.create_task(work)
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await chat.pending() == []
        functions["wait"] = lambda: 1
        reply = await chat.send(client, tool_functions=functions, **tools("wait", "quick"), **MODEL)
        assert reply.text
    assert results(fake) == [("call_1", "1"), ("call_2", "2")]


def test_a_coroutine_function_is_refused_by_a_sync_store(database: Database, fake: FakeAPI) -> None:
    async def wait() -> None: ...

    with convo.Store(database.url, **database.options) as store, fake.client() as client:
        chat = store.create()
        with pytest.raises(convo.InputError, match="coroutine"):
            chat.send(client, "Wait", tool_functions={"wait": wait}, **tools("wait"), **MODEL)
        assert len(chat.history()) == 0


def test_arguments_reach_a_function_as_the_json_that_they_are(store: Any, client: Any, fake: FakeAPI) -> None:
    given = {"text": "Sí 🐕", "list": [1, 2.5, None, True], "deep": {"a": {"b": "c"}}}
    fake.will_reply(tool_calls=[("note", json.dumps(given), "call_1")])
    seen: list[Any] = []
    functions = {"note": lambda **arguments: seen.append(arguments)}
    store.create().send(client, "Note", tool_functions=functions, **tools("note"), **MODEL)
    assert seen == [given]
    assert results(fake) == [("call_1", "null")]


# --- what functions may do to their caller ---------------------------------------------------------


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    "error", [StopIteration("x"), StopAsyncIteration(), GeneratorExit(), asyncio.CancelledError("own"), _Unspeakable()]
)
def test_whatever_a_function_raises_ends_no_turn(store: Any, client: Any, fake: FakeAPI, error: BaseException) -> None:
    def fail() -> None:
        raise error

    fake.will_reply(tool_calls=[("fail", "{}", "call_1")])
    chat = store.create()
    assert chat.send(client, "Do it", tool_functions={"fail": fail}, **tools("fail"), **MODEL).text
    assert type(error).__name__ in results(fake)[0][1]
    assert chat.pending() == []


async def test_a_coroutine_function_whose_own_task_was_cancelled_has_failed_and_its_turn_goes_on(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    fake.will_reply(tool_calls=[("wait", "{}", "call_1")])

    async def wait() -> None:
        inner = asyncio.create_task(asyncio.Event().wait())
        inner.cancel()
        await inner

    async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
        chat = await store.create()
        assert (await chat.send(client, "Wait", tool_functions={"wait": wait}, **tools("wait"), **MODEL)).text
    assert "CancelledError" in results(fake)[0][1]


def test_a_question_that_is_edited_while_functions_run_is_answered_on_the_branch_that_was_left(
    database: Database, clock: FixedClock, fake: FakeAPI
) -> None:
    fake.will_reply(tool_calls=[("slow", "{}", "call_1")])
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        left = chat.branches()[0]

        def slow() -> int:
            store.get(chat.id).edit(1, "Another question")
            return 1

        chat.send(client, "A question", tool_functions={"slow": slow}, **tools("slow"), **MODEL)
        assert fake.last.body["messages"][0]["content"] == "A question"
        assert results(fake) == [("call_1", "1")]
        again = store.get(chat.id)
        assert [message.text for message in again.history()] == ["Another question"]
        again.switch(left)
        assert [message.role for message in again.history()] == ["user", "assistant", "tool", "assistant"]


def test_calls_with_one_id_are_answered_as_the_model_is_told_them(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("add", '{"n": 1}', "call_1"), ("add", '{"n": 2}', "call_1")])
    chat = store.create()
    assert chat.send(client, "Add", tool_functions={"add": lambda n: n}, **tools("add"), **MODEL).text
    assert chat.send(client, "Again", **tools("add"), **MODEL).text


def test_a_call_without_an_id_cannot_be_answered(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[{"id": "", "type": "function", "function": {"name": "add", "arguments": "{}"}}])
    chat = store.create()
    reply = chat.send(client, "Add", tool_functions={"add": lambda: 1}, **tools("add"), **MODEL)
    assert len(fake.received) == 1
    assert reply.message == chat.history()[-1]
    assert chat.pending() == []


def test_a_function_may_use_the_conversation_that_it_is_called_in(database: Database, clock: FixedClock, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("note", "{}", "call_1"), ("ask", "{}", "call_2")])
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()
        functions = {"note": lambda: chat.add("By the way").position, "ask": lambda: chat.send(client, "Well?", **MODEL).text}
        chat.send(client, "Note it", tool_functions=functions, **tools("note", "ask"), **MODEL)
        assert [message["role"] for message in fake.last.body["messages"]] == ["user", "assistant", "tool", "tool", "user"]
        assert "TurnInProgress" in results(fake)[1][1]


@pytest.mark.parametrize("way", ["send", "stream"])
def test_a_turn_goes_on_in_no_line_but_its_own(database: Database, clock: FixedClock, fake: FakeAPI, way: str) -> None:
    fake.will_reply(tool_calls=[("slow", "{}", "call_1")])
    fake.will_reply(tool_calls=[("slow", "{}", "call_2")])
    with convo.Store(database.url, clock=clock, **database.options) as store, fake.client() as client:
        chat = store.create()

        def slow() -> int:
            store.get(chat.id).edit(1, "Another question")
            return 1

        same: dict[str, Any] = {"tool_functions": {"slow": slow}, **tools("slow"), **MODEL}
        with pytest.raises(convo.StaleHead):
            chat.send(client, "A question", **same) if way == "send" else list(chat.stream(client, "A question", **same))
        assert [message.text for message in store.get(chat.id).history()] == ["Another question"]
        assert len(fake.received) == 2
        assert chat.pending() == []
