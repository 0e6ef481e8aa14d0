"""Several messages at once: all or none, next to each other, once."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.steps.log import AT_ONCE
from tests.support.builders import WAV

if TYPE_CHECKING:
    from pathlib import Path

TURN = [{"role": "user", "content": "Rain in Oslo?"}, {"role": "assistant", "content": "No."}]


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


def long(count: int) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[number % 2], "content": f"message {number}"} for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, AT_ONCE, AT_ONCE + 1, 300])
def test_messages_stand_in_their_order_and_are_given_with_their_positions(store: Any, count: int) -> None:
    chat = store.create(instructions="Be brief.")
    added = chat.extend(long(count))
    assert [message.position for message in added] == list(range(2, count + 2))
    assert [(m.position, m.role, m.body) for m in chat.history()[1:]] == [(m.position, m.role, m.body) for m in added]
    assert chat.head == count + 1


def test_no_messages_are_nothing(store: Any) -> None:
    chat = store.create()
    assert chat.extend([], key="k") == ()
    assert texts(chat) == []


def test_calls_and_their_results_and_recordings_are_kept_as_they_are(store: Any) -> None:
    chat = store.create()
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    sound = {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"}}
    given = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [sound]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "dry"},
    ]
    chat.extend(given)
    assert chat.to_chat() == given
    assert len(chat.history()[1].media) == 1


@pytest.mark.parametrize("count", [2, AT_ONCE + 1])
def test_the_same_key_gives_what_is_there_and_other_messages_are_refused(store: Any, count: int) -> None:
    chat = store.create()
    first = chat.extend(long(count), key="turn-1")
    chat.add("Thanks.")
    assert chat.extend(long(count), key="turn-1") == first
    assert store.get(chat.id).extend(long(count), key="turn-1") == first
    for other in (long(count)[:-1], [*long(count)[:-1], {"role": "user", "content": "else"}]):
        with pytest.raises(convo.KeyMismatch):
            chat.extend(other, key="turn-1")
    assert len(chat.history()) == count + 1


def test_a_key_of_one_message_is_that_of_add(store: Any) -> None:
    chat = store.create()
    added = chat.add("Hello", key="k")
    assert chat.extend([{"role": "user", "content": "Hello"}], key="k") == (added,)


def test_the_log_that_moved_past_the_expected_head_is_left_alone(store: Any) -> None:
    chat = store.create()
    chat.extend(TURN, expected_head=0)
    for count in (2, AT_ONCE + 1):
        with pytest.raises(convo.StaleHead):
            chat.extend(long(count), expected_head=1)
    assert texts(chat) == ["Rain in Oslo?", "No."]


@pytest.mark.parametrize(
    "bad", [{"role": "nobody", "content": "x"}, {"role": "user", "content": "\ud800"}, {"content": "x"}, 7, {"role": "user"}]
)
def test_what_is_no_message_stores_none_of_them(store: Any, bad: object) -> None:
    chat = store.create()
    with pytest.raises(convo.InputError):
        chat.extend([*TURN, bad])
    assert texts(chat) == []


def test_what_is_over_a_limit_stores_none_of_them(world: Any) -> None:
    chat = world.open(limits=convo.Limits(item=1_000)).create()
    with pytest.raises(convo.InputError):
        chat.extend([*TURN, {"role": "user", "content": "x" * 2_000}])
    assert texts(chat) == []


def test_a_conversation_of_another_owner_is_not_there(store: Any) -> None:
    chat = store.create()
    stolen = store.owned_by("somebody-else")
    with pytest.raises(convo.ConversationNotFound):
        stolen.get(chat.id).extend(TURN)
    store.delete(chat.id)
    with pytest.raises(convo.ConversationNotFound):
        chat.extend(TURN)


def test_an_encrypted_store_gives_them_back(world: Any) -> None:
    from tests.support.sealing import shared_cipher

    chat = world.open(cipher=shared_cipher()).create()
    for count in (2, AT_ONCE + 1):
        chat.extend(long(count), key=f"{count}")
        assert [m.text for m in chat.extend(long(count), key=f"{count}")] == [m["content"] for m in long(count)]
    assert len(chat.history(verify=True)) == AT_ONCE + 3


def test_many_who_extend_one_conversation_are_never_mixed(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", durability="relaxed") as store:
        chat = store.create()

        def work(number: int) -> None:
            mine = store.get(chat.id)
            for turn in range(10):
                mine.extend([{"role": "user", "content": f"{number} {turn} {part}"} for part in range(3)], key=f"{number} {turn}")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        found = texts(chat)
        assert len(found) == 120
        for start in range(0, 120, 3):
            assert len({text.rsplit(" ", 1)[0] for text in found[start : start + 3]}) == 1
