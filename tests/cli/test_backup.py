"""`backup` copies a store that is in use, says what is not in the copy, and which commands do it on a server."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import convo
from tests.cli.test_upgrade import url  # noqa: F401 - a fixture
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


def test_a_store_is_copied_and_the_copy_is_a_store(run: Run, path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.owned_by("ada").create(title="All of it").add("Hello?")
    target = path.parent / "copy.db"
    result = run("backup", target)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{target}: {target.stat().st_size:,} bytes, SHA-256 ")
    assert "All of it" in run("list", "--everyone", store=target).stdout


def test_what_is_elsewhere_and_what_is_damaged_is_told(run: Run, path: Path) -> None:
    blobs = convo.FolderBlobs(path.parent / "blobs")
    with convo.Store(f"sqlite:///{path}", blobs=blobs) as store:
        store.create().add(recording())
    told = json.loads(run("backup", path.parent / "one.db", "--json").stdout)
    assert told["elsewhere"] == [{"place": "folder", "blobs": 1, "bytes": told["elsewhere"][0]["bytes"]}]
    assert told["findings"] == []
    assert "not in it: 1 blob (" in run("backup", path.parent / "two.db", "--quick").stdout


def test_a_damaged_message_is_copied_and_the_exit_code_says_so(run: Run, path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.create().add("Hello?")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE convo_message SET body = replace(body, 'Hello', 'Hullo')")
    connection.close()
    result = run("backup", path.parent / "copy.db")
    assert result.exit_code == 1
    assert "body_changed" in result.stderr
    assert (path.parent / "copy.db").exists()


def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(run: Run, path: Path) -> None:
    run("upgrade")
    (path.parent / "copy.db").write_text("mine")
    result = run("backup", path.parent / "copy.db")
    assert (result.exit_code, (path.parent / "copy.db").read_text()) == (1, "mine")
    assert "it is there already" in result.stderr
    missing = run("backup", path.parent / "other.db", store=path.parent / "missing.db")
    assert missing.exit_code == 1
    assert "there is no store at" in missing.stderr
    assert not (path.parent / "missing.db").exists()
    assert not (path.parent / "other.db").exists()


def test_for_a_server_the_commands_are_told(run: Run, url: str, path: Path) -> None:  # noqa: F811 - a fixture
    run("upgrade", store=url)
    result = run("backup", path.parent / "copy.dump", store=url)
    assert (result.exit_code, result.stdout) == (1, "")
    for command in ("pg_dump --format=custom '--table=convo_*'", "pg_restore --no-owner"):
        assert command in result.stderr
