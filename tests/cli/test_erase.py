"""`erase` and `prune` by age: they ask, count, do it, and end as they should."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from convo.testing import FixedClock
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of two owners, with conversations of a year ago and of today."""
    found = tmp_path / "chat.db"
    for owner in ("", "c-2"):
        for ago in (400, 0):
            clock = FixedClock(datetime.now(UTC) - timedelta(days=ago))
            with convo.Store(f"sqlite:///{found}", owner=owner, clock=clock) as store:
                store.create().add(f"From {ago} days ago", recording())
    return found


@pytest.fixture
def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("CONVO_STORE", raising=False)
    monkeypatch.delenv("CONVO_BLOBS", raising=False)
    return lambda *words, **options: CliRunner().invoke(main, ["--store", str(path), *words], **options)


def owners(path: Path) -> list[str]:
    with convo.Store(f"sqlite:///{path}") as store:
        return store.everyone().owners()


def test_erase_asks_and_does_nothing_without_a_yes(run: Run, path: Path) -> None:
    refused = run("erase", "c-2", input="n\n")
    assert refused.exit_code == 1
    assert "Delete all that the owner 'c-2' has" in refused.stderr
    assert owners(path) == ["", "c-2"]
    agreed = run("erase", "c-2", input="y\n")
    assert (agreed.exit_code, owners(path)) == (0, [""])
    assert agreed.stdout.startswith("deleted 2 conversations, ")
    assert agreed.stdout.endswith(" bytes; nothing is left\n")


def test_erase_counts_first_and_gives_a_receipt(run: Run, path: Path) -> None:
    dry = run("erase", "c-2", "--dry-run")
    assert (dry.exit_code, owners(path)) == (0, ["", "c-2"])
    assert dry.stdout.startswith("would delete 2 conversations, ")
    receipt = json.loads(run("erase", "c-2", "--yes", "--json").stdout)
    assert (receipt["owner"], receipt["verified"], receipt["rewritten"], receipt["counts"]["message"]) == ("c-2", True, True, 2)
    again = json.loads(run("--owner", "c-2", "erase", "c-2", "--yes", "--json", "--no-vacuum").stdout)
    assert (again["verified"], again["counts"]["message"], again["rewritten"]) == (True, 0, None)
    assert run("erase", "", "--yes").exit_code == 0
    assert owners(path) == []


def test_erase_says_what_it_must_not_do(run: Run, path: Path) -> None:
    with convo.Store(f"sqlite:///{path}", owner="c-2") as store:
        store.conversations()[0].hold("case 4711")
    held = run("erase", "c-2", "--yes")
    assert held.exit_code == 1
    assert "on hold" in held.stderr
    assert "4711" not in held.output
    assert run("--owner", "c-3", "erase", "c-2", "--yes").exit_code == 2
    assert owners(path) == ["", "c-2"]


def test_prune_by_age_says_what_it_would_do_and_does_it(run: Run, path: Path) -> None:
    dry = run("prune", "--messages", "90d", "--everyone", "--dry-run")
    assert dry.stdout.startswith("would let go of 0 recordings, redact 2 messages, and delete 0 blobs (")
    done = json.loads(run("prune", "--messages", "90", "--conversations", "2y", "--json").stdout)
    assert (done["messages"], done["conversations"], done["held"], done["dry_run"]) == (1, 0, 0, False)
    done = json.loads(run("prune", "--conversations", "57w", "--everyone", "--json").stdout)
    assert (done["conversations"], done["messages"]) == (2, 0)


@pytest.mark.parametrize("age", ["0", "-3d", "90x", "d", "1e9", "", "99999999d"])
def test_what_is_no_age_is_told(run: Run, path: Path, age: str) -> None:
    before = path.read_bytes()
    assert run("prune", "--messages", age).exit_code == 2
    assert path.read_bytes() == before
