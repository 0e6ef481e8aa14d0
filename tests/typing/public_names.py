"""What type checkers make of the public names; nothing here is ever run.

`mypy` reads it with everything else. Another checker: `uv run --with basedpyright basedpyright --level error tests/typing`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_type
from uuid import UUID

import convo
from convo.testing import FakeAPI, FixedClock, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import AsyncOpenAI, OpenAI
    from openai.types.chat import ChatCompletion


def of_a_store(store: convo.Store) -> None:
    chat = store.create(instructions="Be short.", title="Dogs", metadata={"channel": "phone"}, key="call-42")
    assert_type(chat, convo.Conversation)
    assert_type(store.get(chat.id), convo.Conversation)
    assert_type(store.get(key="call-42"), convo.Conversation)
    assert_type(store.conversations(metadata={"channel": convo.OneOf("phone", "web")}, after=chat), list[convo.Conversation])
    assert_type(store.search("dogs"), list[convo.Hit])
    assert_type(store.owned_by("c-42"), convo.Store)
    assert_type(store.everyone(), convo.Store)
    assert_type(store.usage(), convo.Totals)
    assert_type(store.report(by=["day", "model"]), convo.Report)
    assert_type(store.erase("c-42"), convo.Erasure)
    assert_type(store.upgrade(), str | None)
    with store as same:
        assert_type(same, convo.Store)


def of_a_conversation(chat: convo.Conversation, client: OpenAI) -> None:
    assert_type(chat.id, UUID)
    assert_type(chat.owner, str)
    assert_type(chat.title, str | None)
    assert_type(chat.metadata, dict[str, Any])
    assert_type(chat.head, int)
    assert_type(chat.add("Hello?", convo.Audio.open("question.mp3")), convo.Message)
    assert_type(chat.extend([{"role": "user", "content": "Hello?"}]), tuple[convo.Message, ...])
    assert_type(chat.tool_output("call_1", {"rain": False}), convo.Message)
    assert_type(chat.message(1), convo.Message)
    assert_type(chat.branches(), list[convo.Branch])
    assert_type(chat.regenerate(), convo.Branch)
    assert_type(chat.edit(1, "Hello!"), convo.Message)
    assert_type(chat.fork(at=4), convo.Conversation)
    assert_type(chat.pending(), list[convo.Pending])
    assert_type(chat.transcript(), str)
    assert_type(chat.send(client, "Hello?", model="gpt-5.5", key="k", temperature=0), convo.Reply)
    with chat.stream(client, "Hello?", model="gpt-audio-1.5", voice="alloy") as stream:
        assert_type(stream, convo.Stream)
        for event in stream:
            assert_type(event, convo.Event)
        assert_type(stream.reply, convo.Reply)


def of_a_call_of_ones_own(chat: convo.Conversation, client: OpenAI, answer: ChatCompletion) -> None:
    request = chat.request("gpt-5.5", client=client)
    assert_type(request, convo.Request)
    assert_type(request.explain(), str)
    assert_type(request["messages"], Any)
    assert_type(chat.request("gpt-realtime-2.1", api="realtime"), convo.Seeds)
    with chat.exchange(request) as call:
        assert_type(call, convo.Exchange)
        assert_type(call.record(answer), convo.Reply)
        assert_type(call.recover(ValueError()), convo.Request | None)


def of_events(event: convo.Event) -> str | bytes | int | convo.Reply:
    """Each kind is told apart, and none is forgotten."""
    match event:
        case convo.TextDelta() | convo.TranscriptDelta() | convo.RefusalDelta() | convo.ReasoningDelta():
            return assert_type(event.text, str)
        case convo.AudioDelta():
            return assert_type(event.data, bytes)
        case convo.ToolCallDelta():
            return assert_type(event.index, int)
        case convo.Reply():
            return assert_type(event, convo.Reply)


def of_values(history: convo.History, message: convo.Message, reply: convo.Reply, audio: convo.Audio) -> None:
    assert_type(history[0], convo.Message)
    assert_type(history[1:], convo.History)
    assert_type([one.text for one in history], list[str])
    assert_type(message.position, int)
    assert_type(message.created_at, datetime)
    assert_type(message.audio, convo.Audio | None)
    assert_type(message.tool_calls, tuple[convo.ToolCall, ...])
    assert_type(message.raw, dict[str, Any])
    assert_type(reply.text, str)
    assert_type(reply.audio, convo.Audio | None)
    assert_type(reply.usage, convo.Usage)
    assert_type(reply.cost, convo.Cost)
    assert_type(reply.recovered, tuple[convo.Recovery, ...])
    assert_type(audio.data, bytes)
    assert_type(audio.duration, float | None)
    assert_type(audio.convert("wav"), convo.Audio)
    assert_type(convo.Audio.from_bytes(b""), convo.Audio)
    assert_type(convo.Budget(money="5.00", per="owner"), convo.Budget)
    assert_type(convo.Policy(window_tokens=32_000), convo.Policy)
    assert_type(convo.Catalogue.default(), convo.Catalogue)


def of_errors(error: convo.ConvoError) -> None:
    assert_type(error.code, str)
    assert_type(error.retryable, bool)
    if isinstance(error, convo.TurnInProgress):
        assert_type(error.retry_after, float)
    if isinstance(error, convo.BudgetExceeded):
        assert_type(error.spent, Decimal | int)
    narrower: type[LookupError] = convo.ConversationNotFound
    late: type[TimeoutError] = convo.StoreBusy
    del narrower, late


def of_the_fake(clock: FixedClock) -> None:
    fake = FakeAPI(clock=clock)
    now: Callable[[], datetime] = clock
    assert_type(fake.last, Received)
    with convo.Store("sqlite://", clock=now) as store, fake.client() as client:
        assert_type(store.create().send(client, "Hello?", model="gpt-5.5"), convo.Reply)


async def of_an_async_store(store: convo.AsyncStore, client: AsyncOpenAI, answer: ChatCompletion) -> None:
    chat = await store.create(key="call-42")
    assert_type(chat, convo.AsyncConversation)
    assert_type(await store.get(chat.id), convo.AsyncConversation)
    assert_type(await store.conversations(), list[convo.AsyncConversation])
    assert_type(await store.search("dogs"), list[convo.Hit])
    assert_type(store.owned_by("c-42"), convo.AsyncStore)
    assert_type(await chat.add("Hello?"), convo.Message)
    assert_type(await chat.message(1), convo.Message)
    assert_type(await chat.history(), convo.History)
    assert_type(await chat.fork(), convo.AsyncConversation)
    assert_type(await chat.send(client, "Hello?", model="gpt-5.5"), convo.Reply)
    assert_type(await convo.Audio.open_async("question.mp3"), convo.Audio)
    request = await chat.request("gpt-5.5", client=client)
    assert_type(request, convo.Request)
    assert_type(await chat.request("gpt-live-1", api="live"), convo.Seeds)
    async with chat.exchange(request) as call:
        assert_type(call, convo.AsyncExchange)
        assert_type(await call.record(answer), convo.Reply)
    async with chat.stream(client, "Hello?", model="gpt-5.5") as stream:
        assert_type(stream, convo.AsyncStream)
        async for event in stream:
            assert_type(event, convo.Event)
    async with store as same:
        assert_type(same, convo.AsyncStore)


def of_mistakes(store: convo.Store, chat: convo.Conversation, client: OpenAI) -> None:
    """Each of these is an error of types: a `type: ignore` that is needed no more would be one, too."""
    store.create("Dogs")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    store.get(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    chat.send(client, "Hello?")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    chat.title = "Cats"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    convo.Budget(per="owner", money=[])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
