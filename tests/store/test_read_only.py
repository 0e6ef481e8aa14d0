"""A store where nothing can be written: it is read all the same, by everyone whom the system lets read it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from convo.store import files
from convo.store.doctor import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65_534


@pytest.fixture(autouse=True)
def _fixed_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever SQLite runs the tests, it is not what they are about."""
    monkeypatch.setattr(settings, "has_wal_bug", lambda version: False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter, which those of pytest are not."""
    path = Path(tempfile.mkdtemp(prefix="convo-read-only-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def on_a_disk(folder: Path) -> Iterator[None]:
    """A file system that is mounted to be read only."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts a file system")
    bound = subprocess.run(["mount", "--bind", folder, folder], check=False, capture_output=True)
    if bound.returncode:
        pytest.skip("this container mounts nothing")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """A folder, and files in it, that this user may only read. Root is another user meanwhile."""
    everything = [folder, *folder.iterdir()]
    for path in everything:
        path.chmod(path.stat().st_mode & 0o555)
    was = os.geteuid()
    try:
        if was == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(was)
        for path in everything:
            path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture(params=[on_a_disk, without_rights])
def closed(request: pytest.FixtureRequest) -> Any:
    """How a folder is made one that can only be read, for as long as a block."""
    return request.param


def filled(folder: Path) -> tuple[Path, convo.Conversation]:
    path = folder / "100% a?b#c.db"
    with convo.Store(_url(path)) as store:
        chat = store.create(title="A talk")
        chat.add("is anybody there?")
        store.search("anybody")
    path.chmod(0o644)
    return path, chat


def _url(path: Path) -> str:
    from sqlalchemy.engine import make_url

    return make_url("sqlite://").set(database=str(path)).render_as_string()


def test_what_cannot_be_written_is_read(folder: Path, closed: Any) -> None:
    path, chat = filled(folder)
    before = sorted(os.listdir(folder))  # noqa: PTH208 - names
    with closed(folder):
        for opened in (convo.Store.existing, convo.Store):
            with opened(_url(path)) as store:
                found = store.get(chat.id)
                assert [message.text for message in found.history()] == ["is anybody there?"]
                assert [hit.conversation for hit in store.search("anybody")] == [chat.id]
                assert [one.id for one in store.everyone().conversations()] == [chat.id]
                assert {finding.kind for finding in store.doctor() if not finding.healthy} == {"cannot_write"}
                for write in (lambda found=found: found.add("no"), store.create, lambda: store.delete(chat.id)):
                    with pytest.raises(convo.ReadOnlyStore) as caught:
                        write()
                    assert (caught.value.committed, caught.value.retryable) == ("no", False)
                assert len(found.history()) == 1
        for command in (["list"], ["show", str(chat.id)], ["search", "anybody"], ["stats"]):
            told = CliRunner().invoke(main, ["--store", str(path), *command])
            assert told.exit_code == 0, told.output
        assert sorted(os.listdir(folder)) == before  # noqa: PTH208 - names
    with convo.Store(_url(path)) as store:
        store.get(chat.id).add("written again")


def test_turns_that_are_only_in_the_log_beside_it_are_not_passed_over(folder: Path, closed: Any) -> None:
    """After a crash, the newest turns are in the write-ahead log, which SQLite cannot read there: it says what to do."""
    path, chat = filled(folder)
    writer = convo.Store(_url(path))
    writer.get(chat.id).add("the newest")
    saved = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    writer.close()
    for left in folder.iterdir():
        left.unlink()
    for end, content in saved.items():
        Path(f"{path}{end}").write_bytes(content)
    with closed(folder), convo.Store.existing(_url(path)) as store:
        with pytest.raises(convo.ReadOnlyStore, match="-wal") as caught:
            store.get(chat.id)
        assert not caught.value.retryable
    with convo.Store.existing(_url(path)) as store:
        assert [message.text for message in store.get(chat.id).history()] == ["is anybody there?", "the newest"]


def test_what_another_writes_meanwhile_is_seen(folder: Path) -> None:
    """Whoever may not write reads the file as one that nobody writes, until somebody does."""
    path, chat = filled(folder)
    with convo.Store.existing(_url(path)) as reader:
        with without_rights(folder):
            assert len(reader.get(chat.id).history()) == 1
        with convo.Store(_url(path)) as writer:
            writer.get(chat.id).add("one more")
        with without_rights(folder):
            with suppress(convo.StoreBusy):
                reader.get(chat.id)
            assert len(reader.get(chat.id).history()) == 2


def test_a_read_during_which_another_wrote_is_given_to_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, chat = filled(folder)
    with convo.Store.existing(_url(path)) as reader, without_rights(folder):
        reader.get(chat.id)
        real, states = files.state, iter(range(1_000))
        monkeypatch.setattr(files, "state", lambda path: (*real(path), next(states)))
        with pytest.raises(convo.StoreBusy, match="again") as caught:
            reader.get(chat.id)
        assert (caught.value.retryable, caught.value.committed) == (True, "no")
        monkeypatch.undo()
        assert reader.get(chat.id).title == "A talk"


def test_what_is_no_database_or_not_there_is_told_as_anywhere(folder: Path, closed: Any) -> None:
    (folder / "text.db").write_text("no database" * 1_000)
    with closed(folder):
        for name, error in (("text.db", convo.NotAConvoStore), ("missing.db", convo.StoreNotFound)):
            for opened in (convo.Store.existing, convo.Store):
                with pytest.raises(error), opened(_url(folder / name)) as store:
                    store.conversations()
