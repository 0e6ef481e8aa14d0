"""What was stored is shown and never obeyed by the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest

import convo
from convo.cli.lines import table
from convo.cli.screen import cut, indented, line, padded, width
from convo.escapes import safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from convo.testing import FakeAPI

    Run = Callable[..., Result]

NASTY = "clear\x1b[2J title\x1b]0;owned\x07 c1\x9b31m back\b\b\rdown\x0bnul\x00 del\x7f turned\u202egnp.exe line\u2028end\x85"


def _obeyed(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t"} | (
        set(text) & set("\u202e")
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 你好, שלום, 👨\u200d👩\u200d👧", "Grüße, 你好, שלום, 👨\u200d👩\u200d👧"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b\x7f\x00\r", "\\x9b\\x7f\\x00\\r"),
        ("half \ud83d of a pair", "half \\ud83d of a pair"),
        ("exe\u202egnp", "exe\\u202egnp"),
    ],
)
def test_control_characters_become_their_escapes(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    everything = "".join(map(chr, range(0x3000)))
    assert _obeyed(safe(everything)) == set()


def test_a_line_is_one_line_and_no_longer_than_wanted() -> None:
    assert line("a\n b\t\tc\x1b") == "a b c\\x1b"
    assert line("x" * 50, 10) == "xxxxxxx..."
    assert line("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcdef", 5, "ab..."),
        ("犬の会話", 8, "犬の会話"),
        ("犬の会話", 7, "犬の..."),
        ("犬の会話", 6, "犬..."),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("👩👩👩", 5, "👩..."),
        ("", 0, ""),
    ],
)
def test_text_is_cut_by_the_columns_that_it_takes(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) == shown
    assert width(shown) <= columns
    assert width(padded(text, 20)) == 20


def test_columns_stand_below_each_other_whatever_the_letters() -> None:
    rows = table([("TITLE", "HEAD"), ("犬の会話", "1"), ("Grüße", "2"), ("e\u0301", "3")]).splitlines()
    assert [width(row[: len(row) - len(row.split()[-1])]) for row in rows] == [10, 10, 10, 10]


def test_no_line_of_a_text_can_pass_for_one_of_ours() -> None:
    assert indented("said\n  9  user\u2028  9  user", "  ") == "  said\n    9  user\\u2028  9  user"


def test_stored_text_reaches_the_terminal_without_its_controls(run: Run, path: Path, fake: FakeAPI) -> None:
    with convo.Store(f"sqlite:///{path}") as store, fake.client() as client:
        chat = store.create(title=NASTY.replace("\0", ""), metadata={"note": NASTY.replace("\0", "")})
        fake.will_reply(f"{NASTY}\ud800", tool_calls=[("look_up", NASTY)])
        chat.send(client, NASTY, model="gpt-audio-1.5", voice="alloy")
    for result in (run("list"), run("show", chat.id), run("list", "--json"), run("show", chat.id, "--json")):
        assert result.exit_code == 0
        assert _obeyed(result.stdout) == set()
    assert "clear\\x1b[2J title\\x1b]0;owned\\x07" in run("show", chat.id).stdout
    shown = json.loads(run("show", chat.id, "--json").stdout)
    assert shown["messages"][0]["text"] == NASTY


def test_a_terminal_that_lacks_a_letter_shows_its_escape(path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.create(title="Grüße, 你好")
    done = subprocess.run(
        [sys.executable, "-m", "convo", "--store", str(path), "list"],
        env={"PYTHONIOENCODING": "latin-1"}, capture_output=True, encoding="latin-1", check=True,
    )  # fmt: skip
    assert "Grüße, \\u4f60\\u597d" in done.stdout
