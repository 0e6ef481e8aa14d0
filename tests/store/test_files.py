"""SQLite files: writers in turns; a file that is removed or replaced while open; one on a network; who opens files."""

from __future__ import annotations

import dis
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ROOT = Path(convo.__file__).parent


@pytest.fixture
def path(tmp_path: Path, sqlite_template: Path) -> Path:
    target = tmp_path / "chat.db"
    shutil.copyfile(sqlite_template, target)
    return target


@pytest.fixture
def made(path: Path) -> Iterator[convo.Store]:
    with convo.Store(f"sqlite:///{path}") as store:
        yield store


# --- the gate --------------------------------------------------------------------------------------


def test_a_writer_waits_for_its_turn_and_gives_up_in_time(made: convo.Store, path: Path) -> None:
    chat = made.create()
    gate: files.Gate = made._driver.runner.engines.file.gate  # type: ignore[union-attr]
    gate._wait = 0.05
    with Path(f"{path}-gate").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(convo.StoreBusy) as caught:
            chat.add("too long")
        assert (caught.value.retryable, caught.value.committed) == (True, "no")
        assert chat.history().messages == (), "readers wait for nobody"
    chat.add("Hello")
    assert [message.text for message in chat.history()] == ["Hello"]


def test_threads_wait_for_each_other(path: Path) -> None:
    gate, found = files.Gate(str(path), 0.05), list[str]()
    with gate.held():
        thread = threading.Thread(target=_try_to_pass, args=(gate, found))
        thread.start()
        thread.join()
    with gate.held():
        pass
    assert found == ["busy"]
    gate.close()


def _try_to_pass(gate: files.Gate, found: list[str]) -> None:
    try:
        with gate.held():
            found.append("passed")
    except convo.StoreBusy:
        found.append("busy")


def test_a_writer_that_stood_still_while_it_waited_goes_on_waiting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was asleep, or busy with others for long: whoever holds the gate stood still too."""
    stands_still = Still(files.locked)
    monkeypatch.setattr(files, "locked", stands_still)
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: stands_still.seconds, sleep=lambda seconds: None))
    gate = files.Gate(str(path), 10)
    gate._turn = stands_still  # type: ignore[assignment]
    with gate.held():
        assert stands_still.seconds == 120
    gate.close()


class Still:
    """A lock of threads, and what takes one of processes: a minute passes, and it is free at the second look."""

    def __init__(self, locked: Callable[[int], bool]) -> None:
        self._locked = locked
        self.seconds = 0
        self._looked = 0

    def acquire(self, *, timeout: float) -> bool:
        del timeout
        return self._free()

    def release(self) -> None:
        pass

    def _is_owned(self) -> bool:
        return False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *details: object) -> None:
        pass

    def __call__(self, file: int) -> bool:
        return self._free() and self._locked(file)

    def _free(self) -> bool:
        self._looked += 1
        if self._looked % 2:
            self.seconds += 60
        return self._looked % 2 == 0


def test_an_interrupt_at_any_moment_leaves_the_gate_open(path: Path) -> None:
    gate, moments = files.Gate(str(path), 1), 0
    with gate.held():
        pass
    while _interrupted(gate, moments + 1):
        moments += 1
        found = list[str]()
        thread = threading.Thread(target=_try_to_pass, args=(gate, found))
        thread.start()
        thread.join()
        assert found == ["passed"], moments
        with Path(f"{path}-gate").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert moments > 50
    gate.close()


def _interrupted(gate: files.Gate, at: int) -> bool:
    """Interrupt this thread before its `at`-th instruction in the module; False where there are fewer."""
    left = [at]

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        del argument
        if frame.f_code.co_filename != files.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_code.co_code[frame.f_lasti] != dis.opmap["NOP"]:  # there Python looks for no signal
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        with gate.held():
            pass
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_the_gate_of_a_killed_holder_is_open(path: Path) -> None:
    script = f"""
import os, signal
from convo.store.files import Gate
gate = Gate({str(path)!r}, 1)
with gate.held():
    child = os.fork()
    if not child:
        os.close(1), os.close(2), signal.pause()
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT.parent, capture_output=True, text=True, check=False)
    child = int(done.stdout)
    try:
        gate = files.Gate(str(path), 0.0)
        with gate.held():
            pass
        gate.close()
    finally:
        os.kill(child, 9)


def test_without_locks_or_a_file_for_them_sqlite_waits_as_it_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with convo.Store(f"sqlite:///{path}") as store:
        store.create().add("Hello")
    monkeypatch.setattr(os, "open", refuse)
    with convo.Store(f"sqlite:///{path}") as store:
        store.create().add("Hello")
        assert len(store.conversations()) == 2


def test_a_link_in_place_of_the_gate_is_not_followed(path: Path) -> None:
    Path(f"{path}-gate").symlink_to(path.with_name("made-by-link"))
    with convo.Store(f"sqlite:///{path}") as store:
        store.create()
    assert not path.with_name("made-by-link").exists()


# --- a file that is not there any more -------------------------------------------------------------


@pytest.fixture
def other(path: Path, sqlite_template: Path) -> Path:
    target = path.with_name("other.db")
    shutil.copyfile(sqlite_template, target)
    with convo.Store(f"sqlite:///{target}") as store:
        store.create(title="restored")
    return target


@pytest.mark.parametrize("edge", ["sync", "async"])
def test_nothing_is_acknowledged_into_a_file_that_was_removed(path: Path, edge: str) -> None:
    import asyncio

    from tests.support.both import Blocking

    loop = asyncio.new_event_loop()
    url = f"sqlite:///{path}"
    store: Any = convo.Store(url) if edge == "sync" else Blocking(convo.AsyncStore(url), loop)
    with store:
        chat = store.create()
        chat.add("Hello")
        path.unlink()
        for _ in range(2):
            with pytest.raises(convo.StoreNotFound) as caught:
                chat.add("into the void")
            assert (caught.value.committed, caught.value.retryable) == ("no", False)
        with pytest.raises(convo.StoreNotFound):
            chat.history()
        with pytest.raises(convo.StoreNotFound):
            store.create()
        assert not path.exists(), "it is not made anew behind the application's back"
    loop.close()


def put(other: Path, path: Path) -> None:
    """Put another database at a path, as one should: without what is left of the old one."""
    other.replace(path)
    for rest in ("-wal", "-shm"):
        Path(f"{path}{rest}").unlink()


def test_a_file_beside_the_log_of_the_old_one_is_not_opened(made: convo.Store, path: Path, other: Path) -> None:
    chat = made.create()
    chat.add("Hello")
    other.replace(path)
    for _ in range(3):
        with pytest.raises(convo.StoreReplaced, match="-wal"):
            chat.add("Are you there?")
    with pytest.raises(convo.StoreReplaced):
        made._driver.runner.engines.file.connect(str(path))  # type: ignore[union-attr]
    Path(f"{path}-wal").unlink()
    Path(f"{path}-shm").unlink()
    with pytest.raises(convo.StoreReplaced):
        chat.add("Are you there?")
    assert [found.title for found in made.conversations()] == ["restored"]


def test_a_file_that_was_replaced_is_told_once_and_then_used(made: convo.Store, path: Path, other: Path) -> None:
    chat = made.create()
    chat.add("Hello")
    put(other, path)
    with pytest.raises(convo.StoreReplaced) as caught:
        chat.add("Are you there?")
    assert (caught.value.committed, caught.value.retryable, caught.value.code) == ("no", False, "store_replaced")
    assert str(path) in str(caught.value)
    with pytest.raises(convo.ConversationNotFound):
        chat.add("Are you there?")
    assert [found.title for found in made.conversations()] == ["restored"]
    made.create(title="after").add("goes on")
    with convo.Store.existing(f"sqlite:///{path}") as again:
        assert {found.title for found in again.conversations()} == {"restored", "after"}


def test_readers_see_it_too_and_every_thread(made: convo.Store, path: Path, other: Path) -> None:
    chat = made.create()
    barrier, told = threading.Barrier(4), []

    def read() -> None:
        chat.history()
        barrier.wait()
        barrier.wait()
        try:
            chat.history()
        except convo.ConvoError as error:
            told.append(error.code)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    barrier.wait()
    put(other, path)
    barrier.wait()
    for thread in threads:
        thread.join()
    assert set(told) <= {"store_replaced", "conversation_not_found"}
    assert len(told) == 3
    assert "store_replaced" in told


def test_tables_of_a_file_that_was_put_there_are_looked_at(made: convo.Store, path: Path) -> None:
    import sqlite3

    made.create()
    strange = path.with_name("strange.db")
    connection = sqlite3.connect(strange)
    connection.execute("CREATE TABLE accounts (id)")
    connection.close()
    put(strange, path)
    with pytest.raises(convo.StoreReplaced):
        made.create()
    with pytest.raises(convo.NotAConvoStore):
        made.create()


def test_the_path_is_that_of_the_folder_in_which_the_store_was_opened(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with convo.Store("sqlite:///chat.db") as store:
        (tmp_path / "inner").mkdir()
        monkeypatch.chdir(tmp_path / "inner")
        store.create().add("Hello")
    assert list((tmp_path / "inner").iterdir()) == []
    assert path.exists()


@pytest.mark.parametrize(
    ("kind", "refused"), [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("9p", False)]
)
def test_a_file_on_a_network_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, *, refused: bool) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")
    monkeypatch.setattr(files, "MOUNTS", mounts)
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store:
        if not refused:
            store.create()
            return
        with pytest.raises(convo.StoreOnNetwork, match=kind) as caught:
            store.create()
    assert (caught.value.committed, caught.value.retryable) == ("no", False)
    assert not (tmp_path / "chat.db").exists()


# --- nobody else opens the file --------------------------------------------------------------------

_OPENS = re.compile(r"\b(open|read_bytes|read_text|write_bytes|write_text|copyfile|copy2?)\(")


def test_no_module_of_the_store_opens_files_by_python() -> None:
    """Closing a file drops all locks that the process has on it, SQLite's too."""
    # the mounts and the gate; a copy before its own name is its name, and its folder; files of an export, which are new
    allowed = {"files.py": 2, "backup.py": 3, "exported.py": 6}
    found = {
        source.name: len(hits)
        for source in (ROOT / "store").rglob("*.py")
        if (hits := [line for line in source.read_text().splitlines() if _OPENS.search(line) and "engines.open(" not in line
                     and "def open(" not in line])
    }  # fmt: skip
    assert found == allowed
