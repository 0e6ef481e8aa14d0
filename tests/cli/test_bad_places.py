"""A command that only reads creates nothing, changes nothing, and says in one line what is wrong and what to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import convo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    Run = Callable[..., Result]

UNKNOWN = "01a1fd0a-a0a3-7c97-a3d4-a046bfe394e0"
READING = [("list",), ("list", "--everyone"), ("list", "--json"), ("show", UNKNOWN), ("show", UNKNOWN, "--json"), ("stats",)]


def _missing(path: Path) -> None:
    """Leave nothing there."""


def _folder(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("Dear diary, this is no database.\n" * 100)


def _short(path: Path) -> None:
    path.write_bytes(b"\x00\x01")


def _somebody_elses(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('soup')")


def _newer(path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.create()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE convo_version SET version_num = 'convo_9999'")


PLACES = [
    (_missing, "there is no store at {path}; check the path, or create one with: convo --store ... upgrade"),
    (_folder, "there is no store at {path}; check the path, or create one with: convo --store ... upgrade"),
    (_empty, "{path} has no convo tables yet; create them with store.upgrade() or: convo --store ... upgrade"),
    (_text, "{path} is no convo store; it was left as it is: check the path"),
    (_short, "{path} is no convo store; it was left as it is: check the path"),
    (_somebody_elses, "{path} is no convo store; it was left as it is: check the path"),
    (_newer, "the tables are at revision convo_9999, this convo knows up to convo_0007; update convo"),
]


def _contents(path: Path) -> dict[str, bytes | None]:
    return {found.name: found.read_bytes() if found.is_file() else None for found in path.parent.iterdir()}


@pytest.mark.parametrize("command", READING, ids=" ".join)
@pytest.mark.parametrize(("make", "says"), PLACES, ids=[make.__name__ for make, _ in PLACES])
def test_reading_what_is_no_store_changes_nothing(
    run: Run, path: Path, make: Callable[[Path], None], says: str, command: tuple[str, ...]
) -> None:
    make(path)
    before = _contents(path)
    result = run(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"convo: {says.format(path=path)}\n"
    assert _contents(path) == before


@pytest.mark.parametrize("command", [("list",), ("show",)], ids=" ".join)
def test_reading_a_store_changes_nothing(run: Run, path: Path, chat_id: UUID, command: tuple[str, ...]) -> None:
    before = _contents(path)
    assert run(*command, *([chat_id] if command == ("show",) else [])).exit_code == 0
    assert _contents(path) == before


@pytest.mark.parametrize(("make", "says"), PLACES[3:], ids=[make.__name__ for make, _ in PLACES[3:]])
def test_upgrade_leaves_what_is_no_store_as_it_is(run: Run, path: Path, make: Callable[[Path], None], says: str) -> None:
    make(path)
    before = _contents(path)
    result = run("upgrade")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"convo: {says.format(path=path)}\n")
    assert _contents(path) == before


@pytest.mark.parametrize("bad", ["nonsense", UNKNOWN, "", "\x1b[31m"])
def test_an_unknown_id_is_a_line(run: Run, chat_id: UUID, bad: str) -> None:
    result = run("show", bad)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("convo: there is no conversation")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


def test_another_owners_conversation_is_not_there(run: Run, chat_id: UUID) -> None:
    result = run("--owner", "c-1", "show", chat_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(chat_id) in result.stderr


@pytest.mark.parametrize("url", ["mysql://host/name", "nothing://at/all", "://"])
def test_a_database_that_convo_does_not_speak_is_a_line(run: Run, url: str) -> None:
    result = run("list", store=url)
    assert result.exit_code == 1
    assert (
        result.stderr == f"convo: '{url}' is no SQLite or PostgreSQL database; pass sqlite:///file.db or postgresql://host/name\n"
    )


def test_a_password_is_not_shown(run: Run) -> None:
    result = run("list", store="mysql://me:secret@host/name")
    assert result.exit_code == 1
    assert "secret" not in result.stderr


def test_an_owner_that_no_database_takes_is_a_line(run: Run, chat_id: UUID) -> None:
    result = run("--owner", "\x1b[31m", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("convo: an owner is")


@pytest.mark.parametrize(
    "command", [("--owner", "c-1", "list", "--everyone"), ("list", "--limit", "0"), ("list", "--nonsense"), ("show",)]
)
def test_wrong_use_is_told_with_exit_code_2(run: Run, chat_id: UUID, command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_a_store_without_a_name_is_wrong_use(run: Run) -> None:
    assert "--store: it is empty; name a file or a URL" in run("list", store="").stderr


def test_what_is_no_error_of_convo_keeps_its_traceback(run: Run, chat_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("convo.Store.get", broken)
    with pytest.raises(ZeroDivisionError):
        run("show", chat_id)
