"""Deleting a conversation: others keep the messages that they share with it, and nothing else stays."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FixedClock
    from tests.conftest import Database, World

TEXT = {"model": "gpt-4.1"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


@pytest.fixture
def threaded(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        yield opened


def counted(database: Database) -> dict[str, int]:
    """The rows of the test's owner in each table that deletion is about."""
    owner = database.options.get("owner", "")
    with convo.Store(database.url, **database.options) as store:
        runner: Any = store._driver.runner
        options = {"schema_translate_map": {None: database.options.get("schema")}}
        with runner.engines.reading.connect() as connection:
            found = {
                name.removeprefix("convo_"): connection.execute(
                    sa.select(sa.func.count()).select_from(table).where(table.c.owner == owner), execution_options=options
                ).scalar_one()
                for name, table in tables.metadata.tables.items()
                if "owner" in table.c
            }
    return {name: count for name, count in found.items() if name not in ("blob", "blob_chunk")}


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


def numbered(store: Any, count: int = 6) -> Any:
    return store.create(messages=[{"role": "user", "content": str(number)} for number in range(1, count + 1)])


def test_a_fork_outlives_what_it_was_made_from(world: World, database: Database) -> None:
    store = world.open()
    chat = store.create(instructions="Be brief.")
    chat.send(world.client, recording(), **VOICE)
    fork = chat.fork()
    chat.send(world.client, "Only here", **TEXT, key="k")
    before = fork.history()
    sent = dict(fork.request("gpt-audio-1.5", client=world.client, voice="alloy"))
    store.delete(chat.id)
    again = world.open().get(fork.id)
    assert (again.history(), again.instructions) == (before, "Be brief.")
    assert dict(again.request("gpt-audio-1.5", client=world.client, voice="alloy")) == sent
    assert again.load(again.history()[-1].audio).data
    assert [branch.id for branch in again.branches()] == [fork.branches()[0].id], "kept branches are not listed"
    assert (again.usage().calls, again.pending(), len(store.conversations())) == (0, [], 1)
    rows = counted(database)
    assert (rows["branch"], rows["message"], rows["segment"], rows["exchange"], rows["attachment"]) == (2, 3, 2, 0, 2)
    again.send(world.client, "Go on", **TEXT)
    store.delete(fork.id)
    assert not any(counted(database).values())


def test_kept_branches_are_no_line_to_switch_to(store: Any) -> None:
    chat = numbered(store)
    fork = chat.fork(3)
    branch = chat.branches()[0]
    store.delete(chat.id)
    with pytest.raises(convo.BranchNotFound):
        fork.switch(branch)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_whatever_order_they_are_deleted_the_others_keep_their_lines(
    threaded: convo.Store, database: Database, order: tuple[int, ...]
) -> None:
    chat = numbered(threaded)
    chat.edit(4, "four")
    chat.add("five")
    first, second = chat.fork(5), chat.fork(2)
    second.edit(2, "two")
    third = first.fork(4)
    third.add("fifth")
    chats = [chat, first, second, third]
    lines = {one.id: texts(one) for one in chats}
    for index in order:
        threaded.delete(chats[index].id)
        del lines[chats[index].id]
        assert {id_: texts(threaded.get(id_)) for id_ in lines} == lines
    assert not any(counted(database).values())


def test_what_was_asked_and_answered_on_a_deleted_line_comes_too_late(world: World) -> None:
    store = world.open()
    chat = store.create()
    chat.add("Hello")
    fork = chat.fork()
    request = chat.request("gpt-4.1", client=world.client)
    call = chat.exchange(request)
    call.__enter__()
    world.open().delete(chat.id)
    with pytest.raises(convo.ConversationNotFound):
        call.record(answer("Late."))
    for write in (lambda: chat.record(answer("Late."), request), lambda: chat.add("x"), chat.regenerate, chat.fork):
        with pytest.raises(convo.ConversationNotFound):
            write()
    assert texts(fork) == ["Hello"]
    assert fork.send(world.client, **TEXT).message.position == 2


def test_a_fork_of_another_owner_is_not_there_to_be_found(store: Any) -> None:
    chat = numbered(store)
    chat.fork()
    with pytest.raises(convo.ConversationNotFound):
        store.owned_by(f"{chat.owner}-other").delete(chat.id)
    assert len(store.conversations()) == 2


def test_forks_and_deletions_at_once_break_no_line(threaded: convo.Store, database: Database) -> None:
    for attempt in range(4):
        chat = numbered(threaded)
        chat.edit(3, "three")
        chat.add("four")
        kept = [chat.fork(), chat.fork(2)]
        lines = {fork.id: texts(fork) for fork in kept}

        def act(number: int, chat: convo.Conversation = chat, kept: Any = kept, lines: Any = lines) -> None:
            own = threaded.get(kept[number % 2].id)
            with suppress(convo.NotFound):
                match number:
                    case 0 | 1:
                        threaded.delete(chat.id)
                    case 2 | 3:
                        made = chat.fork()
                        lines[made.id] = texts(made)
                    case 4:
                        chat.edit(2, "two")
                    case 5:
                        chat.switch(chat.branches()[0])
                    case _:
                        made = own.fork(2)
                        lines[made.id] = texts(made)
                        threaded.delete(made.id)
                        del lines[made.id]

        numbers = list(range(8))
        random.Random(attempt).shuffle(numbers)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, numbers))
        expected = {id_: line for id_, line in lines.items() if id_ != chat.id}
        assert {one.id: texts(one) for one in threaded.conversations()} == expected
        left = list(expected)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(threaded.delete, left))
        assert not any(counted(database).values())


ACTS: dict[str, Any] = {
    "regenerate": lambda chat, fork: chat.regenerate(key="k"),
    "edit": lambda chat, fork: chat.edit(2, "Anew", key="k"),
    "switch": lambda chat, fork: chat.switch(chat.branches()[0]),
    "fork": lambda chat, fork: chat.fork(),
    "update": lambda chat, fork: chat.update(title="t", instructions="New."),
    "redact": lambda chat, fork: chat.redact(3),
    "move_to": lambda chat, fork: chat.move_to(f"{chat.owner}-user"),
    "delete": None,
}


@pytest.mark.parametrize("act", ACTS)
def test_a_fault_at_any_statement_undoes_all_of_it(threaded: convo.Store, database: Database, fake: Any, act: str) -> None:
    from tests.conversation.test_faults import _Fault

    chat = threaded.create(instructions="Be brief.")
    with fake.client() as client:
        chat.send(client, recording(), **VOICE)
        chat.edit(2, "Other")
        chat.send(client, **VOICE)
    fork = chat.fork()
    act_on: Any = ACTS[act] if act != "delete" else lambda chat, fork: threaded.delete(chat.id)
    for number in range(1, 200):
        before = counted(database), texts(threaded.get(chat.id)), texts(fork)
        done = False
        with _Fault(threaded, number, lost=False) as fault, suppress(convo.StoreError):
            act_on(threaded.get(chat.id), fork)
            done = act == "delete"  # and what empties the write-ahead log afterwards may fail
        if fault.left > 0 or done:
            break
        assert (counted(database), texts(threaded.get(chat.id)), texts(fork)) == before
    assert number > 3
    if act != "redact":
        assert texts(fork) == before[2]


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    return {"id": "chatcmpl-1", "model": "gpt-4.1", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
