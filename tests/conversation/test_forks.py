"""A store and the life of its process: forks, event loops, threads, the interpreter's end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import convo

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Database

ROOT = Path(convo.__file__).parents[1]
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(work: Callable[[], object]) -> int:
    """Do work in a forked process; give how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


@forks
def test_an_async_store_on_a_file_is_usable_on_both_sides_of_a_fork(tmp_path: Path) -> None:
    store = convo.AsyncStore(f"sqlite:///{tmp_path}/chat.db")

    async def add(key: Any, text: str) -> None:
        await (await store.get(key)).add(text)

    async def parent() -> list[str]:
        chat = await store.create()
        await chat.add("before")
        ended = await asyncio.to_thread(in_child, lambda: _in_a_loop_of_its_own(add(chat.id, "child")))
        assert ended == 0
        await add(chat.id, "parent")
        texts = [message.text for message in await chat.history()]
        await store.close()
        return texts

    assert asyncio.run(parent()) == ["before", "child", "parent"]


def _in_a_loop_of_its_own(work: Any) -> None:
    """A forked process is inside the loop of its parent, as it seems."""
    asyncio.events._set_running_loop(None)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work)


@forks
def test_a_database_in_memory_is_a_copy_in_a_fork() -> None:
    with convo.Store("sqlite://") as store:
        chat = store.create()
        chat.add("before")

        def child() -> None:
            chat.add("child")
            assert [message.text for message in chat.history()] == ["before", "child"]

        assert in_child(child) == 0
        chat.add("parent")
        assert [message.text for message in chat.history()] == ["before", "parent"]


@forks
def test_a_fork_while_a_writer_holds_the_gate_does_not_hold_it(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store:
        chat = store.create()
        gate = store._driver.runner.engines.file.gate  # type: ignore[union-attr]
        with gate.held():

            def child() -> None:
                gate._wait = 0.05
                try:
                    chat.add("not yet")
                except convo.StoreBusy:
                    return
                raise AssertionError

            assert in_child(child) == 0
        assert in_child(lambda: chat.add("child")) == 0
        chat.add("parent")
        assert [message.text for message in chat.history()] == ["child", "parent"]


def test_sync_calls_work_inside_a_running_loop(database: Database) -> None:
    async def notebook() -> list[str]:
        with convo.Store(database.url, **database.options) as store:
            chat = store.create()
            chat.add("Hello")
            return [message.text for message in chat.history()]

    assert asyncio.run(notebook()) == ["Hello"]


def test_another_loop_is_named_and_changes_nothing(database: Database) -> None:
    store = convo.AsyncStore(database.url, **database.options)
    loop = asyncio.new_event_loop()
    chat = loop.run_until_complete(store.create())
    with pytest.raises(convo.WrongEventLoop) as caught:
        asyncio.run(chat.add("from elsewhere"))
    assert (caught.value.committed, caught.value.retryable) == ("no", False)
    loop.run_until_complete(chat.add("Hello"))
    assert [message.text for message in loop.run_until_complete(chat.history())] == ["Hello"]
    loop.run_until_complete(store.close())
    loop.close()


EXIT = """
import asyncio, atexit, sys, threading
import convo
store = convo.Store(sys.argv[1])
chat = store.create(key="chat")
chat.add("first")
{then}
"""


@pytest.mark.parametrize(
    ("then", "texts"),
    [
        ("", ["first"]),
        ("atexit.register(lambda: chat.add('at exit'))", ["first", "at exit"]),
        ("threading.Thread(target=lambda: chat.add('thread')).start()", ["first", "thread"]),
        (
            "threading.Thread(target=lambda: [chat.add(f'{n}') for n in range(10**9)], daemon=True).start(); chat.add('main')",
            None,
        ),
        ("sys.exit(3)", ["first"]),
        ("asyncio.run(convo.AsyncStore(sys.argv[1]).create(key='other'))", ["first"]),
    ],
    ids=["unclosed", "atexit", "thread", "daemon", "exit", "async"],
)
def test_an_interpreter_that_ends_loses_nothing_and_does_not_hang(then: str, texts: list[str] | None, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/chat.db"
    done = subprocess.run(
        [sys.executable, "-c", EXIT.format(then=then), url], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == (3 if "exit(3)" in then else 0), done.stderr
    assert done.stderr == ""
    with convo.Store(url) as store:
        found = [message.text for message in store.get(key="chat").history()]
    if texts is None:
        assert [text for text in found if text.isdigit()] == [f"{n}" for n in range(len(found) - 2)]
    else:
        assert found == texts
