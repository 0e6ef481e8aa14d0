"""`search` finds turns, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import convo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


def _make(path: Path, owner: str = "") -> str:
    with convo.Store(f"sqlite:///{path}", owner=owner) as store:
        chat = store.create(title="Weather\x1b[31m")
        chat.add("Will there be rain\x1b[2J?")
        chat.add("No.", role="assistant")
        return str(chat.id)


def test_search_shows_where_the_words_are_and_nothing_that_moves_the_screen(run: Run, path: Path) -> None:
    made = _make(path)
    result = run("search", "will", "rain")
    first, second = result.stdout.splitlines()
    assert first.split()[0] == made
    assert first.endswith("1 to 2")
    assert second.split()[:2] == ["1", "user"]
    assert "\x1b" not in result.stdout
    assert (result.exit_code, result.stderr) == (0, "")


def test_search_gives_the_same_as_json(run: Run, path: Path) -> None:
    made = _make(path)
    [hit] = json.loads(run("search", "RAIN", "--json").stdout)
    assert (hit["conversation"], hit["first"], hit["last"], hit["position"], hit["role"]) == (made, 1, 2, 1, "user")
    assert hit["snippet"] == "Will there be rain\x1b[2J?"


def test_search_finds_the_owners_own_and_with_everyone_what_is_indexed(run: Run, path: Path) -> None:
    made = _make(path, "c-1")
    assert run("search", "rain").stderr == "nothing found\n"
    assert run("search", "rain", "--everyone").stderr == "nothing found\n"
    assert made in run("--owner", "c-1", "search", "rain").stdout
    assert "c-1" in run("search", "rain", "--everyone").stdout
