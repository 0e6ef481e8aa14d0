"""An answer that was billed is not let go of: slow and broken databases, cancelled callers, late and odd answers."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.canonical import decode
from convo.steps import ending
from convo.store import exchanges
from tests.support.both import resolved
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT: dict[str, Any] = {"model": "gpt-4.1"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


def answer(text: str, **changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        **changes,
    }


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries to store an answer follow each other at once."""
    monkeypatch.setattr(ending, "PAUSES", (0, 0, 0))


@pytest.mark.parametrize("error", [convo.StoreBusy, convo.StorageFull, convo.StoreUnavailable])
def test_an_answer_is_stored_when_the_database_comes_back(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch, impatient: None, error: type[convo.StoreError]
) -> None:
    chat = store.create()
    failures = iter([error()] if error is convo.StoreBusy else [error(), error()])
    complete = exchanges.complete

    def after_a_while(connection: Any, entry: Any) -> Any:
        for failure in failures:
            raise failure
        return complete(connection, entry)

    monkeypatch.setattr(exchanges, "complete", after_a_while)
    reply = chat.send(client, recording(), **VOICE)
    assert [m.text for m in chat.history()][-1] == reply.text
    assert (len(fake.received), chat.pending()) == (1, [])


def test_an_answer_that_cannot_be_stored_is_in_the_error(
    store: Any, client: Any, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    chat = store.create()

    def full(connection: Any, entry: Any) -> Any:
        raise convo.StorageFull

    with monkeypatch.context() as broken:
        broken.setattr(exchanges, "complete", full)
        with pytest.raises(convo.StorageFull) as caught:
            chat.send(client, "Hello", **TEXT)
    assert chat.pending(), "its lease runs out by itself"
    chat.abandon(chat.pending()[0])
    reply = chat.record(caught.value.answer)
    assert [m.text for m in chat.history()] == ["Hello", reply.text]


def test_a_confirmation_that_was_lost_is_looked_up(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = store.create()
    lost: set[str] = set()
    for name in ("begin", "complete"):
        monkeypatch.setattr(exchanges, name, _loses_its_confirmation(getattr(exchanges, name), name, lost))
    monkeypatch.setattr(ending, "PAUSES", (0, 0))
    reply = chat.send(client, "Hello", **TEXT, key="k")
    assert lost == {"begin", "complete"}
    assert [m.text for m in chat.history()] == ["Hello", reply.text]
    assert (len(fake.received), chat.pending(), chat.usage().calls) == (1, [], 1)


def _loses_its_confirmation(function: Any, name: str, lost: set[str]) -> Any:
    def wrapped(connection: Any, entry: Any) -> Any:
        found = function(connection, entry)
        if name in lost:
            return found
        lost.add(name)
        if connection.dialect.name == "sqlite":
            connection.commit()
        raise convo.StoreUnavailable("unknown")

    return wrapped


def test_a_write_whose_connection_broke_is_not_called_uncommitted(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from convo.steps import log

    chat = store.create()

    def breaks(*details: Any) -> Any:
        raise sa.exc.OperationalError("statement", {}, OSError("gone"), connection_invalidated=True)

    monkeypatch.setattr(log, "append", breaks)
    with pytest.raises(convo.StoreUnavailable) as caught:
        chat.add("Hello")
    assert (caught.value.committed, caught.value.retryable) == ("unknown", True)


def test_a_late_answer_is_kept_whole_beside_the_log(world: World) -> None:
    chat = world.open().create()
    chat.add("Hello")
    call = chat.exchange(chat.request("gpt-4.1", client=world.client))
    call.__enter__()
    chat.abandon(chat.pending()[0])
    with pytest.raises(convo.ExchangeLost):
        call.record(answer("The late answer."))
    kept = resolved(chat, chat._driver.runner.run(_late_answers, chat._place.found.branch))
    assert [decode(raw) for raw in kept] == [answer("The late answer.")]


def _late_answers(connection: Any, branch: Any) -> list[str]:
    from convo.store import tables

    column = tables.exchange.c
    query = sa.select(column.raw).where(column.branch == branch, column.status == "late")
    schema = connection.get_execution_options().get("convo_schema")
    return list(connection.execute(query, execution_options={"schema_translate_map": {None: schema}}).scalars())


def test_an_answer_that_cannot_be_read_counts_as_billed(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    with_nothing = client.chat.completions.with_raw_response

    class Raw:
        headers: dict[str, str] = {}  # noqa: RUF012 - never changed

        def parse(self) -> Any:
            return answer("", choices=[])

    async def create_async(**request: Any) -> Any:
        return Raw()

    with_nothing.create = create_async if hasattr(client, "__aenter__") else lambda **request: Raw()
    with pytest.raises(convo.AnswerError) as caught:
        chat.send(client, "Hello", **TEXT)
    assert caught.value.answer == answer("", choices=[])
    assert chat.pending() == []
    assert chat.usage().usage.input_tokens == 3


def test_an_answer_that_cannot_be_read_in_a_callers_own_exchange_counts_as_billed(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    with pytest.raises(convo.AnswerError), chat.exchange(chat.request("gpt-4.1", client=client)) as call:
        call.record(answer("", choices=[]))
    assert (chat.usage().usage.input_tokens, chat.pending()) == (3, [])


def test_an_answer_that_an_exchange_recorded_is_not_recorded_again(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    request = chat.request("gpt-4.1", client=client)
    with chat.exchange(request) as call:
        first = call.record(answer("Yes."))
    assert chat.record(answer("Yes."), request).replayed
    assert chat.record(answer("Yes.")).message == first.message
    assert (len(chat.history()), chat.usage().calls) == (2, 1)


def test_equal_answers_to_different_requests_are_different_turns(store: Any, client: Any) -> None:
    chat = store.create()
    for _ in range(2):
        chat.add("Are you sure?")
        request = chat.request("gpt-4.1", client=client)
        chat.record(answer("Yes."), request)
        assert chat.record(answer("Yes."), request).replayed
    assert [m.text for m in chat.history()] == ["Are you sure?", "Yes."] * 2


def test_a_memory_does_not_go_back_when_an_old_request_is_recorded_later(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    chat = store.create()
    chat.send(client, recording(), **VOICE)
    clock.advance(1800)
    later = chat.send(client, recording(), **VOICE)
    clock.advance(1800)
    old = chat.request("gpt-audio-1.5", client=client, voice="alloy")
    fake.revoke(later.audio.id)
    assert chat.send(client, "Why?", **VOICE).recovered
    chat.record(answer("Yes.", model="gpt-audio-1.5"), old)
    assert [r.how for r in chat.request("gpt-audio-1.5", client=client).renderings][3] == "transcript"


def test_a_refusal_is_remembered_when_the_next_try_fails(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, recording(), **VOICE)
    fake.revoke(first.audio.id)
    fake.will_fail(500)
    chat.add("Why?")
    with pytest.raises(openai.InternalServerError):
        chat.send(client, **VOICE)
    with contextlib.suppress(Exception):
        chat.send(client, **VOICE)
    fake.revoke(first.audio.id)
    chat.send(client, "And now?", **VOICE)
    refused = [received for received in fake.received if received.status == 400]
    assert len(refused) <= 1


def test_a_refusal_is_remembered_when_there_is_no_transcript_to_send_instead(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, recording(), **VOICE)
    spoken = {"id": first.audio.id, "expires_at": int(first.audio.expires_at.timestamp()), "data": "", "transcript": None}
    silent = answer("", choices=[{"index": 0, "message": {"role": "assistant", "content": None, "audio": spoken}}])
    other = store.create()
    other.add(recording())
    other.record(silent, other.request("gpt-audio-1.5", client=client, voice="alloy"))
    fake.revoke(first.audio.id)
    for _ in range(2):
        with pytest.raises(convo.TranscriptMissing):
            other.send(client, "Why?", **VOICE)
    assert len([received for received in fake.received if received.status == 400]) == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_one_key_at_the_same_moment_is_one_message(database: Database) -> None:
    with convo.Store(database.url, **database.options) as store:
        for _ in range(20):
            chat = store.create()
            together = Barrier(4)
            calls = [(store.get(chat.id), together) for _ in range(4)]
            with ThreadPoolExecutor(4) as pool:
                positions = set(pool.map(_add_together, calls))
            assert positions == {1}
            assert len(chat.history()) == 1


def _add_together(call: tuple[convo.Conversation, Barrier]) -> int:
    chat, together = call
    together.wait()
    return chat.add("Hello", key="k").position


def test_a_turn_in_a_callers_transaction_reads_and_then_writes_beside_other_writers(tmp_path: Any) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/theirs.db", connect_args={"timeout": 0.1})
    store = convo.Store(engine)
    store.upgrade()
    chat = store.create()
    with engine.begin() as connection:
        own = store.within(connection).get(chat.id)
        with pytest.raises(convo.StoreBusy):
            chat.add("another writer waits")
        own.add("mine")
    chat.add("theirs")
    assert [m.text for m in chat.history()] == ["mine", "theirs"]
    engine.dispose()


def test_a_key_without_content_is_not_replayed_after_tools_answered(store: Any, client: Any, fake: FakeAPI) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    chat = store.create()
    chat.add("Look it up.")
    fake.will_reply(tool_calls=[("look_up", "{}")])
    reply = chat.send(client, model="gpt-4.1", tools=tools, key="step")
    assert chat.send(client, model="gpt-4.1", tools=tools, key="step").replayed
    chat.tool_output(reply.tool_calls[0].id, "found")
    with pytest.raises(convo.KeyMismatch):
        chat.send(client, model="gpt-4.1", tools=tools, key="step")


def test_a_turn_that_failed_is_not_taken_up_behind_newer_ones(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.send(client, "first", **TEXT, key="k")
    chat.send(client, "second", **TEXT)
    with pytest.raises(convo.StaleHead):
        chat.send(client, "first", **TEXT, key="k")


def test_a_caller_that_is_cancelled_finds_its_answer_in_the_log_or_asks_once_more(
    database: Database, fake: FakeAPI, clock: FixedClock
) -> None:
    async def scenario(step: str) -> None:
        async with convo.AsyncStore(database.url, clock=clock, **database.options) as store, fake.async_client() as client:
            chat = await store.create()
            run = store._driver.runner.run
            task: asyncio.Task[Any] | None = None

            async def cancels(work: Any, *arguments: Any, **named: Any) -> Any:
                if task is not None and getattr(work, "__name__", "") == step:
                    task.cancel()
                return await run(work, *arguments, **named)

            store._driver.runner.run = cancels  # type: ignore[method-assign]
            task = asyncio.create_task(chat.send(client, recording(), **VOICE, key="k"))
            with contextlib.suppress(asyncio.CancelledError):
                await task
            task = None
            assert await chat.pending() == []
            reply = await chat.send(client, recording(), **VOICE, key="k")
            assert [m.role for m in await chat.history()] == ["user", "assistant"]
            assert reply.text

    for step in ("begin", "complete", "put"):
        before = len(fake.received)
        asyncio.run(scenario(step))
        assert len(fake.received) - before == 1


@pytest.mark.parametrize("moment", [datetime.max, datetime.min, datetime(1, 1, 1)])  # noqa: DTZ001, DTZ901 - made aware below
def test_times_that_no_database_holds_are_refused(store: Any, moment: datetime) -> None:
    chat = store.create()
    with pytest.raises(convo.InputError, match="2 to 9998"):
        chat.add("Hello", created_at=moment.replace(tzinfo=UTC))
    assert len(chat.history()) == 0
    with pytest.raises(convo.StaleHead):
        chat.add("Hello", expected_head=2**70)


def test_counts_that_no_call_has_do_not_break_the_sums(store: Any, client: Any) -> None:
    chat = store.create()
    for number, tokens in enumerate((10**13, 2**62, 2**64, 999_999_999_999)):
        usage = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens}
        chat.add("Hello")
        chat.record(answer(f"{number}", usage=usage, model="gpt-audio-1.5"), chat.request("gpt-audio-1.5", client=client))
    assert store.usage().calls == 4
