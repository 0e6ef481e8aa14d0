"""What holds of every import: whole or not at all, once, on every database; what has grown grows; nothing comes back."""

from __future__ import annotations

import asyncio
import shutil
import threading
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import convo
from convo.importers.sources import FORMATS
from convo.store import importing
from tests.support.foreign import assembles, conversations, exported, healthy, lines, node, tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database, World

TALK = [node("root", None), node("u1", "root", "user", "Hi."), node("a1", "u1", "assistant", "Hello.")]
EDITED = [*TALK, node("u2", "root", "user", "Good day."), node("a2", "u2", "assistant", "Good day to you.")]
MORE = [node("u3", "a2", "user", "Go on."), node("a3", "u3", "assistant", "I do.")]


@pytest.fixture
def mine(store: Any) -> Any:
    """A store with an owner of its own."""
    return store.owned_by(f"imports-{uuid4()}")


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


def test_other_branches_become_branches_and_the_current_one_is_shown(mine: Any, tmp_path: Path) -> None:
    done = mine.import_from("chatgpt", exported(tmp_path, tree(EDITED, current_node="a1")))
    assert (done.conversations, done.created, done.messages, done.branches) == (1, 1, 4, 1)
    chat = mine.get(key="chatgpt:c-1")
    assert texts(chat) == ["Hi.", "Hello."]
    (other,) = [branch for branch in chat.branches() if not branch.shown]
    chat.switch(other)
    assert texts(chat) == ["Good day.", "Good day to you."]
    assert assembles(chat)
    assert healthy(mine)


def test_a_second_import_adds_nothing(mine: Any, tmp_path: Path) -> None:
    path = exported(tmp_path, tree(EDITED), tree(TALK, conversation_id="c-2"))
    assert mine.import_from("chatgpt", path).created == 2
    before = [(chat.key, chat.branches(), list(chat.history())) for chat in conversations(mine)]
    done = mine.import_from("chatgpt", path)
    assert (done.conversations, done.created, done.grown, done.messages, done.branches) == (2, 0, 0, 0, 0)
    assert [(chat.key, chat.branches(), list(chat.history())) for chat in conversations(mine)] == before


def test_what_has_grown_grows_on_its_line(mine: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(EDITED)))
    done = mine.import_from("chatgpt", exported(tmp_path, tree([*EDITED, *MORE])))
    assert (done.created, done.grown, done.messages, done.branches) == (0, 1, 2, 0)
    chat = mine.get(key="chatgpt:c-1")
    assert texts(chat) == ["Good day.", "Good day to you.", "Go on.", "I do."]
    assert len(chat.branches()) == 2


def test_a_new_branch_of_the_source_is_a_new_branch(mine: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(TALK)))
    again = node("a1b", "u1", "assistant", "Hi there.")
    done = mine.import_from("chatgpt", exported(tmp_path, tree([*TALK, again])))
    assert (done.messages, done.branches) == (1, 1)
    assert texts(mine.get(key="chatgpt:c-1")) == ["Hi.", "Hi there."]


def test_where_somebody_went_on_here_their_line_stays_and_the_source_gets_another(mine: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(EDITED)))
    chat = mine.get(key="chatgpt:c-1")
    chat.add("Mine.")
    done = mine.import_from("chatgpt", exported(tmp_path, tree([*EDITED, *MORE])))
    assert (done.messages, done.branches) == (2, 1)
    chat = mine.get(chat.id)
    assert texts(chat) == ["Good day.", "Good day to you.", "Mine."]
    lines_ = []
    for branch in chat.branches():
        chat.switch(branch)
        lines_.append(texts(chat))
    assert ["Good day.", "Good day to you.", "Go on.", "I do."] in lines_
    assert healthy(mine)


def test_what_was_redacted_does_not_come_back(mine: Any, tmp_path: Path) -> None:
    path = exported(tmp_path, tree(EDITED))
    mine.import_from("chatgpt", path)
    chat = mine.get(key="chatgpt:c-1")
    chat.redact(1)
    done = mine.import_from("chatgpt", path)
    assert (done.messages, done.branches, done.not_carried) == (0, 0, ())
    done = mine.import_from("chatgpt", exported(tmp_path, tree([*EDITED, *MORE])))
    assert (done.messages, done.branches) == (2, 0)
    assert [message.status for message in mine.get(chat.id).history()] == ["redacted", "complete", "complete", "complete"]


def test_what_says_something_else_by_now_stays_and_is_told(mine: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(TALK)))
    other = [*TALK[:2], node("a1", "u1", "assistant", "Hello, you.")]
    (lost,) = mine.import_from("chatgpt", exported(tmp_path, tree(other))).not_carried
    assert (lost.kind, lost.count, lost.conversation) == ("changed", 1, "c-1")
    assert texts(mine.get(key="chatgpt:c-1")) == ["Hi.", "Hello."]


def test_a_deleted_conversation_is_imported_anew(mine: Any, tmp_path: Path) -> None:
    path = exported(tmp_path, tree(TALK))
    mine.import_from("chatgpt", path)
    mine.delete(mine.get(key="chatgpt:c-1").id)
    assert mine.import_from("chatgpt", path).created == 1


def test_owners_import_apart(mine: Any, tmp_path: Path) -> None:
    path = exported(tmp_path, tree(TALK))
    mine.import_from("chatgpt", path)
    other = mine.owned_by(f"other-{uuid4()}")
    assert other.import_from("chatgpt", path).created == 1
    assert other.get(key="chatgpt:c-1").id != mine.get(key="chatgpt:c-1").id


def test_an_imported_conversation_goes_on(mine: Any, client: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(EDITED)))
    chat = mine.get(key="chatgpt:c-1")
    reply = chat.send(client, "And now?", model="gpt-5.5")
    assert reply.text == "I have read 3 messages."
    chat.regenerate()
    chat.send(client, model="gpt-5.5", api="responses")
    assert chat.head == 4


def test_a_session_that_was_exported_goes_on_with_its_import(mine: Any, tmp_path: Path) -> None:
    mine.import_from("chatgpt", exported(tmp_path, tree(EDITED)))
    there = mine.owned_by(f"there-{uuid4()}")
    there.import_session(mine.get(key="chatgpt:c-1").session())
    done = there.import_from("chatgpt", exported(tmp_path, tree([*EDITED, *MORE])))
    assert (done.created, done.grown, done.messages) == (0, 1, 2)


def test_times_models_and_titles_are_kept(mine: Any, tmp_path: Path) -> None:
    nodes = [
        node("u1", None, "user", "Hi.", time=1_700_000_001.5),
        node("a1", "u1", "assistant", "Hello.", metadata={"model_slug": "gpt-4o"}),
    ]
    mine.import_from("chatgpt", exported(tmp_path, tree(nodes, title="T\0itle", gizmo_id="g-1")))
    chat = mine.get(key="chatgpt:c-1")
    first, second = chat.history()
    assert chat.title == "Title"
    assert (chat.created_at.isoformat(), first.created_at.isoformat()) == (
        "2023-11-14T22:13:20.250000+00:00",
        "2023-11-14T22:13:21.500000+00:00",
    )
    assert second.created_at == first.created_at, "the time of the one before, where a message has none"
    assert (first.model, second.model) == (None, "gpt-4o")
    assert chat.metadata == {"source": "chatgpt", "source_id": "c-1", "chatgpt": {"gizmo_id": "g-1"}}
    assert first.metadata == {"source_id": "u1"}


def test_progress_is_told_to_the_end(mine: Any, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = lines(tmp_path, *({"messages": [{"role": "user", "content": f"{n}"}]} for n in range(3)))
    mine.import_from("jsonl", path, progress=lambda done, total: told.append((done, total)))
    assert len(told) == 3
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


def test_a_conversation_that_cannot_be_stored_is_counted_and_the_others_go_on(mine: Any, tmp_path: Path) -> None:
    good, bad = {"messages": [{"role": "user", "content": "Hi."}]}, {"messages": [{"role": "queen", "content": "No."}]}
    done = mine.import_from("jsonl", lines(tmp_path, good, bad, {**good, "id": 7}))
    assert (done.conversations, done.created, done.skipped) == (3, 2, 1)
    (lost,) = done.not_carried
    assert "'queen' is no role" in lost.reason
    assert done.to_dict()["not_carried"][0]["kind"] == "conversation"


def test_an_interrupted_import_goes_on(mine: Any, tmp_path: Path) -> None:
    path = lines(tmp_path, *({"id": n, "messages": [{"role": "user", "content": f"{n}"}]} for n in range(4)))

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine.import_from("jsonl", path, progress=stop)
    assert 0 < len(conversations(mine)) < 4
    done = mine.import_from("jsonl", path)
    assert 0 < done.created < 4
    assert len(conversations(mine)) == 4


def test_a_failure_in_the_midst_of_a_conversation_leaves_nothing_of_it(
    mine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("the plug was pulled")

    with monkeypatch.context() as patch:
        patch.setattr(importing._Placing, "finish", fail)
        with pytest.raises(RuntimeError, match="plug"):
            mine.import_from("chatgpt", exported(tmp_path, tree(EDITED)))
    assert conversations(mine) == []
    assert mine.import_from("chatgpt", exported(tmp_path, tree(EDITED))).messages == 4


def test_two_workers_at_once_import_once(database: Database, tmp_path: Path) -> None:
    path = exported(tmp_path, *(tree(EDITED, conversation_id=f"c-{n}") for n in range(6)))
    owner = f"racing-{uuid4()}"
    done: list[convo.Imported] = []

    def work() -> None:
        with convo.Store(database.url, **{**database.options, "owner": owner}) as store:
            done.append(store.import_from("chatgpt", path))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with convo.Store(database.url, **{**database.options, "owner": owner}) as store:
        assert sum(one.created for one in done) == 6
        assert sum(one.messages for one in done) == 24
        assert [(len(chat.branches()), chat.head) for chat in conversations(store)] == [(2, 2)] * 6


def test_bytes_go_where_the_store_keeps_them(world: World, folder: convo.FolderBlobs, tmp_path: Path) -> None:
    store = world.open(blobs=folder).owned_by(f"blobs-{uuid4()}")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    store.import_from("jsonl", lines(tmp_path, {"id": "x", "messages": [{"role": "user", "content": [image]}]}))
    (piece,) = store.get(key="jsonl:x").history()[0].media
    assert piece.size == 8
    assert [blob.place for blob in store.blobs()] == [folder.name]


async def test_an_import_that_is_cancelled_leaves_whole_conversations_and_goes_on(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "s.db")
    path = exported(tmp_path, *(tree(EDITED, conversation_id=f"c-{n}") for n in range(20)))
    async with convo.AsyncStore(f"sqlite:///{tmp_path / 's.db'}") as store:
        begun = asyncio.Event()
        work = asyncio.create_task(store.import_from("chatgpt", path, progress=lambda done, total: begun.set()))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        there = len(await store.conversations())
        assert 0 < there < 20
        assert (await store.import_from("chatgpt", path)).created in (20 - there, 19 - there), "one may be on its way"
        assert [chat.head for chat in await store.conversations()] == [2] * 20


@pytest.mark.parametrize(
    ("format_", "source", "more", "error"),
    [
        ("carrier-pigeon", "x", {}, convo.InputError),
        ("jsonl", 7, {}, convo.InputError),
        ("jsonl", "", {}, convo.InputError),
        ("jsonl", "a\0b", {}, convo.InputError),
        ("jsonl", "x", {"table": "t"}, convo.InputError),
        ("jsonl", "x", {"progress": 3}, convo.InputError),
        ("openai", "x", {}, convo.InputError),
        ("jsonl", "/nowhere/at/all.jsonl", {}, convo.NotImportable),
    ],
)
def test_bad_arguments_are_refused(mine: Any, format_: Any, source: Any, more: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        mine.import_from(format_, source, **more)


def test_a_view_that_only_reads_imports_nothing(mine: Any, tmp_path: Path) -> None:
    with pytest.raises(convo.ReadOnlyView):
        mine.everyone().import_from("chatgpt", exported(tmp_path, tree(TALK)))


def test_nothing_is_imported_inside_a_callers_transaction(database: Database, tmp_path: Path) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    path = exported(tmp_path, tree(TALK))
    with convo.Store(engine, **database.options) as store, engine.connect() as mine, pytest.raises(convo.HeldTransaction):
        store.within(mine).import_from("chatgpt", path)
    engine.dispose()


def test_the_formats_are_those_that_the_call_names() -> None:
    assert list(FORMATS) == sorted(FORMATS)
    documented = convo.Store.import_from.__doc__ or ""
    assert all(f'"{name}"' in documented for name in FORMATS)
