"""Looking at a conversation from outside: its calls, its forks, other lines and pages of it, and what would be sent later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import convo
from tests.support.builders import WAV, recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

SPEAKS: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
def store(world: World) -> Any:
    return world.open()


def talk(world: World, store: Any, turns: int) -> Any:
    """A conversation of spoken turns."""
    chat = store.create()
    for number in range(turns):
        chat.send(world.client, f"Question {number}?", **SPEAKS)
    return chat


# --- calls -----------------------------------------------------------------------------------------


def test_calls_say_what_each_used_and_cost_and_how_it_went(world: World, store: Any, clock: FixedClock) -> None:
    chat = talk(world, store, 2)
    first, second = chat.calls()
    assert (first.position, second.position) == (2, 4)
    assert (first.seen, second.seen) == (1, 3)
    assert (first.model, first.api, first.outcome, first.voice, first.format) == ("gpt-audio-1.5", "chat", "done", "alloy", "wav")
    assert second.sent_references == 1
    assert first.spoken is True
    assert first.usage.input_tokens
    total = chat.usage()
    assert first.cost.amount is not None
    assert second.cost.amount is not None
    assert first.cost.amount + second.cost.amount == total.cost.amount
    assert sum(call.usage.output_tokens or 0 for call in chat.calls()) == total.usage.output_tokens
    assert first.started_at == clock()
    assert first.duration is None, "the clock stood still"
    assert first.origin


def test_calls_give_the_last_ones_and_those_before_a_position(world: World, store: Any) -> None:
    chat = talk(world, store, 3)
    assert [call.position for call in chat.calls(2)] == [4, 6]
    assert [call.position for call in chat.calls(before=6)] == [2, 4]
    assert [call.position for call in chat.calls(1, before=6)] == [4]
    assert chat.calls(0) == []


def test_a_call_that_was_mended_tells_it(world: World, store: Any, fake: FakeAPI) -> None:
    chat = talk(world, store, 1)
    fake.revoke(chat.history()[1].audio.id)
    chat.send(world.client, "Again?", **SPEAKS)
    mended = chat.calls()[-1]
    assert [(step.code, step.position, step.degraded) for step in mended.recovered] == [("audio_not_found", 2, (2,))]


def test_messages_added_under_a_key_are_no_calls(store: Any) -> None:
    chat = store.create()
    chat.add("Hello", key="k")
    assert chat.calls() == []


def test_a_pending_call_is_listed(world: World, store: Any) -> None:
    chat = store.create()
    chat.add("Hello")
    with chat.exchange(chat.request("gpt-5.5", client=world.client)) as call:
        (waiting,) = chat.calls()
        assert (waiting.outcome, waiting.position, waiting.finished_at) == ("pending", None, None)
        call.record({"id": "c", "model": "gpt-5.5", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
        ]})  # fmt: skip
    assert [one.outcome for one in chat.calls()] == ["done"]


# --- lines and pages -------------------------------------------------------------------------------


def test_history_gives_the_page_before_a_position(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": str(number)} for number in range(1, 8)])
    page = chat.history(3)
    assert [message.position for message in page] == [5, 6, 7]
    page = chat.history(3, before=page[0].position)
    assert [message.position for message in page] == [2, 3, 4]
    assert [message.position for message in chat.history(3, before=2)] == [1]
    assert (len(chat.history(before=1)), chat.history(before=1).head) == (0, 7)
    assert [message.position for message in chat.history(2, before=100)] == [6, 7]
    assert chat.history(2, before=4).head == 7


def test_history_reads_a_branch_that_is_not_shown(world: World, store: Any) -> None:
    chat = store.create()
    chat.send(world.client, "One?", model="gpt-5.5")
    chat.edit(1, "Two?")
    first, second = chat.branches()
    assert [message.text for message in chat.history()] == ["Two?"]
    assert chat.history(branch=first)[0].text == "One?"
    assert [message.text for message in chat.history(branch=str(second.id))] == ["Two?"]
    assert len(chat.history(1, before=2, branch=first.id)) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"before": -1}, convo.InputError),
        ({"before": "1"}, convo.InputError),
        ({"branch": uuid4()}, convo.BranchNotFound),
        ({"branch": "no id"}, convo.BranchNotFound),
    ],
)
def test_history_refuses_what_is_no_place(store: Any, arguments: dict[str, Any], error: type[Exception]) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hello"}])
    with pytest.raises(error):
        chat.history(**arguments)


def test_a_branch_of_another_conversation_is_not_found(store: Any) -> None:
    (branch,) = store.create().branches()
    with pytest.raises(convo.BranchNotFound):
        store.create().history(branch=branch)


def test_calls_and_forks_refuse_negative_numbers(store: Any) -> None:
    chat = store.create()
    with pytest.raises(convo.InputError, match="negative"):
        chat.calls(-1)
    with pytest.raises(convo.InputError, match="negative"):
        chat.calls(before=-1)
    with pytest.raises(convo.InputError, match="negative"):
        chat.forks(limit=-1)


# --- forks -----------------------------------------------------------------------------------------


def test_forks_are_those_that_share_messages_both_ways(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hello"}])
    chat.add("More")
    fork, sibling = chat.fork(at=1), chat.fork()
    alone = chat.fork(at=0)
    grandchild = fork.fork()
    ids = {"chat": chat.id, "fork": fork.id, "sibling": sibling.id, "grandchild": grandchild.id}
    for conversation in (chat, fork, sibling, grandchild):
        found = conversation.forks()
        assert {branch.conversation for branch in found} == set(ids.values()) - {conversation.id}
    assert alone.forks() == []
    (branch,) = [branch for branch in chat.forks() if branch.conversation == fork.id]
    assert (branch.parent, branch.forked_at, branch.head) == (chat.branches()[0].id, 1, 1)
    assert len(chat.forks(limit=2)) == 2


def test_a_fork_whose_conversation_is_deleted_is_not_among_them(store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hello"}])
    fork = chat.fork()
    store.delete(chat.id)
    assert fork.forks() == []


def test_what_others_own_is_found_by_nobody(world: World, store: Any) -> None:
    chat = talk(world, store, 1)
    chat.fork()
    other = store.owned_by(f"other-{uuid4()}")
    mine = other.create(messages=[{"role": "user", "content": "Hello"}])
    assert (mine.calls(), mine.forks()) == ([], [])
    with pytest.raises(convo.BranchNotFound):
        mine.history(branch=chat.branches()[0].id)


# --- media -----------------------------------------------------------------------------------------


def test_load_gives_the_bytes_of_any_media(store: Any) -> None:
    chat = store.create()
    chat.add("Look:", convo.Image.open(PNG), recording())
    image, sound = chat.history()[0].media
    assert image.data is None
    assert chat.load(image).data == PNG
    assert chat.load(sound).data == WAV
    assert chat.load(chat.load(image)).data == PNG
    with pytest.raises(convo.InputError):
        chat.load(b"bytes")


# --- previews --------------------------------------------------------------------------------------


def test_a_preview_is_the_request_of_now_and_of_each_later_change(world: World, store: Any, clock: FixedClock) -> None:
    chat = talk(world, store, 1)
    clock.advance(600)
    chat.send(world.client, "More?", **SPEAKS)
    chat.add("And?")
    found = chat.preview(client=world.client, **SPEAKS)
    hows = [{one.position: one.how for one in preview.renderings} for preview in found]
    assert [(how[2], how[4]) for how in hows] == [("reference", "reference"), ("transcript", "reference"), ("transcript",) * 2]
    now, *later = found
    assert now.begins == clock()
    assert [one.next_expiry for one in found[:-1]] == [preview.begins + timedelta(seconds=60) for preview in later]
    assert found[-1].next_expiry is None
    assert now.explain() == chat.request(client=world.client, **SPEAKS).explain()
    assert now.arguments["messages"] == chat.request(client=world.client, **SPEAKS)["messages"]
    for preview in later:
        clock.advance((preview.begins - clock()).total_seconds())
        request = chat.request(client=world.client, **SPEAKS)
        assert [(one.how, one.position) for one in request.renderings] == [(o.how, o.position) for o in preview.renderings]
        assert request.estimate == preview.estimate


def test_a_preview_reads_no_bytes_and_writes_nothing(world: World, store: Any) -> None:
    chat = store.create()
    chat.add(recording())
    (preview,) = chat.preview("gpt-audio-1.5", client=world.client)
    assert "$blob" in str(preview.arguments["messages"])
    assert chat.calls() == []
    assert "1 message" in repr(preview)


def test_a_preview_of_a_session_holds_its_items(world: World, store: Any) -> None:
    chat = store.create(messages=[{"role": "user", "content": "Hello"}])
    (preview,) = chat.preview("gpt-realtime-2.1", api="realtime", client=world.client)
    assert [item["role"] for item in preview.arguments["items"]] == ["user"]


def test_a_preview_raises_what_a_request_raises(store: Any) -> None:
    chat = store.create()
    with pytest.raises(convo.NothingToSend):
        chat.preview("gpt-5.5")
    with pytest.raises(convo.UnsupportedApi):
        chat.preview("gpt-5.5", api="telepathy")


def test_a_view_that_only_reads_shows_all_of_it(world: World, store: Any) -> None:
    chat = talk(world, store, 1)
    view = store.everyone().owned_by(chat.owner).get(chat.id)
    assert len(view.calls()) == 1
    assert view.forks() == []
    assert len(view.preview(client=world.client, **SPEAKS)) == 2
    with pytest.raises(convo.ReadOnlyView):
        view.add("No")
