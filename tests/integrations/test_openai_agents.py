"""The session of the OpenAI Agents SDK: what is added comes back, nothing is lost, and both sides go on with the same talk."""

from __future__ import annotations

import asyncio
import base64
import importlib
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from agents import Agent, ModelSettings, RunConfig, Runner, SessionSettings, SQLiteSession, function_tool
from agents.memory import OpenAIResponsesCompactionSession, Session
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.integrations import openai_agents
from convo.integrations.openai_agents import ConvoSession
from tests.support.builders import WAV, recording
from tests.support.sealing import shared_cipher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock

SOUND = base64.b64encode(WAV).decode()
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PICTURE = f"data:image/png;base64,{PNG}"
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
TALK: list[Any] = [
    {"role": "user", "content": "Rain in Oslo?"},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Ask."}], "encrypted_content": "x" * 20},
    {
        "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "rain", "arguments": '{"city":"Oslo"}',
        "status": "completed",
    },
    {"type": "function_call_output", "call_id": "call_1", "output": "No."},
    {
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final_answer",
        "content": [{"type": "output_text", "text": "It is dry.", "annotations": [], "logprobs": []}],
    },
]  # fmt: skip
ALL: list[Any] = [
    *TALK,
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And this?", "new_field": [1, None, 0.5]}]},
    {"role": "user", "content": [{"type": "input_image", "image_url": PICTURE, "detail": "low"}]},
    {"role": "user", "content": [{"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"}]},
    {"role": "user", "content": [{"type": "input_image", "file_id": "file_1", "detail": "auto"}]},
    {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.test/a.png", "detail": "auto"}]},
    {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,broken=", "detail": "auto"}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "bm8gc291bmQ=", "format": "wav"}}]},
    {"role": "developer", "content": "Be brief."},
    {"role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
    {"role": "assistant", "content": "Yes.", "phase": "commentary"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": ""},
    {"role": "user", "content": []},
    {"type": "custom_tool_call", "call_id": "call_2", "name": "shell", "input": "ls", "id": "ctc_1"},
    {"type": "custom_tool_call_output", "call_id": "call_2", "output": "a b"},
    {"type": "function_call", "call_id": "c" * 60, "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c" * 60, "output": [{"type": "input_image", "image_url": PICTURE}]},
    {"type": "computer_call", "id": "cu_1", "call_id": "call_3", "action": {"type": "screenshot"}, "pending_safety_checks": []},
    {
        "type": "computer_call_output", "call_id": "call_3",
        "output": {"type": "computer_screenshot", "image_url": PICTURE},
    },
    {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"},
    {"type": "item_reference", "id": "msg_9"},
    {"type": "of_next_year", "deep": {"\u00e9": ["\U0001f415", {"big": 10**25}]}},
]  # fmt: skip


# --- what is added comes back ----------------------------------------------------------------------


async def test_a_session_is_one_to_the_sdk(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    assert isinstance(session, Session)
    assert session.session_settings == SessionSettings()
    assert repr(session) == "<ConvoSession 'call-42'>"


async def test_items_come_back_as_they_were_added(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    await session.add_items(ALL[len(TALK) :])
    assert await ConvoSession("call-42", store).get_items() == ALL
    assert not [finding for finding in await store.doctor() if finding.branch or finding.conversation]


async def test_bytes_are_in_no_row(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(ALL)
    history = await (await store.get(key="call-42")).history()
    assert not [message for message in history if PNG in message.body]


@pytest.mark.parametrize(("limit", "expected"), [(None, 5), (0, 0), (1, 1), (2, 2), (4, 4), (5, 5), (99, 5), (-1, 5)])
async def test_a_limit_gives_the_latest_in_their_order(store: convo.AsyncStore, limit: int | None, expected: int) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    assert await session.get_items(limit) == TALK[len(TALK) - expected :]
    reference = SQLiteSession("call-42")
    await reference.add_items(TALK)
    assert await reference.get_items(limit) == TALK[len(TALK) - expected :], "as the SDK's own session does it"
    reference.close()


@pytest.mark.parametrize("given_settings", [SessionSettings(limit=2), {"limit": 2}])
async def test_the_settings_of_a_session_limit_it(store: convo.AsyncStore, given_settings: Any) -> None:
    session = ConvoSession("call-42", store, session_settings=given_settings)
    await session.add_items(TALK)
    assert await session.get_items() == TALK[-2:]
    assert await session.get_items(limit=3) == TALK[-3:]


async def test_a_limit_looks_behind_messages_that_are_no_items(store: convo.AsyncStore) -> None:
    chat = await store.create(key="call-42")
    session = ConvoSession("call-42", store)
    await session.add_items(TALK[:1])
    for number in range(6):
        await chat.update(instructions=f"Be brief {number}.")
    assert await session.get_items(1) == TALK[:1]


async def test_an_unknown_session_is_empty_and_is_not_made_by_reading(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    assert await session.get_items() == []
    assert await session.pop_item() is None
    await session.clear_session()
    await session.add_items([])
    assert await store.conversations() == []


async def test_a_deleted_session_begins_anew(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    await store.delete((await store.get(key="call-42")).id)
    assert await session.get_items() == []
    await session.add_items(TALK[:1])
    assert await session.get_items() == TALK[:1]


async def test_sessions_and_owners_have_each_their_own(store: convo.AsyncStore) -> None:
    other = store.owned_by(f"{store._owner}/somebody-else")
    sessions = [ConvoSession("a", store), ConvoSession("b", store), ConvoSession("a", other)]
    for number, session in enumerate(sessions):
        await session.add_items([{"role": "user", "content": f"I am {number}."}])
    await sessions[1].clear_session()
    assert [await session.get_items() for session in sessions] == [
        [{"role": "user", "content": "I am 0."}], [], [{"role": "user", "content": "I am 2."}],
    ]  # fmt: skip
    await other.erase(f"{store._owner}/somebody-else")
    assert await sessions[2].get_items() == []
    assert len(await sessions[0].get_items()) == 1


ITEMS = st.lists(
    st.one_of(
        st.builds(
            lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "assistant", "system"]), st.text()
        ),
        st.builds(lambda text: {"type": "function_call_output", "call_id": "c", "output": text}, st.text()),
        st.builds(lambda name: {"type": "function_call", "call_id": "c", "name": name, "arguments": "{}"}, st.text()),
        st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text())).map(lambda more: {**more, "type": "later"}),
    ),
    max_size=8,
)


@settings(max_examples=15)
@given(batches=st.lists(ITEMS, max_size=4))
def test_any_items_come_back_and_pop_from_the_end(batches: list[list[Any]]) -> None:
    async def run() -> None:
        async with ConvoSession("any", "sqlite://") as session:
            for batch in batches:
                await session.add_items(batch)
            expected = [item for batch in batches for item in batch]
            assert await session.get_items() == expected
            for item in reversed(expected[-5:]):
                assert await session.pop_item() == item
            assert await session.get_items() == expected[:-5]

    asyncio.run(run())


async def first_branch(chat: convo.AsyncConversation) -> Any:
    """The branch that was there first: the clock stands still, so that the order in which they are listed does not tell."""
    return next(branch for branch in await chat.branches() if branch.parent is None)


# --- what is taken back is not lost ----------------------------------------------------------------


async def test_items_are_popped_from_the_end_and_their_branches_keep_them(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(ALL)
    for left in range(len(ALL) - 1, -1, -1):
        assert await session.pop_item() == ALL[left]
        if left % 6 == 0:
            assert await session.get_items() == ALL[:left]
    assert await session.pop_item() is None
    chat = await store.get(key="call-42")
    assert len(await chat.branches()) == len(ALL) + 1
    await chat.switch(await first_branch(chat))
    assert await session.get_items() == ALL
    assert not [finding for finding in await store.doctor() if finding.branch or finding.conversation]


async def test_a_cleared_session_is_empty_and_its_branch_keeps_it(store: convo.AsyncStore) -> None:
    chat = await store.create(key="call-42", instructions="Be brief.")
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    await session.clear_session()
    await session.clear_session()
    assert await session.get_items() == []
    assert (await store.get(key="call-42")).instructions == "Be brief."
    await session.add_items(TALK[:1])
    assert await session.get_items() == TALK[:1]
    assert len(await chat.branches()) == 2
    await chat.switch(await first_branch(chat))
    assert await session.get_items() == TALK


async def test_sessions_of_several_workers_lose_nothing(opened: Callable[..., convo.AsyncStore]) -> None:
    sessions = [ConvoSession("call-42", opened()) for _ in range(3)]
    pairs: list[list[Any]] = [[{"role": "user", "content": f"{n} a"}, {"role": "user", "content": f"{n} b"}] for n in range(12)]
    await asyncio.gather(*(sessions[n % 3].add_items(pair) for n, pair in enumerate(pairs)))
    items: list[Any] = await sessions[0].get_items()
    assert sorted(item["content"] for item in items) == sorted(item["content"] for pair in pairs for item in pair)
    assert all(first["content"][:-2] == second["content"][:-2] for first, second in zip(items[::2], items[1::2], strict=True))
    popped: list[Any] = list(await asyncio.gather(*(session.pop_item() for session in sessions * 2)))
    assert sorted(item["content"] for item in popped) == sorted(item["content"] for item in items[-6:])
    assert await sessions[0].get_items() == items[:-6]


async def test_a_call_that_is_cancelled_is_whole_or_not_there(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    tasks = [asyncio.ensure_future(session.add_items(TALK)), asyncio.ensure_future(session.clear_session())]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await session.add_items(TALK[:1])
    items = await session.get_items()
    assert items in (TALK[:1], [*TALK, *TALK[:1]], [*TALK, *TALK, *TALK[:1]])


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ("Hello", "pass a list"),
        ({"role": "user", "content": "Hello"}, "pass a list"),
        (None, "pass a list"),
        (["Hello"], "item 1 is a str"),
        ([TALK[0], {}], "item 2 has no type"),
        ([{"content": "Hello"}], "name its type, or a role"),
        ([{"role": "tool", "content": "Hello"}], "'tool'"),
        ([{"type": 7}], "the type of item 1"),
        ([{"role": "user", "content": 7}], "the content of an item is a int"),
        ([{"role": "user", "content": "\ud800"}], "surrogate"),
        ([{"role": "user", "content": [{"type": "input_text", "text": {1}}]}], "which is no JSON"),
        ([{"role": "user", "content": [float("nan")]}], "nan"),
        ([{"role": "user", "content": {"$blob": "0" * 64}}], "$blob"),
        ([{"type": "reasoning", "summary": [{"$blob": "0" * 64}]}], "$blob"),
        ([{"type": "reasoning", "summary": {1}}], "no JSON"),
        ([{"type": "function_call_output", "output": "x"}], "the result of no call"),
        ([{"type": "function_call_output", "call_id": "", "output": "x"}], "the result of no call"),
    ],
)
async def test_what_is_no_item_is_refused_and_nothing_is_stored(store: convo.AsyncStore, items: Any, words: str) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    with pytest.raises(convo.InputError) as caught:
        await session.add_items(items)
    assert words in str(caught.value)
    assert await session.get_items() == TALK


async def test_items_have_the_limits_of_the_store(opened: Callable[..., convo.AsyncStore]) -> None:
    session = ConvoSession("call-42", opened(limits=convo.Limits(item=1_000)))
    with pytest.raises(convo.TooLarge):
        await session.add_items([TALK[0], {"role": "user", "content": "x" * 1_000}])
    assert await session.get_items() == []


@pytest.mark.parametrize("limit", ["5", 2.5, True])
async def test_a_limit_that_is_no_number_is_refused(store: convo.AsyncStore, limit: Any) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    with pytest.raises(convo.InputError):
        await session.get_items(limit)


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("", "sqlite://"), {}),
        ((7, "sqlite://"), {}),
        (("x" * 10_000, "sqlite://"), {}),
        (("a", None), {}),
        (("a", "sqlite://"), {"session_settings": 7}),
        (("a", "sqlite://"), {"session_settings": {"limit": "many"}}),
        (("a", "sqlite://"), {"session_settings": {"unknown": 1}}),
    ],
)
def test_arguments_that_make_no_session_are_refused(arguments: Any, more: Any) -> None:
    with pytest.raises(convo.InputError):
        ConvoSession(*arguments, **more)


def test_a_sync_store_is_refused_in_words() -> None:
    with convo.Store("sqlite://") as store:
        with pytest.raises(convo.InputError, match="AsyncStore"):
            ConvoSession("a", store)  # type: ignore[arg-type]
        with pytest.raises(convo.InputError, match="AsyncStore"):
            ConvoSession.of(store.create())  # type: ignore[arg-type]


async def test_what_a_model_said_is_stored_whatever_it_is(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    said: Any = {**TALK[4], "content": [{"type": "output_text", "text": "half \ud83d", "annotations": []}]}
    await session.add_items([said])
    assert await session.get_items() == [said]


# --- agents ----------------------------------------------------------------------------------------


@function_tool
def rain(city: str) -> str:
    """Say whether it rains."""
    return f"No rain in {city}."


def agent_of(client: Any, **more: Any) -> Agent[Any]:
    return Agent("meteorologist", model=OpenAIResponsesModel("gpt-5.5", openai_client=client), tools=[rain], **more)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_agent_goes_on_where_it_stopped(
    store: convo.AsyncStore, client: Any, fake: FakeAPI, streamed: bool
) -> None:  # fmt: skip
    async def run(text: str) -> Any:
        session = ConvoSession("call-42", store)
        if not streamed:
            return await Runner.run(agent_of(client), text, session=session)
        result = Runner.run_streamed(agent_of(client), text, session=session)
        async for _ in result.stream_events():
            pass
        return result

    fake.will_reply(tool_calls=[("rain", '{"city":"Oslo"}')], reasoning="Look.")
    fake.will_reply("It is dry.", reasoning="Tell.")
    assert (await run("Rain in Oslo?")).final_output == "It is dry."
    items: list[Any] = await ConvoSession("call-42", store).get_items()
    kinds = [item.get("type", item.get("role")) for item in items]
    assert kinds == ["user", "reasoning", "function_call", "function_call_output", "reasoning", "message"]
    fake.will_reply("You asked about Oslo.")
    assert (await run("What did I ask?")).final_output == "You asked about Oslo."
    assert [item.get("call_id") for item in fake.last.body["input"]] == [item.get("call_id") for item in items] + [None]
    assert fake.last.body["input"][0]["content"] == "Rain in Oslo?"
    assert [hit.conversation for hit in await store.search("dry")] == [(await store.get(key="call-42")).id]


async def test_what_one_tells_an_agent_is_what_the_sdks_own_session_tells_it(
    store: convo.AsyncStore, client: Any, fake: FakeAPI
) -> None:  # fmt: skip
    inputs = []
    for session in (ConvoSession("call-42", store), SQLiteSession("call-42")):
        await session.add_items([*TALK[:1], *TALK[2:]])
        fake.will_reply("Yes.")
        config = RunConfig(session_settings=SessionSettings(limit=4))
        await Runner.run(agent_of(client), "Sure?", session=session, run_config=config)
        inputs.append(fake.last.body["input"])
    session.close()
    assert inputs[0] == inputs[1]


async def test_a_run_that_fails_leaves_what_was_said_and_the_next_goes_on(
    store: convo.AsyncStore, client: Any, fake: FakeAPI
) -> None:  # fmt: skip
    session = ConvoSession("call-42", store)
    talk = [TALK[0], *TALK[2:]]
    await session.add_items(talk)
    fake.will_fail(500)
    with pytest.raises(Exception, match="500"):
        await Runner.run(agent_of(client), "And in Bergen?", session=session)
    assert (await session.get_items())[: len(talk)] == talk
    fake.will_reply("There it rains.")
    await Runner.run(agent_of(client), "And in Bergen?", session=session)
    assert "There it rains." in await (await store.get(key="call-42")).transcript()


class _Compacting:
    """A client that compacts: all that the SDK asks of one."""

    def __init__(self, output: list[Any], error: Exception | None = None) -> None:
        self.responses = self
        self.output, self.error, self.usage = output, error, None
        self.asked: list[Any] = []

    async def compact(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        if self.error is not None:
            raise self.error
        return self


async def test_a_session_is_compacted_and_the_branch_before_keeps_it(store: convo.AsyncStore) -> None:
    output = [TALK[0], {"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"}]
    compacting: Any = _Compacting(output)
    session = ConvoSession("call-42", store)
    wrapper = OpenAIResponsesCompactionSession("call-42", session, client=compacting)
    await wrapper.add_items(TALK)
    await wrapper.run_compaction({"force": True, "compaction_mode": "input"})
    assert [item.get("type") for item in compacting.asked[0]["input"]] == [item.get("type") for item in TALK]
    assert await session.get_items() == await wrapper.get_items() == output
    chat = await store.get(key="call-42")
    await chat.switch(await first_branch(chat))
    assert await session.get_items() == TALK


async def test_an_agent_compacts_by_itself(store: convo.AsyncStore, client: Any, fake: FakeAPI) -> None:
    compacting: Any = _Compacting([{"role": "user", "content": "In short: Oslo is dry."}])
    session = ConvoSession("call-42", store)
    wrapper = OpenAIResponsesCompactionSession(
        "call-42", session, client=compacting, compaction_mode="input", should_trigger_compaction=lambda _: True
    )
    fake.will_reply("It is dry.")
    await Runner.run(agent_of(client), "Rain in Oslo?", session=wrapper)
    assert await session.get_items() == compacting.output
    fake.will_reply("Yes.")
    await Runner.run(agent_of(client), "Sure?", session=wrapper)
    assert [one["content"] for one in fake.last.body["input"]] == ["In short: Oslo is dry.", "Sure?"]


async def test_a_compaction_that_fails_changes_nothing(store: convo.AsyncStore) -> None:
    compacting: Any = _Compacting([], RuntimeError("no"))
    session = ConvoSession("call-42", store)
    wrapper = OpenAIResponsesCompactionSession("call-42", session, client=compacting)
    await wrapper.add_items(TALK)
    with pytest.raises(RuntimeError):
        await wrapper.run_compaction({"force": True, "compaction_mode": "input"})
    assert await session.get_items() == TALK


# --- what was spoken -------------------------------------------------------------------------------


async def test_speech_survives_an_agent(store: convo.AsyncStore, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    chat = await store.create(key="call-42")
    fake.will_reply("A golden retriever.")
    spoken = await chat.send(client, recording("What is this?"), **VOICE)
    assert spoken.spoken
    session = ConvoSession("call-42", store)
    assert await session.get_items() == [
        {"role": "user", "content": [{"type": "input_text", "text": "What is this?"}]},
        {"role": "assistant", "content": "A golden retriever."},
    ]
    fake.will_reply("Very.")
    result = await Runner.run(agent_of(client), "Is it loyal?", session=session)
    assert result.final_output == "Very."
    assert "audio" not in str(fake.last.body["input"]), "the agent's model reads words"
    fake.will_reply("Yes, with children too.")
    again = await chat.send(client, "With children?", **VOICE)
    sent = fake.last.body["messages"]
    assert sent[1] == {"role": "assistant", "audio": {"id": spoken.message.raw["audio"]["id"]}}, "its id is valid still"
    assert sent[2:] == [
        {"role": "user", "content": "Is it loyal?"},
        {"role": "assistant", "content": "Very."},
        {"role": "user", "content": "With children?"},
    ]
    await session.pop_item()
    clock.advance(3600)
    fake.will_reply("Yes.")
    await Runner.run(
        Agent("a", model=OpenAIChatCompletionsModel("gpt-5.5", openai_client=client)), "Sure?", session=session
    )  # fmt: skip
    assert [message["content"] for message in fake.last.body["messages"]][1:4] == ["A golden retriever.", "Is it loyal?", "Very."]
    await chat.send(client, "Why?", **VOICE)
    assert fake.last.body["messages"][1] == {"role": "assistant", "content": "A golden retriever."}, "its id is dead by now"
    assert again.message.audio is not None


async def test_a_recording_without_a_transcript_is_named_and_read_once_it_has_one(store: convo.AsyncStore) -> None:
    chat = await store.create(key="call-42")
    await chat.add("Listen:", recording(None))
    session = ConvoSession.of(chat)
    item: Any
    (item,) = await session.get_items()
    assert [part["text"] for part in item["content"]] == ["Listen:", "[recording without a transcript]"]
    await chat.set_transcript(1, "A bark.")
    (item,) = await session.get_items()
    assert item["content"][1]["text"] == "A bark."


async def test_sound_that_the_store_does_not_keep_is_words(
    opened: Callable[..., convo.AsyncStore], client: Any, fake: FakeAPI
) -> None:
    chat = await opened(keep_audio="none").create()
    session = ConvoSession.of(chat)
    sound: Any = {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}}
    await session.add_items([{"role": "user", "content": [sound]}])
    assert await session.get_items() == [{"role": "user", "content": [sound]}]
    fake.will_reply("A bark.")
    await chat.send(client, **VOICE)
    items: list[Any] = await session.get_items()
    assert items[0] == {"role": "user", "content": [{"type": "input_text", "text": "[recording without a transcript]"}]}


# --- what came another way -------------------------------------------------------------------------


async def test_a_talk_of_convo_is_read_as_items(store: convo.AsyncStore, client: Any, fake: FakeAPI) -> None:
    chat = await store.create(instructions="Be brief.")
    fake.will_reply(tool_calls=[("rain", '{"city":"Oslo"}', "call_1")])
    tools: list[Any] = [{"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}]
    await chat.send(client, "Rain in Oslo?", convo.Image(url="https://example.test/a.png"), model="gpt-5.5", tools=tools)
    await chat.tool_output("call_1", "No.")
    fake.will_reply("It is dry.", reasoning="Tell.")
    recorded = await chat.send(client, model="gpt-5.5", api="responses", tools=tools)
    assert await ConvoSession.of(chat).get_items() == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Rain in Oslo?"},
                {"type": "input_image", "image_url": "https://example.test/a.png", "detail": "auto"},
            ],
        },
        {"type": "function_call", "call_id": "call_1", "name": "rain", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "No."},
        *recorded.raw["output"],
    ]
    fake.will_reply("Yes.")
    await Runner.run(agent_of(client), "Sure?", session=ConvoSession.of(chat))
    assert fake.last.body["input"][3:5] == recorded.raw["output"]


async def test_items_of_a_response_that_the_api_forgot_go_back_in_words(
    store: convo.AsyncStore, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:  # fmt: skip
    chat = await store.create()
    fake.will_reply("It is dry.", reasoning="Tell.")
    await chat.send(client, "Rain?", model="gpt-5.5", api="responses")
    clock.advance(40 * 86_400)
    session = ConvoSession.of(chat)
    assert (await session.get_items())[1:] == [{"role": "assistant", "content": "It is dry."}]
    assert await session.pop_item() == {"role": "assistant", "content": "It is dry."}
    assert await session.get_items() == [{"role": "user", "content": "Rain?"}]


async def test_the_last_item_of_a_recorded_reply_is_popped_alone(store: convo.AsyncStore, client: Any, fake: FakeAPI) -> None:
    chat = await store.create()
    fake.will_reply("Wait.", tool_calls=[("rain", "{}", "call_1"), ("rain", "[]", "call_2")])
    tools: list[Any] = [{"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}]
    await chat.send(client, "Rain?", model="gpt-5.5", tools=tools)
    session = ConvoSession.of(chat)
    items = await session.get_items()
    assert [item.get("call_id") for item in items] == [None, None, "call_1", "call_2"]
    for left in (3, 2, 1, 0):
        assert await session.pop_item() == items[left]
        assert await session.get_items() == items[:left]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_convo_goes_on_where_an_agent_stopped(store: convo.AsyncStore, client: Any, fake: FakeAPI, api: str) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    await session.add_items(ALL[16:18])
    fake.will_reply("Because of the wind.")
    chat = await store.get(key="call-42")
    reply = await chat.send(client, "Why?", model="gpt-5.5", api=api)
    assert reply.text == "Because of the wind."
    assert "It is dry." in str(fake.last.body)
    assert "No." in str(fake.last.body)
    assert (await session.get_items())[: len(TALK)] == TALK


async def test_what_was_redacted_is_no_item_nor_are_results_of_its_calls(store: convo.AsyncStore) -> None:
    session = ConvoSession("call-42", store)
    await session.add_items(TALK)
    chat = await store.get(key="call-42")
    await chat.redact(2)
    assert await session.get_items() == [TALK[0], TALK[4]]
    await chat.redact(4)
    assert await session.pop_item() == TALK[0]
    assert await session.get_items() == []


async def test_what_is_sealed_comes_back(tmp_path: Path) -> None:
    async with convo.AsyncStore(f"sqlite:///{tmp_path}/chat.db", cipher=shared_cipher()) as store:
        session = ConvoSession("call-42", store)
        await session.add_items(ALL)
        assert await session.pop_item() == ALL[-1]
        assert await session.get_items() == ALL[:-1]
    assert b"Oslo" not in (tmp_path / "chat.db").read_bytes()


# --- installation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "package", "extra"), [("openai_agents", "agents", "agents"), ("chatkit", "chatkit", "chatkit")])
def test_a_framework_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    for known in [one for one in sys.modules if one == package or one.startswith((f"{package}.", f"convo.integrations.{name}"))]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(convo.MissingDependency, match=rf"convo\[{extra}\]"):
        importlib.import_module(f"convo.integrations.{name}")


# --- documentation ---------------------------------------------------------------------------------


async def test_the_example_of_the_module_works(
    client: Any, fake: FakeAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    text = openai_agents.__doc__ or ""
    names: dict[str, Any] = {}
    exec(textwrap.dedent(text[text.index("    import asyncio") : text.index("What was added comes back")]), names)
    fake.will_reply("Very.")
    await names["main"](agent_of(client, model_settings=ModelSettings(store=True)))
    printed = capsys.readouterr().out
    assert printed.startswith("Very.\n")
    assert "Is a poodle clever?" in printed
