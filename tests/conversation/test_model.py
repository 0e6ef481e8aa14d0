"""Anything that may happen to conversations, in any order, against a model of lists: what is stored, what is sent."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import convo
from convo.testing import FakeAPI, Received
from tests.conversation.test_interruptions import die, save_now
from tests.support.both import Blocking
from tests.support.validate import validate_received

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FixedClock
    from tests.conftest import World

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
TEXT: dict[str, Any] = {"model": "gpt-5.5"}
"""One without a last day: the clock goes on from example to example, for months."""
RESPONSES: dict[str, Any] = {**TEXT, "api": "responses"}
CHAINED: dict[str, Any] = {**RESPONSES, "policy": convo.Policy(previous_response=True)}
ALONE: dict[str, Any] = {**RESPONSES, "store": False}
WAYS = st.sampled_from([VOICE, VOICE, TEXT, RESPONSES, CHAINED, ALONE])
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]}
WORDS = st.sampled_from(["Hello?", "Is it loyal?", "Sí, mañana 🐕", "a\0b"])

REDACTED = "[redacted]"

_owners = itertools.count(1)


@attrs.define(eq=False)
class Entry:
    """What a message is to the model: one value in all lines that share its row."""

    role: str
    text: str
    status: str = "complete"
    audio_id: str | None = None
    calls: bool = False


@attrs.define
class Chat:
    """A conversation: the handle, its lines by branch, the branch that is shown, and which transcripts were sent on it."""

    handle: Any
    lines: dict[Any, list[Entry]]
    shown: Any
    flipped: dict[Any, set[str]] = attrs.field(factory=dict)

    @property
    def line(self) -> list[Entry]:
        return self.lines[self.shown]


class Conversations(RuleBasedStateMachine):
    """The rules. `world` and what goes with it are given by the test, each run has an owner of its own."""

    world: World
    fake: FakeAPI
    clock: FixedClock

    def __init__(self) -> None:
        super().__init__()
        self.owner = f"model-{next(_owners)}-{id(self)}"
        self.store = self.world.open(owner=self.owner)
        self.chats: list[Chat] = []
        self.keys = itertools.count(1)

    def teardown(self) -> None:
        self.store.close()

    def chat(self, number: int) -> Chat:
        return self.chats[number % len(self.chats)]

    def known(self, handle: Any, line: list[Entry]) -> Chat:
        shown = next(branch.id for branch in handle.branches() if branch.shown)
        chat = Chat(handle, {shown: line}, shown)
        self.chats.append(chat)
        return chat

    # --- the log -----------------------------------------------------------------------------------

    @precondition(lambda self: len(self.chats) < 4)
    @rule(instructions=st.none() | WORDS)
    def create(self, instructions: str | None) -> None:
        line = [Entry("system", instructions)] if instructions else []
        self.known(self.store.create(instructions=instructions), line)

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS)
    def add(self, number: int, words: str) -> None:
        chat = self.chat(number)
        chat.handle.add(words)
        chat.line.append(Entry("user", words))

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS, way=WAYS, keyed=st.booleans(), thinks=st.booleans())
    def send(self, number: int, words: str, way: dict[str, Any], keyed: bool, thinks: bool) -> None:
        chat = self.chat(number)
        arguments = {**way, **({"key": f"press-{next(self.keys)}"} if keyed else {})}
        if thinks and "api" in way:
            self.fake.will_reply(reasoning="Let me think.")
        chat.line.append(Entry("user", words))
        reply = chat.handle.send(self.world.client, words, **arguments)
        self._was_asked(chat)
        self._answered(chat, reply)
        if keyed:
            asked = len(self.fake.received)
            again = chat.handle.send(self.world.client, words, **arguments)
            assert again.replayed
            assert again.message == reply.message
            assert len(self.fake.received) == asked

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS, way=st.sampled_from([TEXT, RESPONSES, CHAINED]))
    def send_with_a_function(self, number: int, words: str, way: dict[str, Any]) -> None:
        chat = self.chat(number)
        call = f"call_{next(self.keys)}"
        self.fake.will_reply(tool_calls=[("look", "{}", call)])
        chat.line.append(Entry("user", words))
        reply = chat.handle.send(self.world.client, words, tool_functions={"look": lambda: "found"}, **TOOLS, **way)
        chat.line.extend([Entry("assistant", "", calls=True), Entry("tool", "found")])
        self._was_asked(chat)
        self._answered(chat, reply)

    # --- streams -----------------------------------------------------------------------------------

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS, way=WAYS)
    def stream(self, number: int, words: str, way: dict[str, Any]) -> None:
        chat = self.chat(number)
        stream = chat.handle.stream(self.world.client, words, **way)
        chat.line.append(Entry("user", words))
        with stream:
            list(stream)
        self._was_asked(chat)
        self._answered(chat, stream.reply)

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS, events=st.integers(0, 6), how=st.sampled_from(["close", "heard", "die"]))
    def interrupt(self, number: int, words: str, events: int, how: str) -> None:
        chat = self.chat(number)
        stream = chat.handle.stream(self.world.client, words, **VOICE)
        chat.line.append(Entry("user", words))
        stream.__enter__() if isinstance(stream, Blocking) else stream._next_round()  # noqa: PLC2801
        for _ in range(events):
            next(stream)
        if how == "die":
            save_now(stream)
            die(stream)
            self.clock.advance(31)
            chat.handle = self.store.get(chat.handle.id)
            for pending in chat.handle.pending():
                chat.handle.abandon(pending)
        else:
            stream.close(heard_until=0.3 if how == "heard" else None)
        self._was_asked(chat)
        self._cut_off(chat)

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), words=WORDS, chunks=st.integers(1, 8))
    def break_the_network(self, number: int, words: str, chunks: int) -> None:
        chat = self.chat(number)
        self.fake.will_drop(chunks=chunks)
        chat.line.append(Entry("user", words))
        with contextlib.suppress(Exception), chat.handle.stream(self.world.client, words, **VOICE) as stream:
            list(stream)
        self._was_asked(chat)
        self._cut_off(chat)

    # --- lines -------------------------------------------------------------------------------------

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), place=st.integers(0), words=WORDS)
    def edit(self, number: int, place: int, words: str) -> None:
        chat = self.chat(number)
        positions = [position for position, entry in enumerate(chat.line, 1) if entry.role == "user"]
        if not positions:
            return
        position = positions[place % len(positions)]
        chat.handle.edit(position, words)
        self._branched(chat, [*chat.line[: position - 1], Entry("user", words)])

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0))
    def regenerate(self, number: int) -> None:
        chat = self.chat(number)
        users = [position for position, entry in enumerate(chat.line, 1) if entry.role == "user"]
        if all(entry.status == "redacted" for entry in chat.line if entry.role == "user"):
            return
        chat.handle.regenerate()
        if users[-1] != len(chat.line):
            self._branched(chat, chat.line[: users[-1]])
        reply = chat.handle.send(self.world.client, **VOICE)
        self._was_asked(chat)
        self._answered(chat, reply)

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), which=st.integers(0))
    def switch(self, number: int, which: int) -> None:
        chat = self.chat(number)
        branches = chat.handle.branches()
        assert {branch.id for branch in branches} == set(chat.lines)
        branch = branches[which % len(branches)]
        chat.handle.switch(branch)
        chat.shown = branch.id

    @precondition(lambda self: 0 < len(self.chats) < 5)
    @rule(number=st.integers(0), at=st.integers(0))
    def fork(self, number: int, at: int) -> None:
        chat = self.chat(number)
        at %= len(chat.line) + 1
        forked = self.known(chat.handle.fork(at), chat.line[:at])
        forked.flipped[forked.shown] = set(chat.flipped.get(chat.shown, ()))

    @precondition(lambda self: len(self.chats) > 1)
    @rule(number=st.integers(0))
    def delete(self, number: int) -> None:
        chat = self.chats.pop(number % len(self.chats))
        self.store.delete(chat.handle.id)
        with pytest.raises(convo.ConversationNotFound):
            self.store.get(chat.handle.id)

    @precondition(lambda self: self.chats)
    @rule(number=st.integers(0), place=st.integers(0))
    def redact(self, number: int, place: int) -> None:
        chat = self.chat(number)
        positions = [
            position for position, entry in enumerate(chat.line, 1) if entry.role in ("user", "assistant") and entry.text
        ]
        if positions:
            position = positions[place % len(positions)]
            chat.handle.redact(position)
            entry = chat.line[position - 1]
            entry.text, entry.status, entry.audio_id = REDACTED, "redacted", None

    # --- time --------------------------------------------------------------------------------------

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(60 * minutes)

    @precondition(lambda self: self.chats)
    @rule()
    def resume_elsewhere(self) -> None:
        self.store.close()
        self.store = self.world.open(owner=self.owner)
        for chat in self.chats:
            chat.handle = self.store.get(str(chat.handle.id))

    # --- what holds --------------------------------------------------------------------------------

    @invariant()
    def the_logs_are_what_the_model_says(self) -> None:
        for chat in self.chats:
            history = chat.handle.history()
            assert [(message.role, message.text, message.status) for message in history] == [
                (entry.role, entry.text, entry.status) for entry in chat.line
            ]
            assert [message.position for message in history] == list(range(1, len(chat.line) + 1))
            assert chat.handle.pending() == []

    # --- the model ---------------------------------------------------------------------------------

    def _answered(self, chat: Chat, reply: Any) -> None:
        assert not reply.recovered
        chat.line.append(Entry("assistant", reply.text, audio_id=reply.message.audio_id))

    def _cut_off(self, chat: Chat) -> None:
        """Take over from the log what was received: nothing, or one interrupted (or just whole) reply after the question."""
        history = chat.handle.history()
        assert len(history) in (len(chat.line), len(chat.line) + 1)
        if len(history) > len(chat.line):
            last = history[-1]
            assert last.role == "assistant"
            whole = last.status == "complete"
            chat.line.append(Entry("assistant", last.text, last.status, audio_id=last.audio_id if whole else None))

    def _branched(self, chat: Chat, line: list[Entry]) -> None:
        before = chat.shown
        chat.shown = next(branch.id for branch in chat.handle.branches() if branch.shown)
        assert chat.shown not in chat.lines
        chat.lines[chat.shown] = list(line)
        chat.flipped[chat.shown] = set(chat.flipped.get(before, ()))

    def _to_be_sent(self, line: list[Entry]) -> Iterator[Entry]:
        """The messages of a request, without instructions; a call whose result a fork left behind has a marked one."""
        for entry, following in itertools.zip_longest(line, line[1:]):
            if entry.role == "system" or entry.status == "redacted":
                continue
            if entry.text or entry.status == "complete":
                yield entry
            if entry.calls and (following is None or following.role != "tool"):
                yield Entry("tool", "")

    def _messages(self, received: Received) -> list[dict[str, Any]]:
        """Give what a request says, that to which it refers included, as messages of Chat Completions."""
        if received.path == "/v1/chat/completions":
            messages: list[dict[str, Any]] = received.body["messages"]
            return messages
        return [message for item in self._items(received) if (message := _message_of(item)) is not None]

    def _items(self, received: Received) -> list[dict[str, Any]]:
        before: list[dict[str, Any]] = []
        if previous := received.body.get("previous_response_id"):
            [other] = [one for one in self.fake.received if one.response and one.response.get("id") == previous]
            assert other.response is not None
            before = [*self._items(other), *other.response["output"]]
        return [*before, *received.body["input"]]

    def _was_asked(self, chat: Chat) -> None:
        """Every message of the line was in the last request, in its place, and no transcript became a reference again."""
        received = self.fake.received[-1]
        assert received.status == 200
        messages = self._messages(received)
        instructions = [message for message in messages if message["role"] == "system"]
        asked = [entry for entry in chat.line if entry.role == "system"]
        assert [message["content"] for message in instructions] == [entry.text for entry in asked[-1:]]
        expected = list(self._to_be_sent(chat.line))
        others = [message for message in messages if message["role"] != "system"]
        assert [message["role"] for message in others] == [entry.role for entry in expected]
        flipped = chat.flipped.setdefault(chat.shown, set())
        for message, entry in zip(others, expected, strict=True):
            if reference := message.get("audio"):
                assert reference["id"] == entry.audio_id
                assert reference["id"] not in flipped
            elif entry.text:
                assert message["content"] == entry.text
                if entry.audio_id and received.body["model"] == VOICE["model"]:
                    flipped.add(entry.audio_id)


def _message_of(item: dict[str, Any]) -> dict[str, Any] | None:
    """Give an input item as a message, None for reasoning."""
    match item.get("type", "message"):
        case "reasoning":
            return None
        case "function_call":
            return {"role": "assistant", "content": ""}
        case "function_call_output":
            return {"role": "tool", "content": item["output"]}
    content = item["content"]
    return {"role": item["role"], "content": content if isinstance(content, str) else "\n".join(part["text"] for part in content)}


def test_whatever_happens_the_store_is_what_the_model_says(world: World, clock: FixedClock) -> None:
    fake = FakeAPI(clock=clock)
    client: Any = fake.async_client() if world.asynchronous else fake.client()
    given = {"world": attrs.evolve(world, client=client), "fake": fake, "clock": clock}
    machine = type("Conversations", (Conversations,), given)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )  # fmt: skip
    validate_received(fake.received)
    assert {one.path for one in fake.received} == {"/v1/chat/completions", "/v1/responses"}
    assert any("previous_response_id" in one.body for one in fake.received)
