"""A conversation as one JSON text, and the same conversation again: whole, once, and nothing else passes for one."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.store import erasure, sessions
from tests.conftest import CIPHER
from tests.support.both import resolved
from tests.support.builders import wav
from tests.support.sealing import KeyService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Database, World

MODEL = "gpt-audio-1.5"


@pytest.fixture
def here(world: World) -> Any:
    """A store with an owner of its own."""
    return world.open().owned_by(f"here-{uuid4()}")


@pytest.fixture
def there(world: World) -> Any:
    """Another store."""
    return world.open().owned_by(f"there-{uuid4()}")


def rich(store: Any, client: Any, clock: Any) -> Any:
    """A conversation with all that one can have."""
    chat = store.create(instructions="Be brief.", title="A talk", metadata={"n": [1, {"a": None}]}, key=f"key-{uuid4()}")
    chat.send(
        client, convo.Audio.from_bytes(wav(), transcript="Hello there."), model=MODEL, voice="alloy", format="wav", key="t-1"
    )
    clock.advance(timedelta(seconds=3, microseconds=7))
    chat.send(client, "And now? \N{GRINNING FACE}", model=MODEL, voice="alloy", format="wav")
    chat.annotate(3, thumbs=1, label="good")
    chat.regenerate()
    chat.send(client, "Again.", model=MODEL, voice="alloy", format="wav")
    chat.edit(4, "What else?")
    chat.add(convo.Image.open(PNG), "Look.", metadata={"from": "camera"}, pinned=True)
    return chat


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def same(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def test_what_comes_back_is_what_went(here: Any, there: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    text = chat.session(audio=True)
    again = there.import_session(text)
    assert same(again.session(audio=True)) == same(text)
    assert (again.id, again.title, again.metadata, again.key, again.created_at, again.head) == (
        chat.id,
        chat.title,
        chat.metadata,
        chat.key,
        chat.created_at,
        chat.head,
    )
    assert list(again.history()) == list(chat.history())
    assert again.branches() == chat.branches()
    assert again.annotations() == chat.annotations()
    assert again.usage() == chat.usage()
    for branch in chat.branches():
        chat.switch(branch.id)
        again.switch(branch.id)
        assert list(again.history()) == list(chat.history())
    for one, other in zip(chat.history().audio(), again.history().audio(), strict=True):
        assert chat.load(one).data == again.load(other).data


def test_a_restored_conversation_goes_on(here: Any, there: Any, client: Any, clock: Any) -> None:
    again = there.import_session(rich(here, client, clock).session(audio=True))
    again.redact(again.head)  # no audio model takes an image
    head = again.head
    again.send(client, "Go on.", model=MODEL, voice="alloy", format="wav")
    assert again.head == head + 2
    assert not [finding for finding in there.doctor() if finding.owner == again.owner and finding.severity != "note"]


def test_without_audio_its_words_are_there(here: Any, there: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    again = there.import_session(chat.session())
    assert [message.text for message in again.history()] == [message.text for message in chat.history()]
    (first, *_) = again.history().audio()
    with pytest.raises(convo.AudioDropped):
        again.load(first)
    image = next(piece for message in again.history() for piece in message.media if piece.kind == "image")
    assert image.dropped is None
    assert not [finding for finding in there.doctor() if finding.owner == again.owner and finding.severity != "note"]
    again.redact(again.head)
    again.send(client, "Go on.", model=MODEL, voice="alloy", format="wav")


def test_importing_twice_is_importing_once(here: Any, there: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    text = chat.session(audio=True)
    one = there.import_session(text)
    one.add("And more.")
    assert there.import_session(text).head == one.head
    assert here.import_session(text).head == chat.head
    assert len(there.conversations()) == 1


def test_a_deleted_conversation_comes_back(here: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    text = chat.session(audio=True)
    here.delete(chat.id)
    assert same(here.import_session(text).session(audio=True)) == same(text)


def test_a_fork_brings_what_it_shares(here: Any, there: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    fork = chat.fork(3)
    fork.add("Elsewhere.")
    text = fork.session(audio=True)
    again = there.import_session(text)
    assert list(again.history()) == list(fork.history())
    source = there.import_session(chat.session(audio=True))
    assert list(source.history()) == list(chat.history())
    assert list(again.history()) == list(fork.history())


def test_a_fork_that_was_deleted_shares_again(here: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    fork = chat.fork(3)
    fork.add("Elsewhere.")
    one, other = chat.session(audio=True), fork.session(audio=True)
    expected = list(fork.history())
    here.delete(fork.id)
    assert list(here.import_session(other).history()) == expected
    here.delete(chat.id)
    assert list(here.import_session(one).history())
    assert list(here.get(fork.id).history()) == expected


def test_forks_come_in_any_order_before_what_they_share(here: Any, there: Any) -> None:
    chat = here.create()
    chat.extend([{"role": "user", "content": str(number)} for number in range(4)])
    forks = [chat.fork(at) for at in (1, 3, 2)]
    chat.add("4")
    for one in [*forks, chat]:
        assert list(there.import_session(one.session()).history()) == list(one.history())
    again = there.get(chat.id)
    assert again.add("5").position == 6
    assert [found for found in there.doctor() if found.severity != "note" and found.conversation == again.id] == []


def test_a_session_that_is_older_than_what_a_fork_brought_is_a_conflict(here: Any, there: Any) -> None:
    chat = here.create()
    chat.add("One")
    old = chat.session()
    chat.add("Two")
    fork = chat.fork()
    there.import_session(fork.session())
    with pytest.raises(convo.ConflictError, match="older"):
        there.import_session(old)
    assert list(there.import_session(chat.session()).history()) == list(chat.history())
    there.get(chat.id).add("Three")
    assert list(there.get(fork.id).history()) == list(fork.history())


def test_another_conversation_of_the_id_or_the_key_is_a_conflict(here: Any, there: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    changed = same(chat.session(audio=True))
    there.create(key=chat.key)
    with pytest.raises(convo.KeyTaken):
        there.import_session(json.dumps(changed))
    next(row for row in changed["messages"] if row["position"] == 1)["body"] = '{"content":"Other.","role":"system"}'
    with pytest.raises(convo.ConflictError):
        here.import_session(json.dumps(changed))


def test_a_sealed_conversation_goes_out_in_the_clear_and_in_sealed(world: World, here: Any, client: Any, clock: Any) -> None:
    chat = rich(here, client, clock)
    text = chat.session(audio=True)
    sealed = world.open(cipher=KeyService().cipher()).owned_by(f"sealed-{uuid4()}")
    again = sealed.import_session(text)
    assert same(again.session(audio=True)) == same(text)
    with pytest.raises(convo.KeyUnavailable):
        world.open(cipher=None).owned_by(again.owner).get(again.id).session()


def test_what_others_write_meanwhile_is_in_it_whole_or_not_at_all(
    world: World, database: Database, here: Any, there: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = here.create()
    chat.add("First.")
    rows = sessions._rows

    def and_others_write(connection: Any, name: str, *where: Any) -> Any:
        if name in ("branches", "messages"):
            other.add(name)
            other.edit(other.head, f"{name}, no")
        return rows(connection, name, *where)

    options: Any = {**database.options, "owner": chat.owner}
    with convo.Store(database.url, clock=clock, cipher=CIPHER, **options) as writer:
        other = writer.get(chat.id)
        monkeypatch.setattr(sessions, "_rows", and_others_write)
        text = chat.session()
    monkeypatch.undo()
    assert other.head > 1
    again = there.import_session(text)
    assert [message.text for message in again.history()] == ["First."]
    assert again.add("And on.").position == 2


def test_a_conversation_that_is_being_erased_is_not_there(here: Any) -> None:
    chat = here.create()
    resolved(chat, chat._driver.runner.run(erasure.hide, chat.owner, mode="write"))
    with pytest.raises(convo.ConversationNotFound):
        chat.session()


def test_a_view_of_all_imports_nothing(here: Any, client: Any, clock: Any) -> None:
    text = rich(here, client, clock).session()
    with pytest.raises(convo.ReadOnlyView):
        here.everyone().import_session(text)


# --- what is no session ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A session of a conversation with two branches and a recording."""
    with convo.Store(f"sqlite:///{tmp_path_factory.mktemp('good')}/chat.db") as store:
        chat = store.create(instructions="Be brief.")
        chat.add(convo.Audio.from_bytes(wav(), transcript="Hello."), key="k")
        chat.annotate(2, thumbs=1)
        chat.add("Second.")
        chat.edit(3, "Third.")
        return same(chat.session(audio=True))


TEXTS = [
    "",
    "{",
    "[]",
    "null",
    "3",
    '"convo"',
    '{"convo": "session"}',
    '{"convo": "session", "version": 2}',
    "[" * 100_000,
    "\ud800",
    "NaN",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_any_other_text_is_refused(there: Any, text: str) -> None:
    with pytest.raises(convo.NotASession):
        there.import_session(text)


def _set(table: str, index: int, column: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found[table][index][column] = value

    return change


def _del(table: str, index: int) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        del found[table][index]

    return change


def _top(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found[name] = value

    return change


CHANGES = {
    "no conversation": _top("conversation", None),
    "no list": _top("messages", {}),
    "no messages": _top("messages", []),
    "no row": _top("messages", ["x"]),
    "no branches": _top("branches", []),
    "no segments": _top("segments", []),
    "no blobs": _top("blobs", []),
    "bytes that are others": _top("blobs", {"0" * 64: "aGVsbG8="}),
    "bytes that are no base64": _top("blobs", {"0" * 64: "!"}),
    "a column too many": _set("messages", 0, "evil", 1),
    "the owner of another": _set("messages", 0, "owner", "other"),
    "a column too few": _set("messages", 0, "body", None),
    "no JSON": _set("messages", 0, "body", "{"),
    "JSON that is not canonical": _set("messages", 0, "body", '{"role": "user"}'),
    "no kind": _set("messages", 0, "kind", "spy"),
    "no status": _set("messages", 0, "status", "eaten"),
    "no state": _set("branches", 0, "state", "gone"),
    "no id": _set("branches", 0, "id", "x"),
    "no position": _set("messages", 0, "position", "1"),
    "a position of zero": _set("messages", 0, "position", 0),
    "a position too large": _set("messages", 0, "position", 1 << 63),
    "a truth for a number": _set("messages", 0, "position", True),
    "a number for a truth": _set("messages", 0, "pinned", 1),
    "no time": _set("messages", 0, "created_at", "2026-11-01"),
    "a time beyond all": _set("messages", 0, "created_at", 1 << 62),
    "a digest that is a path": _set("attachments", 0, "digest", "../../etc/passwd"),
    "a text with NUL": _set("attachments", 0, "transcript", "a\0b"),
    "a text with a surrogate": _set("attachments", 0, "transcript", "\ud800"),
    "a duration that is none": _set("attachments", 0, "duration", 1e999),
    "a part of no message": _set("attachments", 0, "position", 99),
    "a note of no message": _set("annotations", 0, "position", 99),
    "a missing message": _del("messages", 1),
    "a missing branch": _del("branches", 0),
    "a missing segment": _del("segments", 0),
    "a head too far": _set("branches", 0, "head", 1_000_000_000_000),
    "a head too near": _set("branches", 0, "head", 1),
    "a head below zero": _set("branches", 0, "head", -1),
    "a branch of another conversation": _set("branches", 0, "conversation", str(UUID(int=7))),
    "a segment of another branch": _set("segments", 0, "branch", str(UUID(int=7))),
    "a segment of unknown rows": _set("segments", 0, "source", str(UUID(int=7))),
    "a segment that ends before the end": _set("segments", -1, "last", 5),
    "a call of another branch": _set("exchanges", 0, "branch", str(UUID(int=7))),
    "a call of another conversation": _set("exchanges", 0, "conversation", str(UUID(int=7))),
    "a shared branch that is shown": _set("branches", 0, "shared", True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_session_that_was_changed_is_refused_and_nothing_is_stored(there: Any, good: Any, change: Any) -> None:
    found = deepcopy(good)
    change(found)
    with pytest.raises(convo.NotASession):
        there.import_session(json.dumps(found))
    assert there.conversations() == []


def test_a_row_twice_is_refused(there: Any, good: Any) -> None:
    for name in ("branches", "segments", "messages", "attachments", "annotations", "exchanges"):
        found = deepcopy(good)
        found[name].append(found[name][0])
        with pytest.raises(convo.NotASession):
            there.import_session(json.dumps(found))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_change_is_refused_or_gives_a_sound_conversation(tmp_path_factory: Any, good: Any, data: st.DataObject) -> None:
    found = deepcopy(good)
    name = data.draw(st.sampled_from([key for key in found if isinstance(found[key], list) and found[key]]))
    row = data.draw(st.sampled_from(found[name]))
    column = data.draw(st.sampled_from(sorted(row)))
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([]), st.sampled_from(list(row.values()))
    )
    row[column] = data.draw(values)
    path = tmp_path_factory.mktemp("any")
    with convo.Store(f"sqlite:///{path}/chat.db") as store:
        try:
            chat = store.import_session(json.dumps(found))
        except convo.ConvoError:
            assert store.conversations() == []
            return
        assert [message.position for message in chat.history()] == list(range(1, chat.head + 1))
        again = same(chat.session(audio=True))
        assert store.import_session(json.dumps(again)).id == chat.id


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable())),
        st.tuples(st.just("edit"), st.integers(1, 5)),
        st.tuples(st.just("note"), st.integers(1, 5)),
        st.tuples(st.just("fork"), st.integers(0, 5)),
        st.tuples(st.just("redact"), st.integers(1, 5)),
        st.tuples(st.just("audio"), st.integers(1, 3)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_every_conversation_comes_back_as_it_was(tmp_path_factory: Any, steps: list[tuple[str, Any]]) -> None:
    path: Path = tmp_path_factory.mktemp("law")
    with convo.Store(f"sqlite:///{path}/one.db") as one, convo.Store(f"sqlite:///{path}/two.db") as two:
        chat = one.create()
        for what, value in steps:
            chat = _done(chat, what, value)
        text = chat.session(audio=True)
        again = two.import_session(text)
        assert same(again.session(audio=True)) == same(text)
        assert list(again.history()) == list(chat.history())
        assert two.import_session(text).head == chat.head


def _done(chat: Any, what: str, value: Any) -> Any:
    try:
        if what == "add":
            chat.add(value)
        elif what == "audio":
            chat.add(convo.Audio.from_bytes(wav(value / 10)))
        elif what == "edit":
            chat.edit(value, "Edited.")
        elif what == "note":
            chat.annotate(value, n=value)
        elif what == "redact":
            chat.redact(value)
        else:
            return chat.fork(value)
    except (convo.NotFound, convo.InputError):
        pass
    return chat
