"""`doctor` says in plain words what is wrong, mends it after asking, and tells programs by JSON and its exit code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from convo.store.doctor import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _fixed_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever SQLite runs the tests, it is not what they are about."""
    monkeypatch.setattr(settings, "has_wal_bug", lambda version: False)


def harm(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


HEAD = "UPDATE convo_branch SET head = head - 1"
BODY = """UPDATE convo_message SET body = replace(body, 'beagle', 'poodle') WHERE position = 4"""
TEXT = "UPDATE convo_message SET text = 'x' WHERE position = 4"


@pytest.fixture
def two_owners(path: Path) -> Path:
    """Conversations of two owners, each with a head that stayed behind."""
    for owner in ("c-1", "c-2"):
        with convo.Store(f"sqlite:///{path}", owner=owner) as store:
            store.create().add("one")
    harm(path, HEAD)
    return path


def test_a_healthy_store_is_told_so(run: Run, path: Path, chat_id: UUID) -> None:
    before = path.read_bytes()
    result = run("doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "1 note:",
        "  references: 0 of 1 spoken replies can still be sent by reference; the others go as their transcripts",
        "",
        f"{path}: nothing is wrong",
    ]
    assert path.read_bytes() == before
    assert {found.name for found in path.parent.iterdir()} <= {path.name, f"{path.name}-gate"}


def test_findings_are_told_by_their_severity(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, HEAD, TEXT)
    result = run("doctor")
    assert result.exit_code == 1
    headings = [row for row in result.stdout.splitlines() if row and not row.startswith(" ")]
    assert headings == ["1 error:", "1 warning:", "1 note:", f"{path}: 2 findings to see to, 2 of which --repair can mend"]
    assert f"conversation {chat_id}" in result.stdout


def test_json_tells_the_same(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, HEAD)
    result = run("doctor", "--json")
    assert result.exit_code == 1
    finding = json.loads(result.stdout)[0]
    expected = {
        "kind": "head_behind", "severity": "error", "conversation": str(chat_id), "position": 7, "digest": None,
        "repairable": True, "repaired": False,
    }  # fmt: skip
    assert finding.items() >= expected.items()


def test_quick_does_not_read_everything(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, BODY)
    assert run("doctor").exit_code == 1
    assert run("doctor", "--quick").exit_code == 0


@pytest.mark.parametrize("command", [("doctor",), ("doctor", "--everyone")], ids=" ".join)
def test_without_repair_nothing_changes(run: Run, path: Path, chat_id: UUID, command: tuple[str, ...]) -> None:
    harm(path, HEAD, TEXT)
    before = path.read_bytes()
    assert run(*command).exit_code == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_repair_asks_once_for_each_kind(path: Path, two_owners: Path, answer: str, code: int) -> None:
    result = CliRunner().invoke(main, ["--store", str(path), "doctor", "--everyone", "--repair"], input=answer)
    assert result.exit_code == code
    assert result.stderr.count("Mend this, and all else of the kind head_behind?") == 1
    assert result.stdout.count("[mended]") == (2 if code == 0 else 0)
    assert ("all is mended" in result.stdout) == (code == 0)


def test_who_does_not_answer_changes_nothing(path: Path, two_owners: Path) -> None:
    before = path.read_bytes()
    result = CliRunner().invoke(main, ["--store", str(path), "doctor", "--everyone", "--repair"], input="")
    assert (result.exit_code, result.stdout) == (1, "")
    assert path.read_bytes() == before


def test_yes_does_not_ask(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, HEAD, TEXT)
    result = run("doctor", "--repair", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("[mended]") == 2
    assert run("doctor", "--json").exit_code == 0


def test_what_cannot_be_mended_remains(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, BODY)
    result = run("doctor", "--repair", "--yes")
    assert result.exit_code == 1
    assert result.stdout.endswith("1 finding to see to\n")


def test_an_owner_is_examined_alone(run: Run, two_owners: Path) -> None:
    assert run("doctor").exit_code == 0
    assert run("--owner", "c-1", "doctor", "--repair", "--yes").exit_code == 0
    found = json.loads(run("doctor", "--everyone", "--json").stdout)
    assert [(finding["kind"], finding["owner"]) for finding in found] == [("head_behind", "c-2")]


def test_everyones_rows_are_mended_owner_by_owner(run: Run, two_owners: Path) -> None:
    result = run("doctor", "--everyone", "--repair", "--yes", "--json")
    assert result.exit_code == 0
    assert [(finding["owner"], finding["repaired"]) for finding in json.loads(result.stdout)] == [("c-1", True), ("c-2", True)]
    assert run("doctor", "--everyone").exit_code == 0


@pytest.mark.parametrize("wrong", [("--yes",), ("--everyone",)])
def test_wrong_use_is_told(run: Run, chat_id: UUID, wrong: tuple[str, ...]) -> None:
    result = run(*(("--owner", "c-1") if wrong == ("--everyone",) else ()), "doctor", *wrong)
    assert result.exit_code == 2


def test_tables_that_are_too_new_are_a_finding(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, "UPDATE convo_version SET version_num = 'convo_9999'")
    result = run("doctor")
    assert result.exit_code == 1
    assert "schema_too_new" in result.stdout


@pytest.mark.parametrize("repair", [(), ("--repair", "--yes")])
def test_what_is_no_store_is_left_as_it_is(run: Run, path: Path, repair: tuple[str, ...]) -> None:
    assert "there is no store" in run("doctor", *repair).stderr
    assert not path.exists()
    path.write_text("Dear diary\n" * 100)
    assert run("doctor", *repair).exit_code == 1
    assert path.read_text() == "Dear diary\n" * 100
    path.write_bytes(b"")
    result = run("doctor", *repair)
    assert (result.exit_code, path.read_bytes()) == (1, b"")
    assert "schema_missing" in result.stdout


def test_names_that_a_terminal_would_obey_are_shown(run: Run, path: Path, chat_id: UUID) -> None:
    harm(path, "UPDATE convo_attachment SET digest = char(27) || '[31m' WHERE part = -1")
    result = run("doctor")
    assert "blob_missing" in result.stdout
    assert "\x1b" not in result.stdout
