"""LangChain's history, kept by convo: the real framework over each database, with both kinds of store."""

from __future__ import annotations

import base64
import importlib
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

import convo
from convo.integrations import langchain
from convo.integrations.langchain import ConvoChatMessageHistory
from tests.conftest import CIPHER
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

VOICE = {"model": "gpt-audio-1.5", "voice": "alloy"}
DEPRECATED = pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4_000)).decode()
QUESTION = recording("Is it clever?")
UNHEARD = recording(None, wav(2.0))
LONG = "The weather in Oslo, as far as anybody can tell: rain."


@attrs.frozen
class Kept:
    """A store of either kind, and histories whose methods block."""

    store: Any
    asynchronous: bool

    def of(self, session_id: str, **more: Any) -> ConvoChatMessageHistory:
        return ConvoChatMessageHistory(session_id, self.store._target if self.asynchronous else self.store, **more)

    def messages(self, session_id: str, **more: Any) -> list[BaseMessage]:
        history = self.of(session_id, **more)
        return self._done(history.aget_messages()) if self.asynchronous else history.messages

    def add(self, session_id: str, *messages: BaseMessage) -> None:
        history = self.of(session_id)
        if self.asynchronous:
            self._done(history.aadd_messages(messages))
        else:
            history.add_messages(messages)

    def clear(self, session_id: str) -> None:
        history = self.of(session_id)
        if self.asynchronous:
            self._done(history.aclear())
        else:
            history.clear()

    def _done(self, awaitable: Any) -> Any:
        return self.store._loop.run_until_complete(awaitable)


@pytest.fixture
def kept(world: World) -> Kept:
    return Kept(world.open(), world.asynchronous)


CALLS = AIMessage(
    "",
    tool_calls=[{"name": "weather", "args": {"city": "Oslo", "days": [1, 2]}, "id": "call_1", "type": "tool_call"}],
    invalid_tool_calls=[
        {"name": "weather", "args": '{"city": ', "id": "call_2", "error": "cut off", "type": "invalid_tool_call"}
    ],
    usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_token_details": {"cache_read": 2}},
    response_metadata={"model_name": "gpt-5.5", "logprobs": None, "finish_reason": "tool_calls"},
    id="run-1",
)
MESSAGES: dict[str, BaseMessage] = {
    "text": HumanMessage(LONG, id="mine-1", name="bob"),
    "a name that the API does not take": HumanMessage("Hello", name="Bob <the> Builder"),
    "nothing": HumanMessage(""),
    "surrogates": HumanMessage("broken \ud83d text that goes on for a while"),
    "instructions": SystemMessage("Answer in one sentence.", additional_kwargs={"cache": {"ttl": 5}}),
    "a developer": SystemMessage("Answer.", additional_kwargs={"__openai_role__": "developer"}),
    "calls": CALLS,
    "a result": ToolMessage(
        LONG, tool_call_id="call_1", name="weather", artifact={"rows": [1, None, {"$at": ["mine"], "$own": 1}]}, status="error"
    ),
    "a result in blocks": ToolMessage(
        [{"type": "text", "text": LONG}, {"type": "json", "json": {"a": 1}}], tool_call_id="call_2"
    ),
    "a function": FunctionMessage(content="42", name="answer"),
    "a role of one's own": ChatMessage(content="I object.", role="critic"),
    "a role that the API has": ChatMessage(content="Be brief.", role="system"),
    "a chunk": AIMessageChunk(content="Half of", id="run-2", chunk_position="last"),
    "thoughts": AIMessage(
        [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln" * 30}, {"type": "text", "text": "Yes.", "citations": []}],
        response_metadata={"model_provider": "anthropic"},
    ),
    "a picture": HumanMessage(
        [{"type": "text", "text": LONG}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]
    ),
    "a picture of version 1": HumanMessage([{"type": "image", "base64": PICTURE, "mime_type": "image/png", "extras": {"a": 1}}]),
    "a picture of another API": HumanMessage(
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}]
    ),
    "a picture elsewhere": HumanMessage([{"type": "image", "url": "https://example.com/dog.png"}]),
    "a recording": HumanMessage(
        [{"type": "audio", "base64": base64.b64encode(recording().data).decode(), "mime_type": "audio/wav"}]
    ),
    "sound that is none": HumanMessage([{"type": "audio", "base64": PICTURE, "mime_type": "audio/wav"}, "and a word"]),
    "a document": HumanMessage([{"type": "file", "base64": PICTURE, "mime_type": "application/pdf"}]),
    "a film": HumanMessage([{"type": "video", "base64": PICTURE, "mime_type": "video/mp4"}]),
    "a provider's own block": HumanMessage([{"type": "search_result", "content": [{"text": LONG}]}]),
}


def test_each_message_comes_back_as_it_was_given(kept: Kept) -> None:
    given = list(MESSAGES.values())
    kept.add("call", *given[:11])
    kept.add("call", *given[11:])

    found = kept.messages("call")

    assert found == given
    assert [type(message) for message in found] == [type(message) for message in given]


def test_what_was_said_is_searched_and_sent_like_any_other_message(kept: Kept, world: World) -> None:
    kept.add(
        "call", HumanMessage(LONG), CALLS, ToolMessage("rain", tool_call_id="call_1"), ToolMessage("no", tool_call_id="call_2")
    )
    chat = kept.store.get(key="call")

    reply = chat.send(world.client, "And tomorrow?", model="gpt-5.5")

    if CIPHER is None:
        assert [hit.position for hit in kept.store.search("oslo")] == [1]
    assert [call.name for call in chat.history()[1].tool_calls] == ["weather", "weather"]
    assert chat.history()[1].model == "gpt-5.5"
    assert reply.text
    assert kept.messages("call")[-1].content == reply.text


def test_a_request_holds_nothing_that_only_langchain_knows(kept: Kept, world: World, fake: FakeAPI) -> None:
    kept.add("call", MESSAGES["a developer"], MESSAGES["thoughts"], MESSAGES["a picture"], MESSAGES["nothing"])

    kept.store.get(key="call").send(world.client, "Well?", model="gpt-5.5")

    assert fake.last.body["messages"] == [
        {"role": "developer", "content": "Answer."},
        {"role": "assistant", "content": "Yes."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": LONG},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
            ],
        },
        {"role": "user", "content": "Well?"},
    ]


def test_large_base64_is_stored_as_bytes_and_texts_once(kept: Kept) -> None:
    kept.add("call", MESSAGES["a film"], HumanMessage(LONG * 1_000))

    film, text = kept.store.get(key="call").history()

    assert [(piece.kind, piece.format, piece.size) for piece in film.media] == [("file", "video/mp4", 4_008)]
    assert max(len(film.labels), len(text.labels)) < 500


@DEPRECATED
def test_a_chain_remembers_what_was_said(kept: Kept) -> None:
    model = FakeListChatModel(responses=["A dog.", "Yes."])
    chain = RunnableWithMessageHistory(model, kept.of)
    config: Any = {"configurable": {"session_id": "call"}}

    for question in ("What is a poodle?", [HumanMessage("Clever?", id="mine")]):
        if kept.asynchronous:
            kept._done(chain.ainvoke(question, config))
        else:
            chain.invoke(question, config)

    assert [message.content for message in kept.messages("call")] == ["What is a poodle?", "A dog.", "Clever?", "Yes."]
    assert kept.messages("call")[2].id == "mine"
    assert kept.messages("another") == []


def test_a_spoken_turn_survives_and_its_reference_stays_good(kept: Kept, world: World, fake: FakeAPI) -> None:
    chat = kept.store.create(key="call", instructions="Be brief.")
    reply = chat.send(world.client, QUESTION, **VOICE)

    system, asked, said = kept.messages("call")
    kept.add("call", HumanMessage("And loyal?"), AIMessage("It is."))
    chat.send(world.client, "Thank you.", **VOICE)

    assert (system.content, asked.content, said.content) == ("Be brief.", "Is it clever?", reply.transcript)
    assert "audio" not in said.additional_kwargs  # nothing for the framework to send again when it is too late
    assert said.response_metadata["audio"]["id"] == reply.audio.id
    sent = fake.last.body["messages"]
    assert sent[2] == {"role": "assistant", "audio": {"id": reply.audio.id}}
    assert sent[3:5] == [{"role": "user", "content": "And loyal?"}, {"role": "assistant", "content": "It is."}]


def test_a_recording_is_given_as_sound_where_that_is_wanted_or_nothing_else_is_there(kept: Kept) -> None:
    chat = kept.store.create(key="call")
    chat.add("Listen:", QUESTION)
    chat.add(UNHEARD)
    block = {"type": "audio", "base64": base64.b64encode(recording().data).decode(), "mime_type": "audio/wav"}

    words, unheard = kept.messages("call")
    sound, _ = kept.messages("call", sound=True)

    assert words.content == "Listen:\nIs it clever?"
    assert unheard.content == [{**block, "base64": base64.b64encode(UNHEARD.data).decode()}]
    assert sound.content == [{"type": "text", "text": "Listen:"}, block]


def spoken(expires: datetime) -> AIMessage:
    said = {"id": "audio_1", "transcript": "It is, very.", "data": base64.b64encode(recording().data).decode()}
    return AIMessage("", additional_kwargs={"audio": {**said, "expires_at": int(expires.timestamp())}})


def test_a_reply_that_langchain_heard_is_spoken_in_the_log_and_its_id_is_not_given_once_it_is_dead(
    kept: Kept, clock: FixedClock
) -> None:
    message = spoken(datetime.fromtimestamp(clock().timestamp() + 3_600, UTC))
    kept.add("call", HumanMessage("Is it?"), message)

    alive = kept.messages("call")[1]
    clock.advance(3_600)
    dead = kept.messages("call")[1]

    assert alive == message
    assert dead.content == "It is, very."
    assert "audio" not in dead.additional_kwargs
    (_, stored) = kept.store.get(key="call").history()
    assert (stored.text, stored.audio.id, stored.audio.format) == ("It is, very.", "audio_1", "wav")


def test_messages_that_convo_stored_keep_their_audio_when_they_are_put_back_after_clear(
    kept: Kept, world: World, fake: FakeAPI
) -> None:
    chat = kept.store.create(key="call")
    chat.add("Hello.")
    reply = chat.send(world.client, "Is it clever?", **VOICE)
    before = kept.messages("call")

    kept.clear("call")
    kept.add("call", *before[1:])
    kept.store.get(key="call").send(world.client, "Thank you.", **VOICE)

    assert [message["role"] for message in fake.last.body["messages"]] == ["user", "assistant", "user"]
    assert fake.last.body["messages"][1] == {"role": "assistant", "audio": {"id": reply.audio.id}}


def test_a_message_that_was_changed_before_it_is_put_back_is_what_it_was_changed_to(kept: Kept, world: World) -> None:
    chat = kept.store.create(key="call")
    chat.send(world.client, "Is it clever?", **VOICE)
    asked, said = kept.messages("call")

    kept.clear("call")
    kept.add("call", asked, said.model_copy(update={"content": "Shortened."}))

    assert [message.content for message in kept.messages("call")] == ["Is it clever?", "Shortened."]


def test_clear_shows_an_empty_line_and_loses_nothing(kept: Kept) -> None:
    kept.store.create(key="call", metadata={"channel": "phone"})
    kept.add("call", HumanMessage("one"), AIMessage("two"))

    kept.clear("call")
    kept.clear("call")
    kept.clear("not there")
    kept.add("call", HumanMessage("three"))

    chat = kept.store.get(key="call")
    assert [message.content for message in kept.messages("call")] == ["three"]
    assert [branch.head for branch in chat.branches()] == [2, 1]
    assert chat.metadata == {"channel": "phone"}
    chat.switch(chat.branches()[0])
    assert [message.content for message in kept.messages("call")] == ["one", "two"]


def test_what_was_edited_or_redacted_is_given_as_it_is_now(kept: Kept) -> None:
    kept.add("call", HumanMessage("a secret that is long enough to be kept once"), HumanMessage("two", id="mine"))
    chat = kept.store.get(key="call")
    chat.edit(2, "three")
    chat.redact(1)

    assert [message.content for message in kept.messages("call")] == ["[redacted]", "three"]


def test_calls_of_convo_are_calls_of_langchain(kept: Kept) -> None:
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "[1]"}},
    ]
    chat = kept.store.create(key="call")
    chat.extend([{"role": "assistant", "content": None, "tool_calls": calls}, {"role": "developer", "content": "Hm."}])
    chat.tool_output("call_1", "rain")

    asked, told, result = kept.messages("call")

    assert isinstance(asked, AIMessage)
    assert [(call["name"], call["args"], call["id"]) for call in asked.tool_calls] == [("weather", {"city": "Oslo"}, "call_1")]
    assert [(call["args"], call["id"]) for call in asked.invalid_tool_calls] == [("[1]", "call_2")]
    assert told.additional_kwargs == {"__openai_role__": "developer"}
    assert isinstance(result, ToolMessage)
    assert (result.content, result.tool_call_id) == ("rain", "call_1")


def test_a_conversation_is_found_by_its_id_too_and_by_its_owner_alone(kept: Kept) -> None:
    chat = kept.store.create()
    chat.add("mine")
    other = Kept(kept.store.owned_by(f"not {chat.id}"), kept.asynchronous)
    other.add("call", HumanMessage("theirs"))

    assert [message.content for message in kept.messages(str(chat.id))] == ["mine"]
    assert other.messages(str(chat.id)) == []
    assert kept.messages("call") == []


BAD = {
    "no message": ("a text", convo.InputError),
    "a removal": (RemoveMessage(id="x"), convo.InvalidContent),
    "an artifact that is no JSON": (ToolMessage("x", tool_call_id="c", artifact=object()), convo.InvalidContent),
    "a kind that nobody reads": (BaseMessage("x", type="mine"), convo.InvalidContent),
    "a result of no call": (ToolMessage("x", tool_call_id=""), convo.InvalidContent),
    "too much of a text": (HumanMessage("x" * 10_485_761), convo.TooLarge),
    "too much beside it": (HumanMessage("x", additional_kwargs={"y": "z " * 13_000_000}), convo.TooLarge),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(kept: Kept, name: str) -> None:
    message, error = BAD[name]
    kept.add("call", HumanMessage("there"))

    with pytest.raises(error):
        kept.add("call", HumanMessage("before"), message)  # type: ignore[arg-type]

    assert [found.content for found in kept.messages("call")] == ["there"]


@pytest.mark.parametrize("session_id", ["", "x" * 256, "a\nb", 7, None])
def test_a_session_id_that_is_no_key_is_refused(session_id: Any) -> None:
    with convo.Store("sqlite://") as store, pytest.raises(convo.InputError):
        ConvoChatMessageHistory(session_id, store)


def test_something_that_is_no_store_and_a_store_that_only_reads_are_refused() -> None:
    with pytest.raises(convo.InputError):
        ConvoChatMessageHistory("call", "sqlite:///chat.db")  # type: ignore[arg-type]
    with convo.Store("sqlite://") as store, pytest.raises(convo.ReadOnlyView):
        ConvoChatMessageHistory("call", store.everyone())


async def test_a_sync_store_is_awaited_in_threads() -> None:
    with convo.Store("sqlite://") as store:
        history = ConvoChatMessageHistory("call", store)
        await history.aadd_messages([HumanMessage("one")])
        assert [message.content for message in await history.aget_messages()] == ["one"]
        await history.aclear()
        assert history.messages == []


async def test_what_is_not_awaited_of_an_async_store_is_refused() -> None:
    async with convo.AsyncStore("sqlite://") as store:
        history = ConvoChatMessageHistory("call", store)
        for call in (lambda: history.messages, lambda: history.add_messages([HumanMessage("one")]), history.clear):
            with pytest.raises(convo.ConflictingArguments, match="aget_messages"):
                call()


def test_sound_that_the_store_does_not_keep_is_given_in_words(world: World, clock: FixedClock) -> None:
    kept = Kept(world.open(keep_audio="user"), world.asynchronous)
    kept.add("call", spoken(datetime.fromtimestamp(clock().timestamp() + 3_600, UTC)))

    (said,) = kept.messages("call")

    assert said.content == "It is, very."
    assert "audio" not in said.additional_kwargs


def test_without_langchain_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_core.chat_history", None)
    monkeypatch.delitem(sys.modules, "convo.integrations.langchain")

    with pytest.raises(convo.MissingDependency, match=r"convo\[langchain\]"):
        importlib.import_module("convo.integrations.langchain")


@DEPRECATED
def test_the_example_of_the_docstring_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", langchain.__doc__ or "", re.DOTALL)
    names: dict[str, Any] = {"model": FakeListChatModel(responses=["Very."])}

    exec(code, names)

    names["store"].close()
    assert "Very." in capsys.readouterr().out
