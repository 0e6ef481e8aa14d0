"""`chat` as a person has it: a terminal, keys, a reply that comes slowly, and a second day."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import convo
from convo.edges import system_clock
from convo.testing import FakeAPI
from tests.support.builders import WAV
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = r"(?m)^> "
UP = "\x1b[A"


@pytest.fixture
def fake() -> FakeAPI:
    """Its clock is the machine's, as that of the program is."""
    return FakeAPI(clock=system_clock)


@pytest.fixture
def settings(fake: FakeAPI, path: Path, sqlite_template: Path) -> Iterator[dict[str, str]]:
    """The environment of a person with a key and a store."""
    shutil.copyfile(sqlite_template, path)
    with fake.serve() as base_url:
        yield {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "test-key", "CONVO_DATABASE_URL": str(path)}


def said(path: Path) -> list[tuple[str, str, str]]:
    with convo.Store.existing(f"sqlite:///{path}") as store:
        history = store.conversations(limit=1)[0].history()
        return [(message.role, message.status, message.text) for message in history]


def first_day(fake: FakeAPI, settings: dict[str, str], folder: Path) -> None:
    """One question, and another whose answer is stopped."""
    fake.will_reply("A very good one.")
    with Terminal("chat", environment=settings, folder=folder) as terminal:
        terminal.match(PROMPT)
        terminal.enter("")  # Enter alone says nothing
        terminal.match(PROMPT)
        terminal.enter("Is it a good dog?")
        terminal.see("A very good one.\n  (")
        terminal.see("cost $")
        terminal.match(PROMPT)

        hold = fake.hold(after=3)
        fake.will_reply("One two three four five six.")
        terminal.enter("Count to six.")
        hold.wait_until_held()
        terminal.see("One")
        terminal.interrupt()
        terminal.interrupt()  # in a hurry
        terminal.see("(stopped; what came is kept)")


def second_day(fake: FakeAPI, settings: dict[str, str], folder: Path) -> None:
    """The conversation goes on with a recording; orders, old words by the arrow keys, and one written anew."""
    fake.will_transcribe("And a beagle?")
    fake.will_reply("Clever, too.")
    with Terminal("chat", "--last", environment=settings, folder=folder) as terminal:
        terminal.see("4  assistant (interrupted)")
        terminal.match(PROMPT)
        terminal.enter(f"'{folder / 'question.wav'}' ")  # dropped on the terminal
        terminal.see("(heard: And a beagle?)")
        terminal.see("Clever, too.\n")
        terminal.match(PROMPT)
        terminal.enter("/why")
        terminal.see("the reply was interrupted: this is what was received")
        terminal.match(PROMPT)
        terminal.enter("/cost")
        terminal.see("of a model; tokens: ")
        terminal.match(PROMPT)
        terminal.type(UP * 4)  # past the orders of today: what was said yesterday
        terminal.see("Count to six.")
        terminal.enter("")
        terminal.see("I have read 7 messages.")
        terminal.match(PROMPT)
        terminal.type("/he\t")
        terminal.enter("")
        terminal.see("/audio FILE [WORDS]")
        terminal.match(PROMPT)
        terminal.enter("/edit")
        terminal.see("7> Count to six.")
        terminal.enter(" Please.")
        terminal.see("I have read 7 messages.")
        terminal.match(PROMPT)
        terminal.interrupt()
        assert terminal.end() == 0
        assert "(to go on: convo chat " in terminal.seen


def test_a_day_and_the_next(fake: FakeAPI, settings: dict[str, str], path: Path, tmp_path: Path) -> None:
    (tmp_path / "question.wav").write_bytes(WAV)
    first_day(fake, settings, tmp_path)
    assert said(path)[:3] == [
        ("user", "complete", "Is it a good dog?"), ("assistant", "complete", "A very good one."),
        ("user", "complete", "Count to six."),
    ]  # fmt: skip
    role, status, text = said(path)[3]
    assert (role, status) == ("assistant", "interrupted")
    assert "One two three four five six.".startswith(text)
    assert len(said(path)) == 4, "the second Ctrl-C did nothing more"

    second_day(fake, settings, tmp_path)
    assert said(path)[-2:] == [
        ("user", "complete", "Count to six. Please."), ("assistant", "complete", "I have read 7 messages."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "moment",
    [
        "import _thread, functools\nreadline.set_pre_input_hook(functools.partial(_thread.interrupt_main))",  # before it waits
        "import signal\nreadline.set_pre_input_hook(lambda: signal.raise_signal(signal.SIGINT))",  # while it calls back
    ],
    ids=["before it waits", "while it calls back"],
)
def test_an_interrupt_at_the_prompt_ends_the_chat_at_whatever_moment_it_comes(
    settings: dict[str, str], tmp_path: Path, moment: str
) -> None:
    """readline has shown the prompt and does not wait yet: nothing wakes it then, and what its hooks raise is dropped."""
    (tmp_path / "sitecustomize.py").write_text(f"import readline\n{moment}\n")
    environment = {**settings, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    with Terminal("chat", environment=environment, folder=tmp_path) as terminal:
        terminal.match(PROMPT)
        assert terminal.end() == 0


def test_a_reply_that_is_stopped_before_it_comes_leaves_the_question(
    fake: FakeAPI, settings: dict[str, str], path: Path, tmp_path: Path
) -> None:
    hold = fake.hold()
    with Terminal("chat", environment={**settings, "NO_COLOR": "1"}, folder=tmp_path) as terminal:
        terminal.match(PROMPT)
        terminal.enter("Is it a good dog?")
        hold.wait_until_held()
        terminal.interrupt()
        terminal.match(PROMPT)
        terminal.enter("/regenerate")
        terminal.see("I have read 1 message.\n")
        terminal.match(PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0
        assert "\x1b[1m" not in terminal.raw
        assert "\x1b[2m" not in terminal.raw
    assert [(role, text) for role, _, text in said(path)][:1] == [("user", "Is it a good dog?")]
    assert said(path)[-1] == ("assistant", "complete", "I have read 1 message.")


def test_old_words_that_a_terminal_would_obey_are_not_brought_back(settings: dict[str, str], path: Path, tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.create()
        for words in ("Is it safe?", "red \x9b31m", "a NUL \0"):
            chat.add(words)
    with Terminal("chat", "--last", environment=settings, folder=tmp_path) as terminal:
        terminal.match(PROMPT)
        terminal.type(UP)
        terminal.see("Is it safe?")
        terminal.type("\x15/edit 2")
        terminal.enter("")
        terminal.see("2> ")
        terminal.type("\x04")  # at what an order asks for it only takes the order back
        terminal.match(PROMPT)
        terminal.type("\x04")
        assert terminal.end() == 0
        assert "\x9b" not in terminal.raw
        assert "(to go on: convo chat " in terminal.seen


def test_progress_and_tables_fit_the_terminal(settings: dict[str, str], path: Path, tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        for title in ("犬の会話" * 20, "short"):
            store.create(title=title, metadata={"channel": "phone", "note": "x" * 80}).add("Hello")
    with Terminal("list", environment=settings, folder=tmp_path, columns=72) as terminal:
        assert terminal.end() == 0
        rows = terminal.seen.splitlines()
    assert len(rows) == 3
    assert all(row.endswith("...") for row in rows[1:])
    assert all(len(row) <= 72 for row in rows)
    with Terminal("doctor", environment=settings, folder=tmp_path) as terminal:
        terminal.end()
        assert "\x1b[Kexamined " in terminal.raw
        assert terminal.raw.partition("\r\x1b[K")[2].rpartition("\r\x1b[K")[2].count("examined") == 0, "it is gone at the end"
    with Terminal("doctor", "--json", environment=settings, folder=tmp_path) as terminal:
        terminal.end()
        assert isinstance(json.loads(terminal.raw), list), "and nothing else"
