"""A long log: what a request reads of it, what is remembered, and what happens when the API finds it too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store.statements import Statement
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.testing import FakeAPI

MODEL: dict[str, Any] = {"model": "gpt-4.1"}
SMALL = convo.Policy(window_tokens=2_000)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement that runs from now on gives."""
    found: list[int] = []
    usual: Callable[..., Any] = Statement.rows

    def counted(self: Statement, *arguments: Any, **values: Any) -> Any:
        result = usual(self, *arguments, **values)
        found.append(len(result))
        return result

    monkeypatch.setattr(Statement, "rows", counted)
    return found


def long(store: Any, count: int, **facts: Any) -> Any:
    """A conversation of so many turns."""
    said = [("user", "assistant")[number % 2] for number in range(2 * count)]
    messages = [{"role": role, "content": f"{number:05} " + "word " * 40} for number, role in enumerate(said)]
    return store.create(messages=messages, **facts)


def positions(request: convo.Request) -> list[int]:
    return [one.position for one in request.renderings if one.index is not None]


def test_the_rows_that_a_request_reads_do_not_grow_with_the_log(store: Any, client: Any, rows: list[int]) -> None:
    read = []
    for count in (40, 400, 4_000):
        chat = long(store, count, instructions="Be brief.")
        rows.clear()
        request = chat.request(client=client, policy=SMALL, **MODEL)
        first = sum(rows)
        chat.send(client, "Why?", policy=SMALL, **MODEL)
        rows.clear()
        chat.request(client=client, policy=SMALL, **MODEL)
        read.append((first, sum(rows), len(request["messages"])))
    assert read[1] == read[2]
    assert read[0][2] == read[1][2]
    first, again, sent = read[2]
    assert first <= 2 * 2 * sent, "half a window is sent, a window is read"
    assert again <= sent + 12


def test_a_request_of_a_long_log_begins_with_its_instructions_and_pinned_messages(store: Any, client: Any) -> None:
    chat = store.create(instructions="Be brief.")
    chat.add("My name is Ada.", recording(transcript="Ada."), pinned=True)
    chat.add("Noted.", role="assistant")
    for number in range(60):
        chat.add(f"{number} " + "word " * 40)
        chat.add("word " * 40, role="assistant")
    request = chat.request(client=client, policy=SMALL, **MODEL)
    assert positions(request)[:2] == [1, 2]
    assert positions(request)[2] > 80
    assert request["messages"][1]["content"][1] == {"type": "text", "text": "Ada."}
    reply = chat.send(client, "Who am I?", policy=SMALL, **MODEL)
    assert reply.text
    assert positions(chat.request(client=client, policy=SMALL, **MODEL))[:2] == [1, 2]


def test_where_the_window_begins_is_remembered_by_what_was_sent_only(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 60)
    chat.request(client=client, policy=SMALL, **MODEL)
    assert len(chat.request(client=client, **MODEL)["messages"]) == 120, "a preview moves nothing"
    chat.send(client, "Why?", policy=SMALL, **MODEL)
    begin = fake.last.body["messages"][0]["content"]
    for _ in range(3):
        chat.send(client, "Why?", policy=SMALL, **MODEL)
        assert fake.last.body["messages"][0]["content"] == begin
    resumed = store.get(chat.id)
    assert resumed.request(client=client, policy=SMALL, **MODEL)["messages"][0]["content"] == begin
    assert len(resumed.request(client=client, model="gpt-4o", policy=convo.Policy())["messages"]) == 128, (
        "other models have their own"
    )


def test_each_request_begins_as_the_one_before_but_when_the_window_moves(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Be brief.")
    moves, before = 0, [{"role": "system", "content": "Be brief."}]
    for number in range(60):
        chat.send(client, f"{number} " + "word " * 40, policy=convo.Policy(window_tokens=1_000), **MODEL)
        body = fake.last.body["messages"]
        moves += body[: len(before)] != before
        before = body
    assert 2 <= moves <= 7


def test_a_branch_that_begins_before_the_window_has_its_own(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 60)
    chat.send(client, "Why?", policy=SMALL, **MODEL)
    chat.edit(5, "Anew.")
    chat.send(client, policy=SMALL, **MODEL)
    assert [message["role"] for message in fake.last.body["messages"]] == ["user", "assistant"] * 2 + ["user"]
    fork = store.get(chat.id).fork(at=2)
    assert len(fork.request(client=client, policy=SMALL, **MODEL)["messages"]) == 2


def test_a_request_that_the_api_finds_too_long_is_halved_once(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = long(store, 40)
    fake.will_fail(400, code="context_length_exceeded", message="This model's maximum context length is 128000 tokens.")
    reply = chat.send(client, "Why?", **MODEL)
    (step,) = reply.recovered
    assert step.code == "context_length_exceeded"
    assert step.position % 2 == 1
    assert positions(chat.request(client=client, **MODEL))[0] == step.position, "it is remembered"
    assert 30 <= len(fake.last.body["messages"]) <= 42
    fake.will_fail(400, code="context_length_exceeded", times=2)
    with pytest.raises(Exception, match=r"context_length_exceeded|400"):
        chat.send(client, "And why?", **MODEL)


def test_one_turn_that_is_too_long_is_the_apis_error(store: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_fail(400, code="context_length_exceeded")
    with pytest.raises(Exception, match=r"context_length_exceeded|400"):
        store.create().send(client, "Why?", **MODEL)
    assert len(fake.received) == 1


def test_a_known_model_is_asked_with_the_conversation_as_the_key_of_its_cache(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, "Why?", **MODEL)
    assert fake.last.body["prompt_cache_key"] == str(chat.id)
    chat.send(client, "Why?", prompt_cache_key="mine", **MODEL)
    assert fake.last.body["prompt_cache_key"] == "mine"
    chat.send(client, "Why?", prompt_cache_key=None, **MODEL)
    assert "prompt_cache_key" not in fake.last.body
    assert "prompt_cache_key" not in chat.request("somebody-elses-model", client=client)


def test_explain_says_that_messages_are_left_out(store: Any, client: Any) -> None:
    request = long(store, 400).request(client=client, policy=SMALL, **MODEL)
    assert f"note: messages before {positions(request)[0]} are left out" in request.explain()
