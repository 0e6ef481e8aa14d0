"""Branches: another answer, another question, switching between lines, forks; keys, races, turns in flight."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import convo
from convo.protocol import LEASE
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World

TEXT = {"model": "gpt-4.1"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
TOOL_TURN = [
    {"role": "user", "content": "What is up?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    {"role": "assistant", "content": "It is 42."},
]


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


# --- regenerate ------------------------------------------------------------------------------------


def test_another_reply_takes_the_place_of_the_last_one(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    first = chat.send(world.client, "Hello", **TEXT)
    branch = chat.regenerate()
    assert (branch.shown, branch.head, branch.forked_at, chat.head) == (True, 1, 1, 1)
    second = chat.send(world.client, **TEXT)
    assert [message["content"] for message in fake.last.body["messages"]] == ["Hello"]
    assert second.message.position == first.message.position == 2
    old, new = chat.branches()
    assert (old.parent, new.parent, old.shown, new.shown, old.head, new.head) == (None, old.id, False, True, 2, 2)
    assert texts(world.open().get(chat.id)) == ["Hello", second.text]
    assert chat.usage().calls == 2


def test_pressing_twice_before_an_answer_is_harmless(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    assert chat.regenerate() == chat.regenerate()
    assert len(chat.branches()) == 2


def test_a_tool_turn_is_taken_back_as_one(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, *TOOL_TURN])
    chat.regenerate()
    assert texts(chat) == ["Hi", "Yes?", "What is up?"]


def test_instructions_given_after_the_reply_stay_in_force(world: World, fake: FakeAPI) -> None:
    chat = world.open().create(instructions="Be brief.")
    chat.send(world.client, "Hello", **TEXT)
    chat.update(instructions="Be long.")
    chat.regenerate()
    assert (chat.instructions, [m.kind for m in chat.history()]) == ("Be long.", ["instructions", "message", "instructions"])
    chat.send(world.client, **TEXT)
    assert [message["content"] for message in fake.last.body["messages"]] == ["Be long.", "Hello"]


@pytest.mark.parametrize("messages", [[{"role": "user", "content": "Hi"}], [{"role": "system", "content": "Hi"}]])
def test_where_there_is_no_answer_nothing_changes(store: Any, messages: list[dict[str, Any]]) -> None:
    chat = store.create(messages=messages)
    branch = chat.regenerate()
    assert [branch] == chat.branches()
    assert (branch.parent, branch.forked_at, branch.head, branch.shown) == (None, None, 1, True)


def test_a_greeting_of_the_model_is_taken_back_too(store: Any) -> None:
    chat = store.create(instructions="Be kind.", messages=[{"role": "assistant", "content": "Welcome!"}])
    assert chat.regenerate().head == 1


def test_an_empty_log_has_no_reply_to_take_back(store: Any) -> None:
    chat = store.create()
    with pytest.raises(convo.ConflictError, match="no reply to take back"):
        chat.regenerate()
    assert len(chat.branches()) == 1


def test_a_reply_that_is_awaited_is_not_taken_back(world: World, clock: FixedClock) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    call = chat.exchange(chat.request("gpt-4.1", client=world.client))
    call.__enter__()
    other = world.open().get(chat.id)
    with pytest.raises(convo.TurnInProgress):
        other.regenerate()
    clock.advance(LEASE / 1_000_000 + 1)
    assert other.regenerate().head == 1


# --- edit ------------------------------------------------------------------------------------------


def test_an_edited_question_stands_where_it_stood(world: World, fake: FakeAPI) -> None:
    chat = world.open().create(instructions="Be brief.")
    chat.send(world.client, "Hello", **TEXT)
    chat.add("And cats?", name="ann", pinned=True, metadata={"n": 1})
    chat.send(world.client, **TEXT)
    message = chat.edit(4, "And dogs?", recording())
    assert (message.position, message.role, message.raw["name"], message.pinned, message.metadata) == (
        4,
        "user",
        "ann",
        True,
        {"n": 1},
    )
    assert chat.load(message.audio).data
    assert [m.position for m in chat.history()] == [1, 2, 3, 4]
    chat.send(world.client, **VOICE)
    assert fake.last.body["messages"][-1]["name"] == "ann"
    old, new = chat.branches()
    assert (new.parent, new.forked_at, new.head) == (old.id, 3, 5)
    chat.switch(old)
    assert texts(chat)[3] == "And cats?"


def test_instructions_in_force_outlive_an_edit_and_are_edited_like_messages(store: Any) -> None:
    chat = store.create(instructions="Be brief.", messages=[{"role": "user", "content": "Hi"}])
    chat.update(instructions="Be long.")
    chat.edit(2, "Hello")
    assert (texts(chat), chat.instructions) == (["Be brief.", "Hello", "Be long."], "Be long.")
    message = chat.edit(1, "Be kind.")
    assert (message.kind, texts(chat), chat.instructions) == ("instructions", ["Be kind."], "Be kind.")


def test_a_whole_message_may_be_edited_in(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hi", "name": "ann"}])
    assert chat.edit(1, {"role": "user", "content": "Ho", "name": "bob"}).raw == {"role": "user", "content": "Ho", "name": "bob"}


BAD_EDITS: dict[str, tuple[Any, type[Exception], str]] = {
    "a position past the end": (lambda chat: chat.edit(5, "x"), convo.MessageNotFound, "no message 5"),
    "a position past every end": (lambda chat: chat.edit(1 << 70, "x"), convo.MessageNotFound, "no message"),
    "no position": (lambda chat: chat.edit(0, "x"), convo.InputError, "begin with 1"),
    "a text as position": (lambda chat: chat.edit("1", "x"), convo.InputError, "position takes"),
    "a reply": (lambda chat: chat.edit(2, "x"), convo.NotEditable, "regenerate"),
    "the result of a tool": (lambda chat: chat.edit(3, "x"), convo.NotEditable, "regenerate"),
    "nothing": (lambda chat: chat.edit(1), convo.EmptyContent, "no content"),
    "another role": (lambda chat: chat.edit(1, {"role": "system", "content": "x"}), convo.InvalidContent, "keep its role"),
    "an unprintable key": (lambda chat: chat.edit(1, "x", key="\x1fa"), convo.InputError, "printable"),
    "an old head": (lambda chat: chat.edit(1, "x", expected_head=3), convo.StaleHead, "at message 4"),
    "an old head, of a reply": (lambda chat: chat.regenerate(expected_head=3), convo.StaleHead, "at message 4"),
    "a head that is none": (lambda chat: chat.regenerate(expected_head="4"), convo.InputError, "expected_head"),
    "a branch of nobody": (lambda chat: chat.switch(UUID(int=7)), convo.BranchNotFound, "no branch"),
    "a branch that is none": (lambda chat: chat.switch("main"), convo.BranchNotFound, "no branch main"),
    "a fork past the end": (lambda chat: chat.fork(5), convo.MessageNotFound, "no message 5"),
    "a fork before the start": (lambda chat: chat.fork(-1), convo.InputError, "less than 0"),
    "a fork with a bad title": (lambda chat: chat.fork(title=5), convo.InputError, "title takes text"),
    "a fork with bad metadata": (lambda chat: chat.fork(metadata={"a b": 1}), convo.InvalidMetadata, "a b"),
}


@pytest.mark.parametrize("case", BAD_EDITS)
def test_what_cannot_be_done_says_so_and_changes_nothing(store: Any, case: str) -> None:
    call, error, words = BAD_EDITS[case]
    chat = store.create(messages=TOOL_TURN)
    before = chat.history()
    with pytest.raises(error, match=words):
        call(chat)
    assert chat.history() == before
    assert len(chat.branches()) == 1
    assert len(store.conversations()) == 1


def test_others_see_no_branch_and_views_that_read_write_none(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    view = store.everyone().get(chat.id)
    for write in (view.regenerate, view.fork, lambda: view.edit(1, "x"), lambda: view.switch(chat.branches()[0])):
        with pytest.raises(convo.ReadOnlyView):
            write()
    assert view.branches() == chat.branches()
    other = store.owned_by(f"{chat.owner}-other").create()
    with pytest.raises(convo.BranchNotFound):
        other.switch(chat.branches()[0])


def test_after_deletion_there_is_nothing_to_branch_from(store: Any) -> None:
    chat = store.create(messages=TOOL_TURN)
    branch = chat.branches()[0]
    store.delete(chat.id)
    for call in (chat.regenerate, chat.fork, chat.branches, lambda: chat.edit(1, "x"), lambda: chat.switch(branch)):
        with pytest.raises(convo.ConversationNotFound):
            call()


# --- keys ------------------------------------------------------------------------------------------


def test_a_press_is_done_once_and_send_may_have_the_same_key(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT, key="turn")
    branch = chat.regenerate(key="press")
    reply = chat.send(world.client, **TEXT, key="press")
    assert chat.regenerate(key="press").id == branch.id
    again = chat.send(world.client, **TEXT, key="press")
    assert (again.replayed, again.text, len(fake.received)) == (True, reply.text, 2)
    assert len(chat.branches()) == 2
    edited = chat.edit(1, "Hi", key="edit")
    assert chat.edit(1, "Hi", key="edit") == edited
    assert len(chat.branches()) == 3
    presses: list[Any] = [
        lambda: chat.edit(1, "Ho", key="edit"),
        lambda: chat.regenerate(key="edit"),
        lambda: chat.edit(2, "Hi", key="edit"),
    ]
    for other in presses:
        with pytest.raises(convo.KeyMismatch, match="'edit'"):
            other()


def test_a_press_that_changed_nothing_changes_nothing_later(store: Any, client: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hi"}])
    chat.regenerate(key="press")
    chat.send(client, **TEXT, key="press")
    chat.regenerate(key="press")
    assert (chat.head, len(chat.branches())) == (2, 1)


def test_a_key_is_answered_from_the_record_whatever_is_shown(world: World, fake: FakeAPI) -> None:
    chat = world.open().create()
    first = chat.send(world.client, "Hello", **TEXT, key="a")
    added = chat.add("More", key="b")
    contentless = chat.send(world.client, **TEXT, key="c")
    chat.edit(1, "Bye")
    chat.add("result", role="developer")
    assert chat.send(world.client, "Hello", **TEXT, key="a").text == first.text
    assert chat.add("More", key="b") == added
    assert chat.send(world.client, **TEXT, key="c").text == contentless.text
    assert len(fake.received) == 2
    assert texts(chat) == ["Bye", "result"]


def test_a_failed_turn_on_a_line_that_was_left_is_not_taken_over(world: World, fake: FakeAPI) -> None:
    import openai

    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.send(world.client, "More", **TEXT, key="k")
    chat.edit(1, "Bye")
    with pytest.raises(convo.StaleHead):
        chat.send(world.client, "More", **TEXT, key="k")
    assert texts(chat) == ["Bye"]


# --- turns in flight, other handles ----------------------------------------------------------------


def test_an_answer_in_flight_ends_on_the_line_where_it_was_asked(world: World) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    other = world.open().get(chat.id)
    with chat.exchange(chat.request("gpt-4.1", client=world.client)) as call:
        other.edit(1, "Bye")
        assert [pending.id for pending in other.pending()]
        reply = call.record(answer("Late."))
    assert texts(other) == ["Bye"]
    assert chat.head == 3, "as the handle has seen it"
    other.switch(other.branches()[0])
    assert texts(other)[-1] == reply.text == "Late."
    assert chat.add("Next").position == 4


def test_a_turn_on_a_line_that_was_left_can_be_given_up(world: World) -> None:
    chat = world.open().create()
    chat.add("Hello")
    chat.exchange(chat.request("gpt-4.1", client=world.client)).__enter__()
    chat.edit(1, "Bye")
    [pending] = chat.pending()
    chat.abandon(pending)
    assert chat.pending() == []
    assert chat.send(world.client, **TEXT).message.position == 2


def test_other_handles_follow_the_line_that_is_shown(world: World) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **TEXT)
    other = world.open().get(chat.id)
    stale = world.open().get(chat.id)
    chat.edit(1, "Bye")
    assert other.add("More").position == 2
    assert other.edit(2, "Less").position == 2
    assert texts(chat) == ["Bye", "Less"]
    with pytest.raises(convo.StaleHead):
        stale.regenerate(expected_head=2)
    with pytest.raises(convo.StaleHead):
        world.open().get(chat.id).edit(1, "x", expected_head=1)
    stale.update(instructions="Be brief.")
    assert texts(chat) == ["Bye", "Less", "Be brief."]


def test_inside_a_callers_transaction_all_is_undone_with_it(database: Database, clock: FixedClock) -> None:
    from tests.conftest import _Stores

    with _Stores() as opened:
        store = opened(convo.Store(database.url, clock=clock, **database.options))
        chat = store.create(messages=TOOL_TURN)
        engine = store._driver.runner.engines.writing  # type: ignore[union-attr]
        with engine.connect() as connection, connection.begin() as transaction:
            inside = store.within(connection)
            held = inside.get(chat.id)
            held.regenerate()
            held.edit(1, "x")
            held.fork()
            transaction.rollback()
        assert (len(chat.branches()), len(store.conversations()), len(chat.history())) == (1, 1, 4)


# --- forks -----------------------------------------------------------------------------------------


def test_a_fork_shares_the_line_and_goes_its_own_way(world: World, fake: FakeAPI) -> None:
    chat = world.open().create(instructions="Be brief.", title="a", metadata={"x": 1})
    chat.send(world.client, recording(), **VOICE)
    fork = chat.fork()
    assert (fork.title, fork.metadata, fork.instructions, fork.head, fork.key) == ("a", {"x": 1}, "Be brief.", 3, None)
    assert fork.id != chat.id
    mine, theirs = (c.request("gpt-audio-1.5", client=world.client, voice="alloy", prompt_cache_key=None) for c in (chat, fork))
    assert dict(mine) == dict(theirs)
    assert "audio" in theirs["messages"][-1]
    assert fork.load(fork.history()[1].audio).data == chat.load(chat.history()[1].audio).data
    fork.send(world.client, "Go on", **TEXT)
    chat.add("Stop")
    assert (len(fork.history()), len(chat.history())) == (5, 4)
    assert [c.id for c in world.open().conversations()].count(fork.id) == 1
    assert (fork.usage().calls, chat.usage().calls) == (1, 1)
    [branch] = fork.branches()
    assert (branch.parent, branch.forked_at) == (chat.branches()[0].id, 3)


def test_what_was_flipped_stays_flipped_in_forks_and_branches(world: World, fake: FakeAPI, clock: FixedClock) -> None:
    chat = world.open().create()
    chat.send(world.client, "Hello", **VOICE)
    fake.revoke(chat.history()[-1].audio.id)
    chat.send(world.client, "More", **VOICE)
    fork = chat.fork()
    chat.regenerate()
    for line in (chat, fork):
        wires = line.request("gpt-audio-1.5", client=world.client, voice="alloy")["messages"]
        assert "content" in wires[1]


def test_a_fork_begins_anywhere(store: Any) -> None:
    chat = store.create(instructions="One.", messages=[{"role": "user", "content": "Hi"}])
    chat.update(instructions="Two.")
    empty, early, own = chat.fork(0), chat.fork(2), chat.fork(title="mine", metadata={})
    assert (empty.head, empty.instructions, len(empty.history())) == (0, None, 0)
    assert (early.head, early.instructions) == (2, "One.")
    assert (own.title, own.metadata, own.instructions) == ("mine", {}, "Two.")
    assert early.fork(1).fork().instructions == "One."
    assert empty.add("x").position == 1


def test_a_fork_is_found_by_its_key(store: Any) -> None:
    chat = store.create(messages=TOOL_TURN)
    fork = chat.fork(2, key="f")
    assert chat.fork(4, key="f").id == chat.fork(9, key="f").id == fork.id == store.get(key="f").id
    assert len(store.conversations()) == 2


def test_open_calls_at_the_end_of_a_fork_are_answered_there(store: Any, client: Any) -> None:
    fork = store.create(messages=TOOL_TURN).fork(2)
    with pytest.raises(convo.ToolOutputMissing):
        fork.request("gpt-4.1")
    fork.tool_output("call_1", "43")
    assert fork.send(client, **TEXT).message.position == 4


def test_lines_of_any_depth_read_as_they_were_written(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": str(number)} for number in range(1, 21)])
    lines = {chat.branches()[0].id: texts(chat)}
    for depth in range(12):
        position = 1 + (depth * 7) % chat.head
        chat.edit(position, f"edit {depth}")
        for more in range(3):
            chat.add(f"{depth}-{more}")
        [shown] = [branch for branch in chat.branches() if branch.shown]
        lines[shown.id] = texts(chat)
        assert lines[shown.id][: position - 1] == lines[shown.parent][: position - 1]
    for branch, expected in lines.items():
        chat.switch(branch)
        assert (texts(chat), chat.head) == (expected, len(expected))
        assert [m.text for m in chat.history(last=2)] == expected[-2:]


# --- many at once ----------------------------------------------------------------------------------


@pytest.fixture
def threaded(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        yield opened


def test_one_press_many_times_at_once_is_one_branch(threaded: convo.Store) -> None:
    chat = threaded.create(messages=TOOL_TURN)
    with ThreadPoolExecutor(8) as pool:
        pressed = list(pool.map(lambda _: threaded.get(chat.id).regenerate(key="press").id, range(8)))
        edited = list(pool.map(lambda _: threaded.get(chat.id).edit(1, "x", key="edit").text, range(8)))
    assert (len(set(pressed)), set(edited), len(chat.branches())) == (1, {"x"}, 3)


def test_whatever_is_pressed_at_once_one_line_is_shown_and_none_is_broken(threaded: convo.Store) -> None:
    chat = threaded.create(messages=TOOL_TURN)
    first = chat.branches()[0].id

    def press(number: int) -> None:
        own = threaded.get(chat.id)
        for _ in range(6):
            act = number % 5
            if act == 0:
                own.edit(1, f"edit {number}")
            elif act == 1:
                own.regenerate()
            elif act == 2:
                own.switch(first)
            elif act == 3:
                own.add(f"add {number}")
            else:
                own.fork()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(press, range(10)))
    assert [branch.shown for branch in chat.branches()].count(True) == 1
    for branch in chat.branches():
        chat.switch(branch)
        assert [message.position for message in chat.history()] == list(range(1, branch.head + 1))


@pytest.mark.parametrize("key", [None, "k"])
def test_a_message_is_added_to_a_line_that_was_left_and_is_shown_again(
    threaded: convo.Store, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    chat = threaded.create(messages=TOOL_TURN)
    first = chat.branches()[0]
    chat.edit(1, "another question")
    other = next(branch for branch in chat.branches() if branch.shown)
    chat.switch(first)
    run, presser, left = threaded._driver.runner.run, threaded.get(chat.id), [2]

    def run_between(work: Any, *arguments: Any, **named: Any) -> Any:
        if work.__name__ != "append" or not left[0]:
            return run(work, *arguments, **named)
        left[0] -= 1
        presser.switch(other)
        result = run(work, *arguments, **named)
        presser.switch(first)
        return result

    monkeypatch.setattr(threaded._driver.runner, "run", run_between)
    added = chat.add("Hello?", key=key)
    monkeypatch.undo()
    assert (left, chat.history()[-1].text, added.position) == ([0], "Hello?", len(chat.history()))


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"id": "chatcmpl-1", "model": "gpt-4.1", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
