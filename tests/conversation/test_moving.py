"""A conversation that moves to another owner takes all that it needs, and leaves what others need."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import convo
from tests.conversation.test_deletion import counted, texts
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


def of(database: Database, owner: str) -> Database:
    return attrs.evolve(database, options={**database.options, "owner": owner})


def test_all_of_it_moves_and_the_handle_goes_on(world: World, database: Database) -> None:
    store = world.open()
    chat = store.create(key="call-7", title="a", metadata={"x": 1}, instructions="Be brief.")
    visitor, user = chat.owner, f"{chat.owner}-user"
    reply = chat.send(world.client, recording(), **VOICE, key="k")
    chat.annotate(2, thumbs=1)
    chat.edit(2, "Anew")
    chat.switch(chat.branches()[0])
    before = chat.history(), chat.branches(), chat.annotations(), chat.usage()
    sent = dict(chat.request("gpt-audio-1.5", client=world.client, voice="alloy"))
    chat.move_to(user)
    chat.move_to(user)
    theirs = store.owned_by(user).get(key="call-7")
    for line in (chat, theirs):
        assert (line.owner, line.id, line.title, line.metadata, line.instructions) == (user, chat.id, "a", {"x": 1}, "Be brief.")
        assert (line.history(), line.branches(), line.annotations(), line.usage()) == before
        assert dict(line.request("gpt-audio-1.5", client=world.client, voice="alloy")) == sent
    assert chat.send(world.client, recording(), **VOICE, key="k").audio.data == reply.audio.data
    assert chat.send(world.client, "More", **TEXT).message.position == 5
    assert not any(counted(of(database, visitor)).values())
    with pytest.raises(convo.ConversationNotFound):
        store.get(chat.id)


def test_forks_of_both_owners_keep_their_lines(world: World, database: Database, clock: FixedClock) -> None:
    store = world.open()
    chat = store.create()
    visitor, user = chat.owner, f"{chat.owner}-user"
    chat.send(world.client, recording(), **VOICE)
    fork = chat.fork()
    fork.add("fork")
    other = fork.fork(1)
    lines = {line.id: texts(line) for line in (chat, fork, other)}
    clock.advance(3_600)
    fork.move_to(user)
    assert [texts(line) for line in (chat, fork, other)] == list(lines.values())
    chat.move_to(user)
    other.move_to(user)
    assert [texts(line) for line in (chat, fork, other)] == list(lines.values())
    assert not any(counted(of(database, visitor)).values())
    assert fork.load(fork.history()[1].audio).data
    fork.move_to(visitor)
    chat.move_to(visitor)
    assert [texts(line) for line in (chat, fork, other)] == list(lines.values())
    assert fork.load(fork.history()[1].audio).data
    for line in (chat, fork, other):
        store.owned_by(line.owner).delete(line.id)
    for owner in (visitor, user):
        assert not any(counted(of(database, owner)).values())


def test_bytes_that_the_old_owner_does_not_need_are_gone(store: Any) -> None:
    chat, other = store.create(), store.create()
    chat.add(recording())
    mine = chat.history()[0].audio
    chat.move_to(f"{other.owner}-user")
    assert chat.load(mine).data
    with pytest.raises(convo.BlobNotFound):
        other.load(mine)


def test_bytes_that_the_new_owner_has_already_are_there_once(store: Any) -> None:
    chat = store.create()
    theirs = store.owned_by(f"{chat.owner}-user").create()
    for line in (chat, theirs):
        line.add(recording())
    chat.move_to(theirs.owner)
    assert chat.load(chat.history()[0].audio).data == theirs.load(theirs.history()[0].audio).data


def test_what_is_in_the_way_is_said_and_changes_nothing(world: World, database: Database) -> None:
    store = world.open()
    chat = store.create(key="k", messages=[{"role": "user", "content": "Hi"}])
    user = f"{chat.owner}-user"
    store.owned_by(user).create(key="k")
    before = counted(database)
    with pytest.raises(convo.KeyTaken, match="key k"):
        chat.move_to(user)
    call = chat.exchange(chat.request("gpt-4.1", client=world.client))
    call.__enter__()
    with pytest.raises(convo.TurnInProgress):
        chat.move_to(f"{user}-2")
    for bad in ("\0", "x" * 256, 5):
        with pytest.raises(convo.InputError):
            chat.move_to(bad)
    with pytest.raises(convo.ReadOnlyView):
        store.everyone().get(chat.id).move_to(f"{user}-2")
    assert chat.owner != user
    assert counted(database) == {**before, "exchange": 1}


def test_a_dead_turn_moves_along_and_can_be_given_up(world: World, clock: FixedClock) -> None:
    from convo.protocol import LEASE

    chat = world.open().create(messages=[{"role": "user", "content": "Hi"}])
    chat.exchange(chat.request("gpt-4.1", client=world.client)).__enter__()
    clock.advance(LEASE / 1_000_000 + 1)
    chat.move_to(f"{chat.owner}-user")
    [pending] = chat.pending()
    chat.abandon(pending)
    assert chat.send(world.client, **TEXT).message.position == 2


def test_a_move_inside_a_callers_transaction_is_undone_with_it(threaded: convo.Store) -> None:
    chat = threaded.create(messages=[{"role": "user", "content": "Hi"}])
    engine = threaded._driver.runner.engines.writing  # type: ignore[union-attr]
    with engine.connect() as connection, connection.begin() as transaction:
        threaded.within(connection).get(chat.id).move_to("somebody else")
        transaction.rollback()
    assert texts(threaded.get(chat.id)) == ["Hi"]


def test_moves_deletions_and_forks_at_once_break_no_line(threaded: convo.Store, database: Database) -> None:
    for _ in range(4):
        chat = threaded.create(messages=[{"role": "user", "content": str(number)} for number in range(4)])
        fork, third = chat.fork(), chat.fork(3)
        owner, user = chat.owner, f"{chat.owner}-user"
        line = texts(chat)

        def act(number: int, chat: Any = chat, fork: Any = fork, third: Any = third, user: str = user) -> None:
            with suppress(convo.NotFound):
                match number:
                    case 0 | 1:
                        threaded.get(fork.id).move_to(user)
                    case 2:
                        threaded.delete(chat.id)
                    case 3:
                        threaded.get(third.id).fork(2)
                    case 4:
                        threaded.get(third.id).move_to(user)
                    case _:
                        threaded.get(fork.id).regenerate()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(act, range(6)))
        theirs = threaded.owned_by(user)
        assert texts(theirs.get(fork.id)) == line
        assert texts(theirs.get(third.id)) == line[:3]
        assert all(texts(one) == line[:2] for one in threaded.conversations())
        for view, name in ((threaded, owner), (theirs, user)):
            for one in view.conversations():
                view.delete(one.id)
            assert not any(counted(of(database, name)).values())
