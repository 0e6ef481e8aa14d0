"""Pydantic AI's store of conversations, kept by convo: held against the framework's own, over each database."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai import Agent
from pydantic_ai.conversation import Conversation, ConversationTypeAdapter
from pydantic_ai.conversation_store import (
    ConversationConflict,
    ConversationEntry,
    ConversationRecord,
    ConversationStore,
    InMemoryConversationStore,
)
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    CompactionPart,
    DocumentUrl,
    FilePart,
    ImageUrl,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    RetryFeedbackPart,
    RetryInfo,
    SpeechPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
)
from pydantic_ai.models.test import TestModel
from pydantic_ai.tools import DeferredToolRequests
from pydantic_ai.usage import RequestUsage, RunUsage

import convo
from convo.integrations import pydantic_ai as adapter
from convo.integrations.pydantic_ai import ConvoConversationStore
from tests.conftest import CIPHER
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
NOW = datetime(2026, 11, 1, 12, 0, 0, 123_456, tzinfo=UTC)
LONG = "The weather in Oslo, as far as anybody can tell: rain."
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(4_000)
_numbers = itertools.count(1)


@pytest.fixture
async def chats(database: Database, clock: FixedClock) -> AsyncIterator[convo.AsyncStore]:
    async with convo.AsyncStore(database.url, clock=clock, cipher=CIPHER, **database.options) as store:
        yield store


@pytest.fixture
def store(chats: convo.AsyncStore) -> ConvoConversationStore:
    return ConvoConversationStore(chats)


def ask(text: str) -> ModelRequest:
    return ModelRequest([UserPromptPart(text, timestamp=NOW)], timestamp=NOW)


def say(text: str) -> ModelResponse:
    return ModelResponse([TextPart(text)], timestamp=NOW, model_name="gpt-5.5")


def turn(number: int) -> list[ModelMessage]:
    return [ask(f"question {number}"), say(f"answer {number}")]


async def saved(store: ConversationStore, id_: str, *messages: ModelMessage, **more: Any) -> Conversation:
    conversation = Conversation(conversation_id=id_, messages=list(messages))
    await store.save(conversation, **more)
    return conversation


async def loaded(store: ConversationStore, id_: str) -> Conversation:
    found = await store.load(id_)
    assert found is not None
    return found


# --- messages --------------------------------------------------------------------------------------

MESSAGES: dict[str, ModelMessage] = {
    "a prompt": ModelRequest(
        [SystemPromptPart(LONG, timestamp=NOW, dynamic_ref="now", metadata={"a": [1]}), UserPromptPart("Hello", timestamp=NOW)],
        timestamp=NOW, instructions="Be brief.", run_id="run-1", conversation_id="call", metadata={"ticket": 7},
    ),
    "media": ModelRequest(
        [
            UserPromptPart(
                [
                    "Look:", BinaryContent(PICTURE, media_type="image/png", vendor_metadata={"detail": "high"}),
                    CachePoint(ttl="1h"),
                    TextContent("here", metadata={"b": 2}),
                    ImageUrl("https://example.com/dog.png", force_download=True),
                    DocumentUrl("https://example.com/dog.pdf"), UploadedFile("file-1", provider_name="openai"),
                    BinaryContent(b"%PDF-1.7" + bytes(5_000), media_type="application/pdf"),
                    BinaryContent(wav(), media_type="audio/wav"), BinaryContent(b"no sound" * 900, media_type="audio/wav"),
                    BinaryContent(bytes(range(256)) * 20, media_type="video/mp4"),
                ],
                timestamp=NOW,
            )
        ]
    ),
    "results": ModelRequest(
        [
            ToolReturnPart("weather", LONG, tool_call_id="call_1", timestamp=NOW, metadata={"rows": [{"$at": 0, "$own": 1}]}),
            ToolReturnPart("weather", {"rain": [True, None, 1.5], "text": LONG}, tool_call_id="call_2", timestamp=NOW),
            ToolReturnPart("weather", "no", tool_call_id="call_3", timestamp=NOW, outcome="failed"),
            ToolReturnPart(
                "paint", [BinaryContent(PICTURE, media_type="image/png"), "done"], tool_call_id="call_4", timestamp=NOW
            ),
            RetryFeedbackPart("Answer in JSON.", retry=RetryInfo(cause="model_retry", attempt=1, max_retries=3), timestamp=NOW),
        ],
        state="interrupted",
    ),
    "nothing": ModelRequest([], state="interrupted"),
    "an empty prompt": ModelRequest([UserPromptPart("", timestamp=NOW), UserPromptPart([], timestamp=NOW)]),
    "a summary": ModelRequest([CompactionPart("They spoke about dogs.", metadata={"by": "me"})]),
    "a reply": ModelResponse(
        [
            ThinkingPart("Hm.", id="rs_1", signature="c2ln" * 2_000, provider_name="openai", provider_details={"raw": [1]}),
            TextPart(LONG, id="msg_1", provider_name="openai", provider_details={"phase": "final"}),
            ToolCallPart("weather", {"city": "Oslo"}, tool_call_id="call_1"),
            ToolCallPart("weather", '{"city": ', tool_call_id="call_2"),
            ToolCallPart("weather", None, tool_call_id="call_3"),
            NativeToolCallPart("web_search", {"query": "Oslo"}, tool_call_id="ws_1", provider_name="openai"),
            NativeToolReturnPart("web_search", {"hits": [LONG]}, tool_call_id="ws_1", provider_name="openai", timestamp=NOW),
            TextPart("That is all."),
        ],
        usage=RequestUsage(input_tokens=3, output_tokens=4, details={"reasoning_tokens": 2}), model_name="gpt-5.5",
        timestamp=NOW, provider_name="openai", provider_details={"finish_reason": "stop"}, provider_response_id="resp_1",
        finish_reason="stop", run_id="run-1", conversation_id="call", metadata={"thumbs": 1},
    ),
    "a picture that was painted": ModelResponse([FilePart(BinaryContent(PICTURE, media_type="image/png"))], timestamp=NOW),
    "thoughts alone": ModelResponse([ThinkingPart("Hm.")], timestamp=NOW, state="interrupted"),
    "no answer": ModelResponse([], timestamp=NOW),
    "speech of a user": ModelRequest(
        [SpeechPart(speaker="user", transcript="Is it clever?", audio=BinaryContent(wav(), media_type="audio/wav"))]
    ),
    "speech of the model": ModelResponse(
        [SpeechPart(speaker="assistant", transcript="It is.", audio=BinaryContent(wav(), media_type="audio/wav"))], timestamp=NOW
    ),
    "speech in words": ModelResponse(
        [SpeechPart(speaker="assistant", transcript="It is.", interrupted_at_ms=700, id="item_1", provider_name="openai")],
        timestamp=NOW,
    ),
}  # fmt: skip
MESSAGES = {
    name: ModelMessagesTypeAdapter.validate_json(ModelMessagesTypeAdapter.dump_json([m]))[0] for name, m in MESSAGES.items()
}
"""As any store gives them back that writes JSON: a picture is a `BinaryImage` then."""


async def test_each_message_comes_back_as_it_was_given(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    conversation = await saved(store, "call", *MESSAGES.values())

    again = await loaded(ConvoConversationStore(chats), "call")

    assert again.messages == list(MESSAGES.values())
    assert again == conversation


async def test_what_was_said_is_searched_and_sent_like_any_other_message(
    store: ConvoConversationStore, chats: convo.AsyncStore, fake: FakeAPI
) -> None:
    results = ModelRequest(
        [ToolReturnPart("weather", {"rain": True}, tool_call_id=f"call_{number}", timestamp=NOW) for number in (1, 2, 3)]
    )
    await saved(store, "call", MESSAGES["a prompt"], MESSAGES["a reply"], results, MESSAGES["speech of the model"])
    chat = await chats.get(key="call")

    async with fake.async_client() as client:
        await chat.send(client, "And tomorrow?", model="gpt-5.5")

    history = await chat.history()
    assert [(message.role, message.text) for message in history][:3] == [
        ("system", LONG), ("user", "Hello"), ("assistant", f"{LONG}\n\nThat is all."),
    ]  # fmt: skip
    assert [call.arguments for call in history[2].tool_calls] == ['{"city":"Oslo"}', '{"city": ', "{}"]
    assert (history[2].model, history[2].created_at) == ("gpt-5.5", NOW)
    assert history[6].audio is not None
    assert fake.last.body["messages"][3:7] == [
        *({"role": "tool", "tool_call_id": f"call_{number}", "content": '{"rain":true}'} for number in (1, 2, 3)),
        {"role": "assistant", "content": "It is."},
    ]
    if CIPHER is None:
        assert [hit.position for hit in await chats.search("oslo rain")] == [1, 3]


async def test_bytes_are_stored_once_and_not_as_base64(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    await saved(store, "call", MESSAGES["media"], MESSAGES["a picture that was painted"])

    media, painted = await (await chats.get(key="call")).history()

    assert [(piece.part, piece.kind) for piece in painted.media] == [(1_000, "image")]
    assert painted.media[0].digest in {piece.digest for piece in media.media}
    assert max(len(message.labels or "") for message in (media, painted)) < 5_000


# --- the protocol, held against the framework's own store ------------------------------------------

Act = tuple[Any, ...]
ACTS = st.one_of(
    st.tuples(st.just("save"), st.integers(1, 3)),
    st.tuples(st.just("rewrite"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("serialized"), st.integers(0, 2)),
    st.tuples(st.just("window"), st.integers(0, 5)),
    st.tuples(st.just("branch"), st.integers(0, 9)),
    st.tuples(st.just("back"), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("fork"), st.none() | st.integers(0, 9)),
    st.tuples(st.just("go on"), st.integers(0, 9)),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("stale")),
)


@attrs.define
class Player:
    """Does to a store what is asked for, and tells what became of it, in words that do not depend on the ids of entries."""

    store: ConversationStore
    prefix: str
    ids: list[str] = attrs.field(init=False)
    messages: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))

    def __attrs_post_init__(self) -> None:
        self.ids = [f"{self.prefix}-0"]

    @property
    def id(self) -> str:
        return self.ids[-1]

    def new(self, turns: int) -> list[ModelMessage]:
        return [message for _ in range(turns) for message in turn(next(self.messages))]

    async def play(self, act: Act) -> Any:
        try:
            return await getattr(self, act[0].replace(" ", "_"))(*act[1:])
        except UserError as error:
            return type(error).__name__

    async def current(self, limit: int | None = None) -> Conversation:
        return await self.store.load(self.id, limit=limit) or Conversation(conversation_id=self.id)

    async def save(self, turns: int) -> int:
        conversation = await self.current()
        conversation.messages += self.new(turns)
        conversation.usage.requests += turns
        return len(await self.store.save(conversation, scope="mine" if turns == 2 else None))

    async def rewrite(self, kept: int, turns: int) -> int:
        conversation = await self.current()
        conversation.messages = [*conversation.messages[:kept], *self.new(turns)]
        conversation.new_message_index = None
        return len(await self.store.save(conversation))

    async def serialized(self, turns: int) -> int:
        conversation = ConversationTypeAdapter.validate_json(ConversationTypeAdapter.dump_json(await self.current()))
        conversation.messages += self.new(turns)
        return len(await self.store.save(conversation))

    async def window(self, limit: int) -> int:
        conversation = await self.current(limit)
        conversation.messages += self.new(1)
        return len(await self.store.save(conversation))

    async def branch(self, at: int) -> list[ModelMessage]:
        revision = (await self.current()).revision
        return (await self.store.branch(self.id, at=at, expected_revision=revision)).messages

    async def back(self, which: int, at: int) -> list[ModelMessage]:
        record = await self.store.read_record(self.id)
        if record is None or not record.branches:
            return []
        line = await self.store.read_history(record.branches[which % len(record.branches)])
        entry = line[at % len(line)].id
        return (await self.store.branch(self.id, from_entry=entry, expected_revision=record.revision)).messages

    async def fork(self, at: int | None) -> list[ModelMessage]:
        new = f"{self.prefix}-{len(self.ids)}"
        found = await self.store.fork(self.id, at=at, new_conversation_id=new, scope="forks" if at == 2 else None)
        self.ids.append(new)
        return found.messages

    async def go_on(self, which: int) -> None:
        self.ids.append(self.ids.pop(which % len(self.ids)))

    async def delete(self, which: int) -> None:
        await self.store.delete(self.ids[which % len(self.ids)], scope="mine" if which == 3 else None)

    async def stale(self) -> Any:
        first, second = await self.current(), await self.current()
        first.messages += self.new(1)
        second.messages += self.new(1)
        await self.store.save(first)
        await self.store.save(second)

    async def told(self) -> list[Any]:
        """All that the store says of its conversations."""
        listed = [record.conversation_id for record in await self.store.list_conversations()]
        mine = [id_ for id_ in listed if id_.startswith(f"{self.prefix}-")]
        return [mine, *[await self._told(id_) for id_ in sorted(mine)]]

    async def _told(self, id_: str) -> list[Any]:
        record, entries = await self.store.read_record(id_), await self.store.load_entries(id_)
        assert record is not None
        assert entries is not None
        assert [entry.parent_id for entry in entries] == [None, *[entry.id for entry in entries]][: len(entries)]
        assert record.head_id == (entries[-1].id if entries else None)
        branches = [[entry.message for entry in await self.store.read_history(tip)] for tip in record.branches]
        at = None if record.forked_at is None else [entry.id for entry in entries].count(record.forked_at)
        last = await self.store.load_entries(id_, limit=2)
        assert last == entries[-2:]
        return [
            record.scope, record.usage, record.forked_from, at is not None, branches, [entry.message for entry in entries]
        ]  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(acts=st.lists(ACTS, max_size=10))
def test_it_does_what_the_frameworks_own_store_does(database: Database, acts: list[Act]) -> None:
    async def both() -> None:
        prefix = f"run{next(_numbers)}"
        async with convo.AsyncStore(database.url, cipher=CIPHER, **database.options) as chats:
            theirs, ours = Player(InMemoryConversationStore(), prefix), Player(ConvoConversationStore(chats), prefix)
            for act in acts:
                assert await ours.play(act) == await theirs.play(act)
                ours.store = ConvoConversationStore(chats)  # another worker goes on
            assert await ours.told() == await theirs.told()

    asyncio.run(both())


async def test_one_of_two_who_save_at_once_is_told(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    await saved(store, "call", *turn(1))
    stores = [store, *(ConvoConversationStore(chats) for _ in range(4))]
    conversations = [await loaded(one, "call") for one in stores]
    for number, conversation in enumerate(conversations):
        conversation.messages += turn(number)

    done = await asyncio.gather(
        *(one.save(conversation) for one, conversation in zip(stores, conversations, strict=True)), return_exceptions=True
    )

    assert sorted(type(result).__name__ for result in done) == ["ConversationConflict"] * 4 + ["list"]
    assert len((await loaded(store, "call")).messages) == 4
    assert len(await (await chats.get(key="call")).history()) == 4


async def test_one_of_two_who_make_the_same_conversation_is_told(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    done = await asyncio.gather(
        *(saved(ConvoConversationStore(chats), "call", *turn(number)) for number in range(3)), return_exceptions=True
    )

    assert sorted(type(result).__name__ for result in done) == ["Conversation", "ConversationConflict", "ConversationConflict"]
    assert len((await loaded(store, "call")).messages) == 2


async def test_calls_that_a_run_waits_for_are_kept(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    call = ToolCallPart("refund", {"amount": "9" * 200_000, "why": "a\x00b"}, tool_call_id="call_1")
    waiting = DeferredToolRequests(approvals=[call], metadata={"call_1": {"by": "bob"}})
    conversation = Conversation(
        conversation_id="call", messages=[ask("Refund me."), ModelResponse([call], timestamp=NOW)],
        deferred_tool_requests=waiting,
        usage=RunUsage(requests=1, tool_calls=2, details={"reasoning": 3}),
    )  # fmt: skip
    await store.save(conversation)
    chat = await chats.create(metadata={"channel": "phone"})  # others are listed all the same

    found = await loaded(ConvoConversationStore(chats), "call")

    assert (found.deferred_tool_requests, found.usage) == (waiting, conversation.usage)
    if CIPHER is None:
        assert [other.id for other in await chats.conversations(metadata={"channel": "phone"})] == [chat.id]


async def test_conversations_are_listed_by_scope_those_saved_last_first(store: ConvoConversationStore) -> None:
    first = await saved(store, "one", *turn(1), scope="u1")
    await saved(store, "two", *turn(1), scope="u2")
    await saved(store, "three", *turn(1), scope="u1")
    first.messages += turn(2)
    await store.save(first)

    assert [record.conversation_id for record in await store.list_conversations(scope="u1")] == ["one", "three"]
    assert [record.conversation_id for record in await store.list_conversations(limit=2)] == ["one", "three"]
    assert await store.load("two", scope="u1") is None
    with pytest.raises(ConversationConflict):
        await store.save(await loaded(store, "two"), scope="u1")


async def test_an_entry_is_found_by_a_store_that_never_saw_it(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    conversation = Conversation(conversation_id="call", messages=[*turn(1), MESSAGES["results"], *turn(2)])
    entries = await store.save(conversation)
    await store.branch("call", at=1, expected_revision=conversation.revision)

    for entry in entries:
        assert await ConvoConversationStore(chats).read_entry(entry.id) == entry
    with pytest.raises(KeyError):
        await store.read_entry("not there")


@pytest.mark.parametrize("id_", [f"{'-' * 36}:1", f"{'0' * 36}:1", f"{UUID(int=7)}:9999999999999999999", "\0", "\ud800"])
async def test_ids_that_only_look_like_those_of_entries_are_not_found(store: ConvoConversationStore, id_: str) -> None:
    with pytest.raises(KeyError):
        await store.read_entry(id_)
    record = ConversationRecord(conversation_id="call", head_id=id_, revision="r1")
    with pytest.raises(ConversationConflict):
        await store.write_record(record, expected_revision=None)


async def test_the_primitives_keep_the_ids_that_they_are_given(store: ConvoConversationStore) -> None:
    entry = ConversationEntry(id="mine", parent_id=None, message=ask("Hello"))
    record = ConversationRecord(conversation_id="call", head_id="mine", revision="r1", scope="u1", updated_at=NOW)
    await store.write_record(record, new_entries=[entry], expected_revision=None)

    assert await store.read_entry("mine") == entry
    assert await store.read_record("call") == record
    with pytest.raises(ConversationConflict):
        await store.write_record(record, expected_revision=None)
    with pytest.raises(ConversationConflict):
        await store.write_record(ConversationRecord(conversation_id="other", head_id="gone"), expected_revision=None)
    with pytest.raises(ConversationConflict):
        await store.delete_record("call", expected_revision="r0")
    assert await store.load("other") is None
    await store.delete_record("call", expected_revision="r1")
    with pytest.raises(KeyError):
        await store.read_entry("mine")


# --- beside convo ----------------------------------------------------------------------------------


async def test_a_spoken_turn_survives_a_run_and_its_reference_stays_good(
    store: ConvoConversationStore, chats: convo.AsyncStore, fake: FakeAPI
) -> None:
    agent = Agent(TestModel(custom_output_text="It is."))
    chat = await chats.create(instructions="Be brief.")
    async with fake.async_client() as client:
        reply = await chat.send(client, "Listen:", recording("Is it clever?"), **VOICE)
        conversation = await loaded(store, str(chat.id))
        result = await agent.run("And loyal?", conversation=conversation)
        await store.save(result)
        await chat.send(client, "Thank you.", **VOICE)

    system, asked, said = conversation.messages
    assert isinstance(system.parts[0], SystemPromptPart)
    heard, spoken = asked.parts[1], said.parts[0]
    assert isinstance(heard, SpeechPart)
    assert (heard.transcript, heard.audio and heard.audio.data) == ("Is it clever?", wav())
    assert spoken == SpeechPart(speaker="assistant", transcript=reply.transcript)
    assert reply.audio is not None
    assert fake.last.body["messages"][2] == {"role": "assistant", "audio": {"id": reply.audio.id}}
    assert [message["content"] for message in fake.last.body["messages"][3:]] == ["And loyal?", "It is.", "Thank you."]
    again = await loaded(store, str(chat.id))
    assert again.messages[:5] == [*conversation.messages, *result.new_messages()]


async def test_who_saves_what_convo_has_gone_on_with_is_told(
    store: ConvoConversationStore, chats: convo.AsyncStore, fake: FakeAPI
) -> None:
    conversation = await saved(store, "call", *turn(1))
    chat = await chats.get(key="call")
    async with fake.async_client() as client:
        await chat.send(client, "More?", model="gpt-5.5")

    conversation.messages += turn(2)
    with pytest.raises(ConversationConflict):
        await store.save(conversation)
    again = await loaded(store, "call")
    again.messages += turn(2)
    await store.save(again)

    assert [message.text for message in await chat.history()][4:] == ["question 2", "answer 2"]
    assert len((await loaded(store, "call")).messages) == 6


async def test_lines_that_convo_left_are_branches(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    await saved(store, "call", *turn(1), *turn(2))
    chat = await chats.get(key="call")
    await chat.edit(3, "another question")

    conversation = await loaded(store, "call")
    record = await store.read_record("call")

    assert record is not None
    assert [part.content for part in conversation.messages[-1].parts] == ["another question"]  # type: ignore[union-attr]
    (left,) = record.branches
    assert [entry.message for entry in await store.read_history(left)] == [*turn(1), *turn(2)]
    back = await store.branch("call", from_entry=left, expected_revision=conversation.revision)
    assert back.messages == [*turn(1), *turn(2)]
    assert [message.text for message in await chat.history()] == ["question 1", "answer 1", "question 2", "answer 2"]


async def test_what_was_redacted_is_given_as_it_is_now(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    await saved(store, "call", MESSAGES["a prompt"], say("a secret"))
    chat = await chats.get(key="call")
    await chat.redact(2)
    await chat.redact(3)

    messages = (await loaded(store, "call")).messages

    assert [[part.content for part in message.parts] for message in messages] == [[LONG], ["[redacted]"], ["[redacted]"]]  # type: ignore[union-attr]


async def test_metadata_and_title_of_the_application_stay(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    chat = await chats.create(key="call", title="Dogs", metadata={"channel": "phone"})
    conversation = await loaded(store, "call")
    conversation.messages += turn(1)
    await store.save(conversation)

    again = await chats.get(chat.id)
    assert (again.title, again.metadata["channel"]) == ("Dogs", "phone")
    await again.update(metadata={"channel": "web"})  # and the record is gone: what was said is not
    assert (await loaded(store, "call")).messages == turn(1)


async def test_a_fork_keeps_what_it_shares_when_the_other_is_deleted(store: ConvoConversationStore) -> None:
    await saved(store, "call", *turn(1), MESSAGES["media"])
    await store.fork("call", at=3, new_conversation_id="fork")
    await store.delete("call")

    conversation = await loaded(store, "fork")
    conversation.messages += turn(2)
    await store.save(conversation)

    assert (await loaded(store, "fork")).messages == [*turn(1), MESSAGES["media"], *turn(2)]
    assert await store.load("call") is None


async def test_what_was_shared_with_a_fork_that_is_deleted_is_gone_on_from(chats: convo.AsyncStore) -> None:
    """By a store that has read the fork first: it knew the messages by where the fork had them."""
    first = ConvoConversationStore(chats)
    await saved(first, "call", *turn(1), *turn(2))
    await first.fork("call", new_conversation_id="fork")
    store = ConvoConversationStore(chats)
    await loaded(store, "fork")
    await store.delete("fork")

    assert (await store.fork("call", at=2, new_conversation_id="another")).messages == turn(1)
    revision = (await loaded(store, "call")).revision
    assert (await store.branch("call", at=2, expected_revision=revision)).messages == turn(1)


async def test_a_session_goes_on_elsewhere(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    conversation = await saved(store, "call", *turn(1), *turn(2), MESSAGES["media"])
    await store.branch("call", at=2, expected_revision=conversation.revision)
    session = await (await chats.get(key="call")).session()
    await store.delete("call")
    chat = await chats.import_session(session)

    again = ConvoConversationStore(chats)
    record = await again.read_record(str(chat.id))

    assert record is not None
    line = await again.read_history(record.branches[0])
    assert [entry.message for entry in line] == [*turn(1), *turn(2), MESSAGES["media"]]
    found = await loaded(again, str(chat.id))
    found.messages += turn(3)
    await again.save(found)
    assert (await loaded(again, str(chat.id))).messages == [*turn(1), *turn(3)]


async def test_sound_that_the_store_does_not_keep_is_given_in_words(database: Database) -> None:
    async with convo.AsyncStore(database.url, keep_audio="none", cipher=CIPHER, **database.options) as chats:
        store = ConvoConversationStore(chats)
        entries = await store.save(Conversation(conversation_id="call", messages=[MESSAGES["speech of the model"]]))

        (entry,) = await store.load_entries("call") or []

    assert entry.id == entries[0].id
    assert entry.message.parts == [SpeechPart(speaker="assistant", transcript="It is.")]


async def test_no_sound_of_a_reply_in_several_parts_is_kept_where_none_is(database: Database) -> None:
    sounds = [BinaryContent(wav(seconds), media_type="audio/wav") for seconds in (1, 2)]
    reply = ModelResponse([SpeechPart(speaker="assistant", transcript="It is.", audio=sound) for sound in sounds])
    async with convo.AsyncStore(database.url, keep_audio="none", **database.options) as chats:
        store = ConvoConversationStore(chats)
        await store.save(Conversation(conversation_id="call", messages=[reply]))
        (message,) = await (await chats.get(key="call")).history()
        (entry,) = await store.load_entries("call") or []

    assert [piece.dropped is not None for piece in message.media] == [True, True]
    assert entry.message.parts == [SpeechPart(speaker="assistant", transcript="It is.\nIt is.")]


def test_without_pydantic_ai_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.conversation_store", None)
    monkeypatch.delitem(sys.modules, "convo.integrations.pydantic_ai")

    with pytest.raises(convo.MissingDependency, match=r"convo\[pydantic-ai\]"):
        importlib.import_module("convo.integrations.pydantic_ai")


async def test_a_conversation_on_hold_is_not_deleted(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    await saved(store, "call", *turn(1))
    await (await chats.get(key="call")).hold("case 7")

    with pytest.raises(convo.OnHold):
        await store.delete("call")


async def test_owners_see_their_own(store: ConvoConversationStore, chats: convo.AsyncStore) -> None:
    entries = await store.save(Conversation(conversation_id="call", messages=turn(1)))
    chat = await chats.get(key="call")
    theirs = ConvoConversationStore(chats.owned_by(f"somebody else {next(_numbers)}"))

    assert await theirs.load("call") is None
    assert await theirs.load(str(chat.id)) is None
    assert await theirs.list_conversations() == []
    await saved(theirs, "call", *turn(2))
    for entry in (entries[0].id, f"{(await chat.branches())[0].id}:1"):
        with pytest.raises(KeyError):
            await theirs.read_entry(entry)
        with pytest.raises(ConversationConflict):
            await theirs.write_record(ConversationRecord(conversation_id="mine", head_id=entry), expected_revision=None)
    await theirs.delete("call")
    assert (await loaded(store, "call")).messages == turn(1)


BAD: dict[str, tuple[Callable[[], ModelMessage], type[Exception]]] = {
    "a result that is no JSON": (lambda: ModelRequest([ToolReturnPart("x", object(), tool_call_id="c")]), convo.InvalidContent),
    "a surrogate": (lambda: ask("broken \ud83d"), convo.InvalidContent),
    "metadata that are no JSON": (lambda: ModelRequest([], metadata={"x": object()}), convo.InvalidContent),
    "a result of no call": (lambda: ModelRequest([ToolReturnPart("x", "y", tool_call_id="")]), convo.InvalidContent),
    "too much of a text": (lambda: ask("x" * 10_485_761), convo.TooLarge),
    "too much beside it": (lambda: ModelResponse([ThinkingPart("z " * 13_000_000)]), convo.TooLarge),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(store: ConvoConversationStore, name: str) -> None:
    make, error = BAD[name]
    conversation = await saved(store, "call", *turn(1))
    conversation.messages += [*turn(2), make()]

    with pytest.raises(error):
        await store.save(conversation)

    assert (await loaded(store, "call")).messages == turn(1)


@pytest.mark.parametrize("id_", ["", "x" * 256, "a\nb"])
async def test_a_conversation_id_that_is_no_key_is_refused(id_: str) -> None:
    async with convo.AsyncStore("sqlite://") as chats:
        assert await ConvoConversationStore(chats).load(id_) is None
        with pytest.raises(convo.InputError):
            await saved(ConvoConversationStore(chats), id_, *turn(1))


async def test_something_else_than_an_async_store_of_one_owner_is_refused() -> None:
    with convo.Store("sqlite://") as sync, pytest.raises(convo.InputError, match="AsyncStore"):
        ConvoConversationStore(sync)  # type: ignore[arg-type]
    async with convo.AsyncStore("sqlite://") as chats:
        with pytest.raises(convo.ReadOnlyView):
            ConvoConversationStore(chats.everyone())


async def test_the_example_of_the_docstring_runs(chats: convo.AsyncStore, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", adapter.__doc__ or "", re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)

    for _ in range(2):
        assert await names["answer"](Agent(TestModel(custom_output_text="Very.")), chats, "Is a poodle clever?") == "Very."

    assert capsys.readouterr().out.count("Is a poodle clever?") == 3
